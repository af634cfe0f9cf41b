"""销毁执行: a job in chunks. It may be stopped and gone on with, and killed at any point.

Nothing is begun on a register that is not what was frozen, printed and signed. Then, row by row:
- what the stores hold is looked at first; a lock that still runs makes the row 锁定未到期, and nothing is touched;
- one transaction locks the record, reads holds and everything else again, and marks record and row: the point of no
  return. The plan (exact keys and versions) is committed with it;
- bytes and traces are removed and proven absent; a kill or a fault here is taken up again from the mark;
- one transaction makes the record a stub and the row 已销毁, with its evidence.
When every row is final, the 销毁执行记录 is printed and the register is 已执行. The rows are the truth: `work` does what they
say is left, so a register is resumed by nothing but asking again.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from archive import destruction, privacy, retirement
from archive.errors import ArchiveError, WrongInput, WrongState
from archive.locks import alone
from archive.models import Copy, Event
from archive.permissions import Actor
from retention import disposal, editions, listing, persons, register_papers, stubs
from retention.models import Register, RegisterRow
from retention.permissions import require
from retention.separation import keep_apart, kept_apart

log = logging.getLogger("archive.disposal")

CHUNK = 8
"""Records marked, and made stubs, in one transaction: well under the 100 ms for which a write may hold SQLite."""
Stop = Callable[[], bool]


def start(register_id: UUID, *, manner: str, place: str, actor: Actor, seen: int | None = None) -> Register:
    """开始执行. From here the worker goes on by itself. `seen`: the edition that the executor was shown. Raises
    WrongState while the waiting time runs, or a hold has caught a row that has not left yet."""
    register = Register.objects.select_related("fonds").get(pk=register_id)
    require(actor, "register.execute", register.fonds)
    editions.expect(register, "开始执行", "supervised", seen=seen)
    if not manner.strip() or not place.strip():
        raise WrongInput(field="销毁方式和地点", reason="请写明。")
    now = timezone.now()
    if register.not_before and now < register.not_before:
        until = timezone.localtime(register.not_before)
        raise WrongState(what=str(register), state=f"等待期内（至 {until:%Y-%m-%d %H:%M}）", verb="开始执行")
    executor = persons.of(actor)
    keep_apart(register, "executed_by", executor)
    with kept_apart(), transaction.atomic():
        held = editions.locked(register, "开始执行")
        caught = held.rows.filter(
            state="listed", record__blocks__lifted_at=None, record__blocks__isnull=False
        )
        if count := caught.distinct().count():
            raise WrongState(what=str(held), state=f"有 {count} 件刚被暂缓，新版待出", verb="开始执行")
        held.executed_by = executor
        held.manner, held.place = (privacy.mask_text(text.strip())[:120] for text in (manner, place))
        held.started_at = now
        editions.move(held, "executing")
        editions.say(held, "register.started", actor, manner=held.manner, place=held.place)
    return held


def stop(register_id: UUID, *, actor: Actor) -> Register:
    """Pause after the records in hand: what is marked is still finished, nothing new is begun."""
    return _pause(register_id, True, "register.stopped", actor)


def resume(register_id: UUID, *, actor: Actor) -> Register:
    return _pause(register_id, False, "register.resumed", actor)


def _pause(register_id: UUID, stopped: bool, action: str, actor: Actor) -> Register:
    register = Register.objects.select_related("fonds").get(pk=register_id)
    require(actor, "register.execute", register.fonds)
    editions.expect(register, "暂停或继续执行", "executing")
    with transaction.atomic():
        held = editions.locked(register, "暂停或继续执行")
        if held.stopped != stopped:
            held.stopped = stopped
            editions.save(held)
            editions.say(held, action, actor)
    return held


def progress(register: Register) -> dict[str, int]:
    """How many rows of the current edition stand where; `total` is all of them."""
    rows = editions.rows_of(register, register.edition).order_by()
    counts = dict(rows.values_list("state").annotate(Count("pk")))
    names = ("listed", "locked", "removing", "destroyed", "kept")
    return {"total": sum(counts.values()), **{name: counts.get(name, 0) for name in names}}


# --- the job ------------------------------------------------------------------------------------------------------


def work(*, actor: Actor, stop: Stop = lambda: False) -> int:
    """Everything that registers under execution still ask for. Returns how many rows became final. One process at
    a time; another one finds nothing to do."""
    if not Register.objects.filter(state="executing").exists():
        return 0
    done = 0
    with alone("disposal") as ours:
        if ours:
            for pk in (
                Register.objects.filter(state="executing").order_by("started_at").values_list("pk", flat=True)
            ):
                done += run(pk, actor=actor, stop=stop)
    return done


def run(register_id: UUID, *, actor: Actor, stop: Stop = lambda: False) -> int:
    """Go on with one register until nothing can be done now. Returns how many rows became final."""
    register = Register.objects.select_related("fonds").get(pk=register_id)
    if not _next(register, set()):
        return _close(register_id, actor)
    listed = set(
        register.rows.values_list("pk", flat=True)
    )  # first: the digest is over no row that comes later
    try:
        editions.require_intact(register)
        stubs.write(register_id, actor=actor)
    except ArchiveError as fault:  # nothing more is begun; what is marked has its stub, and goes on
        log.warning("register %s: %s", register_id, fault)
        rows = RegisterRow.objects.filter(register=register_id, state__in=["listed", "locked"])
        later = timezone.now() + disposal.AGAIN
        rows.exclude(locked_until__gt=later).update(locked_until=later, fault=str(fault)[:300])
    with ThreadPoolExecutor(disposal.WORKERS, thread_name_prefix="disposal") as pool:
        turn = _Turn(register_id, listed, pool, actor)
        while not stop() and turn.step():
            pass
        turn.settle()
    return turn.done + _close(register_id, actor)


@dataclass
class _Chunk:
    """Rows in hand, and what the stores were asked about them."""

    rows: list[RegisterRow]
    places: dict[UUID, list[disposal.Place]]
    asked: disposal.Asked = field(default_factory=dict)
    clearing: disposal.Clearing = field(default_factory=dict)
    gone: dict[UUID, disposal.Gone] = field(default_factory=dict)


class _Turn:
    """One pass over a register. The stores always have something to do: they look for the next chunk while the
    database marks this one, and remove this one while it turns the one before into stubs."""

    def __init__(self, register_id: UUID, listed: set[int], pool: ThreadPoolExecutor, actor: Actor) -> None:
        self.register_id, self.listed, self.pool, self.actor = register_id, listed, pool, actor
        self.ahead: _Chunk | None = None
        self.behind: _Chunk | None = None
        self.done = 0

    def step(self) -> bool:
        """One chunk further. False when nothing can be done now."""
        register = Register.objects.select_related(*PERSONS).get(pk=self.register_id)
        chunk = self.ahead
        if chunk is None or (register.stopped and chunk.rows[0].state != "removing"):
            chunk = self._look(register)
        if chunk is None:
            return False
        self.ahead = self._look(register, chunk)
        if chunk.rows[0].state != "removing":
            chunk.rows, kept = _mark(register, _removable(chunk), chunk.places, self.actor)
            self.done += kept
        plans = {row.record_id: row.evidence.get("plan", ()) for row in chunk.rows}
        chunk.clearing = disposal.clear(chunk.places, plans, self.pool)
        chunk.gone = {row.record_id: disposal.traces_gone(row.record) for row in chunk.rows}
        self.settle()
        self.behind = chunk
        return True

    def settle(self) -> None:
        """Finish what was cleared last."""
        if self.behind:
            self.done += _finish(self.register_id, self.behind, self.actor)
            self.behind = None

    def _look(self, register: Register, *besides: _Chunk) -> _Chunk | None:
        chunks = [chunk for chunk in (*besides, self.behind) if chunk]
        rows: list[RegisterRow] = []
        while not rows:
            rows = _next(register, {row.pk for chunk in chunks for row in chunk.rows})
            if not rows:
                return None
            rows = self._genuine(rows)
        chunk = _Chunk(rows, disposal.places_of([row.record_id for row in rows]))
        if rows[0].state != "removing":
            chunk.asked = disposal.look(chunk.places, self.pool)
        return chunk

    def _genuine(self, rows: Sequence[RegisterRow]) -> list[RegisterRow]:
        """Without those that somebody wrote into the table: that were not among what was signed, or are said to be
        begun when the ledger does not say so."""
        marked = [str(row.record_id) for row in rows if row.state == "removing"]
        events = Event.objects.filter(kind="record", subject__in=marked, action="record.disposal_begun")
        begun = set(events.values_list("subject", flat=True))
        found, later = [], timezone.now() + disposal.AGAIN
        for row in rows:
            if row.pk not in self.listed:
                _put_off(row, row.state, later, "没有列入已签署的清册，不销毁，请查明")
            elif row.state == "removing" and str(row.record_id) not in begun:
                _put_off(row, row.state, later, "没有开始销毁的记录，不销毁，请查明")
            else:
                found.append(row)
        return found


PERSONS = ("fonds", "approved_by", "executed_by", "supervisor_one", "supervisor_two")


def _next(register: Register, in_hand: set[int]) -> list[RegisterRow]:
    """What was marked comes first, also while the execution is stopped."""
    now = timezone.now()
    rows = register.rows.filter(Q(locked_until=None) | Q(locked_until__lte=now)).exclude(pk__in=in_hand)
    rows = rows.select_related("record__fonds").order_by("position")
    wanted = ("removing",) if register.stopped else ("removing", "listed", "locked")
    return next((found for state in wanted if (found := list(rows.filter(state=state)[:CHUNK]))), [])


def _removable(chunk: _Chunk) -> list[RegisterRow]:
    """Those that may be destroyed now, with their plan; the others say why not, and until when."""
    rows = chunk.rows
    unwritten = _unwritten(rows)
    found, free = disposal.found(chunk.asked), []
    for row in rows:
        here = found[row.record_id]
        if row.record_id in unwritten:
            here.fault = here.fault or "还有副本没有写好"
        if here.fault:
            _put_off(row, row.state, timezone.now() + disposal.AGAIN, here.fault)
        elif here.not_before:
            _put_off(row, "locked", here.not_before, "存储锁定未到期")
        else:
            row.evidence = {"plan": here.versions}
            free.append(row)
    return free


def _unwritten(rows: Sequence[RegisterRow]) -> set[UUID]:
    copies = Copy.objects.filter(
        object__record__in=[row.record_id for row in rows], state__in=["pending", "failed"]
    )
    return set(copies.values_list("object__record_id", flat=True))


def _put_off(row: RegisterRow, state: str, until, why: str) -> None:
    if "锁定未到期" not in why:
        log.warning("register row %s: %s", row.pk, why)
    rows = RegisterRow.objects.filter(pk=row.pk, state=row.state)
    rows.update(state=state, locked_until=until, fault=why[:300])


def _mark(
    register: Register, rows: Sequence[RegisterRow], looked: dict[UUID, list[disposal.Place]], actor: Actor
) -> tuple[list[RegisterRow], int]:
    """The point of no return of each row, or 抽出续存. Returns the marked ones, and how many are kept. A record that got
    a new edition of its manifest since the stores were looked at is looked at again."""
    marked, kept, now = [], 0, timezone.now()
    said = _said(register)
    with transaction.atomic():
        records = destruction.lock([row.record_id for row in rows])
        today, made_on = timezone.localdate(), timezone.localdate(register.made_at)
        facts = listing.facts_of(records, kept_until=made_on, today=today)
        live = RegisterRow.objects.select_for_update().filter(pk__in=[row.pk for row in rows])
        live = set(live.filter(state__in=["listed", "locked"]).order_by("pk").values_list("pk", flat=True))
        places, unwritten = disposal.places_of([row.record_id for row in rows]), _unwritten(rows)
        for row in sorted(rows, key=lambda row: row.record_id):
            if row.pk not in live:  # a hold's message was quicker
                continue
            if row.record_id in unwritten or places[row.record_id] != looked[row.record_id]:
                _put_off(row, row.state, now, "刚写入新的一版元数据清单，再核对一遍")
                continue
            mine = RegisterRow.objects.filter(pk=row.pk)
            differs = editions.differences(row, facts[row.record_id])  # holds are among them
            against = destruction.begin(
                row.record_id, actor=actor, action="record.disposal_begun", data=said, obstacles=differs
            )
            if against:
                why = "；".join(dict.fromkeys(against))[:300]
                kept += mine.update(state="kept", left_reason=why, locked_until=None, fault="")
                continue
            mine.update(state="removing", marked_at=now, evidence=row.evidence, locked_until=None, fault="")
            row.state = "removing"
            marked.append(row)
    return marked, kept


def _finish(register_id: UUID, chunk: _Chunk, actor: Actor) -> int:
    """Stubs of those that are proven gone; the others are tried again."""
    register = Register.objects.select_related(*PERSONS).get(pk=register_id)
    done, said = 0, _said(register)
    went = retirement.went_with([row.record_id for row in chunk.rows])
    for row in chunk.rows:
        asked = {place.store for place in chunk.places[row.record_id]}  # one of them may be retired since
        if gone := [one for one in went.get(row.record_id, ()) if one["store"] not in asked]:
            chunk.gone[row.record_id].evidence["retired"] = gone
        disposal.proven(chunk.gone[row.record_id], chunk.places[row.record_id], chunk.clearing[row.record_id])
    whole = {row.record_id: row for row in chunk.rows if not chunk.gone[row.record_id].fault}
    data = {
        pk: {**said, "manner": register.manner, "versions": len(chunk.gone[pk].evidence["removed"])}
        for pk in whole
    }
    with transaction.atomic():
        destruction.finish(list(whole), actor=actor, action="record.destroyed", data=data)
        for row in chunk.rows:
            here, mine = chunk.gone[row.record_id], RegisterRow.objects.filter(pk=row.pk, state="removing")
            if here.fault:
                log.warning("register row %s: %s", row.pk, here.fault)
                mine.update(locked_until=timezone.now() + disposal.AGAIN, fault=here.fault[:300])
                continue
            done += mine.update(
                state="destroyed",
                destroyed_at=timezone.now(),
                evidence=here.evidence,
                locked_until=None,
                fault="",
            )
    return done


def _said(register: Register) -> dict:
    """What the stub's events say: which register, on whose approval, under whose eyes."""
    filing_no = register.editions.values_list("filing_no", flat=True).get(number=register.edition)
    return {
        "register": str(register),
        "register_id": str(register.pk),
        "filing_no": filing_no,
        "approver": str(register.approved_by),
        "executor": str(register.executed_by),
        "supervisors": f"{register.supervisor_one}、{register.supervisor_two}",
    }


def _close(register_id: UUID, actor: Actor) -> int:
    """When every row is final: print the 销毁执行记录, and the register is executed."""
    register = Register.objects.select_related(*PERSONS).get(pk=register_id)
    if (
        register.state != "executing"
        or register.rows.filter(state__in=["listed", "locked", "removing"]).exists()
    ):
        return 0
    paper = register_papers.certificate(register, actor=actor)
    with transaction.atomic():
        held = Register.objects.select_for_update(of=("self",)).select_related("fonds").get(pk=register_id)
        if held.state == "executed":
            return 0
        held.certificate, held.finished_at = paper, timezone.now()
        editions.move(held, "executed")
        counts = progress(held)
        editions.say(held, "register.executed", actor, destroyed=counts["destroyed"], kept=counts["kept"])
    return 1
