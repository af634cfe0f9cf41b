"""Copies from the listing: every copy in every store, with its version, lock, size and legal hold as the store says.

A row that a snapshot brought is believed where the listing shows its version and nothing was decided since; everything
else is asked of the store. Bytes are not read here: fixity does that, and every copy that was asked is due at once.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID

from django.utils import timezone

from archive import stores
from archive.models import Copy, DigitalObject
from archive.rebuilding.report import Report
from archive.rebuilding.salvage import Version, Versions, head
from archive.storage import StoredObject


@dataclass
class Wanted:
    """The copies of one record. `stores`: object → the stores that its manifest names. `changed`: something was
    decided since the snapshot. `gone`: nothing is there any more, and rightly so."""

    fonds: str
    record: UUID
    versions: Versions
    objects: Sequence[DigitalObject]
    stores: Mapping[UUID, Sequence[str]]
    changed: bool
    gone: bool = False


def bring(wanted: Sequence[Wanted], pool: ThreadPoolExecutor | None, report: Report) -> None:
    ids = [item.pk for one in wanted for item in one.objects]
    rows = Copy.objects.filter(object__in=ids)
    known = {(row.object_id, row.store): row for row in rows}
    new: list[Copy] = []
    old: list[Copy] = []
    asked: list[tuple[Copy, DigitalObject, Version]] = []
    retired = stores.retired()
    for one in wanted:
        for item in one.objects:
            there = one.versions.get(item.pk, {})
            for store in sorted(
                {*there, *one.stores.get(item.pk, ()), *(s for o, s in known if o == item.pk)}
            ):
                row, held = known.get((item.pk, store)), there.get(store, [])
                if row is None:
                    row = Copy(object=item, store=store, key=stores.key_of(one.fonds, one.record, item.pk))
                    row.state = "removed" if one.gone or store in retired else "pending"
                    new.append(row)
                elif store in retired or (
                    not one.changed and row.version in {version.version for version in held}
                ):
                    continue  # what lay in a retired store is settled later (`retirement`)
                else:
                    old.append(row)
                if held:
                    asked.append((row, item, _chosen(row, held)))
                elif not one.gone:
                    _missing(row, item, there, report)
    if asked:
        told = pool.map(lambda one: head(one[2]), asked) if pool else [head(one[2]) for one in asked]
        for (row, item, version), answer in zip(asked, told, strict=True):
            _book(row, item, version, answer, report)
    Copy.objects.bulk_create(new)
    Copy.objects.bulk_update(
        old,
        [
            "version", "state", "fault", "stored_sha256", "stored_bytes", "lock_until", "lock_mode", "renew_on",
            "legal_hold", "written_at", "checked_at",
        ],
        batch_size=50,
    )  # fmt: skip
    report.counts["archive.copy"] += len(new)


def _chosen(row: Copy, held: Sequence[Version]) -> Version:
    """The version of the row, else the newest: what was damaged lies under a good one."""
    return next((version for version in held if version.version == row.version), held[0])


def _missing(row: Copy, item: DigitalObject, there: Mapping, report: Report) -> None:
    if row.state == "removed":  # its store was given up before anything was written
        return
    unwritten = row.state in ("pending", "failed") and bool(there)  # to be written from another copy
    if unwritten and not row._state.adding:
        return  # it was not written before either
    if not unwritten:
        row.state, row.fault, row.checked_at = "damaged", "missing", timezone.now()
    what = "将从别的副本补写" if unwritten else "记为缺失"
    report.problem(f"{row.store}:{row.key}", f"“{item.path}”在这个存储里没有副本，{what}")


def _book(row: Copy, item: DigitalObject, version: Version, told: StoredObject | str, report: Report) -> None:
    row.version = version.version
    # Looked at again: its period may be another one than the snapshot knew.
    row.renew_on = Copy._meta.get_field("renew_on").default
    if isinstance(told, str):
        row.state, row.fault, row.checked_at = "damaged", "unreadable", timezone.now()
        report.problem(f"{row.store}:{row.key}", told)
        return
    row.lock_until, row.lock_mode = told.lock_until, told.lock_mode or ""
    row.legal_hold, row.written_at = told.legal_hold, told.written_at
    row.stored_sha256, row.stored_bytes = told.sha256, told.bytes
    row.checked_at = (
        row.checked_at or told.written_at
    )  # it was read back then; so it is due before all others
    if not item.encrypted and (told.sha256, told.bytes) != (item.sha256, item.bytes):
        row.state, row.fault = "damaged", "changed"
        report.problem(f"{row.store}:{row.key}", f"“{item.path}”的长度或摘要与元数据清单的不同")
    elif row.state != "damaged":
        row.state, row.fault = "stored", ""
