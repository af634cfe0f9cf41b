"""What the pages about copies show: damaged ones, owed ones, those of one record, and what waits for whom. No verbs.

Who keeps the machines sees all of them by code and number alone; everybody else what he may read.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, QuerySet
from django.urls import reverse
from django.utils import timezone

from archive import permissions, readings, restoration, retirement
from archive.http import COUNT_TO
from archive.models import Copy, Damage, DigitalObject, Record, StoreRetirement
from archive.permissions import Actor
from archive.restoration import Loss
from archive.states import COPY_STATES
from archive.templatetags.archive_words import day, moment

TONES = {
    "pending": "progress", "stored": "success", "failed": "danger", "damaged": "danger", "removed": "gone",
}  # fmt: skip
KEEPERS = {"sysadmin", "auditor"}
MODES = {
    "GOVERNANCE": "存储里有特权的账号可以解除",
    "COMPLIANCE": "到期之前谁也不能解除",
}


def seen_by(rows: QuerySet[Copy], actor: Actor) -> QuerySet[Copy]:
    if actor.roles.isdisjoint(KEEPERS):
        rows = rows.filter(object__record__in=Record.objects.visible_to(actor.scope("record.read")))
    return rows.select_related("object__record__fonds")


def damaged(actor: Actor) -> QuerySet[Copy]:
    return seen_by(Copy.objects.filter(state="damaged", object__record__state="archived"), actor)


def owed(actor: Actor) -> QuerySet[Copy]:
    """Copies that are still to be written."""
    return seen_by(Copy.objects.filter(state__in=["pending", "failed"]), actor)


def damaged_rows(copies: list[Copy], actor: Actor) -> list[dict[str, Any]]:
    """A line each. `choose`: this actor may order it; `hopeless`: no good copy; `loss`: what was written down."""
    good = dict(
        restoration.with_good(Copy.objects.filter(pk__in=[c.pk for c in copies])).values_list("pk", "good")
    )
    found = Damage.objects.filter(copy__in=copies).order_by("copy_id", "pk")
    last = {damage.copy_id: damage for damage in found}
    losses = restoration.losses({copy.object.record_id for copy in copies})
    return [
        _damaged(copy, last.get(copy.pk), good[copy.pk], losses.get(str(copy.object_id)), actor)
        for copy in copies
    ]


def _damaged(
    copy: Copy, damage: Damage | None, good: bool, loss: Loss | None, actor: Actor
) -> dict[str, Any]:
    record, relock = copy.object.record, copy.fault == "lock"
    if loss:
        way = (
            "lost",
            "已登记灭失" if loss.confirmed else "灭失待另一人确认",
            "gone" if loss.confirmed else "waiting",
        )
    elif relock:
        way = ("relock", "可重新锁定", "success")
    elif good:
        way = ("good", "有完好副本", "success")
    else:
        way = ("none", "没有完好副本", "danger")
    return {
        "pk": copy.pk,
        **_where(copy, actor),
        "store": copy.store,
        "fault": Damage.FAULTS.get(copy.fault, copy.fault or "受损"),
        "detail": damage.detail if damage else "",
        "found_at": damage.found_at if damage else copy.checked_at,
        "way": way,
        "hopeless": not good and not relock,
        "choose": bool(permissions.check(actor, "copy.restore", record)) and (good or relock),
        "loss_url": reverse("copies:loss", args=[copy.object_id])
        if _may_tell(copy, good, loss, actor)
        else "",
    }


def _may_tell(copy: Copy, good: bool, loss: Loss | None, actor: Actor) -> bool:
    """Whether it is this actor's to write down the loss, or to confirm it."""
    if good or copy.fault == "lock" or (loss and (loss.confirmed or loss.stated_by == actor.id)):
        return False
    return bool(permissions.check(actor, "copy.lost", copy.object.record))


def _where(copy: Copy, actor: Actor) -> dict[str, Any]:
    """By code and number alone for whoever may not read: a file's name tells of whom it is."""
    record = copy.object.record
    named = actor.scope("record.read").admits(record.facts)
    number = f"第 {copy.object.position + 1} 个文件"
    return {
        "code": record.reference_code,
        "url": f"{reverse('record', args=[record.pk])}?tab=copies" if named else "",
        "file": copy.object.path.rpartition("/")[2] if named else number,
    }


def owed_rows(copies: list[Copy], actor: Actor) -> list[dict[str, Any]]:
    now = timezone.now()
    return [
        {
            **_where(copy, actor),
            "store": copy.store,
            "state": state_of(copy),
            "since": owed_since(copy),
            "attempts": copy.attempts,
            "reason": copy.fault or ("受损之后重写" if copy.written_at else "还没有轮到"),
            "again": moment(copy.try_after) if copy.try_after and copy.try_after > now else "",
        }
        for copy in copies
    ]


def owed_since(copy: Copy) -> datetime:
    """When it was damaged, where it is to be written again; else when its row was made, which its id tells."""
    if copy.written_at and copy.checked_at:
        return copy.checked_at
    return readings.made_at(copy.pk)


def state_of(copy: Copy) -> tuple[str, str, str]:
    if copy.state == "removed" and copy.fault.startswith(retirement.WENT):
        return "retired", "随存储退役", "gone"
    if copy.state == "removed" and not copy.version:
        return "unused", "不再存入", "gone"
    return copy.state, COPY_STATES[copy.state], TONES[copy.state]


# --- one record -----------------------------------------------------------------------------------------------------


def of_record(record: Record, files: list[DigitalObject], actor: Actor) -> list[dict[str, Any]]:
    """Each file with all its copies, in plain words, and what may be done about a damaged one. The record is one that
    this actor may read."""
    here = Copy.objects.filter(object__record=record)
    apart = here.filter(quarantined__isnull=False).order_by()
    quarantined = dict(apart.values_list("pk").annotate(Count("quarantined")))
    bad = list(here.filter(state="damaged").select_related("object__record__fonds"))
    told = {row["pk"]: row for row in damaged_rows(bad, actor)} if record.state == "archived" else {}
    return [
        {
            "file": item.path.rpartition("/")[2],
            "role": item.get_role_display(),
            "sha256": item.sha256,
            "encrypted": item.encrypted,
            "rows": [
                _copy(copy, quarantined.get(copy.pk, 0), told.get(copy.pk))
                for copy in sorted(item.copies.all(), key=lambda one: one.store)
            ],
        }
        for item in files
    ]


def _copy(copy: Copy, quarantined: int, told: dict[str, Any] | None) -> dict[str, Any]:
    lock = ""
    if copy.lock_until and copy.state != "removed":
        lock = f"至 {day(copy.lock_until)}"
    elif copy.state == "stored":
        lock = "没有日期锁定"
    notes = []
    if copy.state == "damaged":
        notes.append(
            Damage.FAULTS.get(copy.fault, copy.fault)
            + (f"：{told['detail']}" if told and told["detail"] else "")
        )
    elif copy.fault:
        notes.append(copy.fault)
    if copy.try_after and copy.state == "failed":
        notes.append(f"已试 {copy.attempts} 次，{moment(copy.try_after)} 再试")
    if quarantined:
        notes.append(f"另有 {quarantined} 个受损的旧版本隔离在存储里，随档案一同销毁")
    if copy.legal_hold:
        notes.append("存储端已冻结（暂缓销毁）")
    order = f"{reverse('copies:order')}?copy={copy.pk}" if told and told["choose"] else ""
    return {
        "store": copy.store,
        "state": state_of(copy),
        "lock": lock,
        "mode": copy.lock_mode if lock else "",
        "mode_means": MODES.get(copy.lock_mode, ""),
        "bytes": copy.stored_bytes,
        "written_at": copy.written_at,
        "checked_at": copy.checked_at,
        "notes": notes,
        "order_url": order,
        "loss_url": told["loss_url"] if told else "",
        "way": told["way"] if told else "",
    }


# --- what waits -----------------------------------------------------------------------------------------------------


def todos(actor: Actor) -> list[dict[str, Any]]:
    return [*_damaged_todo(actor), *_retirements_todo(actor)]


def _retirements_todo(actor: Actor) -> list[dict[str, Any]]:
    """Stores of which another one asked that they be retired."""
    if not actor.may("retirement.confirm"):
        return []
    asked = StoreRetirement.objects.filter(withdrawn_at=None, confirmed_at=None).exclude(asked_by=actor.id)
    return [
        {
            "label": f"存储 {row.store} 等您确认退役",
            "count": 1,
            "url": reverse("retirements:one", args=[row.store]),
            "oldest": row.asked_at,
            "hint": f"介质{row.get_medium_display()}：核对凭据，看还有没有文件只剩那里",
        }
        for row in asked.order_by("asked_at")
    ]


def _damaged_todo(actor: Actor) -> list[dict[str, Any]]:
    if not actor.may("copy.restore"):
        return []
    since = list(damaged(actor).order_by().values_list("checked_at", flat=True)[:COUNT_TO])
    oldest = min(filter(None, since), default=None)
    hint = "看看有没有完好的副本，下令恢复"
    return [
        {
            "label": "副本受损",
            "count": len(since),
            "url": reverse("copies:damaged"),
            "oldest": oldest,
            "hint": hint,
        }
    ]


def copy_ids(texts: list[str]) -> list[UUID]:
    """What a form or an address names, without what is no id."""
    found = []
    for text in texts[:500]:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return list(dict.fromkeys(found))
