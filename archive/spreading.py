"""全宗的存储: which stores keep the copies of a fonds, and copies of what is held for a store that was added.

Contract:
- What is filed goes to the chosen stores. A store that is taken out gets nothing new; what lies there stays, is still
  checked, and leaves by disposal alone. What it was still owed is given up where a good copy lies elsewhere.
- A store that is added gets a copy of every object held: rows `pending` in bounded batches, which `keeping` writes from
  a good copy. The last pass over a fonds finds nothing missing: only then its message of the outbox goes.
- Where a pass has come to stands in the cache. Losing it costs one look at the fonds, nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.core.cache import cache
from django.db import transaction
from django.db.models import Count, Exists, OuterRef

from archive import audit, changes, permissions, stores
from archive.errors import WrongInput
from archive.models import Copy, DigitalObject, Fonds
from archive.permissions import Actor

TOPIC = "stores"
"""Announced with the id of a fonds whose stores may lack copies."""
BATCH = 500
"""At most so many copies owed to one store by spreading, so that what is being filed never queues behind millions."""
WAITING = ("pending", "failed")
GIVEN_UP = "全宗不再使用这个存储，没有写入。"


@transaction.atomic
def choose(fonds_id: UUID, names: Sequence[str] | None, *, actor: Actor) -> Fonds:
    """Choose the stores of a fonds. None: all that are configured, also those that come later.

    Raises NotAllowed, WrongInput for a store that is not configured, or for none at all.
    """
    fonds = Fonds.objects.select_for_update().get(pk=fonds_id)
    permissions.require(actor, "fonds.stores")
    if not actor.reaches("fonds.stores", fonds.code):
        raise permissions.NotAllowed(reason=f"全宗 {fonds.code} 不在您“选定全宗的存储”的范围内。")
    configured = list(stores.configured())
    if names is not None:
        if unknown := sorted(set(names) - set(configured)):
            reason = f"没有配置“{'、'.join(unknown)}”，请先在 ARCHIVE_STORES 里加上它；现有 {'、'.join(configured)}。"
            raise WrongInput(field="存储", reason=reason)
        if not names:
            raise WrongInput(field="存储", reason="至少留一个存储，否则归档的文件没有地方存放。")
    chosen = [] if names is None else [name for name in configured if name in names]
    if chosen != fonds.store_names:
        before, fonds.store_names = fonds.store_names, chosen
        fonds.save(update_fields=["store_names"])
        data = {"stores": _words(chosen), "before": _words(before)}
        audit.record(
            actor=actor, action="fonds.stores_chosen", kind="fonds", subject=fonds.code, name=str(fonds), data=data
        )  # fmt: skip
        changes.announce(TOPIC, fonds.pk)
    return fonds


def _words(names: Sequence[str]) -> str:
    return "、".join(names) or "全部"


def announce() -> int:
    """Look again at every fonds: a store may have been added to the configuration. A daily job; how many."""
    ids = list(Fonds.objects.values_list("pk", flat=True))
    told = changes.among(TOPIC, ids)
    with transaction.atomic():
        changes.announce(TOPIC, *(pk for pk in ids if pk not in told))
    return len(ids)


def spread() -> int:
    """One bounded step for each fonds that was announced; how many copies are owed now that were not before."""
    return changes.in_steps(TOPIC, _step)


def follow(ids: Sequence[UUID]) -> None:
    changes.to_the_end(ids, _step)


def _step(fonds_id: UUID) -> tuple[int, bool]:
    """(copies owed now, whether nothing is missing any more)."""
    fonds = Fonds.objects.get(pk=fonds_id)
    names = stores.names_for(fonds)
    _give_up(fonds, names)
    made, complete = 0, True
    for name in names:
        if name in stores.configured():
            count, done = _owe(fonds, name)
            made, complete = made + count, complete and done
    return made, complete


def _give_up(fonds: Fonds, names: Sequence[str]) -> None:
    """What a store that was taken out was still owed, where the object is safe elsewhere."""
    safe = Copy.objects.filter(object=OuterRef("object"), store__in=names, state="stored")
    owed = Copy.objects.filter(object__record__fonds=fonds, state__in=WAITING, version="", written_at=None)
    ids = list(owed.exclude(store__in=names).filter(Exists(safe)).values_list("pk", flat=True)[:BATCH])
    if ids:
        rows = Copy.objects.filter(pk__in=ids, state__in=WAITING)
        rows.update(state="removed", fault=GIVEN_UP, try_after=None)


def _owe(fonds: Fonds, name: str) -> tuple[int, bool]:
    waiting = Copy.objects.filter(object__record__fonds=fonds, store=name, state__in=WAITING)
    room = BATCH - len(waiting.values("pk")[:BATCH])
    if room <= 0:
        return 0, False
    place = f"spreading:{fonds.pk}:{name}"
    after = cache.get(place)
    lacking = _lacking(fonds, name)
    found = list(
        (lacking.filter(pk__gt=after) if after else lacking)
        .order_by("pk")
        .values_list("pk", "record_id")[:room]
    )
    if not found:
        cache.delete(place)
        return 0, after is None  # else once more from the beginning: what came meanwhile lies behind us
    ids = [pk for pk, _ in found]
    with transaction.atomic():
        again = Copy.objects.filter(object__in=ids, store=name, state="removed", version="")
        back = set(again.values_list("object_id", flat=True))
        again.update(state="pending", fault="", attempts=0)
        Copy.objects.bulk_create(
            (
                Copy(object_id=pk, store=name, key=stores.key_of(fonds.code, record, pk))
                for pk, record in found
                if pk not in back
            ),
            ignore_conflicts=True,
        )
    cache.set(place, ids[-1], 3600)
    return len(found), False


def _lacking(fonds: Fonds, name: str):
    """Objects held with a good copy, or one owed to any store, and none (nor one owed, nor a damaged one) in that store:
    the only store that was chosen may have died before anything was written."""
    here = Copy.objects.filter(object=OuterRef("pk"), store=name).exclude(state="removed", version="")
    good = Copy.objects.filter(object=OuterRef("pk"), state__in=["stored", *WAITING])
    held = DigitalObject.objects.filter(record__fonds=fonds, record__state="archived")
    return held.filter(~Exists(here), Exists(good))


@dataclass(frozen=True)
class Progress:
    """How one store of a fonds stands: copies that are good, owed, damaged, and those nobody has asked for yet."""

    store: str
    chosen: bool
    configured: bool
    stored: int
    waiting: int
    damaged: int
    missing: int


def progress(fonds: Fonds) -> list[Progress]:
    """Every store that is configured, chosen, or holds copies of this fonds. Counts all its copies: a few seconds for
    a million."""
    rows = Copy.objects.filter(object__record__fonds=fonds, object__record__state="archived").order_by()
    counts: dict[str, dict[str, int]] = {}
    for store, state, count in rows.values_list("store", "state").annotate(Count("pk")):
        counts.setdefault(store, {})[state] = count
    objects = DigitalObject.objects.filter(record__fonds=fonds, record__state="archived").count()
    chosen, configured = stores.names_for(fonds), list(stores.configured())
    found = []
    for name in dict.fromkeys([*configured, *chosen, *sorted(counts)]):
        here = counts.get(name, {})
        waiting = here.get("pending", 0) + here.get("failed", 0)
        known = here.get("stored", 0) + here.get("damaged", 0) + waiting
        missing = max(0, objects - known) if name in chosen else 0
        found.append(
            Progress(
                name, name in chosen, name in configured, here.get("stored", 0), waiting, here.get("damaged", 0), missing
            )
        )  # fmt: skip
    return found
