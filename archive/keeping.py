"""keep: every object into every store, locked, read back, verified, the manifest (archive/editions.py) with them.

Contract, so that a kill at any point does no harm:
- an attempt is counted (committed) before the store is asked; on a second attempt the store is searched first for
  a version that an interrupted attempt left, and that one is adopted when it is what we would have written;
- a copy becomes `stored` only after its bytes were read back and digested, and its lock read back by the store;
- a copy that failed is work until done, with a growing pause; the source is any other good copy, else staging;
- staging is emptied by the caller, only when nothing of the record is left to write.
"""

import io
from datetime import timedelta
from typing import BinaryIO
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from archive import audit, changes, contents, copying, editions, object_keys, stores
from archive.copying import Source
from archive.errors import StorageFailed
from archive.locks import alone
from archive.manifests import MADE, TOPIC
from archive.models import Block, Copy, DigitalObject, MadeContent, Record
from archive.permissions import Actor

UNWRITTEN = ("pending", "failed")


def keep(record_id: UUID, source: Source, *, actor: Actor) -> bool:
    """Write what is still to be written of one record. True when nothing is left.

    Never raises for a store's fault: that is counted and said on the copy.
    """
    record = Record.objects.select_related("fonds", "department").get(pk=record_id)
    editions.ensure(record)
    now = timezone.now()
    rows = Copy.objects.filter(object__record=record).select_related("object")
    copies = list(rows.order_by("object__position", "store"))
    unwritten = [copy for copy in copies if copy.state in UNWRITTEN]
    todo = [copy for copy in unwritten if copy.try_after is None or copy.try_after <= now]
    if not todo:
        return not unwritten
    Copy.objects.filter(pk__in=[copy.pk for copy in todo]).update(attempts=F("attempts") + 1)
    lock = stores.lock_until(record, today=timezone.localdate())
    proven = {copy.object_id for copy in copies if copy.state == "stored"}

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
    for copy in todo:
        if copy.object.encrypted and copy.object_id not in keys:
            continue
        try:
            done.append((copy, *copying.write(copy, record, lock, content, keys.get(copy.object_id))))
        except StorageFailed as fault:
            faults.append((copy, str(fault)))
    return _book(record, done, faults, actor=actor)


def _book(record: Record, done: list, faults: list, *, actor: Actor) -> bool:
    """Write down what became of the copies. True when none is left to write."""
    now = timezone.now()
    with transaction.atomic():
        for copy, stored, digest, size in done:
            Copy.objects.filter(pk=copy.pk, state__in=UNWRITTEN).update(
                state="stored",
                version=stored.version,
                stored_sha256=digest,
                stored_bytes=size,
                lock_until=stored.lock_until,
                lock_mode=stored.lock_mode or "",
                written_at=now,
                checked_at=now,
                fault="",
                try_after=None,
            )
        for copy, fault in faults:
            pause = min(3600, 15 * 2 ** min(copy.attempts, 8))
            Copy.objects.filter(pk=copy.pk).update(
                state="failed", fault=fault[:300], try_after=now + timedelta(seconds=pause)
            )
            if copy.attempts == 0:  # once a copy, not once a try
                data = {"store": copy.store, "fault": fault[:200]}
                audit.record(
                    actor=actor,
                    action="copy.failed",
                    kind="record",
                    subject=record.id,
                    name=record.reference_code,
                    data=data,
                )
        unwritten = Copy.objects.filter(object__record=record, state__in=UNWRITTEN)
        made = {copy.object_id for copy, *_ in done if copy.object.role in MADE}
        if made:
            made -= set(unwritten.filter(object__in=made).values_list("object_id", flat=True))
            MadeContent.objects.filter(object__in=made).delete()
        left = unwritten.exists()
        if done and Block.objects.filter(record=record, kind="hold", lifted_at=None).exists():
            changes.announce("holds", record.id)  # the store's legal hold follows what was stored since
        if done and not left:
            audit.record(
                actor=actor,
                action="record.kept" if _files(done) else "manifest.kept",
                kind="record",
                subject=record.id,
                name=record.reference_code,
                data={"stores": "、".join(sorted({copy.store for copy, *_ in done}))},
            )
    return not left


def _files(done: list) -> bool:
    """Whether more was written than another edition of the manifest."""
    return any(copy.object.role not in MADE for copy, *_ in done)


def drain(*, actor: Actor, limit: int = 50) -> int:
    """Follow up on what was decided: the editions that are due, and the copies of those that are not written yet.
    Returns how many were done. One process at a time: two would write the same copy twice."""
    done = 0
    with alone(TOPIC) as ours:
        if ours:
            done = changes.follow(TOPIC, editions.follow, limit=limit)
            for record_id in editions.unwritten(limit):
                done += keep(record_id, _only_made, actor=actor)
    return done


def _only_made(item: DigitalObject) -> BinaryIO:
    raise StorageFailed(store="—", kind="missing", reason=f"“{item.path}”没有可以抄写的副本。")


def records_to_keep(limit: int) -> list[UUID]:
    """Records with copies still to be written, the longest waiting first."""
    now = timezone.now()
    rows = (
        Copy.objects.filter(state__in=UNWRITTEN)
        .filter(Q(try_after=None) | Q(try_after__lte=now))
        .order_by("id")
        .values_list("object__record_id", flat=True)[: limit * 8]
    )
    return list(dict.fromkeys(rows))[:limit]
