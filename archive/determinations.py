"""Which retention period a case gets, and whether anything may be destroyed by it.

The schedule's rows are facts with a number of sources; determinations are what the site decided, append-only.
The more precise one wins: a single item before its class. A determination is never shorter than a known minimum
(Order 3, article 9: the periods are minima).
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from archive import audit, periods, permissions
from archive.errors import WrongInput
from archive.models import Determination, RetentionClass
from archive.permissions import Actor
from archive.terms import RETENTIONS

SCHEDULE_FILE = Path(__file__).parent / "data" / "retention_schedule.csv"
FILE_TERMS = {"会计档案办法": "会计", "UNKNOWN": ""}


@dataclass(frozen=True)
class Period:
    """`retention` None = undetermined: the package waits. `key` is the class or item that decided. `settled` says
    that a register may rest on it: confirmed by the manager, or known from two sources and never provisional."""

    retention: str | None
    key: str
    provisional: bool = False
    settled: bool = False
    reason: str = ""


def resolve(classes: Sequence[str], item_key: str, on: date) -> Period:
    """The period of an item whose materials fall into `classes` ("1-2", "2-?", "site"), formed on that day.

    Several classes: the longest; one of them unknown: unknown. `item_key` is `item:<source>/<item>`.
    """
    decided = _decision(item_key)
    if decided:
        return _from_decision(decided, item_key)
    known = [_of_class(code, on) for code in classes if code != "site"]
    if not known or "site" in classes:
        return Period(
            None,
            item_key,
            reason=f"保管期限待定：期限表没有规定这个事项的期限，由本单位按事项判定（{item_key}）。",
        )
    unknown = next((period for period in known if period.retention is None), None)
    if unknown:
        return unknown
    longest = periods.longest([period.retention for period in known])
    return next(period for period in known if period.retention == longest)


def period_of(key: str, on: date) -> Period:
    """What holds today for a class or item, for what was formed on that day."""
    decided = _decision(key)
    if decided:
        return _from_decision(decided, key)
    return Period(None, key) if key.startswith("item:") else _of_class(key, on)


def settled(key: str, on: date) -> bool:
    """May a register rest on that class or item? (design §7)"""
    return period_of(key, on).settled


def _decision(key: str) -> tuple[Determination, bool] | None:
    """The newest row that gives a period, and whether it has been confirmed since."""
    rows = list(Determination.objects.filter(key=key).order_by("-id")[:20])
    giving = next((row for row in rows if row.kind != "confirmed"), None)
    if giving is None:
        return None
    return giving, any(row.kind == "confirmed" and row.id > giving.id for row in rows)


def _from_decision(decision: tuple[Determination, bool], key: str) -> Period:
    row, confirmed = decision
    provisional = row.kind == "provisional" and not confirmed
    return Period(row.period, key, provisional=provisional, settled=confirmed)


def _of_class(code: str, on: date) -> Period:
    decided = _decision(code)
    if decided:
        return _from_decision(decided, code)
    row = schedule_row(code, on)
    if row is None or not row.period:
        return Period(None, code, reason=f"保管期限待定：期限表第 {code} 项的期限未知，请判定并写明依据。")
    confirmed = Determination.objects.filter(key=code, kind="confirmed").exists()
    return Period(row.period, code, settled=confirmed or row.source_count >= 2)


def schedule_row(code: str, on: date) -> RetentionClass | None:
    """The row of the version valid on that day; the oldest version also governs everything before it."""
    rows = list(RetentionClass.objects.filter(code=code).order_by("-valid_from"))
    return next((row for row in rows if row.valid_from <= on), rows[-1] if rows else None)


def minimum(key: str, classes: Sequence[str] = ()) -> str | None:
    """The known period below which nobody may go: of the class itself, or of an item's known classes."""
    codes = classes if key.startswith("item:") else (key,)
    known = [
        row.period
        for row in RetentionClass.objects.filter(code__in=codes).order_by("-valid_from")
        if row.period
    ]
    return periods.longest(known) if known else None


@transaction.atomic
def determine(
    key: str, period: str, *, basis: str, actor: Actor, provisional: bool = False, classes: Sequence[str] = ()
) -> Determination:
    """Decide the period of a class or item, with its basis. Raises WrongInput when it is shorter than a known
    minimum, or when what was confirmed would be replaced by something provisional."""
    permissions.require(actor, "determination.set")
    basis = basis.strip()
    if period not in RETENTIONS:
        raise WrongInput(
            field="保管期限", reason=f"“{period}”不是法定期限，应为{'、'.join(RETENTIONS)}之一。"
        )
    if not basis:
        raise WrongInput(field="依据", reason="请写明判定依据（文件名、文号、条款）。")
    if not key.startswith("item:") and not RetentionClass.objects.filter(code=key).exists():
        raise WrongInput(field="类项", reason=f"保管期限表里没有“{key}”这一类项。")
    least = minimum(key, classes)
    if least and periods.shorter(period, least):
        raise WrongInput(field="保管期限", reason=f"{key} 的最低期限是{least}，不能判定为更短的{period}。")
    before = _decision(key)
    if before and provisional and _from_decision(before, key).settled:
        raise WrongInput(field="暂定", reason=f"{key} 的期限已经确认，不能再改为暂定。")
    if before and _from_decision(before, key).settled and periods.shorter(period, before[0].period):
        raise WrongInput(
            field="保管期限", reason=f"{key} 已确认为{before[0].period}，不能缩短；更正错误须双人并附证明。"
        )
    return _write(key, "provisional" if provisional else "determined", period, basis, actor)


@transaction.atomic
def confirm(key: str, *, basis: str, actor: Actor) -> Determination:
    """State that the known period of a class or item was checked against the original annex."""
    permissions.require(actor, "determination.confirm")
    basis = basis.strip()
    if not basis:
        raise WrongInput(field="依据", reason="请写明核对所据的原文（文件名、文号、条款）。")
    decided = _decision(key)
    row = None if key.startswith("item:") else schedule_row(key, timezone.localdate())
    period = decided[0].period if decided else (row.period if row else "")
    if not period:
        raise WrongInput(field="类项", reason=f"{key} 还没有期限可以确认，请先判定。")
    return _write(key, "confirmed", period, basis, actor)


def _write(key: str, kind: str, period: str, basis: str, actor: Actor) -> Determination:
    row = Determination.objects.create(
        key=key,
        kind=kind,
        period=period,
        basis=basis,
        decided_at=timezone.now(),
        decided_by_id=actor.id,
        decided_by_name=actor.name,
    )
    action = {"determined": "set"}.get(kind, kind)
    audit.record(
        actor=actor,
        action=f"determination.{action}",
        kind="site",
        subject="retention",
        name=key,
        data={"key": key, "period": period, "basis": basis},
    )
    return row


@transaction.atomic
def load_schedule(*, actor: Actor, file: Path = SCHEDULE_FILE) -> int:
    """Load the schedule's rows that are not there yet. A row of a known version is never rewritten: a correction
    is a new version. Returns how many were new."""
    new = []
    with file.open(encoding="utf-8-sig", newline="") as handle:
        for line in csv.DictReader(handle):
            period = FILE_TERMS.get(line["retention"], line["retention"])
            new.append(
                RetentionClass(
                    schedule=line.get("schedule") or "人社部3号令附件（2009）",
                    valid_from=date.fromisoformat(line.get("valid_from") or "2009-09-01"),
                    code=f"{line['class_no']}-{line['item_no']}",
                    class_no=int(line["class_no"]),
                    class_name=line["class_name"],
                    name="" if line["item_name"] == "UNKNOWN" else line["item_name"],
                    materials=line["materials"],
                    period=period,
                    source_count=int(line["source_count"]),
                    note=line["note"],
                )
            )
    there = set(RetentionClass.objects.values_list("schedule", "code"))
    new = [row for row in new if (row.schedule, row.code) not in there]
    RetentionClass.objects.bulk_create(new)
    if new:
        audit.record(
            actor=actor,
            action="schedule.loaded",
            kind="site",
            subject="retention",
            data={"schedule": new[0].schedule, "count": len(new)},
        )
    return len(new)
