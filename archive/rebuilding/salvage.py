"""What the stores still hold of records, found by listing.

`Holdings` lists every version of every record's object once, into a scratch file beside the database (some 200 bytes a
version), so that memory does not grow with the archive. `manifest_of` finds the newest manifest of one record that can
be read and proven: an edition's manifest has the greatest id of its time, and its role stands beside its bytes. Nothing
read here is believed: digests are taken again, what does not parse is no manifest. Reading only.
"""

import hashlib
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from archive import contents, manifests, object_keys, seals, stores
from archive.errors import StorageFailed
from archive.models import DigitalObject, Fonds, Record
from archive.segments import HEADER, SEGMENT, TAG
from archive.storage import StoredObject

PROBES = "_probe/"
MOST = 64 * 1024 * 1024
"""No manifest is larger."""


@dataclass(frozen=True)
class Version:
    store: str
    key: str
    version: str
    bytes: int


Versions = dict[UUID, dict[str, list[Version]]]
"""Object → store → its versions there, the newest first."""


@dataclass
class Found:
    """The newest readable manifest of a record. `faults`: (key, reason) of what could not be read on the way."""

    fonds: str
    record: UUID
    versions: Versions
    manifest: dict | None = None
    content: bytes = b""
    object: UUID | None = None
    faults: list[tuple[str, str]] = field(default_factory=list)


class Holdings:
    """A context manager; its file goes with it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "holdings.sqlite3"

    def __enter__(self) -> "Holdings":
        self.file = sqlite3.connect(self.path, isolation_level=None)
        self.file.execute("PRAGMA journal_mode=OFF")
        self.file.execute("PRAGMA synchronous=OFF")
        self.file.execute("CREATE TABLE held (fonds, record, object, store, version, bytes)")
        self.file.execute("CREATE TABLE later (record, business_no, kind, earlier)")
        return self

    def __exit__(self, *error: object) -> None:
        self.file.close()
        self.path.unlink(missing_ok=True)

    def fill(self, progress: Callable[[str, int], None]) -> int:
        """List every store. Returns how many keys are of nobody we know. Raises StorageFailed: a store that does not
        answer would make every copy in it look lost."""
        strange, count = 0, 0
        self.file.execute("BEGIN")
        for store in stores.configured().values():
            for one in store.iterate():
                place = _place(one.key)
                if place is None:
                    strange += not one.key.startswith((*stores.OWN, PROBES, ".")) and not one.marker
                    continue
                if one.marker:
                    continue
                self.file.execute(
                    "INSERT INTO held VALUES (?, ?, ?, ?, ?, ?)", [*place, one.store, one.version, one.bytes]
                )
                count += 1
                if count % 1000 == 0:
                    progress("列出存储", count)
        self.file.execute("CREATE INDEX held_record ON held (record)")
        self.file.execute("COMMIT")
        return strange

    def records(self) -> Iterator[tuple[str, UUID]]:
        rows = self.file.execute("SELECT min(fonds), record FROM held GROUP BY record ORDER BY record")
        return ((fonds, UUID(record)) for fonds, record in rows)

    def unknown(self) -> Iterator[tuple[str, UUID]]:
        """Those of which some object has no row in the catalogue."""
        rows = self.file.execute("SELECT DISTINCT record, object, fonds FROM held ORDER BY record")
        last = ""
        for part in seals.batches(rows):
            ids = [UUID(item) for _, item, _ in part]
            known = set(DigitalObject.objects.filter(pk__in=ids).values_list("pk", flat=True))
            for record, item, fonds in part:
                if record != last and UUID(item) not in known:
                    last = record
                    yield fonds, UUID(record)

    def holds(self, record: UUID) -> bool:
        return bool(
            self.file.execute("SELECT 1 FROM held WHERE record = ? LIMIT 1", [str(record)]).fetchone()
        )

    def versions_of(self, record: UUID) -> Versions:
        """In the order of listing, which is the newest first."""
        found: Versions = defaultdict(lambda: defaultdict(list))
        rows = self.file.execute(
            "SELECT fonds, object, store, version, bytes FROM held WHERE record = ? ORDER BY rowid",
            [str(record)],
        )
        for fonds, item, store, version, size in rows:
            found[UUID(item)][store].append(Version(store, f"{fonds}/{record}/{item}", version, size))
        return found

    # Relations whose other end may come later

    def put_off(self, record: str, business_no: str, kind: str, earlier: str) -> None:
        self.file.execute("INSERT INTO later VALUES (?, ?, ?, ?)", [record, business_no, kind, earlier])

    def later(self) -> Iterator[tuple[str, str, str, str]]:
        return iter(self.file.execute("SELECT record, business_no, kind, earlier FROM later"))


def _place(key: str) -> tuple[str, str, str] | None:
    """Fonds, record and object of a key, as `stores.key_of` makes it."""
    fonds, _, rest = key.partition("/")
    record, _, item = rest.partition("/")
    try:
        if (str(UUID(record)), str(UUID(item))) == (record, item):
            return fonds, record, item
    except ValueError:
        pass
    return None


def manifest_of(fonds: str, record: UUID, versions: Versions) -> Found:
    """The newest manifest that is proven; an older one, with the fault named, where the newest cannot be read."""
    found = Found(fonds, record, versions)
    for item in sorted(versions, reverse=True):
        for held in (one for there in versions[item].values() for one in there):
            try:
                content = _manifest(held, found, item)
                if content is None:
                    break  # another role: so are its other copies
                manifest = manifests.parse(content)
                if manifest["record"]["id"] != str(record):
                    raise ValueError("清单说的是另一件档案")
                found.manifest, found.content, found.object = manifest, content, item
                return found
            except (StorageFailed, ValueError) as fault:
                found.faults.append((f"{held.store}:{held.key}", str(fault)))
    return found


def _manifest(held: Version, found: Found, item: UUID) -> bytes | None:
    """Its clear bytes, or None when it is something else."""
    store = stores.get(held.store)
    told = store.head(held.key, held.version)
    if told.metadata.get("role") != "manifest":
        return None
    if told.bytes > MOST:
        raise ValueError("过大，不是元数据清单")
    with store.open(held.key, held.version) as stream:
        content = stream.read()
    if hashlib.sha256(content).hexdigest() != told.sha256:
        raise ValueError("内容与存入时的摘要不符")
    if content[:1] == b"{":
        return content
    shell = DigitalObject(
        id=item, record=Record(id=found.record, fonds=Fonds(code=found.fonds)), encrypted=True
    )
    shell.bytes = _clear_size(len(content))
    key = object_keys.data_key(shell)
    with contents.open_version(store, held.key, held.version, shell, key) as stream:
        return stream.read()


def _clear_size(stored: int) -> int:
    body = stored - HEADER
    return max(0, body - TAG * max(1, -(-body // (SEGMENT + TAG))))


def head(held: Version) -> StoredObject | str:
    """What the store says of a version, or why it says nothing."""
    try:
        return stores.get(held.store).head(held.key, held.version)
    except StorageFailed as fault:
        return str(fault)
