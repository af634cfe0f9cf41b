"""After a restore: what the stores know and the backup could not.

The stores lived on after the backup was made. Three things may lie there that the restored catalogue contradicts:
- copies of objects it does not know: filed, or decided about, after the backup. They are told. The 档号 of such records
  are kept free at once, so that no number is drawn twice, whatever comes in meanwhile.
- nothing at all where it says a record is held. Where the fonds file in the stores tells of its destruction (a paper of
  stubs, retention/stubs.py), it is destroyed again: the backup brought back names and cipher text that must not be there.
  Else every copy of it is marked as missing, with an event, so that nobody takes it for held. Nothing is marked before
  every store has answered.
- seals of ledger entries it does not have. They are entered, so that the chain of seals goes on, and the entries with
  them, from the pages in the stores. Those of a chain in which the restore has already written stay missing, and
  `verify_audit` says so for ever.
"""

import gzip
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from archive import (
    audit,
    changes,
    destruction,
    fonds_file,
    manifests,
    object_keys,
    seals,
    stores,
    traces,
    verification,
)  # fmt: skip
from archive.errors import ArchiveError, StorageFailed
from archive.models import Copy, Counter, Damage, DigitalObject, FixityRun, ObjectKey, Record, Seal
from archive.numbering import CODES
from archive.permissions import Actor
from archive.rebuilding import Report, journals
from archive.storage import Store, StoredVersion

EXTENT = "restore"
MANIFESTS = ("manifest",)
LARGEST_MANIFEST = 16 * 1024 * 1024
BATCH = 400


@dataclass
class Reconciled:
    """`unknown`: record → objects of it that the catalogue does not have; `absent`: records of which no store has any;
    `codes`: numbers kept free for the unknown. `faults`: what `verify_audit` found and the age of the backup does not
    explain; `explained`: what it does."""

    unknown: dict[str, int] = field(default_factory=dict)
    codes: list[str] = field(default_factory=list)
    unread: int = 0
    """Unknown records whose number could not be read: they must be rebuilt before anything is filed."""
    absent: list[str] = field(default_factory=list)
    destroyed: list[str] = field(default_factory=list)
    """Records destroyed after the backup, by the word of the fonds file, and now destroyed again."""
    missing_copies: int = 0
    seals: list[int] = field(default_factory=list)
    explained: int = 0
    faults: list[verification.Fault] = field(default_factory=list)
    unasked: str = ""
    """Why the stores could not be asked; then nothing of the above is said."""

    @property
    def clean(self) -> bool:
        return not (self.unknown or self.absent or self.missing_copies or self.faults or self.unasked)


def reconcile(*, actor: Actor) -> Reconciled:
    """Compare catalogue and stores, and mark what must not be taken for held. Raises nothing for a store that does not
    answer: that is said in `unasked`."""
    found = Reconciled()
    try:
        with closing(
            sqlite3.connect("")
        ) as seen:  # a temporary file of SQLite's own: the memory stays bounded
            _list(seen, found)
            _unknown(seen, found)
            # First: the chains of the records go on behind what is known of them.
            lost = _adopt_seals(found, actor)
            _absent(seen, found, actor)
        _verify(found, lost)
    except ArchiveError as fault:
        found.unasked = str(fault)
    return found


# What is there


def _list(seen: sqlite3.Connection, found: Reconciled) -> None:
    """Every version of every object in every store, into `seen`. Raises StorageFailed, also for a store that the
    catalogue names and the configuration does not, or that is empty as a disk that is not mounted."""
    seen.execute(
        "CREATE TABLE seen (store TEXT, object BLOB, version TEXT, record TEXT, key TEXT, PRIMARY KEY (store, object, version)) WITHOUT ROWID"
    )
    named = set(
        Copy.objects.exclude(state__in=["pending", "removed"])
        .exclude(store__in=stores.retired())
        .order_by()
        .values_list("store", flat=True)
        .distinct()
    )
    configured = stores.configured()
    if strange := named - set(configured):
        raise StorageFailed(
            store="、".join(sorted(strange)),
            kind="missing",
            reason="备份里的副本在这个存储里，而它不在当前配置中。",
        )
    for name, store in configured.items():
        count = 0
        for part in seals.batches(_objects(store), 1000):
            count += len(part)
            seen.executemany(
                "INSERT OR IGNORE INTO seen VALUES (?, ?, ?, ?, ?)", [(name, *row) for row in part]
            )
        if not count and name in named:
            raise StorageFailed(
                store=name, kind="unreachable", reason="里面一份档案也没有：可能没有挂载，或配置指到了别处。"
            )


def _objects(store: Store) -> Iterator[tuple[bytes, str, str, str]]:
    for version in store.iterate():
        if not version.marker and (ids := _ids(version)):
            yield ids[1].bytes, version.version, str(ids[0]), version.key


def _ids(version: StoredVersion) -> tuple[UUID, UUID] | None:
    """Record and object of a key of ours, <fonds>/<record>/<object>."""
    parts = version.key.split("/")
    try:
        return (UUID(parts[1]), UUID(parts[2])) if len(parts) == 3 else None
    except ValueError:
        return None


# What the catalogue does not know


def _unknown(seen: sqlite3.Connection, found: Reconciled) -> None:
    rows = seen.execute("SELECT DISTINCT object FROM seen ORDER BY object")
    for part in seals.batches((UUID(bytes=row[0]) for row in rows), BATCH):
        known = set(DigitalObject.objects.filter(pk__in=part).values_list("pk", flat=True))
        for item in part:
            if item not in known:
                (record,) = seen.execute("SELECT record FROM seen WHERE object = ?", (item.bytes,)).fetchone()
                found.unknown[record] = found.unknown.get(record, 0) + 1
    wholly = [record for record in found.unknown if not _known(record)]
    for record in wholly:
        code = _code_of(seen, record)
        if code:
            found.codes.append(code)
        else:
            found.unread += 1
    _keep_free(found.codes)


def _known(record: str) -> bool:
    return DigitalObject.objects.filter(record=record).exists()


def _code_of(seen: sqlite3.Connection, record: str) -> str:
    """The 档号 in the record's manifest; "" when none can be read."""
    for name, key, version in seen.execute(
        "SELECT store, key, version FROM seen WHERE record = ?", (record,)
    ):
        store = stores.get(name)
        try:
            if store.head(key, version).metadata.get("role") not in MANIFESTS:
                continue
            with store.open(key, version) as stream:
                code = str(manifests.parse(stream.read(LARGEST_MANIFEST))["record"].get("reference_code"))
        except (StorageFailed, ValueError, AttributeError):
            continue
        if CODES.fullmatch(code):
            return code
    return ""


@transaction.atomic
def _keep_free(codes: Iterable[str]) -> None:
    """Move each counter past the numbers that were drawn after the backup."""
    last: dict[str, int] = {}
    for code in codes:
        scope, _, number = code.rpartition("-")
        last[scope] = max(last.get(scope, 0), int(number))
    for scope, number in sorted(last.items()):
        counter, _ = Counter.objects.get_or_create(scope=scope, defaults={"last": number})
        if counter.last < number:
            Counter.objects.filter(pk=counter.pk).update(last=number)


# What is nowhere


def _absent(seen: sqlite3.Connection, found: Reconciled, actor: Actor) -> None:
    """Copies that should be there and are not; records of which nothing is anywhere."""
    held = Copy.objects.filter(state__in=["stored", "damaged"], object__record__state="archived")
    held = held.exclude(store__in=stores.retired())
    fields = ("pk", "object_id", "object__record_id", "store", "version")
    record, missing, there = None, [], False
    rows = held.order_by("object__record_id", "pk").values_list(*fields)
    gone: list[tuple[UUID, list[UUID]]] = []
    for copy, item, owner, store, version in rows.iterator(2000):
        if owner != record:
            if record and missing:
                _tell(found, gone, record, missing, there)
            record, missing, there = owner, [], False
        query = "SELECT 1 FROM seen WHERE store = ? AND object = ? AND version = ?"
        if seen.execute(query, (store, item.bytes, version)).fetchone():
            there = True
        else:
            there = there or bool(
                seen.execute("SELECT 1 FROM seen WHERE record = ? LIMIT 1", (str(owner),)).fetchone()
            )
            missing.append(copy)
    if record and missing:
        _tell(found, gone, record, missing, there)
    if gone:
        _destroy_again(gone, found, actor)
        _mark(gone, actor)
        _let_keys_go([record for record, _ in gone], actor)


def _destroy_again(gone: list[tuple[UUID, list[UUID]]], found: Reconciled, actor: Actor) -> None:
    """Take out of `gone` what the fonds file says was destroyed, and destroy it: there is nothing left but rows."""
    told = _told_by_stubs()
    for pair in [pair for pair in gone if pair[0] in told]:
        pk, data = pair[0], {"paper": told[pair[0]]}
        if destruction.begin(pk, actor=actor, action="record.destroyed_again", data=data):
            continue  # held, by the backup: somebody must look at it
        record = Record.objects.select_related("fonds").get(pk=pk)
        for keeper in traces.keepers():
            keeper.remove(record)
        destruction.finish([pk], actor=actor, action="record.stub_again", data={pk: data})
        gone.remove(pair)
        found.absent.remove(str(pk))
        found.destroyed.append(str(pk))


def _told_by_stubs() -> dict[UUID, str]:
    """Record → the key of the paper in the fonds file that tells of its destruction. A paper that cannot be read tells
    nothing."""
    told: dict[UUID, str] = {}
    for store in stores.configured().values():
        for version in store.iterate(f"{fonds_file.PREFIX}/"):
            try:
                about = store.head(version.key, version.version).metadata.get("about", "")
                if version.marker or not about.startswith(manifests.STUBS):
                    continue
                with store.open(version.key, version.version) as stream, gzip.open(stream) as lines:
                    for line in lines:
                        told.setdefault(UUID(manifests.parse(line)["record"]["id"]), version.key)
            except (StorageFailed, OSError, EOFError, zlib.error, ValueError, LookupError):
                continue
    return told


def _let_keys_go(gone: list[UUID], actor: Actor) -> None:
    """The backup brought back the data keys of what was destroyed since. The key store knows: it has no file of such a
    record, while it has others."""
    keyed = ObjectKey.objects.filter(object__record__in=gone).exclude(wrapped="")
    if not keyed.exists() or next(iter(object_keys.key_store().iterate()), None) is None:
        return
    for record in Record.objects.filter(pk__in=gone, digital_objects__in=keyed.values("object")).distinct():
        if not object_keys.key_store().versions(object_keys.place(record.fonds.code, record.pk)):
            object_keys.destroy(record, actor=actor)


def _tell(found: Reconciled, gone: list, record: UUID, missing: list[UUID], there: bool) -> None:
    if there:
        found.missing_copies += len(missing)
    else:
        gone.append((record, missing))
        found.absent.append(str(record))


@transaction.atomic
def _mark(gone: list[tuple[UUID, list[UUID]]], actor: Actor) -> None:
    now = timezone.now()
    count = sum(len(copies) for _, copies in gone)
    run = FixityRun.objects.create(
        started_at=now, finished_at=now, extent=EXTENT, checked=count, damaged=count
    )
    for record_id, copies in gone:
        record = Record.objects.select_for_update(of=("self",)).get(pk=record_id)
        Damage.objects.bulk_create(
            Damage(
                run=run, copy_id=copy, fault="missing", detail="恢复备份之后，各存储里都没有。", found_at=now
            )
            for copy in copies
        )
        Copy.objects.filter(pk__in=copies).update(state="damaged", fault="missing", checked_at=now)
        audit.record(
            actor=actor, action="record.absent", kind="record", subject=record.pk, name=record.reference_code,
            data={"copies": len(copies)},
        )  # fmt: skip
        changes.announce("search", record.pk)


# Ledgers


def _adopt_seals(found: Reconciled, actor: Actor) -> set[tuple[str, int | None]]:
    """Enter the seals made after the backup, as far as they continue the chain; the ledger entries (subject, sequence)
    that they know and the catalogue does not."""
    lost: set[tuple[str, int | None]] = set()
    last = Seal.objects.order_by("-number").first()
    number, previous = (last.number + 1, last.digest) if last else (1, "")
    while (made := _seal(number)) and made[0].previous == previous:
        sealed, copies = made
        for ledger in (seals.EVENT, seals.ACCESS):
            leaves = [leaf for leaf in sealed.leaves if leaf.ledger == ledger]
            for part in seals.batches(leaves):
                now = seals.current_leaves(ledger, [leaf.id for leaf in part])
                lost |= {_subject(leaf) for leaf, here in zip(part, now, strict=True) if here != leaf}
        if not lost and not found.seals:
            break  # the next sealing adopts it: a run was interrupted, nothing is missing
        Seal.objects.create(
            number=number, sealed_at=datetime.fromisoformat(sealed.sealed_at), events=sealed.events,
            accesses=sealed.accesses, last_event=sealed.last(seals.EVENT), last_access=sealed.last(seals.ACCESS),
            root=sealed.root, previous=previous, digest=seals.digest_of(sealed), key=seals.key_of(number), copies=copies,
        )  # fmt: skip
        found.seals.append(number)
        number, previous = number + 1, seals.digest_of(sealed)
    if found.seals:
        with transaction.atomic():
            journals.load(Report(), lambda what, count: None, first=found.seals[0], living=True)
            data = {"first": found.seals[0], "last": found.seals[-1], "missing": len(lost)}
            audit.record(actor=actor, action="seal.adopted", kind="site", subject="backup", data=data)
    return lost


def _subject(leaf: seals.Leaf) -> tuple[str, int | None]:
    """As `verification` names it."""
    if leaf.ledger == seals.ACCESS:
        return f"access:{leaf.id}", None
    return (f"{leaf.kind}:{leaf.subject}", leaf.sequence) if leaf.kind else (f"event:{leaf.id}", None)


def _seal(number: int) -> tuple[seals.Sealed, dict[str, str]] | None:
    """The seal of that number, when every store that has it says the same."""
    found, copies = None, {}
    for name, store in stores.configured().items():
        for version in store.versions(seals.key_of(number)):
            if version.marker:
                continue
            try:
                sealed = seals.parse(seals.read_file(store, version.key, version.version))
            except ValueError:
                return None
            if found is not None and sealed != found:
                return None
            found, copies[name] = sealed, version.version
    return (found, copies) if found and found.number == number else None


def _verify(found: Reconciled, lost: set[tuple[str, int | None]]) -> None:
    """verify_audit, with what the age of the backup explains set apart."""
    for fault in verification.verify_audit().faults:
        if fault.fault in ("removed", "recomputed") and (fault.subject, fault.sequence) in lost:
            found.explained += 1
        else:
            found.faults.append(fault)
