"""更正保管期限: what was filed under a period that was not final takes the one that the archive manager confirmed.

Contract, for the records filed under a class or item, while they are in custody:
- filed provisionally: takes the confirmed period, longer or shorter, but none below the known minimum of its class (what
  is too short to be legal stays as it is);
- filed for less than was confirmed, of any of its classes: takes the longer one. What is kept longer already (an
  appraisal) stays;
- each correction is an event of its record, with the old period; 档号 and formation date never change, and the locks
  follow. A row of a register that was frozen before no longer fits its record: nobody can sign for its destruction.
A confirmation announces itself (CONFIRMED); the worker corrects in bounded steps, so a kill leaves none forgotten.
"""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Concat
from django.utils import timezone

from archive import changes, extension, periods
from archive.determinations import CONFIRMED, Known, minimum
from archive.models import Determination, Record
from archive.periods import SEVERAL
from archive.permissions import Actor, system_actor
from archive.terms import RETENTIONS

CHUNK, STEP = 50, 500
"""Records in one transaction (each costs an event, and a write may hold SQLite for 100 ms at most), and in one turn."""


def affected(key: str) -> QuerySet[Record]:
    """The records that a confirmation of the class or item, as it is decided now, would correct."""
    decided = Known([key]).decision(key)
    if decided is None:
        return Record.objects.none()
    target, least = decided.retention, minimum(key)
    less = Q(retention__in=[period for period in RETENTIONS if periods.shorter(period, target)])
    if least is None or not periods.shorter(target, least):
        less |= Q(provisional=True)
    among = Concat(Value(SEVERAL), "retention_key", Value(SEVERAL))
    rows = Record.objects.alias(among=among).filter(among__contains=f"{SEVERAL}{key}{SEVERAL}")
    return rows.filter(less, state="archived")  # whoever confirms decides for the site


def spread(*, actor: Actor, limit: int = STEP) -> int:
    """One bounded step for each confirmation that was announced. Returns how many records were corrected."""
    return changes.in_steps(CONFIRMED, lambda pk: _correct(pk, limit, actor))


def follow(ids: Sequence[UUID]) -> None:
    actor = system_actor("更正期限")
    changes.to_the_end(ids, lambda pk: _correct(pk, STEP, actor))


def _correct(confirmation: UUID, limit: int, actor: Actor) -> tuple[int, bool]:
    """Of records under the key of this confirmation; nothing when the decision has been opened again since."""
    row = Determination.objects.filter(pk=confirmation.int, kind="confirmed").first()
    decided = Known([row.key]).decision(row.key) if row else None
    if decided is None or not decided.settled:
        return 0, True
    done = 0
    while done < limit:
        part = min(CHUNK, limit - done)
        found = list(affected(row.key).order_by("pk").values_list("pk", "retention_key")[:part])
        known = Known(key for _, key in found)
        with transaction.atomic():
            for pk, _ in found:
                _take(pk, known, row, actor)
        done += len(found)
        if len(found) < part:
            return done, True
    return done, False


def _take(pk: UUID, known: Known, row: Determination, actor: Actor) -> None:
    record = Record.objects.select_for_update(of=("self",)).get(pk=pk)
    period = known.period_of(record.retention_key, record.formed_on).retention
    if record.state == "archived" and (record.provisional or periods.shorter(record.retention, period)):
        action = "record.period_confirmed" if record.retention == period else "record.period_corrected"
        extension.write(
            record, period, action, basis=row.basis, decided_on=_day(row), actor=actor, key=row.key
        )


def _day(row: Determination) -> date:
    return timezone.localdate(row.decided_at)
