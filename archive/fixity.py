"""固化信息核验: read stored copies again and compare them with what was written.

Contract:
- The longest unchecked come first. What was looked at is committed in small batches, so a killed sweep goes on where
  it was: the same extent again takes up the unfinished run.
- A copy is sound when its store still has that version, of that length, locked at least as long and as strictly as
  the row says, and its bytes give the digest that was written. Anything else is damage: a row, the copy's state, an
  event. What is done about it: `restoration`.
- A copy that checks out again goes back to `stored`.
- A store that cannot be reached, lets nothing be read, or is empty as a disk that is not mounted, is no damage:
  StorageFailed. One that cannot be asked from the beginning is left alone, and said, when the others are checked.
- The results of a run lie as one locked file in every store, `fixity/<run>.json.gz`, its digest in the ledger.
"""

import gzip
import hashlib
import io
import json
import math
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import BinaryIO
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from archive import audit, changes, permissions, standing, stores
from archive.errors import ArchiveError, NotAllowed, StorageFailed
from archive.locks import alone
from archive.models import Copy, Damage, FixityRun, Fonds, Record
from archive.permissions import Actor
from archive.storage.base import COMPLIANCE

FORMAT = "archive-fixity/1"
BATCH, BATCH_BYTES = 500, 256 * 1024 * 1024
READERS = 3
"""Threads that read and digest: the store's latency and the digest (which frees the interpreter) overlap."""
BLOCK = 2 * 1024 * 1024
"""Larger than the buffer of a store's reader, so that the bytes come straight into ours."""
ROUND_DAYS = 90
"""Without an extent a sweep takes its daily share, so that everything is checked within so many days."""
RESUME_WITHIN = timedelta(days=30)
UNWRITTEN = ["pending", "failed", "removed"]


class Busy(ArchiveError):
    code, status, sentence = "busy", 409, "另一次固化核验正在进行，请等它结束。"


@dataclass(frozen=True)
class Target:
    """One copy to be checked, as its row describes it."""

    id: UUID
    object: UUID
    record: UUID
    reference_code: str
    store: str
    key: str
    version: str
    sha256: str
    bytes: int
    lock_until: datetime | None
    lock_mode: str
    legal_hold: bool
    state: str
    fault: str
    checked_at: datetime | None


RESULT = ("copy", "object", "record", "store", "version", "sha256", "bytes", "checked_at", "fault")
"""The columns of a line in the file of results; a sound copy has the fault ""."""
FIELDS = (
    "id", "object_id", "object__record_id", "object__record__reference_code", "store", "key", "version",
    "stored_sha256", "stored_bytes", "lock_until", "lock_mode", "legal_hold", "state", "fault", "checked_at",
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """`fault` is "" for a sound copy, else a key of `Damage.FAULTS`; `bytes` were read."""

    target: Target
    fault: str = ""
    detail: str = ""
    bytes: int = 0


@dataclass(frozen=True)
class Swept:
    """What the run found, counting also what it did before it was interrupted. `seconds`: of this call."""

    checked: int
    bytes: int
    damaged: int
    seconds: float


def sweep(
    *,
    actor: Actor,
    everything: bool = False,
    record: Record | None = None,
    fonds: Fonds | None = None,
    limit: int | None = None,
    report: Callable[[Target, str], None] = lambda target, fault: None,
    progress: Callable[[int], None] = lambda checked: None,
) -> Swept:
    """Check everything, one record, one fonds, the `limit` longest unchecked copies, or the daily share.

    `report` hears each damaged copy with its fault, `progress` the number of copies checked. Raises NotAllowed, Busy,
    StorageFailed (a store cannot be asked, or is not configured any more: what lies elsewhere was checked).
    """
    permissions.require(actor, "fixity.run", record)
    began = time.monotonic()
    # Said as what it is not, so that SQLite takes the index of times instead of that of states.
    copies = Copy.objects.exclude(state__in=UNWRITTEN).exclude(store__in=stores.retired())
    if record:
        extent, limit, copies = f"record:{record.pk}", None, copies.filter(object__record=record)
    elif fonds:
        if not actor.reaches("fixity.run", fonds.code):
            raise NotAllowed(reason=f"全宗 {fonds.code} 不在您“执行固化核验”的范围内。")
        extent, limit, copies = f"fonds:{fonds.code}", None, copies.filter(object__record__fonds=fonds)
    elif everything:
        extent, limit = "all", None
    else:
        limit = limit or daily_share(copies)
        extent = f"limit:{limit}"
    with alone("fixity") as ours:
        if not ours:
            raise Busy
        if not copies.exists():
            return Swept(0, 0, 0, time.monotonic() - began)
        left = standing.unanswering(_names(copies))
        elsewhere = copies.exclude(store__in=left)
        if left and not elsewhere.exists():
            raise next(iter(left.values()))
        copies, run = elsewhere, _run(extent, report)
        with ThreadPoolExecutor(READERS) as readers:
            flying: tuple[list[Target], list[Future]] = ([], [])
            last: Target | None = None
            while True:  # one batch is being read while the one before is booked
                room = BATCH if limit is None else min(BATCH, limit - run.checked - len(flying[0]))
                batch = _next_batch(copies, run, room, last)
                last = batch[-1] if batch else last
                coming = (batch, [readers.submit(examine_all, part) for part in _parts(batch)])
                if flying[0]:
                    outcomes = [outcome for future in flying[1] for outcome in future.result()]
                    _believe(outcomes)
                    for outcome in _book(run, outcomes, actor=actor):
                        report(outcome.target, outcome.fault)
                    progress(run.checked)
                if not batch:
                    break
                flying = coming
        _finish(run, copies, sorted(left), actor=actor)
    for fault in left.values():
        words = f"其余存储里的核验了 {run.checked} 个，受损 {run.damaged} 个。"
        raise StorageFailed(
            store=fault.fields["store"], kind=fault.kind, reason=f"{fault.fields['reason']}{words}"
        )
    return Swept(run.checked, run.bytes, run.damaged, time.monotonic() - began)


def daily_share(copies: QuerySet[Copy]) -> int:
    return max(200, math.ceil(copies.count() / ROUND_DAYS))


def _names(copies: QuerySet[Copy]) -> list[str]:
    """The stores that are configured, and those that copies lie in nevertheless."""
    configured = list(stores.configured())
    gone = copies.exclude(store__in=configured).order_by().values_list("store", flat=True).distinct()
    return [*configured, *gone]


def _run(extent: str, report: Callable[[Target, str], None]) -> FixityRun:
    """The unfinished run of this extent, what it had found reported again; else a new one."""
    now = timezone.now()
    unfinished = FixityRun.objects.filter(
        extent=extent, finished_at=None, started_at__gt=now - RESUME_WITHIN
    ).order_by("-started_at")
    run = unfinished.first()
    if run is None:
        return FixityRun.objects.create(started_at=now, extent=extent)
    fields = [f"copy__{name}" for name in FIELDS]
    for *values, fault in run.damages.order_by("id").values_list(*fields, "fault"):
        report(Target(*values), fault)
    return run


def _next_batch(copies: QuerySet[Copy], run: FixityRun, room: int, last: Target | None) -> list[Target]:
    """At most `room` copies that this run has not seen, beginning behind `last`; [] when there are none."""
    if room <= 0:
        return []
    # A range of the index: a stored copy was read back when it was written, so the time is always there.
    unseen = copies.filter(checked_at__lt=run.started_at).order_by("checked_at", "id")
    if last:  # also where most copies are not of the extent, no batch looks through them again
        unseen = unseen.filter(checked_at__gte=last.checked_at)
        unseen = unseen.exclude(Q(checked_at=last.checked_at) & Q(id__lte=last.id))
    batch: list[Target] = []
    size = 0
    for values in unseen.values_list(*FIELDS)[:room]:
        batch.append(Target(*values))
        size += batch[-1].bytes or 0
        if size > BATCH_BYTES:
            break
    return batch


def _parts(batch: list[Target]) -> list[list[Target]]:
    """One part for each reader: handing over single copies costs more than it brings."""
    size = math.ceil(len(batch) / READERS) or 1
    return [batch[start : start + size] for start in range(0, len(batch), size)]


# Looking


def examine_all(targets: list[Target]) -> list[Outcome]:
    """Look at copies, one after the other, through one buffer: a fresh one each time costs as much as the digest."""
    buffer = bytearray(BLOCK)
    return [examine(target, buffer) for target in targets]


def examine(target: Target, buffer: bytearray) -> Outcome:
    """Look at one copy. No database is asked. Raises StorageFailed only when the store cannot be reached."""
    store = stores.get(target.store)
    try:
        held, stream = store.look(target.key, target.version)
        with stream:
            if held.bytes != target.bytes:
                return Outcome(target, "truncated", f"应为 {target.bytes} 字节，现为 {held.bytes} 字节。")
            digest, count = _digest(stream, buffer)
    except StorageFailed as fault:
        if fault.kind == "unreachable":
            raise
        known = fault.kind if fault.kind in ("missing", "changed") else "unreadable"
        return Outcome(target, known, str(fault)[:300])
    if count != target.bytes:
        return Outcome(target, "truncated", f"应为 {target.bytes} 字节，只读出 {count} 字节。", count)
    if digest != target.sha256:
        return Outcome(target, "changed", f"sha256 应为 {target.sha256}，现为 {digest}。", count)
    ended = target.lock_until is None or target.lock_until <= timezone.now()  # then the store may forget it
    if not ended and (held.lock_until is None or held.lock_until < target.lock_until):
        kept = f"{held.lock_until:%Y-%m-%d}" if held.lock_until else "没有锁定"
        return Outcome(target, "lock", f"应锁定到 {target.lock_until:%Y-%m-%d}，现为{kept}。", count)
    if not ended and target.lock_mode == COMPLIANCE and held.lock_mode != COMPLIANCE:
        return Outcome(
            target, "lock", f"应以 COMPLIANCE 方式锁定，现为 {held.lock_mode or '没有锁定'}。", count
        )
    if target.legal_hold and not held.legal_hold:
        return Outcome(target, "lock", "档案在暂缓销毁，存储端的冻结却被解除了。", count)
    return Outcome(target, bytes=count)


def _digest(stream: BinaryIO, buffer: bytearray) -> tuple[str, int]:
    digest, count, view = hashlib.sha256(), 0, memoryview(buffer)
    while size := stream.readinto(buffer):
        digest.update(view[:size])
        count += size
    return digest.hexdigest(), count


def _believe(outcomes: list[Outcome]) -> None:
    """What may be a fault of a whole store is no damage of its copies. Raises StorageFailed."""
    standing.require_inhabited({o.target.store for o in outcomes if o.fault in ("missing", "unreadable")})
    read = {o.target.store for o in outcomes if not o.fault}
    standing.require_readable({o.target.store for o in outcomes if o.fault == "unreadable"} - read)


# Booking


@transaction.atomic
def _book(run: FixityRun, outcomes: list[Outcome], *, actor: Actor) -> list[Outcome]:
    """Write down what was seen; those that are damage."""
    now = timezone.now()
    news = [o for o in outcomes if o.fault or o.target.state != "stored"]
    news.sort(key=lambda o: (o.target.record, o.target.id))  # locks are taken in one order
    damaged = [outcome for outcome in news if _book_one(run, outcome, now, actor=actor)]
    # Last: whoever locks a record locks its copies after it.
    as_before = [o.target.id for o in outcomes if not o.fault and o.target.state == "stored"]
    Copy.objects.filter(pk__in=as_before).update(checked_at=now)
    run.damaged += len(damaged)
    run.checked += len(outcomes)
    run.bytes += sum(outcome.bytes for outcome in outcomes)
    run.save(update_fields=["checked", "bytes", "damaged"])
    return damaged


def target_of(copy: Copy) -> Target:
    """For whoever has the copy, its object and its record at hand."""
    return Target(*(attrgetter(name.replace("__", "."))(copy) for name in FIELDS))


@transaction.atomic
def book_found(outcomes: Sequence[Outcome], *, extent: str, actor: Actor) -> int:
    """Book damage that was met outside a sweep (`extent` says where) as a run of its own. Nobody has read the bytes, so
    the time of the last check stays. How many of them are damage."""
    now = timezone.now()
    run = FixityRun.objects.create(started_at=now, finished_at=now, extent=extent, checked=len(outcomes))
    ordered = sorted(outcomes, key=lambda o: (o.target.record, o.target.id))
    run.damaged = sum(_book_one(run, outcome, now, actor=actor, read=False) for outcome in ordered)
    run.save(update_fields=["damaged"])
    return run.damaged


def _book_one(run: FixityRun, outcome: Outcome, now: datetime, *, actor: Actor, read: bool = True) -> bool:
    """Whether it is damage: a copy that disposal has meanwhile removed, or is removing, is none; nor is one whose store is
    retired."""
    target = outcome.target
    record = Record.objects.select_for_update(of=("self",)).get(pk=target.record)
    copy = Copy.objects.select_for_update().get(pk=target.id)
    if read:
        Copy.objects.filter(pk=copy.pk).update(checked_at=now)
    if record.state in ("disposing", "destroyed") or copy.state not in ("stored", "damaged"):
        return False
    if outcome.fault == "lock" and copy.legal_hold != target.legal_hold:
        return False  # it was lifted while it was looked at
    if copy.version != target.version or copy.store in stores.retired():
        return False
    state = "damaged" if outcome.fault else "stored"
    if outcome.fault:
        Damage.objects.create(run=run, copy=copy, fault=outcome.fault, detail=outcome.detail, found_at=now)
    if (state, outcome.fault) != (copy.state, copy.fault):
        Copy.objects.filter(pk=copy.pk).update(state=state, fault=outcome.fault)
        data = {"store": copy.store} | ({"fault": Damage.FAULTS[outcome.fault]} if outcome.fault else {})
        audit.record(
            actor=actor,
            action="copy.damaged" if outcome.fault else "copy.recovered",
            kind="record",
            subject=record.pk,
            name=record.reference_code,
            data=data | {"object": str(target.object)},
        )
        changes.announce("search", record.pk)
    return bool(outcome.fault)


def _finish(run: FixityRun, copies: QuerySet[Copy], left: list[str], *, actor: Actor) -> None:
    """Lay the results into the stores that answer, then close the run. Again after a crash in between: what lies there
    stays. `left`: stores that could not be asked; what lies there was not checked."""
    key = f"fixity/{run.pk}.json.gz"
    with tempfile.TemporaryFile() as file:
        _write_results(run, copies, left, file)
        digest, size = hashlib.file_digest(_rewound(file), "sha256").hexdigest(), file.tell()
        for name, store in stores.configured().items():
            if name not in left and not store.versions(key):
                store.put(
                    key,
                    _rewound(file),
                    size=size,
                    sha256=digest,
                    content_type="application/gzip",
                    lock_until=stores.horizon(timezone.localdate()),
                )
    run.finished_at = timezone.now()
    with transaction.atomic():
        run.save(update_fields=["finished_at"])
        data = {"checked": run.checked, "bytes": run.bytes, "damaged": run.damaged, "extent": run.extent}
        data |= {"file": key, "sha256": digest} | ({"left": left} if left else {})
        audit.record(actor=actor, action="fixity.run", kind="site", subject="fixity", data=data)


def _write_results(run: FixityRun, copies: QuerySet[Copy], left: list[str], file: BinaryIO) -> None:
    """A header, then one line per copy that was checked since the run began; taken from the rows, so that nothing
    is lost when the run was interrupted."""
    seen = copies.filter(checked_at__gte=run.started_at).exclude(written_at=F("checked_at")).order_by("id")
    with (
        gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1, mtime=0) as packed,
        io.TextIOWrapper(packed, "utf-8") as lines,
    ):
        header = {"format": FORMAT, "run": str(run.pk), "extent": run.extent, "columns": RESULT}
        header |= {"started_at": run.started_at.isoformat(), "checked": run.checked, "damaged": run.damaged}
        header |= {"left": left} if left else {}
        lines.write(json.dumps(header, ensure_ascii=False) + "\n")
        told = ("id", "object_id", "object__record__reference_code", "store", "version", "stored_sha256",
                "stored_bytes", "checked_at", "state", "fault")  # fmt: skip
        for copy, item, *line, checked_at, state, fault in seen.values_list(*told).iterator(2000):
            line = [str(copy), str(item), *line, checked_at.isoformat(), fault if state == "damaged" else ""]
            lines.write(json.dumps(line, ensure_ascii=False) + "\n")


def _rewound(file: BinaryIO) -> BinaryIO:
    file.seek(0)
    return file
