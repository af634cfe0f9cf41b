"""到期清单: what is due today, parted by what may be done with it now. Reading only; the cost follows what is due."""

from collections import defaultdict
from datetime import date

from django.db.models import Exists, OuterRef, Q, QuerySet

from archive import determinations
from archive.models import Block, Record
from archive.permissions import Actor
from retention.models import AppraisalItem, RegisterRow
from retention.states import LIVE_ROWS

Pairs = list[tuple[str, int]]
"""(class or item, year of formation): what a class settles may differ by the version of the schedule."""


def due(actor: Actor, code: str, on: date) -> QuerySet[Record]:
    return Record.objects.visible_to(actor.scope(code)).due(on)


def pairs(rows: QuerySet[Record]) -> Pairs:
    return list(rows.order_by().values_list("retention_key", "formed_on__year").distinct())


def unsettled(found: Pairs) -> Pairs:
    """Those on which no register may rest before the archive manager has confirmed them."""
    return [pair for pair in found if not determinations.settled(pair[0], date(pair[1], 12, 31))]


def busy() -> Q:
    """Before a group, in a live register, or let go by an appraisal and waiting for one."""
    items = AppraisalItem.objects.filter(record=OuterRef("pk"))
    decided = items.filter(open=False, result="destroy", appraisal__state="decided")
    rows = RegisterRow.objects.filter(record=OuterRef("pk"), state__in=LIVE_ROWS)
    return Q(Exists(items.filter(open=True))) | Q(Exists(rows)) | Q(Exists(decided))


def blocked(open_pairs: Pairs) -> Q:
    """Held, lent, asked for, or of a class that nobody has confirmed."""
    q = Q(Exists(Block.objects.filter(record=OuterRef("pk"), lifted_at=None)))
    years = defaultdict(list)
    for key, year in open_pairs:
        years[key].append(year)
    for key, of in years.items():
        q |= Q(retention_key=key, formed_on__year__in=of)
    return q


def free(rows: QuerySet[Record]) -> QuerySet[Record]:
    """What may be laid before a group now."""
    return rows.filter(~busy(), ~blocked(unsettled(pairs(rows))))


def decided_to_destroy(ids) -> set:
    """Those that an appraisal has let go."""
    items = AppraisalItem.objects.filter(
        record_id__in=ids, open=False, result="destroy", appraisal__state="decided"
    )
    return set(items.values_list("record_id", flat=True))


def ready_for_register(fonds_codes=None, appraisal=None) -> QuerySet[AppraisalItem]:
    """Records that an appraisal has let go and that stand in no live register yet. Whether each may really enter,
    `registers.make` asks again."""
    rows = AppraisalItem.objects.filter(
        open=False, result="destroy", appraisal__state="decided", record__state="archived"
    )
    rows = rows.filter(
        ~Exists(RegisterRow.objects.filter(record=OuterRef("record"), state__in=LIVE_ROWS)),
        ~Exists(Block.objects.filter(record=OuterRef("record"), lifted_at=None)),
    )
    if fonds_codes is not None:
        rows = rows.filter(appraisal__fonds__code__in=fonds_codes)
    return rows.filter(appraisal=appraisal) if appraisal else rows
