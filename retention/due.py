"""What is due and what of it still waits for somebody, in numbers: for the daily job, its reminders and the pages.

The due list itself is a query (`archive.dues`); nothing is stored. The cost follows what is due.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import date

from archive import dues
from archive.models import Fonds, Record
from archive.scopes import EVERYTHING
from retention import results
from retention.models import AppraisalItem, RegisterRow
from retention.states import LIVE_ROWS


@dataclass(frozen=True)
class Due:
    """`waiting` = due, free, and in no appraisal or register yet; `blocked` by a hold, a loan, an unsettled class;
    `decided` = let go by an appraisal and in no register yet."""

    total: int
    waiting: int
    blocked: int
    appraised: int
    decided: int
    listed: int


def scan(on: date) -> tuple[Due, dict[str, int]]:
    """The numbers of that day, and per fonds code how many wait for an appraisal."""
    at_work = set(AppraisalItem.objects.filter(open=True).values_list("record_id", flat=True))
    listed = set(RegisterRow.objects.filter(state__in=LIVE_ROWS).values_list("record_id", flat=True))
    items = AppraisalItem.objects.filter(record__in=Record.objects.visible_to(EVERYTHING).due(on))
    let_go = set(results.standing(items).values_list("record_id", flat=True))
    counts: Counter[str] = Counter()
    waiting: Counter[int] = Counter()
    for record, reasons in dues.scan(on):
        if record.pk in listed:
            counts["listed"] += 1
        elif record.pk in at_work:
            counts["appraised"] += 1
        elif record.pk in let_go:
            counts["decided"] += 1
        elif reasons:
            counts["blocked"] += 1
        else:
            counts["waiting"] += 1
            waiting[record.fonds_id] += 1
    total = sum(counts.values())
    due = Due(total, *(counts[name] for name in ("waiting", "blocked", "appraised", "decided", "listed")))
    codes = dict(Fonds.objects.values_list("pk", "code"))
    return due, {codes[pk]: count for pk, count in waiting.items()}
