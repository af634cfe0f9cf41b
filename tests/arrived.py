"""Submissions for tests of pages: rows as the pipeline leaves them, and the verbs of a worker's turn."""

from itertools import count

from django.utils import timezone

from archive import audit
from archive.permissions import system_actor
from ingest.models import FindingRow, Submission
from tests import filed

_number = count(1)


def a_submission(state: str = "waiting", *, findings: tuple = (), **changed) -> Submission:
    """A row with its first event. `findings`: (check, verdict, message)."""
    values = {
        "channel": "web", "arrived_as": "a.zip", "received_at": timezone.now(), "blob": "", "blob_bytes": 4096,
        "blob_sha256": "0" * 64, "blob_sm3": "0" * 64, "source": "dongguan", "item": "online-increase", "state": state,
        "business_no": f"DG{next(_number):06d}", "title": "东莞市某某电子有限公司张三网上增员2019年12月",
        "department_name": "参保登记科",
    }  # fmt: skip
    if "fonds" not in changed:
        changed["fonds"] = filed.a_fonds()
    if state in ("filed", "archived") and "record" not in changed:
        changed["record"] = filed.a_record()
    row = Submission.objects.create(**(values | changed))
    for position, (check, verdict, message) in enumerate(findings):
        FindingRow.objects.create(
            submission=row,
            position=position,
            check_id=check,
            property="integrity",
            verdict=verdict,
            message=message,
        )
    data = {"channel": "网页上传", "bytes": 4096}
    actor = system_actor("测试")
    audit.record(
        actor=actor, action="submission.received", kind="submission", subject=row.pk, name=str(row), data=data
    )
    return row


PERIOD = ("X-retention", "manual", "保管期限待定：期限表没有规定这个事项的期限。")
CONFIRM = ("X-confirm", "manual", "该来源设为逐批确认，等待档案员确认归档。")
JUDGE = ("X-needs-person", "manual", "照片与证件是否同一人，请人工核对。")
FAILED = ("GD-2-7", "failed", "缺少材料“参保人身份证明材料”。")
