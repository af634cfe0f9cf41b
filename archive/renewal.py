"""续锁: every lock is lengthened when half of its horizon is left, for as long as what it protects must be kept.

Contract:
- The rows are asked for by the day on which they are due (`renew_on`), so a run costs what is due, not what is held. A
  row that nobody has looked at yet is due; looking says from when on it will be again, or never.
- No transaction is open while a store is asked; threads carry the stores' latency. The engine reads each lock back: one
  that is not as asked makes the copy damaged (fault "lock"). A lock is never shortened and no mode loosened.
- What failed stays due. A store that does not answer, or refuses again and again, is left alone until the next run.
- A killed run goes on: what was booked is not due any more, what was not is asked again and changes nothing.
- COMPLIANCE, once confirmed for a fonds, is asked for with the renewal. A store may refuse to change the mode of an
  existing lock: that is counted and said, the date is lengthened all the same, and it is no damage.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import islice

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from archive import audit, fixity, stores
from archive.errors import ArchiveError, StorageFailed
from archive.locks import alone
from archive.models import Copy, EvidenceLock, Fonds, LockModeChange
from archive.permissions import Actor
from archive.storage import COMPLIANCE, StoredObject

log = logging.getLogger("archive.locks")

BATCH = 400
THREADS = 8
PATIENCE = 50
"""So many refusals of one store in a run, and the rest of what lies there waits for the next run."""
LIST_AGAIN = timedelta(days=30)
"""The archive's own files are looked for by listing. Their locks last for years when they are written."""
HELD = ("stored", "damaged")
"""A damaged copy stays locked as well: it may be the only one."""


class Busy(ArchiveError):
    code, status, sentence = "busy", 409, "另一次续锁正在进行，请等它结束。"


@dataclass
class Renewed:
    """What a run did. `unraised`: the store refused the stricter mode; `left`: stores left alone until next time."""

    copies: int = 0
    evidence: int = 0
    raised: int = 0
    unraised: int = 0
    damaged: int = 0
    failed: int = 0
    fault: StorageFailed | None = None
    left: dict[str, StorageFailed] = field(default_factory=dict)
    next_on: date | None = None

    def __str__(self) -> str:
        words = f"续锁副本 {self.copies} 个、系统文件 {self.evidence} 个"
        if self.raised or self.unraised:
            words += f"，改为 COMPLIANCE {self.raised} 个"
        if self.unraised:
            words += f"（存储拒绝改 {self.unraised} 个，仍按 GOVERNANCE 锁定）"
        if self.damaged:
            words += f"，读回不符、记为受损 {self.damaged} 个"
        if self.failed:
            words += f"，没有续成 {self.failed} 个，下次再试"
        for name, fault in sorted(self.left.items()):
            words += f"；存储“{name}”这次先放下：{fault.fields.get('reason', '')}"
        return f"{words.rstrip('。')}。下一批：{self.next_on or '没有'}"


@dataclass(frozen=True)
class Wish:
    """One lock as it should be. `mode` None: as it is."""

    row: Copy | EvidenceLock
    until: datetime
    mode: str | None = None


@dataclass(frozen=True)
class Answer:
    wish: Wish
    held: StoredObject | None = None
    fault: StorageFailed | None = None


def renew(*, actor: Actor, progress: Callable[[int], None] = lambda done: None) -> Renewed:
    """Lengthen every lock that is due. Raises Busy; a store's fault is counted, never raised."""
    with alone("renewal") as ours:
        if not ours:
            raise Busy
        done, today = Renewed(), timezone.localdate()
        with ThreadPoolExecutor(THREADS, thread_name_prefix="renewal") as pool:
            run = _Run(done, pool, actor, today)
            for copies in _batches(due(today).select_related("object__record__fonds"), done):
                run.copies(copies)
                progress(done.copies)
            run.find_evidence()
            own = EvidenceLock.objects.filter(renew_on__lte=today).exclude(store__in=stores.retired())
            for rows in _batches(own, done):
                run.evidence(rows)
        done.next_on = next_on(today)
        if done.copies or done.evidence or done.damaged:
            counts = {"copies": done.copies, "evidence": done.evidence, "damaged": done.damaged}
            with transaction.atomic():
                data = counts | {"failed": done.failed, "raised": done.raised}
                audit.record(actor=actor, action="locks.renewed", kind="site", subject="locks", data=data)
    return done


def due(today: date) -> QuerySet[Copy]:
    """Copies whose lock is to be looked at: an index range. Which states are not wanted is said as it is so that
    SQLite takes the index of days; removed ones are looked at once, and then never again."""
    rows = Copy.objects.filter(renew_on__lte=today).exclude(state__in=["pending", "failed"])
    return rows.exclude(store__in=stores.retired())


def next_on(today: date) -> date | None:
    """The first day after `today` on which something is due."""
    days = [
        rows.filter(renew_on__gt=today).order_by("renew_on").values_list("renew_on", flat=True).first()
        for rows in (Copy.objects, EvidenceLock.objects)
    ]
    return min(filter(None, days), default=None)


def lock_on(copies: QuerySet[Copy], *, actor: Actor) -> Renewed:
    """Lock these copies at once for as long as their periods ask today. What fails is due from now on."""
    done = Renewed()
    ids = list(copies.order_by("id").values_list("id", flat=True))
    with ThreadPoolExecutor(THREADS, thread_name_prefix="renewal") as pool:
        run = _Run(done, pool, actor, timezone.localdate())
        for part in _parts(ids):  # read as late as that: a period may change while the stores are asked
            rows = Copy.objects.filter(pk__in=part).select_related("object__record__fonds")
            run.copies(list(rows), at_once=True)
    return done


def order(fonds: Fonds) -> int:
    """Make every copy of this fonds due whose mode is not the one that the fonds has confirmed: the next run raises it.
    How many."""
    rows = Copy.objects.filter(object__record__fonds=fonds, state__in=HELD, lock_until__gt=timezone.now())
    ids = rows.exclude(lock_mode=COMPLIANCE).order_by("id").values_list("id", flat=True)
    count, today = 0, timezone.localdate()
    for part in _parts(ids.iterator(chunk_size=2000)):
        count += Copy.objects.filter(pk__in=part).update(renew_on=today)
    return count


def _parts(rows: Iterable) -> Iterator[list]:
    walk = iter(rows)
    while part := list(islice(walk, BATCH)):
        yield part


def _batches(rows: QuerySet, done: Renewed) -> Iterator[list]:
    """All of them once, in the order of the index; what lies in a store that was left alone is passed over."""
    after = Q()
    while part := list(rows.filter(after).exclude(store__in=done.left).order_by("renew_on", "id")[:BATCH]):
        yield part
        last = part[-1]
        after = Q(renew_on__gt=last.renew_on) | Q(renew_on=last.renew_on, id__gt=last.id)


class _Run:
    def __init__(self, done: Renewed, pool: ThreadPoolExecutor, actor: Actor, today: date) -> None:
        self.done, self.pool, self.actor, self.today = done, pool, actor, today
        self.now, self.refusals, self.greeted = timezone.now(), Counter(), set()
        self.strict: dict[int, str] = {}

    def _read_modes(self) -> None:
        """For each batch: what was confirmed and ordered while the run is under way must not be taken for looked at."""
        confirmed = LockModeChange.objects.filter(withdrawn_at=None, confirmed_at__isnull=False)
        self.strict = dict(confirmed.values_list("fonds_id", "fonds__code"))

    def copies(self, copies: list[Copy], *, at_once: bool = False) -> None:
        self._read_modes()
        wishes, days = [], {}
        for copy in copies:
            if wish := self._wish(copy, at_once):
                wishes.append(wish)
            else:
                day = None if copy.state == "removed" else self._day(copy, copy.lock_until)
                days.setdefault(day, []).append(copy.pk)
        for day, ids in days.items():
            Copy.objects.filter(pk__in=ids).update(renew_on=day)
        answers = self._ask(wishes)
        damaged = [
            fixity.Outcome(fixity.target_of(answer.wish.row), "lock", str(answer.fault)[:300])
            for answer in answers
            if answer.fault and answer.fault.kind == "lock" and answer.wish.row.state == "stored"
        ]
        for answer in answers:  # each by itself: rows held together would wait for fixity, and it for them
            if answer.held is None:
                continue
            copy, held = answer.wish.row, answer.held
            row = Copy.objects.filter(pk=copy.pk, version=copy.version)
            row = row.filter(Q(lock_until=None) | Q(lock_until__lte=held.lock_until))
            row.update(
                lock_until=held.lock_until,
                lock_mode=held.lock_mode or "",
                renew_on=self._day(copy, held.lock_until),
            )
            self.done.copies += copy.lock_until is None or held.lock_until > copy.lock_until
        failed = [answer.wish.row.pk for answer in answers if answer.fault]
        Copy.objects.filter(pk__in=failed, renew_on=None).update(renew_on=self.today)
        if damaged:
            self.done.damaged += fixity.book_found(damaged, extent="locks", actor=self.actor)

    def _wish(self, copy: Copy, at_once: bool) -> Wish | None:
        """None: nothing to ask the store for."""
        record = copy.object.record
        until = stores.lock_until(record, today=self.today)
        if until is None or record.state != "archived" or copy.state not in HELD or copy.fault == "missing":
            return None
        mode = COMPLIANCE if record.fonds_id in self.strict else None
        raising = mode is not None and copy.lock_mode != mode
        short = copy.lock_until is None or copy.lock_until < until
        half = stores.renew_on(record, copy.lock_until, today=self.today)
        if short and (at_once or raising or (half is not None and half <= self.today)):
            return Wish(copy, until, mode)
        return Wish(copy, copy.lock_until, mode) if raising and not short else None

    def _day(self, copy: Copy, locked: datetime | None) -> date | None:
        """When to look again: not today, or this run would never end."""
        day = stores.renew_on(copy.object.record, locked, today=self.today)
        return None if day is None else max(day, self.today + timedelta(days=1))

    # What the archive itself keeps

    def find_evidence(self) -> None:
        """A row for whatever lies in the stores under a key that must live on."""
        for name, store in stores.configured().items():
            newest = EvidenceLock.objects.filter(store=name).order_by("-found_at").first()
            if name in self.done.left or (newest and newest.found_at > self.now - LIST_AGAIN):
                continue
            try:
                for prefix in (prefix for prefix in stores.OWN if stores.lives_on(prefix)):
                    for part in _parts(one for one in store.iterate(prefix) if not one.marker):
                        rows = [
                            EvidenceLock(store=name, key=one.key, version=one.version, found_at=self.now)
                            for one in part
                        ]
                        EvidenceLock.objects.bulk_create(rows, ignore_conflicts=True)
            except StorageFailed as fault:
                self._leave(name, fault)

    def evidence(self, rows: list[EvidenceLock]) -> None:
        self._read_modes()
        until = stores.horizon(self.today)
        strict = tuple(f"fondsfile/{code}/" for code in self.strict.values())
        wishes = [Wish(row, until, COMPLIANCE if row.key.startswith(strict) else None) for row in rows]
        again = stores.renew_own_on(until, today=self.today)
        answers = self._ask(wishes)
        with transaction.atomic():
            for answer in answers:
                row = EvidenceLock.objects.filter(pk=answer.wish.row.pk)
                if answer.held:
                    row.update(lock_until=answer.held.lock_until, renew_on=again)
                    self.done.evidence += 1
                elif answer.fault.kind == "missing":  # whoever reads or verifies it says so
                    row.update(renew_on=self.today + LIST_AGAIN)

    # Asking the stores

    def _ask(self, wishes: list[Wish]) -> list[Answer]:
        """Every answer; faults are counted here. None for what lies in a store that is left alone."""
        for name in {wish.row.store for wish in wishes} - self.greeted:
            self._greet(name)
        answers = [answer for answer in self.pool.map(self._one, wishes) if answer]
        for answer in answers:
            row, asked = answer.wish.row, answer.wish.mode
            if answer.held:
                kept = answer.held.lock_mode
                self.done.unraised += asked is not None and kept != asked
                self.done.raised += asked is not None and kept == asked != getattr(row, "lock_mode", asked)
            elif answer.fault.kind != "lock" or getattr(row, "state", "") != "stored":
                self.done.failed += 1
                if answer.fault.kind != "missing":  # of what is gone nothing is left to be done
                    self.done.fault = answer.fault
                log.warning("lock of %s: %s", row, answer.fault)
        return answers

    def _greet(self, name: str) -> None:
        """The store answers, and has opened its connection before several threads use it."""
        self.greeted.add(name)
        try:
            next(iter(stores.get(name).iterate("_probe/")), None)
        except StorageFailed as fault:
            self._leave(name, fault)

    def _one(self, wish: Wish) -> Answer | None:
        name = wish.row.store
        if name in self.done.left:
            return None
        try:
            return Answer(wish, held=_lock(wish.row, wish.until, wish.mode))
        except StorageFailed as fault:
            self.refusals[name] += fault.kind != "missing"  # what is gone is no refusal of its store
            if fault.kind == "unreachable" or self.refusals[name] >= PATIENCE:
                self._leave(name, fault)
            return Answer(wish, fault=fault)

    def _leave(self, name: str, fault: StorageFailed) -> None:
        self.done.left.setdefault(name, fault)
        self.done.fault = fault
        log.error("locks: store %s is left alone until the next run: %s", name, fault)


def _lock(row: Copy | EvidenceLock, until: datetime, mode: str | None) -> StoredObject:
    """Ask the engine, which reads back. When it answers "locked", the store holds more than our row says, or does not
    let the mode be changed: then what it holds decides, and the date alone is asked for."""
    store = stores.get(row.store)
    try:
        return store.extend_lock(row.key, row.version, until, mode)
    except StorageFailed as fault:
        if fault.kind != "locked":
            raise
    held = store.head(row.key, row.version)
    if held.lock_until and held.lock_until > until:
        return _lock(row, held.lock_until, mode)
    return store.extend_lock(row.key, row.version, until)
