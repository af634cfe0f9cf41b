"""keep: every object into every store, locked, read back, verified, the manifest (archive/editions.py) with them.

Contract, so that a kill at any point does no harm:
- an attempt is counted (committed) before the store is asked; on a second attempt the store is searched first for
  a version that an interrupted attempt left, and that one is adopted when it is what we would have written;
- a copy becomes `stored` only after its bytes were read back and digested, and its lock read back by the store;
- a copy that failed is work until done, with a growing pause; the source is any other good copy, else staging.
  A source that turns out rotten while it is copied is booked as damage, and the next good one is taken;
- staging is emptied by the caller, only when nothing of the record is left to write.
"""

import io
from collections.abc import Callable
from datetime import timedelta
from typing import BinaryIO
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from archive import audit, changes, contents, copying, editions, fixity, object_keys, stores
from archive.copying import Source
from archive.errors import StorageFailed
from archive.locks import alone
from archive.manifests import MADE, TOPIC
from archive.models import Block, Copy, DigitalObject, MadeContent, Record
from archive.permissions import Actor

UNWRITTEN = ("pending", "failed")
SLOTS = 64
"""Records that can be kept at the same time, each by one process; two of one slot wait for one another."""
PATIENCE = 5
"""Seconds that are waited for somebody who is at the same record; longer, and it is left to him."""


def keep(record_id: UUID, source: Source | None, *, actor: Actor) -> bool:
    """Write what is still to be written of one record. True when nothing is left. Without `source` only what another
    good copy, or what the archive made, gives.

    Never raises for a store's fault: that is counted and said on the copy. One process at a time for each record: what
    two wrote at once would lie twice in a store, locked.
    """
    with alone(f"keep-{record_id.int % SLOTS}", wait=PATIENCE) as ours:
        return ours and _keep(record_id, source, actor)


def _keep(record_id: UUID, source: Source | None, actor: Actor) -> bool:
    record = Record.objects.select_related("fonds", "department").get(pk=record_id)
    editions.ensure(record)
    now = timezone.now()
    rows = Copy.objects.filter(object__record=record).exclude(store__in=stores.retired())
    copies = list(rows.select_related("object").order_by("object__position", "store"))
    unwritten = [copy for copy in copies if copy.state in UNWRITTEN]
    todo = [copy for copy in unwritten if copy.try_after is None or copy.try_after <= now]
    proven = {c.object_id for c in copies if c.state == "stored" or (c.state, c.fault) == ("damaged", "lock")}
    if source is None:
        todo = [copy for copy in todo if copy.object_id in proven or copy.object.role in MADE]
        source = _nothing_staged
    if not todo:  # of what lies in retired stores alone, nothing is known to be written
        return bool(copies) and not unwritten
    Copy.objects.filter(pk__in=[copy.pk for copy in todo]).update(attempts=F("attempts") + 1)
    lock = stores.lock_until(record, today=timezone.localdate())

    def content(item: DigitalObject) -> BinaryIO:
        """Another good copy first: it is proven. Else what is staged, or what the archive made."""
        if item.pk in proven:
            return contents.open_object(item)
        made = editions.content_of(item) if item.role in MADE else None
        return source(item) if made is None else io.BytesIO(made)

    done, faults = [], []
    try:
        keys = object_keys.ready(record, {copy.object_id: copy.object for copy in todo}.values())
    except StorageFailed as fault:
        keys, faults = {}, [(copy, str(fault)) for copy in todo if copy.object.encrypted]
    down: dict[str, str] = {}
    for copy in todo:
        if copy.object.encrypted and copy.object_id not in keys:
            continue
        if copy.store in down:  # one wait for a store that does not answer is enough
            faults.append((copy, down[copy.store]))
            continue
        try:
            done.append((copy, *copying.write(copy, record, lock, content, keys.get(copy.object_id))))
        except StorageFailed as fault:
            faults.append((copy, str(fault)))
            if fault.kind == "unreachable":
                down[copy.store] = str(fault)
            elif fault.kind == "changed" and copy.object_id in proven:
                _suspect(copy.object, actor)
    return _book(record, done, faults, actor=actor)


def _suspect(item: DigitalObject, actor: Actor) -> None:
    """What was read from a good copy was not what it should be: look which one is not good, so that the next attempt
    takes another."""
    rows = Copy.objects.filter(object=item, state="stored").select_related("object__record")
    buffer = bytearray(fixity.BLOCK)
    try:
        found = [fixity.examine(fixity.target_of(copy), buffer) for copy in rows]
    except StorageFailed:
        return  # a store does not answer: the next attempt comes here again
    if bad := [outcome for outcome in found if outcome.fault]:
        fixity.book_found(bad, extent=f"record:{item.record_id}", actor=actor)


def _book(record: Record, done: list, faults: list, *, actor: Actor) -> bool:
    """Write down what became of the copies. True when none is left to write."""
    now = timezone.now()
    with transaction.atomic():
        # As it is now: its period may have been extended while the bytes were on their way.
        record = Record.objects.select_for_update(of=("self",)).get(pk=record.pk)
        for copy, stored, digest, size in done:
            Copy.objects.filter(pk=copy.pk, state__in=UNWRITTEN).update(
                state="stored",
                version=stored.version,
                stored_sha256=digest,
                stored_bytes=size,
                lock_until=stored.lock_until,
                lock_mode=stored.lock_mode or "",
                legal_hold=stored.legal_hold,
                renew_on=stores.renew_on(record, stored.lock_until, today=timezone.localdate(now)),
                written_at=now,
                checked_at=now,
                fault="",
                try_after=None,
            )
            if copy.written_at:  # it was stored before: an order restored it
                _say(record, "copy.restored", {"store": copy.store}, actor)
        for copy, fault in faults:
            pause = min(3600, 15 * 2 ** min(copy.attempts, 8))
            Copy.objects.filter(pk=copy.pk, state__in=UNWRITTEN).update(
                state="failed", fault=fault[:300], try_after=now + timedelta(seconds=pause)
            )
            if copy.attempts == 0:  # once a copy, not once a try
                _say(record, "copy.failed", {"store": copy.store, "fault": fault[:200]}, actor)
        unwritten = Copy.objects.filter(object__record=record, state__in=UNWRITTEN)
        made = {copy.object_id for copy, *_ in done if copy.object.role in MADE}
        if made:
            made -= set(unwritten.filter(object__in=made).values_list("object_id", flat=True))
            MadeContent.objects.filter(object__in=made).delete()
        left = unwritten.exists()
        if done and Block.objects.filter(record=record, kind="hold", lifted_at=None).exists():
            changes.announce("holds", record.id)  # the store's legal hold follows what was stored since
        kept = [copy for copy, *_ in done if not copy.written_at]
        if kept and not left:
            names = "、".join(sorted({copy.store for copy in kept}))
            _say(record, "record.kept" if _files(kept) else "manifest.kept", {"stores": names}, actor)
        if len(kept) < len(done):
            changes.announce("search", record.id)
    return not left


def _say(record: Record, action: str, data: dict, actor: Actor) -> None:
    audit.record(
        actor=actor, action=action, kind="record", subject=record.id, name=record.reference_code, data=data
    )


def _files(kept: list[Copy]) -> bool:
    """Whether more was written than another edition of the manifest."""
    return any(copy.object.role not in MADE for copy in kept)


def drain(*, actor: Actor, limit: int = 50) -> int:
    """Follow up on what was decided: the editions that are due, and the copies of those that are not written yet.
    Returns how many were done. One process at a time: two would write the same copy twice."""
    done = 0
    with alone(TOPIC) as ours:
        if ours:
            done = changes.follow(TOPIC, editions.follow, limit=limit)
            for record_id in editions.unwritten(limit):
                done += keep(record_id, _nothing_staged, actor=actor)
    return done


def catch_up(*, busy: Callable[[list[UUID]], set[UUID]], actor: Actor, limit: int = 50) -> int:
    """Write copies that are owed and for which a good one lies elsewhere: after a repair was ordered, or a store added.
    Returns how many records were done. `busy`: those of which somebody else is still writing. One process at a time.

    A turn ends at the first record that could not be finished: a store that is down is asked once a turn.
    """
    done = 0
    with alone(TOPIC) as ours:
        for record_id in records_to_copy(limit, busy) if ours else ():
            if not keep(record_id, None, actor=actor):
                break
            done += 1
    return done


def _nothing_staged(item: DigitalObject) -> BinaryIO:
    raise StorageFailed(store="—", kind="missing", reason=f"“{item.path}”没有可以抄写的副本。")


def records_to_copy(limit: int, busy: Callable[[list[UUID]], set[UUID]]) -> list[UUID]:
    """Records with copies that are owed, due, and to be had from a good copy; the longest owed first."""
    now = timezone.now()
    good = Copy.objects.filter(
        Q(state="stored") | Q(state="damaged", fault="lock"), object=OuterRef("object")
    )
    rows = (
        Copy.objects.filter(state__in=UNWRITTEN)
        .filter(Q(try_after=None) | Q(try_after__lte=now))
        .filter(Exists(good))
        .order_by("id")
        .values_list("object__record_id", flat=True)[: limit * 8]
    )
    ids = list(dict.fromkeys(rows))[:limit]
    taken = busy(ids)
    return [pk for pk in ids if pk not in taken]
