"""How the stores fare: one reading a store and day, and the standing of this moment.

What lies in a store is counted over all its copies once a day, by a job (`take`). A page (`standing`) takes the last
reading, adds what came since (a range of the copies' ids, which are ordered by time), and asks for what is not in order
by its own index: what a view costs follows what is new and what is wrong, never what is held.
"""

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from django.db.models import CharField, Count, Min, Q, Sum
from django.db.models.functions import Cast
from django.utils import timezone

from archive import stores
from archive.models import Copy, EvidenceLock, QuarantinedVersion, StoreReading

UNWRITTEN = ["pending", "failed"]
HELD = ["stored", "damaged"]
LOCKS_AHEAD = timedelta(days=30)
LOCKS_LATE = timedelta(days=2)
"""A lock is renewed years before it ends; one whose day passed two days ago was not taken up by two runs."""
CHECK_WITHIN = timedelta(days=90)
COUNT_TO = 10_000
DAYS = 90


@dataclass
class Standing:
    """One store now. `objects` and `bytes` are what was written and not removed; `late_checks` counts copies not verified
    for 90 days, at most COUNT_TO + 1; `as_of`: the day of the last reading."""

    store: str
    objects: int = 0
    bytes: int = 0
    new: int = 0
    """Of the objects, those since the last reading."""
    behind: int = 0
    oldest_behind: datetime | None = None
    reasons: list[tuple[str, int]] = field(default_factory=list)
    damaged: int = 0
    quarantined: int = 0
    locks_due: int = 0
    locks_late: int = 0
    oldest_check: datetime | None = None
    late_checks: int = 0
    as_of: date | None = None
    days: list[StoreReading] = field(default_factory=list)


def first_id_at(moment: datetime) -> uuid.UUID:
    """Ids made at or after that moment are not smaller (archive/identifiers.py)."""
    return uuid.UUID(int=int(moment.timestamp() * 1000) << 80)


def made_at(row_id: uuid.UUID) -> datetime:
    """When an id was made."""
    return datetime.fromtimestamp((row_id.int >> 80) / 1000, timezone.get_current_timezone())


def _end_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day + timedelta(days=1), time()))


# Once a day


def take(day: date | None = None) -> list[StoreReading]:
    """Write down how every store stood at the end of `day` (yesterday). Again on the same day: the newer figures."""
    today = timezone.localdate()
    day = day or today - timedelta(days=1)
    copies = Copy.objects.filter(pk__lt=first_id_at(_end_of(day))).order_by()
    held = copies.filter(state__in=HELD).values("store").annotate(
        objects=Count("pk"), bytes=Sum("stored_bytes"), oldest=Min("checked_at"),
        damaged=Count("pk", filter=Q(state="damaged")),
    )  # fmt: skip
    found = {row["store"]: row for row in held}
    waiting = dict(copies.filter(state__in=UNWRITTEN).values_list("store").annotate(Count("pk")))
    due = {store: ahead for store, (ahead, _) in _locks(today).items()}
    made = []
    for name in sorted({*found, *waiting, *stores.configured()} - {*stores.retired()}):
        row = found.get(name, {})
        values = {
            "objects_count": row.get("objects", 0), "bytes": row.get("bytes") or 0, "damaged": row.get("damaged", 0),
            "behind": waiting.get(name, 0), "locks_due": due.get(name, 0), "oldest_check": row.get("oldest"),
        }  # fmt: skip
        made.append(StoreReading.objects.update_or_create(store=name, day=day, defaults=values)[0])
    return made


# Now


def standing(names: Sequence[str], now: datetime | None = None) -> dict[str, Standing]:
    """How each of these stores, and every other one that copies speak of, stands."""
    now = now or timezone.now()
    today = timezone.localdate(now)
    found = {name: Standing(name) for name in names}

    def of(name: str) -> Standing:
        return found.setdefault(name, Standing(name))

    last = _last_readings(today, of)
    since = Copy.objects.filter(pk__gte=first_id_at(_end_of(last))) if last else Copy.objects.all()
    rows = since.filter(state__in=HELD).order_by().values_list("store")
    for name, count, size in rows.annotate(Count("pk"), Sum("stored_bytes")):
        of(name).new = count
        of(name).objects += count
        of(name).bytes += size or 0
    _not_in_order(of)
    for name, (ahead, late) in _locks(today).items():
        of(name).locks_due, of(name).locks_late = ahead, late
    late = Copy.objects.filter(checked_at__lt=now - CHECK_WITHIN).exclude(state__in=[*UNWRITTEN, "removed"])
    for name, count in Counter(
        late.order_by("checked_at", "id").values_list("store", flat=True)[: COUNT_TO + 1]
    ).items():
        of(name).late_checks = count
    for name in stores.retired():
        found.pop(name, None)
    return found


def _last_readings(today: date, of) -> date | None:
    """Fill in the readings of the last days; the day of the newest."""
    last = None
    rows = StoreReading.objects.filter(day__gte=today - timedelta(days=DAYS)).order_by("day", "store")
    for reading in rows:
        one = of(reading.store)
        one.days.append(reading)
        one.objects, one.bytes, one.oldest_check = reading.objects_count, reading.bytes, reading.oldest_check
        one.as_of = last = reading.day
    return last


def _not_in_order(of) -> None:
    """Copies that are owed, with why and for how long; damaged and quarantined ones."""
    unwritten = Copy.objects.filter(state__in=UNWRITTEN).order_by()
    rows = (
        unwritten.values_list("store", "fault")
        .annotate(Count("pk"), oldest=Min(Cast("pk", CharField())))  # PostgreSQL 15 knows no least of ids
        .order_by("-pk__count", "fault")
    )
    for name, fault, count, oldest in rows:
        one, begun = of(name), made_at(uuid.UUID(oldest))
        one.behind += count
        one.oldest_behind = min(one.oldest_behind or begun, begun)
        one.reasons.append((fault, count))
    damaged = Copy.objects.filter(state="damaged").order_by().values_list("store").annotate(Count("pk"))
    for name, count in damaged:
        of(name).damaged = count
    for name, count in QuarantinedVersion.objects.order_by().values_list("copy__store").annotate(Count("pk")):
        of(name).quarantined = count


def _locks(today: date) -> dict[str, tuple[int, int]]:
    """Store → locks to be renewed in the next days, and of them those that are late. What nobody has looked at yet
    (a copy written today) is neither."""
    found: dict[str, tuple[int, int]] = {}
    for model in (Copy, EvidenceLock):
        due = model.objects.filter(renew_on__gt=date.min, renew_on__lte=today + LOCKS_AHEAD).order_by()
        late = Count("pk", filter=Q(renew_on__lt=today - LOCKS_LATE))
        for name, count, behind in due.values_list("store").annotate(count=Count("pk"), late=late):
            ahead, before = found.get(name, (0, 0))
            found[name] = (ahead + count, before + behind)
    return found
