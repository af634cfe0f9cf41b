"""到期: what may be appraised on a day. The cost follows what is due, not what is held: an index range on `due_on`.

Falling due permits appraisal, nothing else. Blocked records (a hold, a loan, an open request, a class that the
manager has not confirmed) are listed too, with the reason.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date

from archive.determinations import Known
from archive.models import Block, Record
from archive.scopes import EVERYTHING, Scope

CHUNK = 1000


def scan(on: date, scope: Scope = EVERYTHING) -> Iterator[tuple[Record, list[str]]]:
    """(record, reasons that block it) in order of due date. Reads in chunks by key, so memory stays small."""
    known = Known(Record.objects.visible_to(scope).due(on).values_list("retention_key", flat=True).distinct())
    last: tuple[date, object] | None = None
    while True:
        rows = Record.objects.visible_to(scope).due(on).order_by("due_on", "id").defer("description")
        if last is not None:
            day, pk = last
            later = rows.filter(due_on__gt=day)
            page = list(rows.filter(due_on=day, id__gt=pk)[:CHUNK])
            page += list(later[: CHUNK - len(page)]) if len(page) < CHUNK else []
        else:
            page = list(rows[:CHUNK])
        if not page:
            return
        blocks = defaultdict(list)
        for block in Block.objects.filter(record__in=page, lifted_at=None).order_by("placed_at"):
            blocks[block.record_id].append(f"{block.get_kind_display()}：{block.reason}")
        for record in page:
            reasons = list(blocks[record.pk])
            if not known.period_of(record.retention_key, record.formed_on).settled:
                reasons.append(f"保管期限类项 {record.retention_key} 未经档案负责人确认")
            yield record, reasons
        last = (page[-1].due_on, page[-1].pk)
