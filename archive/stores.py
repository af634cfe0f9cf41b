"""The stores of this installation, opened once a process; until when, and how, an object is locked in them.

The lock of a record's object follows design §5.6: the earlier of the retention end and today + horizon, renewed at
half (`renewal`); what is provisional rolls by a year; what is filed after its retention end gets no date lock, because
stores refuse a past date, and is protected by rights until disposal. What the archive itself keeps beside records has
its horizon by the first part of its key (`OWN`). The mode is GOVERNANCE, unless the fonds has decided otherwise
(`lock_modes`).
"""

import os
from datetime import date, datetime, time, timedelta
from functools import cache

from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from archive import periods, storage
from archive.errors import StorageFailed
from archive.models import Copy, Fonds, LockModeChange, Record, StoreRetirement


@cache
def opened() -> dict[str, storage.Store]:
    """Every store of the configuration. Asks no database: for whoever has been given a name, in any thread."""
    return storage.open_stores(storage.from_environment(os.environ, settings.ARCHIVE_DATA), _is_new)


def configured() -> dict[str, storage.Store]:
    """Those in use, by name, in the order of the configuration; the first one is read from first. One that was retired
    is not among them, also where the configuration still names it."""
    gone = retired()
    return {name: store for name, store in opened().items() if name not in gone}


def retired() -> dict[str, str]:
    """Names that were retired for good (`retirement`) → the place that had the name."""
    try:
        return dict(StoreRetirement.objects.filter(confirmed_at__isnull=False).values_list("store", "place"))
    except DatabaseError:  # `setup` tries the stores out before there is any table
        return {}


def _is_new(name: str) -> bool:
    """Whether no copy was ever stored there; asked only of a local folder that is not there."""
    try:
        return not Copy.objects.filter(store=name, written_at__isnull=False).exists()
    except DatabaseError:  # `setup` tries the stores out before there is any table
        return True


def names_for(fonds: Fonds) -> list[str]:
    """Where every object of this fonds is to have a copy: the stores chosen for it, or all there are. One that was
    chosen and is not configured any more stays among them: its copies are then told to be behind."""
    return list(fonds.store_names or configured())


def get(name: str) -> storage.Store:
    """The store of that name. Raises StorageFailed when it is not in the configuration."""
    store = opened().get(name)
    if store is None:
        raise StorageFailed(
            store=name, kind="missing", reason="这个存储不在当前配置（ARCHIVE_STORES）中，请写回。"
        )
    return store


def forget() -> None:
    """After the environment changed (tests), or after a fork."""
    opened.cache_clear()


def key_of(fonds_code: str, record_id, object_id) -> str:
    """No byte is shared between records (design §5.5)."""
    return f"{fonds_code}/{record_id}/{object_id}"


def _same_day_in(years: int, day: date) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # 29 February
        return day.replace(year=day.year + years, day=28)


PROVISIONAL_YEARS = 1
"""How far ahead something is locked whose period is not settled."""


def horizon(today: date) -> datetime:
    """How far ahead anything is locked at all: the end of the day LOCK_HORIZON_YEARS from now, in local time."""
    return _end_of(_same_day_in(settings.LOCK_HORIZON_YEARS, today))


def _end_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time(23, 59, 59)))


def lock_until(record: Record, *, today: date) -> datetime | None:
    """End of the locked day in local time, or None when the period is already over."""
    years = PROVISIONAL_YEARS if record.provisional else settings.LOCK_HORIZON_YEARS
    horizon = _same_day_in(min(years, settings.LOCK_HORIZON_YEARS), today)
    end = periods.ends_on(record.formed_on, record.retention)
    day = horizon if end is None else min(horizon, end)
    if day <= today:
        return None
    return _end_of(day)


def renew_on(record: Record, locked: datetime | None, *, today: date) -> date | None:
    """The day on which a lock that ends at `locked` is to be lengthened: when half of the horizon is left. None: it
    reaches the end of the period, or the period is over."""
    end = periods.ends_on(record.formed_on, record.retention)
    if end is not None and (end <= today or (locked is not None and locked >= _end_of(end))):
        return None
    return half_before(
        locked, PROVISIONAL_YEARS if record.provisional else settings.LOCK_HORIZON_YEARS, today
    )


def half_before(locked: datetime | None, years: int, today: date) -> date:
    """Half of `years` before `locked`; today when that has passed, or when nothing is locked."""
    if locked is None:
        return today
    return max(today, timezone.localdate(locked) - timedelta(days=years * 365 // 2))


def renew_own_on(locked: datetime, *, today: date) -> date:
    """The same for what the archive itself keeps, which never ends."""
    return half_before(locked, settings.LOCK_HORIZON_YEARS, today)


def lock_mode(fonds: Fonds | int) -> str:
    """How new objects of this fonds are locked: COMPLIANCE once that was confirmed, else GOVERNANCE."""
    fonds_id = fonds if isinstance(fonds, int) else fonds.pk
    confirmed = LockModeChange.objects.filter(fonds=fonds_id, withdrawn_at=None, confirmed_at__isnull=False)
    return storage.COMPLIANCE if confirmed.exists() else storage.GOVERNANCE


OWN = {
    "fondsfile/": True,
    "seals/": True,
    "ledger/": True,
    "fixity/": False,
    "catalogue/": False,
}
"""First part of the keys of what the archive itself keeps in a store → whether it must live on. All of it is locked to
the horizon when it is written. What need not live on is not renewed: the ledger keeps the digest and the findings of
an old fixity run, and a catalogue snapshot is followed by newer ones."""


def lives_on(key: str) -> bool:
    return any(lives for prefix, lives in OWN.items() if key.startswith(prefix))
