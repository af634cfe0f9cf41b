"""人工确认: a person's recorded word on what no program can see (environment, carrier, process), with its validity.

Given once for a connection (a source system), a batch, or the whole site; packages that arrive while it holds cite it
in their reports (archive/inspection/manual.py). Nothing is changed afterwards: a mistake is withdrawn, with the reason.
"""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from archive import audit, permissions
from archive.errors import NotFound, WrongInput
from archive.inspection.items import CARRIER, ITEMS, MANUAL
from archive.models import Fonds, ManualConfirmation, SourceSystem, User
from archive.permissions import Actor

CHECKS = {item.check: item.name for item in ITEMS if item.answer == MANUAL}
EXTENTS = ManualConfirmation.EXTENTS
LONGEST_DAYS = 366
"""An environment changes: after a year somebody looks again."""
SOON = timedelta(days=30)


@transaction.atomic
def confirm(
    *,
    checks: list[str],
    extent: str,
    reference: str,
    verdict: str,
    statement: str,
    valid_until: date,
    actor: Actor,
    fonds: Fonds | None = None,
) -> list[ManualConfirmation]:
    """One row for each check. Raises WrongInput where the extent, the term or the statement is missing or wrong."""
    permissions.require(actor, "confirmation.give")
    today, reference, statement = timezone.localdate(), reference.strip()[:120], statement.strip()[:500]
    if not checks or any(check not in CHECKS for check in checks):
        raise WrongInput(field="检测项", reason="请选择至少一个人工检测项。")
    if extent not in EXTENTS or verdict not in ManualConfirmation.VERDICTS:
        raise WrongInput(field="范围", reason="请选择范围和结论。")
    if extent == "source" and not SourceSystem.objects.filter(code=reference).exists():
        raise WrongInput(field="对象", reason=f"没有来源系统“{reference}”。请从列表中选择。")
    if extent == "batch" and not reference:
        raise WrongInput(field="对象", reason="请写明移交批次号，与批次清单上的一致。")
    if extent == "site":
        reference = ""
    if extent != "batch" and (carriers := [CHECKS[check] for check in checks if check in CARRIER]):
        reason = f"{'、'.join(carriers)}因载体而异，只能按批次确认。"
        raise WrongInput(field="检测项", reason=reason)
    if not statement:
        raise WrongInput(field="确认说明", reason="请写明核查了什么、看到了什么。")
    if not today <= valid_until <= today + timedelta(days=LONGEST_DAYS):
        raise WrongInput(field="有效至", reason=f"应在今天之后，最长 {LONGEST_DAYS} 天；到期请重新核查。")
    user = User.objects.get(pk=actor.id)
    rows = [
        ManualConfirmation.objects.create(
            check_id=check, extent=extent, reference=reference, fonds=fonds, verdict=verdict, statement=statement,
            confirmed_at=timezone.now(), confirmed_by=user, confirmed_by_name=actor.name, valid_from=today,
            valid_until=valid_until,
        )
        for check in checks
    ]  # fmt: skip
    for row in rows:
        _say(row, "confirmation.given", actor, until=row.valid_until.isoformat(), statement=statement)
    return rows


@transaction.atomic
def withdraw(pk: UUID | str, *, reason: str, actor: Actor) -> ManualConfirmation:
    """It is cited no longer; reports that cited it stay as they are. Done already: nothing happens."""
    permissions.require(actor, "confirmation.give")
    row = ManualConfirmation.objects.select_for_update().filter(pk=pk).first()
    if row is None:
        raise NotFound(what="这项人工确认")
    if row.withdrawn_at is None:
        if not reason.strip():
            raise WrongInput(field="原因", reason="请写明为什么撤回。")
        row.withdrawn_at, row.withdrawn_by_name = timezone.now(), actor.name
        row.withdrawn_reason = reason.strip()[:300]
        row.save(update_fields=["withdrawn_at", "withdrawn_by_name", "withdrawn_reason"])
        _say(row, "confirmation.withdrawn", actor, reason=row.withdrawn_reason)
    return row


def _say(row: ManualConfirmation, action: str, actor: Actor, **data: str) -> None:
    about = {"check": f"{row.check_id} {CHECKS[row.check_id]}", "extent": extent_of(row)}
    about["verdict"] = row.get_verdict_display()
    audit.record(
        actor=actor, action=action, kind="site", subject="confirmations", name=row.check_id, data=about | data
    )


def extent_of(row: ManualConfirmation) -> str:
    return row.get_extent_display() + (f"“{row.reference}”" if row.reference else "")


def holding(*, source: str, batch_no: str, on: date) -> dict[str, dict[str, Any]]:
    """What holds on that day for a package of this source and batch, by check id, as `inspection.manual` cites it. The
    narrower extent speaks before the wider, the newer word before the older."""
    ours = Q(extent="site") | Q(extent="source", reference=source)
    if batch_no:
        ours |= Q(extent="batch", reference=batch_no)
    rows = ManualConfirmation.objects.filter(
        ours, check_id__in=CHECKS, withdrawn_at=None, valid_from__lte=on, valid_until__gte=on
    )
    found: dict[str, dict[str, Any]] = {}
    order = {"site": 0, "source": 1, "batch": 2}
    for row in sorted(rows, key=lambda row: (order[row.extent], row.confirmed_at)):
        found[row.check_id] = {
            "verdict": row.verdict,
            "statement": row.statement,
            "by": row.confirmed_by_name,
            "at": timezone.localdate(row.confirmed_at).isoformat(),
            "until": row.valid_until.isoformat(),
            "extent": extent_of(row),
        }
    return found
