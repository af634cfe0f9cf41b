"""Looking after the data keys: wrapped by the current key-encryption key, destroyed where their record is, the same in
both places. All of it may be killed at any point and goes on by itself (the job `object-keys`, every night).
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from archive import audit, keks, object_keys
from archive.errors import StorageFailed
from archive.locks import alone
from archive.models import DigitalObject, ObjectKey, Record
from archive.permissions import Actor

BATCH = 100
"""Keys taken in hand between two looks at what is left."""
GIVE_UP = 20
"""Records that fail before it is the key or its store, not the record, that is wrong."""
LOOK_BACK = timedelta(days=8)
"""How long after a destruction the key store is asked again, in case something wrote there at that very moment."""


@dataclass(frozen=True)
class Rotated:
    """Keys wrapped again, keys that still wait, and the first reason why one could not be."""

    done: int
    left: int
    fault: str = ""


def encrypted_originals() -> dict[int, int]:
    """How many originals lie encrypted, by the fonds' key in the database."""
    rows = DigitalObject.objects.filter(encrypted=True, role="original").order_by()
    return dict(rows.values_list("record__fonds").annotate(Count("pk")))


def waiting() -> int:
    """How many keys are wrapped by another key-encryption key than the current one. Raises NotConfigured."""
    return _old().count()


def _old():
    return ObjectKey.objects.exclude(wrapped="").exclude(kek=keks.current())


def rotate(
    *,
    actor: Actor,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[int, int], None] = lambda done, left: None,
) -> Rotated:
    """Wrap every key by the current key-encryption key. Nothing is encrypted anew. One process at a time; another one
    finds nothing to do. Raises NotConfigured when there is no key-encryption key at all."""
    done, fault, skipped = 0, "", set()
    with alone("object-keys") as ours:
        while ours and len(skipped) < GIVE_UP and not stop():
            rows = _old().exclude(object__record__in=skipped).select_related("object__record__fonds")
            batch = {
                row.object.record_id: row.object.record for row in rows.order_by("kek", "object")[:BATCH]
            }
            if not batch:
                break
            for record in batch.values():
                if stop() or len(skipped) >= GIVE_UP:
                    break
                try:
                    done += object_keys.rewrap(record)
                except StorageFailed as trouble:
                    skipped.add(record.pk)
                    fault = fault or str(trouble)
            progress(done, waiting())
        if done:
            with transaction.atomic():
                data = {"count": done, "kek": keks.current()}
                audit.record(
                    actor=actor, action="keys.rotated", kind="site", subject="object-keys", data=data
                )
    return Rotated(done, waiting(), fault)


def finish_destroyed(*, actor: Actor) -> int:
    """Destroy what is left of the keys of destroyed records: a row that was put back from a backup, a file that was
    written while it was removed. Returns how many records. Raises StorageFailed."""
    rows = ObjectKey.objects.filter(object__record__state="destroyed")
    left = set(rows.exclude(wrapped="").values_list("object__record", flat=True))
    lately = set(
        rows.filter(destroyed_at__gte=timezone.now() - LOOK_BACK).values_list("object__record", flat=True)
    )
    done = 0
    for record in _records(left | lately):
        if object_keys.Traces.prove_absent(record):
            object_keys.destroy(record, actor=actor)
            done += 1
    return done


def _records(ids: set[UUID]) -> Iterator[Record]:
    """Of keys that are there: the rows lead to them, nobody is shown anything."""
    rows = ObjectKey.objects.filter(object__record__in=ids).select_related("object__record__fonds")
    seen = set()
    for row in rows.order_by("object").iterator(500):
        if row.object.record_id not in seen:
            seen.add(row.object.record_id)
            yield row.object.record


# --- comparing ----------------------------------------------------------------------------------------------------


def missing_keks() -> list[str]:
    """Key-encryption keys by which rows are wrapped, and which are not there: those objects cannot be read."""
    used = ObjectKey.objects.exclude(wrapped="").order_by().values_list("kek", flat=True).distinct()
    return sorted(set(used) - set(keks.known()))


def sample(count: int) -> list[Record]:
    """Records with keys: the oldest, the newest, and others by chance."""
    rows = ObjectKey.objects.exclude(wrapped="").order_by("object").select_related("object__record__fonds")
    first, last = rows.first(), rows.last()
    if first is None or last is None:
        return []
    found = {row.object.record_id: row.object.record for row in (first, last)}
    for _ in range(count - 2):
        at = UUID(int=random.randint(first.pk.int, last.pk.int))
        row = rows.filter(object__gte=at).first()
        found[row.object.record_id] = row.object.record
    return list(found.values())


def everything() -> Iterator[Record]:
    """Every record that has keys, or had."""
    last = None
    while True:
        rows = ObjectKey.objects.order_by("object__record", "object").select_related("object__record__fonds")
        if last is not None:
            rows = rows.filter(object__record__gt=last)
        row = rows.first()
        if row is None:
            return
        last = row.object.record_id
        yield row.object.record


def faults(record: Record) -> list[str]:
    """What is wrong with the keys of one record, in sentences: table against key store, and whether each key opens."""
    found = []
    try:
        there = {
            entry.object_id: (entry.kek, entry.wrapped)
            for entry in object_keys.read(record.fonds.code, record.pk)
        }
    except StorageFailed as fault:
        return [f"{record.reference_code}：{fault}"]
    rows = object_keys.of_record(record.pk)
    here = {row.object_id: (row.kek, row.wrapped) for row in rows if row.wrapped}
    if here != there:
        what = "密钥库里还有已销毁的密钥" if there and not here else "数据库与密钥库中的数据密钥不一致"
        found.append(f"{record.reference_code}：{what}（数据库 {len(here)} 把，密钥库 {len(there)} 把）")
    for row in rows:
        try:
            if row.wrapped:
                object_keys.unwrapped(row)
        except StorageFailed as fault:
            found.append(f"{record.reference_code}：{fault}")
    return found


def mend(record: Record, *, actor: Actor) -> None:
    """Make both places agree again: a row that the table lost comes back from the key store, then the key store is
    written from the rows; of a destroyed record both are emptied. Raises StorageFailed."""
    if record.state in ("disposing", "destroyed"):
        object_keys.destroy(record, actor=actor)
        return
    object_keys.take_back(record)
    object_keys.publish(record)
