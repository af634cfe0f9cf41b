"""Deleting exists once, here. Every copy in every store by exact key and version, every trace beside them, and the
proof that nothing is left.

Contract: `look` only looks, and is asked before anything is marked; `clear` may be repeated after a kill and ends the
same. Both begin at once and are waited for later (`found`, `proven`), so that the database works meanwhile. Nothing here touches a row: `execution` marks the record before and makes it a stub afterwards. Stores are
asked by several threads at once, the database by none of them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

from archive import stores, traces
from archive.errors import ArchiveError, StorageFailed
from archive.models import Copy, DigitalObject, Record

WORKERS = 8
TRIES = 3
"""How often what a listing still shows is removed again."""
AGAIN = timedelta(minutes=1)
"""How long a legal hold that a store still keeps, or a store that fails, is left alone."""


@dataclass(frozen=True, order=True)
class Place:
    """Where a copy may lie: exactly this key of this store."""

    store: str
    key: str


@dataclass
class Found:
    """What the stores hold of one record. `versions`: [store, key, version], delete markers too. `not_before`: until
    when a lock or hold forbids it; `fault`: why it could not be found out."""

    versions: list[list[str]] = field(default_factory=list)
    not_before: datetime | None = None
    fault: str = ""


@dataclass
class Gone:
    """What was done to one record. `fault` "" = everything is removed and proven absent, and `evidence` says so."""

    evidence: dict = field(default_factory=dict)
    fault: str = ""


def places_of(record_ids: Sequence[UUID]) -> dict[UUID, list[Place]]:
    """Every place of every record: where its copies are said to be, and the same keys in every store there is. A store
    that was retired is no place any more: nothing is listed there, and nothing is proven by it."""
    found: dict[UUID, set[Place]] = {pk: set() for pk in record_ids}
    configured = list(stores.configured())
    copies = Copy.objects.filter(object__record_id__in=record_ids).exclude(store__in=stores.retired())
    for record, store, key in copies.values_list("object__record_id", "store", "key"):
        found[record].add(Place(store, key))
    objects = DigitalObject.objects.filter(record_id__in=record_ids)
    for record, item, fonds in objects.values_list("record_id", "pk", "record__fonds__code"):
        found[record].update(Place(store, stores.key_of(fonds, record, item)) for store in configured)
    return {pk: sorted(places) for pk, places in found.items()}


# --- looking ------------------------------------------------------------------------------------------------------


Asked = dict[tuple[UUID, Place], Future]


def look(places: Mapping[UUID, Sequence[Place]], pool: ThreadPoolExecutor) -> Asked:
    """Begin to ask what there is to remove, and whether it may be removed now."""
    now = timezone.now()
    return {(pk, place): pool.submit(_look, place, now) for pk in places for place in places[pk]}


def found(asked: Asked) -> dict[UUID, Found]:
    """The answers, a record each."""
    answers: dict[UUID, Found] = defaultdict(Found)
    for (pk, _), answer in asked.items():
        here, one = answers[pk], answer.result()
        here.versions += one.versions
        here.fault = here.fault or one.fault
        here.not_before = max(filter(None, (here.not_before, one.not_before)), default=None)
    return answers


def _look(place: Place, now: datetime) -> Found:
    found = Found()
    try:
        store = _store(place)
        for listed in store.versions(place.key):
            found.versions.append([place.store, place.key, listed.version])
            if listed.marker:
                continue
            try:
                held = store.head(place.key, listed.version)
            except StorageFailed as fault:
                if fault.kind != "missing":  # bytes that are lost lock nothing; what describes them goes too
                    raise
                continue
            if held.lock_until and held.lock_until > now:
                found.not_before = max(held.lock_until, found.not_before or held.lock_until)
            elif held.legal_hold:
                found.not_before = max(now + AGAIN, found.not_before or now)
    except StorageFailed as fault:
        found.fault = str(fault)
    return found


def _store(place: Place):
    store = stores.opened().get(place.store)
    if store is None:
        raise StorageFailed(
            store=place.store, kind="missing", reason="这个存储不在当前配置中，其中的副本无法清除。"
        )
    return store


# --- removing -----------------------------------------------------------------------------------------------------


Clearing = dict[UUID, list[Future]]


def clear(
    places: Mapping[UUID, Sequence[Place]],
    planned: Mapping[UUID, Iterable[Sequence[str]]],
    pool: ThreadPoolExecutor,
) -> Clearing:
    """Begin to remove the planned versions of records that are marked, and whatever else lies under their keys."""
    versions: dict[Place, list[str]] = defaultdict(list)
    for plan in planned.values():
        for store, key, version in plan:
            versions[Place(store, key)].append(version)
    return {pk: [pool.submit(_clear, place, versions[place]) for place in places[pk]] for pk in planned}


def proven(gone: Gone, places: Sequence[Place], clearing: Sequence[Future]) -> Gone:
    """Wait for the stores, and add to what is gone of one record beside them what was removed and listed absent."""
    cleared = [answer.result() for answer in clearing]
    gone.fault = next((fault for _, fault in cleared if fault), gone.fault)
    gone.evidence |= {
        "removed": [line for lines, _ in cleared for line in lines],
        "absent": [[place.store, place.key] for place in places],
        "proven_at": timezone.now().isoformat(timespec="seconds"),
    }
    return gone


def _clear(place: Place, versions: Sequence[str]) -> tuple[list[list[str]], str]:
    """Remove these versions, then whatever the listing still shows. Returns what was removed, and the fault."""
    removed: dict[str, None] = {}
    try:
        store = _store(place)
        for _ in range(TRIES):
            for version in versions:
                store.remove(place.key, version)
                removed[version] = None
            versions = [one.version for one in store.versions(place.key)]
            if not versions:
                return _lines(place, removed), ""
    except StorageFailed as fault:
        return _lines(place, removed), str(fault)
    return _lines(place, removed), f"存储“{place.store}”删除后仍列出“{place.key}”。"


def _lines(place: Place, versions: Iterable[str]) -> list[list[str]]:
    return [[place.store, place.key, version] for version in versions]


def traces_gone(record: Record) -> Gone:
    """Remove every trace beside the stored copies, and ask each keeper to prove it absent."""
    gone = Gone({"traces": []})
    for keeper in traces.keepers():
        try:
            keeper.remove(record)
            left = keeper.prove_absent(record)
        except (ArchiveError, OSError) as fault:
            left = [str(fault)]
        if left:
            gone.fault = f"{keeper.name}没有清除干净：{'、'.join(left[:3])}"
        gone.evidence["traces"].append(keeper.name)
    return gone
