"""系统文件: what the archive itself keeps in its stores beside records, looked at, and put again where one store lost it.

Seals, results of fixity, papers of the fonds file, catalogue snapshots. Contract:
- Each is proven by what the database says of it: the digest of the file, or for a seal the digest that the chain
  holds. A store has it when some version under its key is proven; rows keep the version that was written first.
- `put_again` takes the bytes from a store that has it, and writes a new locked version, read back, where it is missing
  or damaged. The damaged one stays, locked. One event a file says where, which version, why and by whom:
  `verification` and the readers know it from there. Where no store has it, it is told and nothing is done.
- Each file is looked at once in ROUND_DAYS (`check`); what is lacking stands in the ledger until it was put again, or was
  found at its next turn (`lacking`).
- A well-formed file that says something else than the database is no damage: that is for `verify_audit` and people.
"""

import hashlib
import io
import zlib
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db import transaction
from django.utils import timezone

from archive import audit, permissions, seals, stores
from archive.errors import StorageFailed, WrongInput
from archive.models import CatalogueSnapshot, Event, Paper, Seal
from archive.permissions import Actor
from archive.storage import GOVERNANCE, Store

Proof = Callable[[bytes], bool]
LARGEST = 512 * 1024 * 1024
ROUND_DAYS = 30
TELL = 100
"""So many lacking files of a day are named in the ledger; more are counted."""
SUBJECT = "evidence"


@dataclass(frozen=True)
class File:
    """One file that every store should hold. `name` for people; `versions`: store → the one that is asked for by its
    version, by `verification`; `fonds`: whose mode of lock it takes."""

    name: str
    key: str
    proof: Proof
    versions: dict[str, str] = field(default_factory=dict)
    fonds: int | None = None


@dataclass
class Found:
    """Where a file is good, and where it is `missing` or `damaged`, or `untold`: it was put again, and a kill kept the
    event from saying so."""

    file: File
    good: list[str] = field(default_factory=list)
    bad: dict[str, str] = field(default_factory=dict)


def expected() -> Iterator[File]:
    for seal in Seal.objects.order_by("number").iterator(500):
        yield File(f"第 {seal.number} 号封存", seal.key, _seal_proof(seal.digest), seal.copies)
    for paper in Paper.objects.select_related("fonds").order_by("pk").iterator(500):
        for key in sorted({copy["key"] for copy in paper.copies}):
            name = f"{paper.fonds.code} 全宗卷第 {paper.number} 号"
            yield File(name, key, _digest_proof(paper.sha256), fonds=paper.fonds_id)
    runs = Event.objects.filter(kind="site", subject="fixity", action="fixity.run").order_by("sequence")
    for data in runs.values_list("data", flat=True).iterator(500):
        if data.get("file"):
            yield File("固化核验结果", data["file"], _digest_proof(data["sha256"]))
    for row in CatalogueSnapshot.objects.order_by("taken_at").iterator(500):
        for key in sorted({copy["key"] for copy in row.copies}):
            yield File(
                f"目录快照 {timezone.localtime(row.taken_at):%Y-%m-%d}", key, _digest_proof(row.sha256)
            )


def _digest_proof(sha256: str) -> Proof:
    return lambda content: hashlib.sha256(content).hexdigest() == sha256


def _seal_proof(digest: str) -> Proof:
    def proof(content: bytes) -> bool:
        try:
            return seals.digest_of(seals.parse(content)) == digest
        except ValueError:
            return False

    return proof


def only_in(store: str, others: Set[str]) -> list[str]:
    """Seals and papers that none of the `others` is known to have, by name. Asks rows only; what need not live on
    (results of fixity, snapshots) is not among them."""
    again, lacks = restored().keys(), _lacking(timezone.now())[0]
    held = [(f"第 {number} 号封存", key, copies.keys()) for number, key, copies in
            Seal.objects.order_by("number").values_list("number", "key", "copies").iterator(2000)]  # fmt: skip
    for paper in Paper.objects.select_related("fonds").order_by("pk").iterator(2000):
        lies = {copy["store"] for copy in paper.copies}
        held += [
            (f"{paper.fonds.code} 全宗卷第 {paper.number} 号", key, lies)
            for key in {copy["key"] for copy in paper.copies}
        ]

    def has(other: str, key: str, lies: Set[str]) -> bool:
        return (other in lies or (other, key) in again) and (other, key) not in lacks

    return [
        name
        for name, key, lies in held
        if store in lies and not any(has(other, key, lies) for other in others)
    ]


def look(file: File, told: Mapping[tuple[str, str], str]) -> Found:
    """Ask every store; `told`: what was put again (`restored`). Raises StorageFailed when one cannot be asked at all."""
    found = Found(file)
    for name, store in stores.configured().items():
        listed = [one.version for one in store.versions(file.key) if not one.marker]
        proven = [version for version in listed if _content(store, file, version) is not None]
        asked = file.versions.get(name)
        if not proven:
            found.bad[name] = "damaged" if listed else "missing"
        elif asked and not {asked, told.get((name, file.key))} & {*proven}:
            found.bad[name] = "untold"
        else:
            found.good.append(name)
    return found


def _content(store: Store, file: File, version: str) -> bytes | None:
    """The bytes of this version when they are proven."""
    try:
        with store.open(file.key, version) as stream:
            content = stream.read(LARGEST + 1)
    except StorageFailed as fault:
        if fault.kind in ("unreachable", "denied"):
            raise
        return None
    return content if len(content) <= LARGEST and file.proof(content) else None


def wanting() -> Iterator[Found]:
    """Every file that some store lacks. Reads them all: for a command."""
    told = restored()
    for file in expected():
        found = look(file, told)
        if found.bad:
            yield found


def check(day: date, *, actor: Actor) -> tuple[int, int]:
    """Look at the files whose turn is on that day: (how many, how many of them some store lacks). Raises NotAllowed,
    StorageFailed."""
    permissions.require(actor, "fixity.run")
    told = restored()
    turn = [
        file
        for file in expected()
        if zlib.crc32(file.key.encode()) % ROUND_DAYS == day.toordinal() % ROUND_DAYS
    ]
    bad = [found for found in (look(file, told) for file in turn) if found.bad]
    named = [[name, found.file.key] for found in bad for name in found.bad][:TELL]
    data = {"files": len(turn), "wanting": len(bad), "lacking": named}
    with transaction.atomic():
        audit.record(actor=actor, action="evidence.checked", kind="site", subject=SUBJECT, data=data)
    return len(turn), len(bad)


def lacking(now: datetime) -> tuple[int, datetime | None]:
    """(how many files some store lacks, as far as the last round tells; when it was looked last)."""
    found, last = _lacking(now)
    gone = stores.retired()
    return len({key for name, key in found if name not in gone}), last


def _lacking(now: datetime) -> tuple[set[tuple[str, str]], datetime | None]:
    rows = Event.objects.filter(kind="site", subject=SUBJECT, at__gt=now - timedelta(days=ROUND_DAYS))
    found: set[tuple[str, str]] = set()
    last = None
    for action, at, data in rows.order_by("sequence").values_list("action", "at", "data"):
        if action == "evidence.checked":
            found |= {(name, key) for name, key in data["lacking"]}
            last = at
        else:
            found.discard((data["store"], data["key"]))
    return found, last


def put_again(found: Found, *, actor: Actor, reason: str) -> list[str]:
    """The stores into which it was put; [] where no store has it. Raises NotAllowed, WrongInput, StorageFailed."""
    permissions.require(actor, "copy.restore")
    if not reason.strip():
        raise WrongInput(field="理由", reason="请写明为什么重新存入。")
    content = _good(found)
    if content is None:
        return []
    done = []
    for name in found.bad:
        store = stores.get(name)
        version = (
            _untold(store, found.file) if found.bad[name] == "untold" else _put(store, found.file, content)
        )
        data = {"store": name, "key": found.file.key, "version": version, "reason": reason.strip()[:300]}
        with transaction.atomic():
            audit.record(
                actor=actor, action="evidence.restored", kind="site", subject=SUBJECT, name=found.file.name, data=data
            )  # fmt: skip
        done.append(name)
    return done


def _put(store: Store, file: File, content: bytes) -> str:
    stored = store.put(
        file.key,
        io.BytesIO(content),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        content_type="application/octet-stream",
        lock_until=stores.horizon(timezone.localdate()),
        mode=stores.lock_mode(file.fonds) if file.fonds else GOVERNANCE,
    )
    if _content(store, file, stored.version) is None:
        raise StorageFailed(store=store.name, kind="changed", reason=f"{file.name}写入后读回的内容不同。")
    return stored.version


def _untold(store: Store, file: File) -> str:
    listed = (one.version for one in store.versions(file.key) if not one.marker)
    return next(version for version in listed if _content(store, file, version) is not None)


def _good(found: Found) -> bytes | None:
    untold = [name for name, how in found.bad.items() if how == "untold"]
    for name in (*found.good, *untold):
        store = stores.get(name)
        for version in store.versions(found.file.key):
            if not version.marker and (content := _content(store, found.file, version.version)) is not None:
                return content
    return None


def restored() -> dict[tuple[str, str], str]:
    """(store, key) → the version that was put again."""
    rows = Event.objects.filter(kind="site", subject=SUBJECT, action="evidence.restored").order_by("sequence")
    return {(data["store"], data["key"]): data["version"] for data in rows.values_list("data", flat=True)}
