"""Which retention period a case gets, and whether anything may be destroyed by it.

The schedule's rows are facts with a number of sources; determinations are what the site decided, append-only.
The more precise one wins: a single item before its class. A determination is never shorter than a known minimum
(Order 3, article 9: the periods are minima).
"""

import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from archive import audit, changes, periods, permissions
from archive.errors import WrongInput
from archive.models import Determination, RetentionClass
from archive.permissions import Actor
from archive.terms import RETENTIONS

SCHEDULE_FILE = Path(__file__).parent / "data" / "retention_schedule.csv"
CONFIRMED = "periods"
"""Announced with the key of a confirmation, as a UUID: `correction` follows it."""
FILE_TERMS = {"会计档案办法": "会计", "UNKNOWN": ""}


@dataclass(frozen=True)
class Period:
    """`retention` None = undetermined: the package waits. `key` is the class or item that decides, or all the classes
    ("1-2、1-4"): the longest holds, so each of them may lengthen it. `settled` says that a register may rest on it:
    confirmed by the manager, or known from two sources and never provisional; of several classes each of them."""

    retention: str | None
    key: str
    provisional: bool = False
    settled: bool = False
    reason: str = ""


Span = tuple[date | None, date | None]
"""(from, until) of formation dates; `until` is not in it; None = without end."""


class Known:
    """What the site decided and the schedule says of some classes and items, read at once: two queries, however many
    they are."""

    def __init__(self, keys: Iterable[str]) -> None:
        keys = {one for key in keys for one in periods.classes_of(key)}
        self._decided: dict[str, list[Determination]] = defaultdict(list)
        self._schedule: dict[str, list[RetentionClass]] = defaultdict(list)
        if not keys:
            return
        for row in Determination.objects.filter(key__in=keys).order_by("-id"):
            self._decided[row.key].append(row)
        codes = [key for key in keys if not key.startswith("item:")]
        for row in RetentionClass.objects.filter(code__in=codes).order_by("-valid_from") if codes else ():
            self._schedule[row.code].append(row)

    def period_of(self, key: str, on: date) -> Period:
        """What holds today for a class, several classes or an item, for what was formed on that day. Of several the
        longest; one of them unknown: unknown."""
        found = [self._period_of(one, on) for one in periods.classes_of(key)]
        if unknown := next((one for one in found if one.retention is None), None):
            return unknown
        longest = periods.longest([one.retention for one in found])
        deciding = next(one for one in found if one.retention == longest)
        return replace(deciding, key=key, settled=all(one.settled for one in found))

    def _period_of(self, key: str, on: date) -> Period:
        decided = self.decision(key)
        if decided:
            return decided
        return Period(None, key) if key.startswith("item:") else self._of_row(key, self.row(key, on))

    def decision(self, key: str) -> Period | None:
        """By what the site decided: the newest row that gives a period, and whether it has been confirmed since."""
        rows = self._decided[key]
        row = next((row for row in rows if row.kind != "confirmed"), None)
        if row is None:
            return None
        confirmed = any(later.kind == "confirmed" and later.id > row.id for later in rows)
        provisional = row.kind == "provisional" and not confirmed
        return Period(row.period, key, provisional=provisional, settled=confirmed)

    def row(self, code: str, on: date) -> RetentionClass | None:
        """The row of the version valid on that day; the oldest version also governs everything before it."""
        rows = self._schedule[code]
        return next((row for row in rows if row.valid_from <= on), rows[-1] if rows else None)

    def unsettled(self, key: str) -> list[Span]:
        """When what is formed in that class or item may enter no register yet; empty = it always may."""
        return [span for one in periods.classes_of(key) for span in self._unsettled(one)]

    def _unsettled(self, key: str) -> list[Span]:
        decided, rows = self.decision(key), self._schedule[key]
        if decided or not rows:
            return [] if decided and decided.settled else [(None, None)]
        found: list[Span] = []
        for number, row in enumerate(rows):  # the newest first
            if not self._of_row(key, row).settled:
                oldest = number == len(rows) - 1
                found.append(
                    (None if oldest else row.valid_from, rows[number - 1].valid_from if number else None)
                )
        return found

    def _of_row(self, code: str, row: RetentionClass | None) -> Period:
        if row is None or not row.period:
            return Period(
                None, code, reason=f"保管期限待定：期限表第 {code} 项的期限未知，请判定并写明依据。"
            )
        confirmed = any(one.kind == "confirmed" for one in self._decided[code])
        return Period(row.period, code, settled=confirmed or row.source_count >= 2)


def resolve(classes: Sequence[str], item_key: str, on: date) -> Period:
    """The period of an item whose materials fall into `classes` ("1-2", "2-?", "site"), formed on that day.

    Several classes: the longest; one of them unknown: unknown. `item_key` is `item:<source>/<item>`.
    """
    known = Known([item_key, *classes])
    if decided := known.decision(item_key):
        return decided
    if not classes or "site" in classes:
        return Period(
            None,
            item_key,
            reason=f"保管期限待定：期限表没有规定这个事项的期限，由本单位按事项判定（{item_key}）。",
        )
    return known.period_of(periods.SEVERAL.join(classes), on)


def period_of(key: str, on: date) -> Period:
    """What holds today for a class or item, for what was formed on that day."""
    return Known([key]).period_of(key, on)


def settled(key: str, on: date) -> bool:
    """May a register rest on that class or item? (design §7)"""
    return period_of(key, on).settled


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
    before = Known([key]).decision(key)
    if before and provisional and before.settled:
        raise WrongInput(field="暂定", reason=f"{key} 的期限已经确认，不能再改为暂定。")
    if before and before.settled and periods.shorter(period, before.retention):
        raise WrongInput(
            field="保管期限", reason=f"{key} 已确认为{before.retention}，不能缩短；更正错误须双人并附证明。"
        )
    return _write(key, "provisional" if provisional else "determined", period, basis, actor)


@transaction.atomic
def confirm(key: str, *, basis: str, actor: Actor) -> Determination:
    """State that the known period of a class or item was checked against the original annex. What was filed under
    another period meanwhile is corrected by `correction`, which says beforehand how many that are."""
    permissions.require(actor, "determination.confirm")
    basis = basis.strip()
    if not basis:
        raise WrongInput(field="依据", reason="请写明核对所据的原文（文件名、文号、条款）。")
    period = period_of(key, timezone.localdate()).retention
    if not period:
        raise WrongInput(field="类项", reason=f"{key} 还没有期限可以确认，请先判定。")
    row = _write(key, "confirmed", period, basis, actor)
    changes.announce(CONFIRMED, UUID(int=row.pk))
    return row


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
