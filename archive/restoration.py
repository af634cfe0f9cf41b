"""恢复: what an archivist orders to be done about damaged copies. Nothing is repaired without an order.

Contract:
- The lock alone is wrong: it is lengthened again and read back, and the whole copy is read; nothing is rewritten.
- Anything else: the copy is owed again (`pending`), and `keeping` writes a new version from a good copy and proves it.
  The damaged version lies locked in its store; it is noted as quarantined, nobody reads it, destruction removes it.
- An object without any good copy is refused with what to do: bring the store back from its own backup and check
  again; or write down the loss, which takes two persons. A loss changes no copy: whatever turns up again is found. A copy in
  a store that is to be retired, and cannot be read there, is no good copy here.
- One order is one event a record and store. A kill between two steps leaves a damaged copy or one that is owed: either
  may be ordered again, or goes on by itself.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from archive import audit, fixity, permissions, stores
from archive.errors import ArchiveError, StorageFailed, WrongInput, WrongState
from archive.models import Copy, DigitalObject, Event, QuarantinedVersion, Record, StoreRetirement
from archive.permissions import Actor
from archive.states import COPY_STATES, RECORD_STATES

SOUND = Q(state="stored") | Q(state="damaged", fault="lock")
"""Copies whose bytes were proven."""
BATCH = 200
STATED, CONFIRMED = "object.loss_stated", "object.loss_confirmed"


class NoGoodCopy(ArchiveError):
    code, status = "no-good-copy", 409
    sentence = (
        "{record} 第 {position} 个文件在各个存储里都没有完好的副本，不能恢复。请先从存储“{store}”自己的备份"
        "还原对象 {key}，再核验这件档案；确实找不回来的，由两人登记灭失。"
    )


@dataclass
class Restored:
    """What one order did. `hopeless`: copies whose object has no good copy; `faults`: what a store said."""

    owed: int = 0
    relocked: int = 0
    hopeless: int = 0
    passed: int = 0
    faults: list[StorageFailed] = field(default_factory=list)

    def __str__(self) -> str:
        words = f"待重写 {self.owed} 个，重新锁定 {self.relocked} 个"
        if self.hopeless:
            words += f"，没有完好副本 {self.hopeless} 个"
        if self.passed:
            words += f"，已不受损 {self.passed} 个"
        return words + (f"；{len(self.faults)} 个没有做成：{self.faults[0]}" if self.faults else "")


def damaged(actor: Actor) -> QuerySet[Copy]:
    """Damaged copies of records that this actor may read, with whether a good copy exists (`good`)."""
    rows = Copy.objects.filter(state="damaged", object__record__state="archived")
    rows = rows.filter(object__record__in=Record.objects.visible_to(actor.scope("record.read")))
    return with_good(rows)


def with_good(rows: QuerySet[Copy]) -> QuerySet[Copy]:
    sound = Copy.objects.filter(SOUND, object=OuterRef("object")).exclude(store__in=stores.retired())
    return rows.annotate(good=Exists(sound))


def restore(copy_id: UUID, *, actor: Actor, reason: str) -> Copy:
    """Order one copy to be restored. Raises NotAllowed, WrongState (it is not damaged), NoGoodCopy, StorageFailed
    (its lock could not be set again)."""
    copy = Copy.objects.select_related("object__record__fonds").get(pk=copy_id)
    permissions.require(actor, "copy.restore", copy.object.record)
    if copy.state != "damaged":
        state = COPY_STATES[copy.state]
        raise WrongState(what=f"存储“{copy.store}”的副本", state=state, verb="恢复")
    done = _restore(copy.object.record_id, [copy.pk], actor=actor, reason=_said(reason))
    if done.hopeless:
        raise NoGoodCopy(
            record=copy.object.record.reference_code, position=copy.object.position + 1, store=copy.store, key=copy.key
        )  # fmt: skip
    if done.faults:
        raise done.faults[0]
    copy.refresh_from_db()
    return copy


def restore_all(
    copies: QuerySet[Copy],
    *,
    actor: Actor,
    reason: str,
    progress: Callable[[int], None] = lambda count: None,
) -> Restored:
    """Order all of these that are damaged now, record by record. What has no good copy is counted; a store's fault
    keeps none of the others back. Raises NotAllowed. May be repeated."""
    permissions.require(actor, "copy.restore")
    reason, done, seen = _said(reason), Restored(), 0
    rows = copies.filter(state="damaged").select_related("object__record__fonds")
    after = Q()
    while part := list(rows.filter(after).order_by("object__record_id", "id")[:BATCH]):
        by_record: dict[Record, list[UUID]] = {}
        for copy in part:
            if permissions.check(actor, "copy.restore", copy.object.record):
                by_record.setdefault(copy.object.record, []).append(copy.pk)
        for record, ids in by_record.items():
            one = _restore(record.pk, ids, actor=actor, reason=reason)
            for name in ("owed", "relocked", "hopeless", "passed", "faults"):
                setattr(done, name, getattr(done, name) + getattr(one, name))
        seen += len(part)
        progress(seen)
        last = part[-1]
        record_id = last.object.record_id
        after = Q(object__record_id__gt=record_id) | Q(object__record_id=record_id, id__gt=last.id)
    return done


def _said(reason: str) -> str:
    reason = reason.strip()
    if not reason:
        raise WrongInput(field="理由", reason="请写明为什么恢复，例如“磁盘更换，核验发现缺失”。")
    return reason[:300]


def _restore(record_id: UUID, ids: Sequence[UUID], *, actor: Actor, reason: str) -> Restored:
    """Copies of one record. The stores are asked before the transaction; what it books, it reads again."""
    done = Restored()
    rows = with_good(Copy.objects.filter(pk__in=ids)).select_related("object__record").order_by("id")
    found = list(rows)
    looked = [_relocked(copy, done) for copy in found if copy.state == "damaged" and copy.fault == "lock"]
    worse = [outcome for outcome in looked if outcome and outcome.fault]
    if worse:  # its bytes are damaged too: booked as what it is, and then treated so
        fixity.book_found(worse, extent=f"record:{record_id}", actor=actor)
    sound = {outcome.target.id: outcome for outcome in looked if outcome and not outcome.fault}
    with transaction.atomic():
        record = Record.objects.select_for_update(of=("self",)).get(pk=record_id)
        if record.state != "archived":
            state = RECORD_STATES[record.state]
            raise WrongState(what=f"档案 {record.reference_code}", state=state, verb="恢复副本")
        owed: dict[str, int] = {}
        for copy in with_good(Copy.objects.filter(pk__in=ids)).order_by("id"):
            if copy.state != "damaged":
                done.passed += 1
            elif copy.pk in sound:
                _book_relocked(record, copy, actor)
                done.relocked += 1
            elif copy.fault == "lock":
                continue  # the store did not do it: said in `faults`
            elif not copy.good and copy.object_id not in _made([copy.object_id]):
                done.hopeless += 1
            else:
                _owe(copy, actor)
                owed[copy.store] = owed.get(copy.store, 0) + 1
        for store, count in owed.items():
            done.owed += count
            data = {"store": store, "count": count, "reason": reason}
            _say(record, "copy.restore_ordered", data, actor)
    return done


def _made(ids: Iterable[UUID]) -> set[UUID]:
    """Objects whose bytes the archive still holds beside the stores."""
    return set(DigitalObject.objects.filter(pk__in=ids, made__isnull=False).values_list("pk", flat=True))


def _relocked(copy: Copy, done: Restored) -> fixity.Outcome | None:
    """Lock this version again as its row says, and look at all of it. None: the store refused."""
    try:
        if copy.lock_until and copy.lock_until > timezone.now():
            stores.get(copy.store).extend_lock(
                copy.key, copy.version, copy.lock_until, copy.lock_mode or None
            )
        if copy.legal_hold:
            stores.get(copy.store).set_legal_hold(copy.key, copy.version, True)
        return fixity.examine(fixity.target_of(copy), bytearray(fixity.BLOCK))
    except StorageFailed as fault:
        done.faults.append(fault)
        return None


def _book_relocked(record: Record, copy: Copy, actor: Actor) -> None:
    Copy.objects.filter(pk=copy.pk).update(state="stored", fault="", checked_at=timezone.now())
    until = timezone.localtime(copy.lock_until).date().isoformat() if copy.lock_until else "—"
    _say(record, "copy.relocked", {"store": copy.store, "until": until}, actor)


def _owe(copy: Copy, actor: Actor) -> None:
    """From damaged to pending. What lies in the store under the old version is not ours any more."""
    if copy.version and copy.fault != "missing":
        QuarantinedVersion.objects.create(
            copy=copy,
            version=copy.version,
            fault=copy.fault,
            ordered_at=timezone.now(),
            ordered_by_name=actor.name[:60],
        )
    Copy.objects.filter(pk=copy.pk).update(
        state="pending", version="", fault="", attempts=0, try_after=None, lock_until=None, lock_mode="",
        renew_on=Copy._meta.get_field("renew_on").default,
    )  # fmt: skip


def _say(record: Record, action: str, data: dict, actor: Actor) -> Event:
    return audit.record(
        actor=actor, action=action, kind="record", subject=record.pk, name=record.reference_code, data=data
    )


# --- loss -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Loss:
    """What was written down of an object: `confirmed` once two persons did."""

    stated_by: UUID | None
    stated_by_name: str
    reason: str
    confirmed: bool


def losses(record_ids: Iterable[UUID]) -> dict[str, Loss]:
    """By object id, of these records. What was read whole since then is lost no more."""
    rows = Event.objects.filter(
        kind="record", subject__in=[str(pk) for pk in record_ids], action__in=(STATED, CONFIRMED)
    ).order_by("subject", "sequence")
    found: dict[str, Loss] = {}
    at: dict[str, datetime] = {}
    for row in rows:
        confirmed = row.action == CONFIRMED
        found[row.data["object"]] = Loss(row.actor, row.actor_name, row.data["reason"], confirmed)
        at[row.data["object"]] = row.at
    sound = Copy.objects.filter(SOUND, object__in=list(found), checked_at__isnull=False)
    for item, checked_at in sound.values_list("object_id", "checked_at"):
        if checked_at > at[str(item)]:
            found.pop(str(item), None)
    return found


LEAVING = Q(state="stored", store__in=StoreRetirement.objects.filter(withdrawn_at=None).values("store"))
"""In a store of which somebody says that its medium is gone (`retirement`)."""


def state_loss(item_id: UUID, *, actor: Actor, reason: str) -> Loss:
    """Write down that an object is lost: the first person states it, another one confirms it.

    Raises NotAllowed, WrongState (a good copy exists, or it is written down already, or the same person comes twice).
    """
    item = DigitalObject.objects.select_related("record__fonds").get(pk=item_id)
    permissions.require(actor, "copy.lost", item.record)
    for copy in Copy.objects.filter(LEAVING, object=item).select_related("object__record"):
        if _can_be_read(copy):
            what = f"{item.record.reference_code} 第 {item.position + 1} 个文件"
            raise WrongState(
                what=what, state=f"在存储“{copy.store}”里还完好", verb="登记灭失，请先抄到别的存储"
            )
    return _state_loss(item, actor=actor, reason=reason)


def _can_be_read(copy: Copy) -> bool:
    try:
        return not fixity.examine(fixity.target_of(copy), bytearray(fixity.BLOCK)).fault
    except StorageFailed:
        return False


@transaction.atomic
def _state_loss(item: DigitalObject, *, actor: Actor, reason: str) -> Loss:
    record = Record.objects.select_for_update(of=("self",)).select_related("fonds").get(pk=item.record_id)
    what = f"{record.reference_code} 第 {item.position + 1} 个文件"
    reason = reason.strip()[:300]
    if not reason:
        raise WrongInput(field="理由", reason="请写明在哪里找过、为什么找不回来。")
    if record.state != "archived":
        raise WrongState(what=what, state=RECORD_STATES[record.state], verb="登记灭失")
    copies = Copy.objects.filter(object=item).exclude(state="removed")
    lost = copies.filter(LEAVING | Q(state="damaged"))
    if copies.filter(SOUND).exclude(LEAVING).exists() or not lost.exists():
        raise WrongState(what=what, state="还有完好或待写的副本", verb="登记灭失")
    known = losses([record.pk]).get(str(item.pk))
    data = {"object": str(item.pk), "position": item.position + 1, "reason": reason}
    if known is None:
        _say(record, STATED, data, actor)
    elif known.confirmed:
        raise WrongState(what=what, state="已登记灭失", verb="再登记一次")
    elif known.stated_by == actor.id:
        raise WrongState(what=what, state="由您提出，等另一人确认", verb="由同一人确认")
    else:
        _say(record, CONFIRMED, data | {"first": known.stated_by_name}, actor)
    return losses([record.pk])[str(item.pk)]
