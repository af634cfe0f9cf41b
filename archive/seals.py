"""封存: from time to time both ledgers are sealed under one Merkle root, whose chain lies also in every store.

What is to be sealed was announced in the outbox by the transaction that wrote it, so nothing that commits late is
lost. A seal is a locked file `seals/<number>.json.gz` (JSON lines: a header, then one line per leaf) and a row.
The file is written first. After a crash in between the next run finds the file of that number, proves that it says
what the ledgers say, and adopts it: no gap, no number twice. One runner at a time.
"""

import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import islice
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from archive import permissions, stores
from archive.errors import ArchiveError
from archive.locks import alone
from archive.models import Access, Change, Event, Seal
from archive.permissions import Actor
from archive.storage import Store

FORMAT = "archive-seal/1"
EVENT, ACCESS = "seal-event", "seal-access"
"""Topics of the outbox, announced by `audit`."""
LEAVES = 10_000
"""At most so many leaves in one seal: it is built in memory, and its rows are deleted in one short transaction."""
MAX_FILE = 64 * 1024 * 1024
PREFIX = "seals/"
WRONG = (
    OSError, EOFError, zlib.error, ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError,
)  # fmt: skip
"""What reading a file can raise that somebody else made."""
LOCK = "seals"


class SealRefused(ArchiveError):
    """A file in the store contradicts the database: sealing on would hide it."""

    code, status, sentence = "seal-refused", 409, "第 {number} 号封存没有完成：{reason}"


@dataclass(frozen=True)
class Leaf:
    """What a seal says of one row. `digest` is "" where the row was announced and gone before it was sealed."""

    ledger: str  # EVENT or ACCESS
    id: UUID
    digest: str
    kind: str = ""
    subject: str = ""
    sequence: int = 0

    def line(self) -> bytes:
        return _json([self.ledger, str(self.id), self.digest, self.kind, self.subject, self.sequence])


@dataclass(frozen=True)
class Sealed:
    """The content of one seal, as its file says it."""

    number: int
    sealed_at: str
    previous: str
    locked_until: str
    leaves: tuple[Leaf, ...]

    @cached_property
    def root(self) -> str:
        return merkle_root([leaf.line() for leaf in self.leaves])

    @property
    def events(self) -> int:
        return sum(leaf.ledger == EVENT for leaf in self.leaves)

    @property
    def accesses(self) -> int:
        return len(self.leaves) - self.events

    def last(self, ledger: str) -> UUID | None:
        return next((leaf.id for leaf in reversed(self.leaves) if leaf.ledger == ledger), None)


def seal_ledgers(*, actor: Actor, at: datetime | None = None) -> Seal | None:
    """Seal everything announced. The last seal made, or None when there was nothing to do or another process is at it.

    Raises StorageFailed when a store does not take its file (the next run goes on from there), SealRefused when a
    store holds a seal that the database contradicts.
    """
    permissions.require(actor, "audit.seal")
    made = None
    with alone(LOCK) as ours:
        while ours and (seal := _seal_next(at or timezone.now())):
            made = seal
    return made


def _seal_next(at: datetime) -> Seal | None:
    last = Seal.objects.order_by("-number").first()
    number, previous = (last.number + 1, last.digest) if last else (1, "")
    key = key_of(number)
    held = {
        name: versions for name, store in stores.configured().items() if (versions := _versions(store, key))
    }
    if held:
        sealed, content = _left_behind(number, previous, held)
        changes = _announced(number, sealed.leaves)
    else:
        changes, leaves = _take()
        if not leaves:
            return None
        until = stores.horizon(timezone.localdate(at))
        sealed = Sealed(number, at.isoformat(), previous, until.isoformat(), leaves)
        content = write(sealed)
    copies = {name: versions[0] for name, versions in held.items()}
    for name, store in stores.configured().items():
        if name not in copies:
            copies[name] = _put(store, key, content, sealed)
    return _book(sealed, key, copies, changes)


def _take() -> tuple[list[int], tuple[Leaf, ...]]:
    """The ids of the messages read, and their leaves in the order of the announcements."""
    changes: list[int] = []
    leaves: list[Leaf] = []
    for ledger in (EVENT, ACCESS):
        rows = Change.objects.filter(topic=ledger).order_by("id").values_list("id", "subject")
        for part in batches(rows[: LEAVES - len(leaves)]):
            changes += [row_id for row_id, _ in part]
            leaves += current_leaves(ledger, [subject for _, subject in part])
    return changes, tuple(leaves)


def current_leaves(ledger: str, ids: Sequence[UUID]) -> list[Leaf]:
    """The leaves of these rows as the database has them now, in the order given."""
    if ledger == ACCESS:
        found = dict(Access.objects.filter(pk__in=ids).values_list("id", "digest"))
        return [Leaf(ledger, row_id, found.get(row_id, "")) for row_id in ids]
    rows = Event.objects.filter(pk__in=ids).values_list("id", "digest", "kind", "subject", "sequence")
    events = {row[0]: Leaf(ledger, *row) for row in rows}
    return [events.get(row_id) or Leaf(ledger, row_id, "") for row_id in ids]


def _left_behind(number: int, previous: str, held: dict[str, list[str]]) -> tuple[Sealed, bytes]:
    """The file that an interrupted run left, proven against the database. Raises SealRefused."""
    contents = {
        read_file(stores.get(name), key_of(number), version)
        for name, versions in held.items()
        for version in versions
    }
    if len(contents) > 1:
        raise SealRefused(number=number, reason="存储里有内容不同的同号封存，请先用 verify_audit 核对。")
    content = contents.pop()
    try:
        sealed = parse(content)
    except ValueError as fault:
        raise SealRefused(number=number, reason=f"存储里的同号封存读不懂（{fault}）。") from None
    if (sealed.number, sealed.previous) != (number, previous):
        raise SealRefused(
            number=number, reason="存储里的同号封存接不上数据库里的上一号，数据库可能被截断或还原过。"
        )
    for ledger in (EVENT, ACCESS):
        for part in batches([leaf for leaf in sealed.leaves if leaf.ledger == ledger]):
            if current_leaves(ledger, [leaf.id for leaf in part]) != part:
                reason = "存储里的同号封存与数据库里的账本不符，数据库可能被改动或还原过。"
                raise SealRefused(number=number, reason=reason)
    return sealed, content


def _announced(number: int, leaves: Sequence[Leaf]) -> list[int]:
    """The messages of leaves that are still to be booked. A seal that was booked before has none left: then its row
    was cut away, and adopting it would hide that."""
    found: list[int] = []
    for part in batches(leaves):
        rows = Change.objects.filter(topic__in=[EVENT, ACCESS], subject__in=[leaf.id for leaf in part])
        found += rows.values_list("id", flat=True)
    if len(found) < len(leaves):
        reason = "它早已登记过，登记却不见了：数据库里的封存被删除过，请用 verify_audit 核对。"
        raise SealRefused(number=number, reason=reason)
    return found


def _put(store: Store, key: str, content: bytes, sealed: Sealed) -> str:
    stored = store.put(
        key,
        io.BytesIO(content),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        content_type="application/gzip",
        lock_until=datetime.fromisoformat(sealed.locked_until),
    )
    return stored.version


@transaction.atomic
def _book(sealed: Sealed, key: str, copies: dict[str, str], changes: Sequence[int]) -> Seal:
    seal = row_of(sealed, key, copies)
    seal.save(force_insert=True)
    for part in batches(changes):
        Change.objects.filter(id__in=part).delete()
    return seal


def row_of(sealed: Sealed, key: str, copies: dict[str, str]) -> Seal:
    return Seal(
        number=sealed.number,
        sealed_at=datetime.fromisoformat(sealed.sealed_at),
        events=sealed.events,
        accesses=sealed.accesses,
        last_event=sealed.last(EVENT),
        last_access=sealed.last(ACCESS),
        root=sealed.root,
        previous=sealed.previous,
        digest=digest_of(sealed),
        key=key,
        copies=copies,
    )


# The file


def key_of(number: int) -> str:
    return f"{PREFIX}{number:010d}.json.gz"


def write(sealed: Sealed) -> bytes:
    """The same seal gives the same bytes."""
    header = {
        "format": FORMAT,
        "number": sealed.number,
        "sealed_at": sealed.sealed_at,
        "locked_until": sealed.locked_until,
        "previous": sealed.previous,
        "events": sealed.events,
        "accesses": sealed.accesses,
        "root": sealed.root,
        "digest": digest_of(sealed),
    }
    lines = [_json(header), *(leaf.line() for leaf in sealed.leaves)]
    return gzip.compress(b"\n".join(lines) + b"\n", mtime=0)


def parse(content: bytes) -> Sealed:
    """The seal in a file that agrees with itself. Raises ValueError, with a reason for people."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            text = file.read(MAX_FILE + 1)
        if len(text) > MAX_FILE:
            raise ValueError("解压后过大")
        header, *lines = [json.loads(line) for line in text.splitlines()]
        leaves = tuple(Leaf(line[0], UUID(line[1]), *line[2:]) for line in lines)
        sealed = Sealed(
            header["number"], header["sealed_at"], header["previous"], header["locked_until"], leaves
        )
        datetime.fromisoformat(sealed.sealed_at), datetime.fromisoformat(sealed.locked_until)
        same = (header["format"], header["events"], header["accesses"], header["root"], header["digest"]) == (
            FORMAT, sealed.events, sealed.accesses, sealed.root, digest_of(sealed),
        )  # fmt: skip
    except WRONG as fault:
        raise ValueError(f"文件已损坏：{type(fault).__name__}") from None
    if not same:
        raise ValueError("文件的内容与它自己的摘要不符")
    return sealed


def digest_of(sealed: Sealed | Seal) -> str:
    """Of what row and file share: the chain of seals runs over these digests."""
    at = sealed.sealed_at if isinstance(sealed.sealed_at, str) else sealed.sealed_at.isoformat()
    instant = datetime.fromisoformat(at).timestamp()
    parts = [sealed.number, f"{instant:.6f}", sealed.previous, sealed.events, sealed.accesses, sealed.root]
    return hashlib.sha256(_json(parts)).hexdigest()


def merkle_root(leaves: Sequence[bytes]) -> str:
    """As RFC 6962 builds it: leaves and nodes are hashed with different first bytes, so neither passes for the other.
    An odd node moves up."""
    level = [hashlib.sha256(b"\0" + leaf).digest() for leaf in leaves]
    while len(level) > 1:
        pairs = [
            hashlib.sha256(b"\1" + a + b).digest() for a, b in zip(level[::2], level[1::2], strict=False)
        ]
        level = pairs + ([level[-1]] if len(level) % 2 else [])
    return level[0].hex() if level else hashlib.sha256(b"").hexdigest()


def read_file(store: Store, key: str, version: str) -> bytes:
    with store.open(key, version) as stream:
        return stream.read(MAX_FILE + 1)


def batches(items: Iterable, size: int = 500) -> Iterator[list]:
    iterator = iter(items)
    while part := list(islice(iterator, size)):
        yield part


def _versions(store: Store, key: str) -> list[str]:
    return [found.version for found in store.versions(key) if not found.marker]


def _json(value) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
