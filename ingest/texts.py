"""全文 again: what a rebuild cannot bring back, because it lies nowhere but in the files, is read from them once more.

Contract: `archive/rebuilding` announces every living record it brought in. The worker reads its originals in the fence,
as at filing: words go into the index with numbers as keyed tokens; a file with pages and no words waits for recognition,
a PDF/A claim for its validator. A file that is damaged or brings the child down stays without words, and is logged; a
store that does not answer is asked again. Killed: the message is still there, and what was read is not read again.
"""

import logging
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from django.db import transaction

from archive import changes, contents, privacy, records
from archive.errors import StorageFailed
from archive.inspection.fence import Fence
from archive.models import DigitalObject, ObjectText, PdfaClaim, Recognition, Record
from archive.rebuilding.records import WORDS
from ingest import recognition

log = logging.getLogger("archive.ingest")

KEPT = ("archived", "transferred")


def drain(fence: Fence, limit: int = 20) -> int:
    """Read on with the records that wait. Returns how many were done. Raises StorageFailed where a store is down."""
    return changes.follow(WORDS, lambda ids: _read_all(ids, fence), limit=limit)


def follow(record_ids: Sequence[UUID]) -> None:
    """With a fence of its own."""
    with Fence() as fence:
        _read_all(record_ids, fence)


def _read_all(record_ids: Sequence[UUID], fence: Fence) -> None:
    for pk in record_ids:
        items = DigitalObject.objects.filter(record=pk, role="original", text=None, recognition=None)
        told = {}
        for item in items.filter(record__state__in=KEPT).order_by("position"):
            try:
                told[item.pk] = _probed(item, fence)
            except StorageFailed as fault:
                if fault.kind in ("unreachable", "denied"):
                    raise
                log.warning("no words of object %s: %s", item.pk, fault)
        if told:
            _write(pk, told)


def _probed(item: DigitalObject, fence: Fence) -> dict:
    name = privacy.decrypt(item.sealed_path) or item.path
    with tempfile.TemporaryDirectory(prefix="text-") as folder:
        # What a file calls itself tells which parser reads it.
        path = Path(folder) / f"file{Path(name).suffix[:20]}"
        with contents.open_object(item) as source, path.open("wb") as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
        told = fence.call("probe", path=str(path), name=name)
    if fault := told.get("crashed"):
        log.warning("no words of object %s: %s", item.pk, fault)
    return told


@transaction.atomic
def _write(record_id: UUID, told: dict[UUID, dict]) -> None:
    """Unless destruction has begun: it must leave no word behind."""
    if not Record.objects.select_for_update(of=("self",)).filter(pk=record_id, state__in=KEPT).exists():
        return
    texts, scans, claims = [], [], []
    for item in DigitalObject.objects.filter(pk__in=told):
        facts = told[item.pk]
        text = facts.get("text", "")
        if text:
            texts.append(records.text_row(item.pk, text))
        elif kind := recognition.wanted(item.mime, item.pages, text):
            scans.append(Recognition(object=item, kind=kind, pages=item.pages))
        if pdfa := (facts.get("pdfa") or "").lower():
            claims.append(PdfaClaim(object=item, claim=pdfa[:4]))
    ObjectText.objects.bulk_create(texts, ignore_conflicts=True)
    Recognition.objects.bulk_create(scans, ignore_conflicts=True)
    PdfaClaim.objects.bulk_create(claims, ignore_conflicts=True)
    if texts:
        changes.announce("search", record_id)
