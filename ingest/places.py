"""What this room offers to the menu and to everybody's 待办."""

from collections.abc import Callable, Iterator
from typing import Any

from django.urls import reverse

from archive.http import COUNT_TO
from archive.permissions import Actor
from ingest.models import Submission

PLACES: list[tuple[str, str, str, str]] = [
    ("收集", "收件与检测", "ingest:list", "submission.read"),
    ("收集", "移交信息包", "ingest:upload", "submission.hand_in"),
    ("收集", "交接目录", "ingest:handover", "submission.take_over"),
    ("收集", "确认归档", "ingest:batches", "submission.confirm"),
    ("收集", "抽查", "ingest:samples", "submission.sample"),
    ("收集", "人工确认", "ingest:confirmations", "confirmation.read"),
]
"""(group, label, name of the address, action that opens it)"""

OVERDUE_DAYS = 15


def todos(actor: Actor) -> list[dict[str, Any]]:
    """What waits for this actor: label, count, url, oldest, hint. Counts under his scope, to COUNT_TO."""
    return list(_todos(actor))


def _todos(actor: Actor) -> Iterator[dict[str, Any]]:
    if actor.may("determination.set"):
        rows = Submission.objects.visible_to(actor).awaiting_period()
        hint = "判定事项或类项的保管期限后，这些信息包自动归档"
        yield _todo("信息包等待判定保管期限", rows, lambda: reverse("periods:list"), hint)
    if actor.may("submission.confirm"):
        rows = Submission.objects.visible_to(actor, "submission.confirm").awaiting_confirmation()
        yield _todo("信息包等待确认归档", rows, lambda: reverse("ingest:batches"), "核对后按批确认")
    if actor.may("submission.sample"):
        rows = Submission.objects.to_sample(actor)
        yield _todo(
            "每日抽查", rows, lambda: reverse("ingest:samples"), "自动归档后抽出的，请看图像与著录是否相符"
        )
    if actor.may("submission.examine"):
        rows = Submission.objects.visible_to(actor, "submission.examine").stuck()
        hint = "多次没有处理成功，请看原因后重新开始；仍不成功的告诉系统管理员"
        yield _todo("信息包停住了", rows, lambda: f"{reverse('ingest:list')}?tab=underway", hint)
    if actor.may("submission.hand_in"):
        rows = Submission.objects.visible_to(actor).filter(state="returned", received_by_id=actor.id)
        hint = "按退回原因更正后，提高修订号重新移交"
        yield _todo(
            "我移交的被退回，还没有重新移交", rows, lambda: f"{reverse('ingest:list')}?tab=returned", hint
        )


def _todo(label: str, rows, url: Callable[[], str], hint: str) -> dict[str, Any]:
    since = list(rows.order_by().values_list("received_at", flat=True)[:COUNT_TO])
    oldest = min(since, default=None)
    return {
        "label": label,
        "count": len(since),
        "url": url() if since else "",
        "oldest": oldest,
        "hint": hint,
    }
