"""keep: every object into every store, locked, read back, verified; then the manifest beside it.

Contract, so that a kill at any point does no harm:
- an attempt is counted (committed) before the store is asked; on a second attempt the store is searched first for
  a version that an interrupted attempt left, and that one is adopted when it is what we would have written;
- a copy becomes `stored` only after its bytes were read back and digested, and its lock read back by the store;
- a copy that failed is work until done, with a growing pause; the source is any other good copy, else staging;
- staging is emptied by the caller, only when nothing of the record is left to write.
"""

import hashlib
import io
from datetime import timedelta
from typing import BinaryIO
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from archive import audit, changes, copying, manifests, records, stores
from archive.copying import Source
from archive.errors import StorageFailed
from archive.identifiers import new_id
from archive.models import Block, Copy, DigitalObject, Record
from archive.permissions import Actor

UNWRITTEN = ("pending", "failed")


def keep(record_id: UUID, source: Source, *, actor: Actor) -> bool:
    """Write what is still to be written of one record. True when nothing is left.

    Never raises for a store's fault: that is counted and said on the copy.
    """
    record = Record.objects.select_related("fonds", "department").get(pk=record_id)
    manifest = _ensure_manifest(record)
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
        """Another good copy first: it is proven. Else what is staged; the manifest is made again."""
        if item.pk in proven:
            return records.open_object(item)
        if item.role == "manifest":
            return io.BytesIO(manifest or manifests.build(record))
        return source(item)

    done, faults = [], []
    for copy in todo:
        try:
            done.append((copy, *copying.write(copy, record, lock, content)))
        except StorageFailed as fault:
            faults.append((copy, str(fault)))
    return _book(record, done, faults, actor=actor)


def _ensure_manifest(record: Record) -> bytes | None:
    """The manifest is an object like any other; its row comes into being once the record is filed. Returns its
    content when it was made just now."""
    objects = list(record.digital_objects.order_by("position"))
    if any(item.role == "manifest" for item in objects):
        return None
    content = manifests.build(record)
    names = record.digital_objects.values_list("copies__store", flat=True).distinct()
    with transaction.atomic():
        Record.objects.select_for_update(of=("self",)).only("pk").get(pk=record.pk)
        if record.digital_objects.filter(role="manifest").exists():
            return None
        item = DigitalObject.objects.create(
            id=new_id(),
            record=record,
            role="manifest",
            position=len(objects),
            path="manifest.json",
            bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            sm3=hashlib.new("sm3", content).hexdigest(),
            mime="application/json",
            puid="fmt/817",
            is_original=False,
        )
        key = stores.key_of(record.fonds.code, record.id, item.id)
        Copy.objects.bulk_create(
            Copy(object=item, store=name, key=key) for name in sorted(filter(None, names))
        )
    return content


def _book(record: Record, done: list, faults: list, *, actor: Actor) -> bool:
    """Write down what became of the copies. True when none is left to write."""
    now = timezone.now()
    with transaction.atomic():
        for copy, stored, digest, size, cipher in done:
            Copy.objects.filter(pk=copy.pk, state__in=UNWRITTEN).update(
                state="stored",
                version=stored.version,
                stored_sha256=digest,
                stored_bytes=size,
                cipher=cipher,
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
        left = Copy.objects.filter(object__record=record, state__in=UNWRITTEN).exists()
        if done and Block.objects.filter(record=record, kind="hold", lifted_at=None).exists():
            changes.announce("holds", record.id)  # the store's legal hold follows what was stored since
        if done and not left:
            audit.record(
                actor=actor,
                action="record.kept",
                kind="record",
                subject=record.id,
                name=record.reference_code,
                data={"stores": "、".join(sorted({copy.store for copy, *_ in done}))},
            )
    return not left


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
