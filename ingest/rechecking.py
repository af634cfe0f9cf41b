"""The four-property check of what is filed (环节：长期保存): the record is laid out as a package again, from its stored
bytes, and examined by the rules of today.

The report of the day of filing stays; every later one lies beside it and is told in the chain of the record. Nothing
follows from a finding by itself: the record stays as it is, and a person reads the report.
"""

import tempfile
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from archive import audit, records, trust
from archive.errors import StorageFailed, WrongState
from archive.inspection import checks as inspection_checks
from archive.inspection.examine import prepare
from archive.inspection.fence import Fence
from archive.models import Event, Record
from archive.packages import bag, content
from archive.packages.writing import FolderTarget
from archive.permissions import Actor
from ingest import confirmations, examination, reports, staging
from ingest.examination import ENGINE, Examined
from ingest.models import Submission
from ingest.moves import get_for
from ingest.reports import FAULTY, SOUND, STORED, STORED_OUTCOMES

ACTIONS = ("record.rechecked", "record.recheck_failed")


def recheck(submission_id, fence: Fence, *, actor: Actor) -> Event:
    """Examine the record that this package became. Raises WrongState where there is none with files. What the stores do
    not give, or give otherwise than filed, is told in the chain too."""
    submission = get_for(actor, submission_id, "submission.examine")
    if submission.state != "archived":
        raise WrongState(
            what=f"信息包 {submission}", state=submission.get_state_display(), verb="按长期保存环节检测"
        )
    record = records.get_for(actor, submission.record_id, "record.read")
    try:
        report = _report(submission, record, fence)
    except StorageFailed as fault:
        return _say(record, "record.recheck_failed", actor, {"reason": str(fault)})
    number = (
        Event.objects.filter(kind="record", subject=str(record.pk), action="record.rechecked").count() + 1
    )
    staging.save_report(submission.pk, number, report, kind=STORED)
    failed = sum(row["verdict"] == "failed" for row in [*report["items"], *report["own"]])
    data = {
        "number": number,
        "verdict": STORED_OUTCOMES[report["verdict"]],
        "failed": failed,
        "rules": f"检测引擎 {ENGINE}，配置包 {report['pack'] or '无'}",
    }
    return _say(record, "record.rechecked", actor, data)


def _report(submission: Submission, record: Record, fence: Fence) -> dict[str, Any]:
    today = timezone.localdate()
    cited = confirmations.holding(source=record.source, batch_no=submission.batch_no, on=today)
    facts = {
        "trusted": trust.roots(),
        "revocations": trust.revocations,
        "code_scope": record.reference_code.rpartition("-")[0],
        "channel": "api",  # from our own stores: no carrier
        "catalogue": {},
        "confirmations": cited,
    }
    with tempfile.TemporaryDirectory(prefix="recheck-") as name:
        folder, work = Path(name) / "bag", Path(name) / "work"
        work.mkdir()
        with FolderTarget(folder) as target:
            for part in bag.parts(content.of(record), on=today):
                target.add(part)
            target.finish()
        package = prepare(folder, fence, work, clamd=examination.scanner(), today=today, facts=facts)
        findings = examination.load_profile(package)
        findings += inspection_checks.run(package, stage=reports.KEPT)
    findings = examination.masked(findings)
    failed = any(row.verdict == "failed" for row in findings)
    examined = Examined(package=package, findings=findings, verdict=FAULTY if failed else SOUND)
    return examination.report_of(submission, examined, stage=reports.KEPT)


@transaction.atomic
def _say(record: Record, action: str, actor: Actor, data: dict[str, Any]) -> Event:
    return audit.record(
        actor=actor, action=action, kind="record", subject=record.pk, name=record.reference_code, data=data
    )


def history(record: Record) -> list[dict[str, Any]]:
    """Every later check, the newest first: number (None where it came to no end), at, who, word, tone, rules, failed."""
    events = Event.objects.filter(kind="record", subject=str(record.pk), action__in=ACTIONS)
    return [
        {
            "number": event.data.get("number"),
            "at": event.at,
            "who": event.actor_name,
            "word": event.data.get("verdict", "没有完成"),
            "tone": _tone(event),
            "rules": event.data.get("rules", ""),
            "told": event.data.get("reason")
            or (f"{event.data['failed']} 项不通过" if event.data["failed"] else "—"),
        }
        for event in events.order_by("-sequence")
    ]


def _tone(event: Event) -> str:
    if event.action == "record.recheck_failed":
        return "warning"
    return "danger" if event.data.get("failed") else "success"
