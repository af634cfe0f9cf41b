"""到期清单: what is due today, parted by what may be done with it now. Reading only; the cost follows what is due.

Contract: `classes` and `unsettled` read the classes of what is due once; `parted` counts everything in one statement.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.db.models import Case, Count, Exists, Max, Min, OuterRef, Q, QuerySet, Value, When

from archive.determinations import Known, Span
from archive.models import Block, Record
from archive.permissions import Actor
from retention import results
from retention.models import AppraisalItem, RegisterRow
from retention.states import LIVE_ROWS


@dataclass(frozen=True)
class Classes:
    """The classes and items of what is due: key → (first, last) day of formation."""

    formed: dict[str, tuple[date, date]]

    @property
    def keys(self) -> list[str]:
        return sorted(self.formed)

    @property
    def years(self) -> range:
        days = self.formed.values()
        return range(min(a for a, _ in days).year, max(b for _, b in days).year + 1) if days else range(0)


def due(actor: Actor, code: str, on: date) -> QuerySet[Record]:
    return Record.objects.visible_to(actor.scope(code)).due(on)


def classes(rows: QuerySet[Record]) -> Classes:
    found = rows.order_by().values_list("retention_key").annotate(Min("formed_on"), Max("formed_on"))
    return Classes({key: (first, last) for key, first, last in found})


def unsettled(found: Classes) -> dict[str, list[Span]]:
    """Those on which no register may rest before the archive manager has confirmed them: key → when."""
    known, open_ = Known(found.keys), {}
    for key, (first, last) in found.formed.items():
        spans = known.unsettled(key)
        if spans := [
            (start, end)
            for start, end in spans
            if (start is None or start <= last) and (end is None or first < end)
        ]:
            open_[key] = spans
    return open_


def busy() -> Q:
    """Before a group, in a live register, or let go by an appraisal and waiting for one."""
    items = AppraisalItem.objects.filter(record=OuterRef("pk"))
    rows = RegisterRow.objects.filter(record=OuterRef("pk"), state__in=LIVE_ROWS)
    let_go = results.standing(items)
    return Q(Exists(items.filter(open=True))) | Q(Exists(rows)) | Q(Exists(let_go))


def blocked(open_: dict[str, list[Span]]) -> Q:
    """Held, lent, asked for, or of a class that nobody has confirmed."""
    q = Q(Exists(Block.objects.filter(record=OuterRef("pk"), lifted_at=None)))
    alike: dict[Span, list[str]] = defaultdict(list)
    for key, spans in open_.items():
        for span in spans:
            alike[span].append(key)
    for (start, end), keys in alike.items():
        within = Q(retention_key__in=keys)
        if start:
            within &= Q(formed_on__gte=start)
        if end:
            within &= Q(formed_on__lt=end)
        q |= within
    return q


def part(rows: QuerySet[Record], name: str, open_: dict[str, list[Span]]) -> QuerySet[Record]:
    """ "free", "blocked", "busy" or all of them."""
    return {
        "free": lambda: rows.filter(~busy(), ~blocked(open_)),
        "blocked": lambda: rows.filter(~busy(), blocked(open_)),
        "busy": lambda: rows.filter(busy()),
        "all": lambda: rows,
    }[name]()


def parted(rows: QuerySet[Record], open_: dict[str, list[Span]]) -> dict[str, int]:
    """How many there are of each part. Each record is looked at once."""
    of = Case(
        When(busy(), then=Value("busy")), When(blocked(open_), then=Value("blocked")), default=Value("free")
    )
    counted = rows.order_by().annotate(part=of).values_list("part").annotate(Count("pk"))
    counts = dict.fromkeys(("free", "blocked", "busy"), 0) | dict(counted)
    return counts | {"all": sum(counts.values())}


def ready_for_register(fonds_codes: Iterable[str] | None = None, appraisal=None) -> QuerySet[AppraisalItem]:
    """Records that an appraisal has let go and that stand in no live register yet. Whether each may really enter,
    `registers.make` asks again."""
    rows = results.standing(AppraisalItem.objects.filter(record__state="archived"))
    rows = rows.filter(
        ~Exists(RegisterRow.objects.filter(record=OuterRef("record"), state__in=LIVE_ROWS)),
        ~Exists(Block.objects.filter(record=OuterRef("record"), lifted_at=None)),
    )
    if fonds_codes is not None:
        rows = rows.filter(appraisal__fonds__code__in=fonds_codes)
    return rows.filter(appraisal=appraisal) if appraisal else rows
