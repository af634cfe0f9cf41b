"""目录快照: the rows of the catalogue as of one moment, one file a fonds and one for the site, sealed in every store.

`catalogue/<fonds or _site>/<time>-<id>.jsonl.gz`: a header, one line a row (archive/catalogue.py says which and in which
order), and a trailer that counts them, so that a file cut short shows. Written by streaming: memory does not grow with the archive. Its
digest stands in the ledger, in its row and beside its bytes. All files of one run are of one moment.
"""

import gzip
import hashlib
import json
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from archive import audit, catalogue, permissions, privacy, stores
from archive.catalogue import TABLE, Table
from archive.errors import StorageFailed
from archive.identifiers import new_id
from archive.locks import alone, snapshot
from archive.models import CatalogueSnapshot, Fonds
from archive.permissions import Actor
from archive.storage import Store, StoredVersion

FORMAT = "archive-catalogue/1"
PREFIX = "catalogue/"
SITE = "_site"
LOCK = "catalogue-snapshot"
CHUNK = 500


def take(*, actor: Actor) -> list[CatalogueSnapshot]:
    """A snapshot of the site and of every fonds, of one moment. Empty when another process is at it.

    Raises StorageFailed when a store does not take a file: what was written and is in no row is passed over by a
    rebuild no more than any other.
    """
    permissions.require(actor, "catalogue.snapshot")
    with alone(LOCK) as ours, tempfile.TemporaryDirectory(dir=scratch()) as folder:
        if not ours:
            return []
        taken_at, written = timezone.now(), []
        with snapshot():
            for fonds in [None, *Fonds.objects.order_by("code")]:
                written.append(_write(Path(folder), fonds, taken_at))
        return [_keep(row, path, actor=actor) for row, path in written]


def scratch() -> Path:
    folder = Path(settings.ARCHIVE_DATA) / "scratch"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


class _Digesting:
    """A file that is written once, its digest taken on the way."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.digest, self.bytes = file, hashlib.sha256(), 0

    def write(self, block: bytes) -> int:
        self.digest.update(block)
        self.bytes += len(block)
        return self.file.write(block)

    def flush(self) -> None:
        self.file.flush()


def _write(folder: Path, fonds: Fonds | None, taken_at: datetime) -> tuple[CatalogueSnapshot, Path]:
    row = CatalogueSnapshot(id=new_id(), fonds=fonds, taken_at=taken_at)
    path = folder / str(row.pk)
    counts: Counter[str] = Counter()
    with path.open("wb") as file:
        sink = _Digesting(file)
        with gzip.GzipFile(fileobj=sink, mode="wb", compresslevel=6, mtime=0, filename="") as packed:
            code = fonds.code if fonds else ""
            header = {"format": FORMAT, "id": row.pk, "fonds": code, "taken_at": taken_at}
            packed.write(catalogue.line(header) + b"\n")
            for table in TABLE:
                for values in _rows(table, fonds):
                    packed.write(catalogue.line([table.label, values]) + b"\n")
                    counts[table.label] += 1
            packed.write(catalogue.line({"end": True, "counts": counts}) + b"\n")
    row.rows, row.bytes, row.sha256 = sum(counts.values()), sink.bytes, sink.digest.hexdigest()
    return row, path


def _rows(table: Table, fonds: Fonds | None) -> Iterator[dict]:
    """The rows of one table that belong to this fonds (None: to none), by key; cipher text is left out."""
    model = catalogue.models_by_label()[table.label]
    chosen = model._base_manager.all()
    if fonds:
        chosen = chosen.filter(**{table.path: fonds.pk}) if table.path else chosen.none()
    elif table.path:
        chosen = chosen.filter(**{f"{table.path}__isnull": True}) if table.loose else chosen.none()
    names = [field.attname for field in catalogue.columns(model, table.without)]
    for values in chosen.order_by("pk").values_list(*names).iterator(chunk_size=CHUNK):
        yield privacy.without_cipher_text(dict(zip(names, values, strict=True)))


def _keep(row: CatalogueSnapshot, path: Path, *, actor: Actor) -> CatalogueSnapshot:
    code = row.fonds.code if row.fonds else SITE
    key = f"{PREFIX}{code}/{row.taken_at:%Y%m%dT%H%M%SZ}-{row.pk}.jsonl.gz"
    until = timezone.now() + timedelta(days=settings.SNAPSHOT_LOCK_DAYS)
    for store in stores.configured().values():
        with path.open("rb") as stream:
            stored = store.put(
                key,
                stream,
                size=row.bytes,
                sha256=row.sha256,
                content_type="application/gzip",
                lock_until=until,
                metadata={"snapshot": str(row.pk), "taken-at": row.taken_at.isoformat()},
            )
        row.copies.append({"store": store.name, "key": key, "version": stored.version})
    with transaction.atomic():
        row.save(force_insert=True)
        audit.record(
            actor=actor,
            action="catalogue.snapshot",
            kind="fonds" if row.fonds else "site",
            subject=row.fonds.code if row.fonds else "catalogue",
            name=row.fonds.name if row.fonds else "",
            data={"rows": row.rows, "sha256": row.sha256, "taken_at": row.taken_at.isoformat()},
        )
    return row


# Reading


class Opened:
    """A whole snapshot, its digest proven, laid in a file of ours. `rows` yields (label, values) in order."""

    def __init__(
        self, path: Path, header: dict, count: int, sha256: str, versions: Sequence[StoredVersion]
    ) -> None:
        self.path, self.header, self.count, self.sha256 = path, header, count, sha256
        self.versions = versions

    def rows(self) -> Iterator[tuple[str, dict]]:
        with gzip.open(self.path) as lines:
            next(lines)
            for text in lines:
                found = json.loads(text)
                if isinstance(found, list):
                    yield found[0], found[1]


def listed() -> dict[str, dict[str, list[StoredVersion]]]:
    """What the stores hold: fonds code (or SITE) → key → its versions in all stores; the newest key last."""
    found: dict[str, dict[str, list[StoredVersion]]] = {}
    for store in stores.configured().values():
        for version in store.iterate(PREFIX):
            if not version.marker:
                code = version.key.removeprefix(PREFIX).partition("/")[0]
                found.setdefault(code, {}).setdefault(version.key, []).append(version)
    return {code: dict(sorted(keys.items())) for code, keys in found.items()}


def open_whole(versions: Sequence[StoredVersion], folder: Path) -> Opened:
    """The file from the first store that gives it whole. Raises ValueError, with the reasons, when none does."""
    faults = []
    for version in versions:
        path = folder / str(new_id())
        try:
            return Opened(path, *_fetch(stores.get(version.store), version, path), versions)
        except (ValueError, OSError, EOFError, zlib.error, LookupError, TypeError, RecursionError) as fault:
            faults.append(f"{version.store}：{fault}")
            path.unlink(missing_ok=True)
        except StorageFailed as fault:
            faults.append(str(fault))
    raise ValueError("；".join(faults))


def _fetch(store: Store, version: StoredVersion, path: Path) -> tuple[dict, int, str]:
    held, digest = store.head(version.key, version.version), hashlib.sha256()
    with store.open(version.key, version.version) as stream, path.open("wb") as sink:
        while block := stream.read(1024 * 1024):
            digest.update(block)
            sink.write(block)
    if digest.hexdigest() != held.sha256:
        raise ValueError("内容与存入时的摘要不符")
    with gzip.open(path) as lines:
        header, count, last = json.loads(next(lines)), -1, b""
        for text in lines:
            count, last = count + 1, text  # the last one is the trailer
    trailer = json.loads(last)
    if header["format"] != FORMAT or sum(trailer["counts"].values()) != count:
        raise ValueError("文件不完整")
    return header, count, held.sha256


# Upkeep


def due() -> bool:
    """The newest one is older than SNAPSHOT_DAYS, or there is none."""
    since = timezone.now() - timedelta(days=settings.SNAPSHOT_DAYS, hours=-1)
    return not CatalogueSnapshot.objects.filter(fonds=None, taken_at__gt=since).exists()


def tidy() -> int:
    """Remove files whose lock has ended, except the newest three of a fonds and the last of each year. Their rows stay.
    Returns how many files."""
    removed, newer = 0, Counter[int | None]()
    years: set[tuple[int | None, int]] = set()
    ended, gone = timezone.now() - timedelta(days=settings.SNAPSHOT_LOCK_DAYS), stores.retired()
    for row in CatalogueSnapshot.objects.order_by("-taken_at", "-id").iterator(500):
        newer[row.fonds_id] += 1
        year = (row.fonds_id, row.taken_at.year)
        if newer[row.fonds_id] > 3 and year in years and row.taken_at < ended and row.copies:
            for copy in (copy for copy in row.copies if copy["store"] not in gone):
                stores.get(copy["store"]).remove(copy["key"], copy["version"])
                removed += 1
            CatalogueSnapshot.objects.filter(pk=row.pk).update(copies=[])
        years.add(year)
    return removed
