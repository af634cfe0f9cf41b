"""verify_audit: prove both ledgers against themselves, against the heads of their chains and against the seals.

Reads one snapshot of the database and every seal in every store, in the order of keys; memory stays bounded, because
what grows with the ledgers (the ids that seals know) lies in a temporary file. Nothing read here is believed: a row
that cannot even be decoded is a changed row, a file that cannot be read is a changed file. An unreachable store is
no fault of the ledger and raises StorageFailed.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, TextField
from django.db.models.functions import Cast

from archive import audit, evidence, seals, stores
from archive.errors import StorageFailed
from archive.locks import alone, snapshot
from archive.models import Access, ChainHead, Change, Event, Seal
from archive.seals import ACCESS, EVENT, Leaf, Sealed, batches
from archive.storage import StoredVersion

FAULTS = {
    "changed": "内容被改动",
    "inserted": "不该有的一条",
    "removed": "这一条不见了",
    "broken": "与前一条接不上",
    "tail": "末尾被截断",
    "head": "链头与最后一条不符",
    "headless": "链头不见了",
    "recomputed": "与封存的摘要不符，链被重算过",
    "unsealed": "既没有封存，也不在等待封存",
    "seal-missing": "缺少这一号封存",
    "seal-changed": "封存的登记被改动",
    "seal-unregistered": "存储里有这一号封存，数据库里没有登记",
    "seal-file-missing": "存储里的封存文件不见了",
    "seal-file-changed": "存储里的封存文件被改动",
    "seal-doubled": "存储里有两份内容不同的同号封存",
    "seal-unlocked": "存储里的封存文件没有按要求锁定",
}
"""The codes of `--json`, and what people read."""
UNDECODABLE = (ValueError, TypeError, AttributeError, OverflowError, RecursionError)


@dataclass(frozen=True)
class Fault:
    """`subject`: "record:<uuid>" or another chain, "access:<uuid>", "event:<uuid>" where only the id is known, or
    "seal"; `sequence` counts in the chain (or the seals), None for accesses."""

    subject: str
    sequence: int | None
    fault: str


@dataclass
class Verification:
    """What was found; the counts say how much was looked at."""

    faults: list[Fault] = field(default_factory=list)
    events: int = 0
    accesses: int = 0
    seals: int = 0


Listing = dict[str, dict[int, list[StoredVersion]]]
Progress = Callable[[str, int], None]


def verify_audit(progress: Progress | None = None) -> Verification:
    """Look at everything. `progress` hears (what, how many so far) every few hundred rows."""
    with ExitStack() as stack:
        with alone(seals.LOCK, wait=60):  # so that no seal stands in a store and not yet in the snapshot
            listing = _list_files()
            stack.enter_context(snapshot())
        known = stack.enter_context(_KnownIds())
        return _Run(listing, known, progress or (lambda what, count: None)).all()


class _Run:
    def __init__(self, listing: Listing, known: "_KnownIds", progress: Progress) -> None:
        self.listing, self.known, self.progress = listing, known, progress
        self.result = Verification()
        self.restored = evidence.restored()
        self._seen: set[Fault] = set()
        self._all_heard = True  # every seal could be read; else nobody can say what was never sealed

    def all(self) -> Verification:
        self._seals()
        self._waiting()
        self._chains()
        self._heads_alone()
        self._accesses()
        return self.result

    def fault(self, subject: str, sequence: int | None, fault: str) -> None:
        found = Fault(subject, sequence, fault)
        if found not in self._seen:
            self._seen.add(found)
            self.result.faults.append(found)

    # Seals

    def _seals(self) -> None:
        expected, previous = 1, ""
        numbers = Seal.objects.order_by("number").values_list("number", flat=True)
        for number, row in _rows(Seal, numbers.iterator(500)):
            for absent in range(expected, number):
                previous = self._unregistered(absent, previous, "seal-missing")
            if row is None:
                previous = self._unregistered(number, previous, "seal-changed")
            else:
                previous = self._seal(row, previous)
            expected = number + 1
            self.result.seals += 1
            self.progress("封存", self.result.seals)
        beyond = {n for numbers in self.listing.values() for n in numbers if n >= expected}
        for number in sorted(beyond):
            if number == expected and self._is_left_behind(number, previous):
                continue  # a run was interrupted between store and row; the next one adopts it
            previous = self._unregistered(number, previous, "seal-unregistered")

    def _seal(self, row: Seal, previous: str) -> str:
        """Compare one row with its files and the ledgers with its leaves; its digest, as the files have it."""
        if not _holds(lambda: seals.digest_of(row) == row.digest):
            self.fault("seal", row.number, "seal-changed")
        files = self._files(row.number)
        copies = row.copies if isinstance(row.copies, dict) else {}
        listed = {
            name: {v.version for v in numbers.get(row.number, ())} for name, numbers in self.listing.items()
        }
        if not files or any(
            name in listed and not {version, self.restored.get((name, row.key))} & listed[name]
            for name, version in copies.items()
        ):
            self.fault("seal", row.number, "seal-file-missing")
        told = self._told(files, row.number, previous)
        if told is None:
            self._all_heard = False
            if row.previous != previous:
                self.fault("seal", row.number, "seal-changed")
            return row.digest
        if (seals.digest_of(told), told.previous, told.root) != (row.digest, row.previous, row.root):
            self.fault("seal", row.number, "seal-changed")
        self._leaves(told)
        return seals.digest_of(told)

    def _unregistered(self, number: int, previous: str, fault: str) -> str:
        """A seal without a row. Its leaves still bear witness."""
        self.fault("seal", number, fault)
        told = self._told(self._files(number), number, previous)
        if told is None:
            self._all_heard = False
            return previous
        self._leaves(told)
        return seals.digest_of(told)

    def _told(self, files: list[Sealed], number: int, previous: str) -> Sealed | None:
        """The seal that the files tell of: the oldest that continues the chain, for what was locked first cannot have
        been replaced."""
        if len({seals.digest_of(sealed) for sealed in files}) > 1:
            self.fault("seal", number, "seal-doubled")
        files = [sealed for sealed in files if sealed.number == number]
        told = next((sealed for sealed in files if sealed.previous == previous), None)
        if told is None and files:
            self.fault("seal", number, "seal-file-changed")
            told = files[0]
        return told

    def _files(self, number: int) -> list[Sealed]:
        """Every readable file of that number in any store, the first written first."""
        found = [
            (version.written_at, name, version)
            for name, numbers in self.listing.items()
            for version in numbers.get(number, ())
        ]
        files = []
        for _, name, version in sorted(found, key=lambda item: item[:2]):
            store = stores.get(name)
            try:
                sealed = seals.parse(seals.read_file(store, version.key, version.version))
                locked = store.head(version.key, version.version).lock_until
            except ValueError:
                if not self._put_again(name, version):
                    self.fault("seal", number, "seal-file-changed")
                continue
            except StorageFailed as fault:
                if fault.kind not in ("missing", "changed"):
                    raise
                if self._put_again(name, version):
                    continue
                self.fault(
                    "seal", number, "seal-file-changed" if fault.kind == "changed" else "seal-file-missing"
                )
                continue
            until = datetime.fromisoformat(sealed.locked_until)
            if until > datetime.now(UTC) and (locked is None or locked < until):
                self.fault("seal", number, "seal-unlocked")
            files.append(sealed)
        return files

    def _put_again(self, store: str, version: StoredVersion) -> bool:
        """Whether another version took the place of this damaged one, on an order that stands in the ledger."""
        return self.restored.get((store, version.key), version.version) != version.version

    def _is_left_behind(self, number: int, previous: str) -> bool:
        files = self._files(number)
        if len({seals.digest_of(sealed) for sealed in files}) != 1:
            return False
        sealed = files[0]
        waiting = sum(
            Change.objects.filter(topic__in=[EVENT, ACCESS], subject__in=[leaf.id for leaf in part]).count()
            for part in batches(sealed.leaves)
        )
        return (sealed.number, sealed.previous) == (number, previous) and waiting >= len(sealed.leaves)

    def _leaves(self, sealed: Sealed) -> None:
        """What was sealed must still be there, with the digest it had."""
        for ledger in (EVENT, ACCESS):
            for part in batches([leaf for leaf in sealed.leaves if leaf.ledger == ledger]):
                self.known.add(leaf.id for leaf in part)
                for leaf, now in zip(
                    part, seals.current_leaves(ledger, [leaf.id for leaf in part]), strict=True
                ):
                    if now != leaf or not leaf.digest:
                        self._contradicted(leaf, now)

    def _contradicted(self, leaf: Leaf, now: Leaf) -> None:
        if leaf.ledger == ACCESS:
            self.fault(f"access:{leaf.id}", None, "recomputed" if now.digest and leaf.digest else "removed")
        elif not leaf.digest and not now.digest:
            self.fault(f"event:{leaf.id}", None, "removed")
        else:
            subject = f"{leaf.kind or now.kind}:{leaf.subject or now.subject}"
            self.fault(subject, leaf.sequence or now.sequence, "recomputed" if now.digest else "removed")

    def _waiting(self) -> None:
        """What is announced will be sealed; what is announced and gone was removed."""
        for ledger, name in ((EVENT, "event"), (ACCESS, "access")):
            rows = Change.objects.filter(topic=ledger).order_by("id").values_list("subject", flat=True)
            for part in batches(rows.iterator(500)):
                self.known.add(part)
                for leaf in seals.current_leaves(ledger, part):
                    if not leaf.digest:
                        self.fault(f"{name}:{leaf.id}", None, "removed")

    # Events

    def _chains(self) -> None:
        rows = (
            Event.objects.annotate(key=Cast("id", TextField()))
            .order_by("kind", "subject", "sequence")
            .values_list("kind", "subject", "sequence", "previous", "digest", "key")
        )
        chain, last, ends = None, (0, ""), []
        for part in batches(rows.iterator(500)):
            sound = self._sound(Event, [row[-1] for row in part], audit.digest_of)
            for kind, subject, sequence, previous, digest, key in part:
                if (kind, subject) != chain:
                    ends += [(*chain, *last)] if chain else []
                    chain, last = (kind, subject), (0, "")
                self._link(f"{kind}:{subject}", sequence, previous, last)
                if not sound.get(key):
                    self.fault(f"{kind}:{subject}", sequence, "changed")
                if sound.get(key) == "unsealed":
                    self.fault(f"{kind}:{subject}", sequence, "unsealed")
                last = (sequence, digest)
            if len(ends) >= 500:
                self._heads(ends)
                ends = []
            self.result.events += len(part)
            self.progress("变更事件", self.result.events)
        self._heads(ends + ([(*chain, *last)] if chain else []))

    def _link(self, subject: str, sequence: int, previous: str, last: tuple[int, str]) -> None:
        if sequence > last[0] + 1:
            self.fault(subject, last[0] + 1, "removed")
        elif sequence <= last[0]:
            self.fault(subject, sequence, "inserted")
        elif previous != last[1]:
            self.fault(subject, sequence, "broken")

    def _sound(self, model, keys: list[str], digest_of: Callable) -> dict[str, str]:
        """By key: "sealed", or "unsealed" for what is known to be neither sealed nor waiting. A row that contradicts its digest is left out."""
        found: dict[str, str] = {}
        for key, row in _rows(model, keys):
            if row is not None and _holds(lambda row=row: digest_of(row) == row.digest):
                unsealed = self._all_heard and not self.known.has(row.id)
                found[key] = "unsealed" if unsealed else "sealed"
        return found

    def _heads(self, ends: list[tuple[str, str, int, str]]) -> None:
        """Each chain ends where its head says."""
        for part in batches(ends):
            rows = ChainHead.objects.filter(subject__in={subject for _, subject, _, _ in part})
            heads = {(head.kind, head.subject): head for head in rows}
            for kind, subject, sequence, digest in part:
                head = heads.get((kind, subject))
                if head is None:
                    self.fault(f"{kind}:{subject}", None, "headless")
                elif head.count > sequence:
                    self.fault(f"{kind}:{subject}", sequence + 1, "tail")
                elif head.count < sequence:
                    self.fault(f"{kind}:{subject}", head.count + 1, "inserted")
                elif head.digest != digest:
                    self.fault(f"{kind}:{subject}", sequence, "head")

    def _heads_alone(self) -> None:
        """Heads whose events are all gone."""
        events = Event.objects.filter(kind=OuterRef("kind"), subject=OuterRef("subject"))
        for head in ChainHead.objects.filter(~Exists(events), count__gt=0).iterator(500):
            self.fault(f"{head.kind}:{head.subject}", 1, "tail")

    # Accesses

    def _accesses(self) -> None:
        rows = (
            Access.objects.annotate(key=Cast("id", TextField())).order_by("id").values_list("key", flat=True)
        )
        for part in batches(rows.iterator(500)):
            sound = self._sound(Access, part, audit.digest_of_access)
            for key in part:
                if sound.get(key) != "sealed":
                    self.fault(
                        f"access:{_uuid(key) or key}", None, "unsealed" if sound.get(key) else "changed"
                    )
            self.result.accesses += len(part)
            self.progress("利用记录", self.result.accesses)


def _rows(model, keys: Iterable) -> Iterator[tuple]:
    """Each key (as text, or a number) with its row; None for a row that cannot be decoded (bad JSON, bad id)."""
    for part in batches(keys):
        try:
            found = model.objects.in_bulk(part)
        except UNDECODABLE:
            found = {}
            for key in part:
                with suppress(*UNDECODABLE):
                    found |= model.objects.in_bulk([key])
        for key in part:
            yield key, found.get(key if isinstance(key, int) else _uuid(key))


def _uuid(key: str) -> UUID | None:
    try:
        return UUID(key)
    except UNDECODABLE:
        return None


def _holds(question: Callable[[], bool]) -> bool:
    try:
        return question()
    except UNDECODABLE:
        return False


def _list_files() -> Listing:
    """What lies under seals/ in each store, by number. A name that is none of ours cannot carry a seal."""
    listing: Listing = {}
    for name, store in stores.configured().items():
        numbers = listing[name] = {}
        for found in store.iterate(seals.PREFIX):
            number = found.key.removeprefix(seals.PREFIX).removesuffix(".json.gz")
            if number.isdecimal() and found.key == seals.key_of(int(number)) and not found.marker:
                numbers.setdefault(int(number), []).append(found)
    return listing


class _KnownIds:
    """A set of ids on disk. They come nearly in order, so this is cheap."""

    def __enter__(self) -> "_KnownIds":
        self._file = sqlite3.connect("")  # a temporary file of SQLite's own, gone at close
        self._file.execute("CREATE TABLE known (id BLOB PRIMARY KEY) WITHOUT ROWID")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, ids: Iterable[UUID]) -> None:
        self._file.executemany("INSERT OR IGNORE INTO known VALUES (?)", ((row_id.bytes,) for row_id in ids))

    def has(self, row_id: UUID) -> bool:
        return bool(self._file.execute("SELECT 1 FROM known WHERE id = ?", (row_id.bytes,)).fetchone())
