"""重新确定保管期限: a longer class counted from the original start; and the locks of its copies follow.

The record keeps its 档号, its formation date and its retention class; the old period and the old due date stand in the
event and in the appraisal that decided. A period is only ever lengthened here, and so are locks.
"""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from django.db import transaction

from archive import audit, changes, manifests, periods, renewal
from archive.errors import WrongInput, WrongState
from archive.models import Copy, Record
from archive.permissions import Actor, system_actor
from archive.states import RECORD_STATES

TOPIC = "locks"
"""Announced with a record's id when its copies are to be locked for longer."""


@transaction.atomic
def extend(record_id: UUID, period: str, *, basis: str, decided_on: date, actor: Actor) -> Record:
    """Set the longer period. Doing it again changes nothing. Whoever calls has asked the permission.

    Raises WrongState for a record that is not in custody, WrongInput for a period that is no extension.
    """
    record = Record.objects.select_for_update(of=("self",)).get(pk=record_id)
    if record.retention == period:
        return record
    if record.state != "archived":
        raise WrongState(
            what=f"档案 {record.reference_code}", state=RECORD_STATES[record.state], verb="重新确定保管期限"
        )
    if reason := periods.extension_fault(record.formed_on, record.retention, period, decided_on):
        raise WrongInput(field=f"{record.reference_code} 的保管期限", reason=f"{reason}。")
    write(record, period, "record.extended", basis=basis, decided_on=decided_on, actor=actor)
    return record


def write(
    record: Record, period: str, action: str, *, basis: str, decided_on: date, actor: Actor, **said: str
) -> None:
    """Another period of a locked record, final from now on, with its trace; `correction` writes it too."""
    old, old_due_on = record.retention, record.due_on
    record.retention = period
    record.due_on = periods.due_on(record.formed_on, period)
    record.provisional = False
    record.revision += 1
    record.save(update_fields=["retention", "due_on", "provisional", "revision"])
    audit.record(
        actor=actor,
        action=action,
        kind="record",
        subject=record.pk,
        name=record.reference_code,
        data={
            "old_period": old,
            "old_due_on": _due(old_due_on),
            "period": period,
            "due_on": _due(record.due_on),
            "basis": basis,
            "decided_on": decided_on.isoformat(),
            **said,
        },
    )
    changes.announce("search", record.pk)
    changes.announce(TOPIC, record.pk)
    changes.announce(manifests.TOPIC, record.pk)
    return record


def _due(day: date | None) -> str:
    return f"{day.isoformat()} 起可鉴定" if day else "不到期"


def follow(record_ids: Sequence[UUID]) -> None:
    """Lock every stored copy of these records until their periods, as they are now, ask for it (`renewal`). Never
    shortens. Raises StorageFailed after having tried them all, so that the message waits for another try."""
    rows = Copy.objects.filter(object__record_id__in=record_ids, state__in=renewal.HELD)
    done = renewal.lock_on(rows, actor=system_actor("续锁"))
    if done.fault:
        raise done.fault


def drain(limit: int = 200) -> int:
    """Follow up on waiting messages once. Returns how many were done."""
    return changes.follow(TOPIC, follow, limit=limit)
