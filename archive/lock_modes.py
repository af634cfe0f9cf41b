"""锁定方式: GOVERNANCE by default; COMPLIANCE for a fonds only after two persons and a time to think it over.

One person asks, with a reason. While the window runs (COMPLIANCE_WINDOW_DAYS), and until it is confirmed, whoever has
the right may withdraw. From the day of the window's end another person may confirm; that stays for ever. From then on
new objects of the fonds are put in COMPLIANCE (`stores.lock_mode`), and `renewal` raises the existing ones as they come
due, or at once by `order`. Nobody can take a COMPLIANCE lock back: not the vendor, not the owner of the bucket.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from archive import audit, permissions, renewal
from archive.errors import NotAllowed, NotFound, WrongInput, WrongState
from archive.models import Copy, Fonds, LockModeChange, Record
from archive.permissions import Actor
from archive.storage import COMPLIANCE


def current(fonds: Fonds) -> LockModeChange | None:
    """The change that was asked for or confirmed; None: GOVERNANCE, and nobody wants it otherwise."""
    return LockModeChange.objects.filter(fonds=fonds, withdrawn_at=None).select_related("fonds").first()


def concerned(fonds: Fonds) -> Mapping[str, object]:
    """What a confirmation would bind: records in custody, those of them without an end, copies with a lock, the latest
    day that is locked now."""
    records = Record.objects.filter(fonds=fonds, state="archived")
    locked = Copy.objects.filter(
        object__record__fonds=fonds, state__in=renewal.HELD, lock_until__gt=timezone.now()
    )
    return {
        "records": records.count(),
        "endless": records.filter(due_on=None).count(),
        "locked": locked.count(),
        "strict": locked.filter(lock_mode=COMPLIANCE).count(),
        "until": locked.aggregate(latest=Max("lock_until"))["latest"],
    }


@transaction.atomic
def ask(fonds: Fonds, *, reason: str, actor: Actor) -> LockModeChange:
    """提出. Raises NotAllowed, WrongInput without a reason, WrongState when it was asked or confirmed already."""
    _require(actor, fonds)
    reason = _reason(reason)
    Fonds.objects.select_for_update().get(pk=fonds.pk)
    if open_ := current(fonds):
        raise WrongState(what=f"全宗 {fonds.code} 的锁定方式", state=state_of(open_), verb="再次提出")
    today = timezone.localdate()
    change = LockModeChange.objects.create(
        fonds=fonds,
        reason=reason,
        asked_at=timezone.now(),
        asked_by_id=actor.id,
        asked_by_name=actor.name,
        confirm_from=today + timedelta(days=settings.COMPLIANCE_WINDOW_DAYS),
    )
    _say(change, "lock_mode.asked", actor, reason=reason, confirm_from=change.confirm_from.isoformat())
    return change


@transaction.atomic
def withdraw(change_id: UUID, *, reason: str, actor: Actor) -> LockModeChange:
    """撤回, by whoever has the right, until it is confirmed."""
    change = _locked(change_id, actor, "撤回")
    reason = _reason(reason)
    change.withdrawn_at, change.withdrawn_by_name = timezone.now(), actor.name
    change.save(update_fields=["withdrawn_at", "withdrawn_by_name"])
    _say(change, "lock_mode.withdrawn", actor, reason=reason)
    return change


@transaction.atomic
def confirm(change_id: UUID, *, understood: bool, actor: Actor, today: date | None = None) -> LockModeChange:
    """确认, by another person than who asked, from the end of the window on. It stays."""
    change = _locked(change_id, actor, "确认")
    if actor.id == change.asked_by_id:
        raise NotAllowed(reason="提出人不能自己确认，请由另一位档案负责人或主要负责人确认。")
    if (today or timezone.localdate()) < change.confirm_from:
        state = f"考虑期内（至 {change.confirm_from - timedelta(days=1):%Y-%m-%d}）"
        raise WrongState(what="改为 COMPLIANCE 锁定", state=state, verb="确认")
    if not understood:
        raise WrongInput(field="确认", reason="请先勾选“我明白”：确认之后不能退回。")
    change.confirmed_at, change.confirmed_by_id = timezone.now(), actor.id
    change.confirmed_by_name = actor.name
    change.save(update_fields=["confirmed_at", "confirmed_by", "confirmed_by_name"])
    count = Record.objects.filter(fonds=change.fonds, state="archived").count()
    _say(change, "lock_mode.confirmed", actor, asked_by=change.asked_by_name, records=count)
    return change


def order(fonds: Fonds, *, actor: Actor) -> int:
    """Make all existing copies due, so that the next renewal raises them; how many."""
    _require(actor, fonds)
    change = current(fonds)
    if change is None or change.confirmed_at is None:
        state = state_of(change) if change else "GOVERNANCE"
        raise WrongState(what=f"全宗 {fonds.code} 的锁定方式", state=state, verb="安排现有副本改锁")
    count = renewal.order(fonds)
    with transaction.atomic():
        _say(change, "lock_mode.ordered", actor, copies=count)
    return count


def state_of(change: LockModeChange) -> str:
    if change.withdrawn_at:
        return "已撤回"
    return "已确认为 COMPLIANCE" if change.confirmed_at else "已提出，待确认"


def _require(actor: Actor, fonds: Fonds) -> None:
    permissions.require(actor, "lock_mode.change")
    if actor.id is None:
        raise NotAllowed(reason="改变锁定方式要由人提出、由人确认，系统自己不能做。")
    if not actor.reaches("lock_mode.change", fonds.code):
        raise NotFound(what="这个全宗")


def _locked(change_id: UUID, actor: Actor, verb: str) -> LockModeChange:
    rows = LockModeChange.objects.select_for_update(of=("self",)).select_related("fonds")
    change = rows.filter(pk=change_id).first()
    if change is None:
        raise NotFound(what="这项锁定方式变更")
    _require(actor, change.fonds)
    if change.withdrawn_at or change.confirmed_at:
        raise WrongState(what="这项锁定方式变更", state=state_of(change), verb=verb)
    return change


def _reason(reason: str) -> str:
    if not reason.strip():
        raise WrongInput(field="理由", reason="请写明。")
    return reason.strip()[:300]


def _say(change: LockModeChange, action: str, actor: Actor, **data: object) -> None:
    code = change.fonds.code
    audit.record(actor=actor, action=action, kind="fonds", subject=code, name=change.fonds.name, data=data)
