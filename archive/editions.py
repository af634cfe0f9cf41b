"""An edition of a record's manifest: at filing, and again whenever something was decided about the record.

An edition is two objects of the record, its manifest (JSON) and the EEP made from it, with copies like any other, so that
locks, fixity, repair and destruction hold for them without more. Their bytes lie in `MadeContent` until every copy is
stored. Nothing is written where nothing differs from the newest edition, nor of a record whose destruction has begun:
its manifests go with it. `keeping` writes the copies.
"""

import hashlib
from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from archive import contents, eep, manifests, stores
from archive.errors import StorageFailed
from archive.identifiers import new_id
from archive.manifests import MADE
from archive.models import Copy, DigitalObject, MadeContent, Record

LASTING = ("archived", "transferred")


def ensure(record: Record) -> None:
    """The first edition of a record that was filed. One that is there stays."""
    if not record.digital_objects.filter(role="manifest").exists():
        _write(record.pk, first=True)


def follow(record_ids: Sequence[UUID]) -> None:
    """What the outbox announced as `manifests.TOPIC`: another edition of each record that differs from its newest.

    Raises StorageFailed, after having tried them all, where the newest edition cannot be read.
    """
    failed: StorageFailed | None = None
    for record_id in record_ids:
        try:
            _write(record_id)
        except StorageFailed as fault:
            failed = fault
    if failed:
        raise failed


@transaction.atomic
def _write(record_id: UUID, *, first: bool = False) -> bool:
    """Under the lock of the record, which a destruction takes too. True when an edition was written."""
    rows = Record.objects.select_for_update(of=("self",)).select_related(
        "fonds", "department", "handed_in_by"
    )
    record = rows.get(pk=record_id)
    earlier = list(record.digital_objects.filter(role="manifest").order_by("position"))
    # Not a store that was given up.
    copies = Copy.objects.filter(object__record=record).exclude(state="removed")
    names = sorted(set(copies.values_list("store", flat=True)))
    if record.state not in LASTING or not names or (first and earlier):
        return False
    newest = earlier[-1] if earlier else None
    header = manifests.Header(len(earlier) + 1, timezone.now(), newest.sha256 if newest else "")
    manifest = manifests.build(record, header)
    if newest and (said := _content(newest)) and manifests.same(manifest, said):
        return False
    position = record.digital_objects.count()
    # The newest edition is the object of the greatest id: that is how a rebuild finds it.
    eep_id, manifest_id = sorted((new_id(), new_id()))
    keys = {
        item["id"]: stores.key_of(record.fonds.code, record.pk, item["id"]) for item in manifest["objects"]
    }
    package = eep.build(manifest, keys)
    wrapped = made_object(record, eep_id, "eep", position, header.edition, package)
    about = manifests.object_of(wrapped, names)
    manifest["objects"].append(about)
    content = manifests.encode(manifest)
    whole = made_object(record, manifest_id, "manifest", position + 1, header.edition, content)
    DigitalObject.objects.bulk_create([wrapped, whole])
    MadeContent.objects.bulk_create(
        [MadeContent(object=wrapped, content=package), MadeContent(object=whole, content=content)]
    )
    Copy.objects.bulk_create(
        Copy(
            object=item,
            store=name,
            key=stores.key_of(record.fonds.code, record.pk, item.pk),
        )
        for item in (wrapped, whole)
        for name in names
    )
    return True


_KINDS = {"manifest": ("application/json", "fmt/817", "json"), "eep": ("application/xml", "fmt/101", "xml")}


def made_object(
    record: Record, pk: UUID, role: str, position: int, number: int, content: bytes
) -> DigitalObject:
    """The row of one half of edition `number`: all of it follows from its content and its place."""
    mime, puid, kind = _KINDS[role]
    return DigitalObject(
        id=pk,
        record=record,
        role=role,
        position=position,
        path=f"{role}-{number:04d}.{kind}",
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        sm3=hashlib.new("sm3", content).hexdigest(),
        mime=mime,
        puid=puid,
        is_original=False,
        encrypted=record.fonds.encrypted,
    )


def content_of(item: DigitalObject) -> bytes | None:
    """The bytes of what the archive made and has not stored everywhere yet."""
    content = MadeContent.objects.filter(object=item).values_list("content", flat=True).first()
    return None if content is None else bytes(content)


def _content(newest: DigitalObject) -> dict | None:
    """What the newest edition says; None where it cannot be understood: then another one is due anyhow."""
    content = content_of(newest)
    if content is None:
        if not newest.copies.filter(state="stored").exists():
            return None  # every copy is damaged: the record shall not be without
        with contents.open_object(newest) as stream:
            content = stream.read()
    try:
        return manifests.parse(content)
    except ValueError:
        return None


def unwritten(limit: int = 50) -> list[UUID]:
    """Records of which only editions are still to be written; those being filed are written by who files them."""
    waiting = Copy.objects.filter(state__in=("pending", "failed"))
    found = waiting.filter(object__made__isnull=False).order_by("id")
    ids = list(dict.fromkeys(found.values_list("object__record_id", flat=True)[: limit * 4]))[:limit]
    others = waiting.filter(object__record__in=ids).exclude(object__role__in=MADE)
    busy = set(others.values_list("object__record_id", flat=True))
    return [pk for pk in ids if pk not in busy]
