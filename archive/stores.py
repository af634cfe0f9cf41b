"""The stores of this installation, opened once a process, and until when an object is locked in them.

The lock follows design §5.6: the earlier of the retention end and today + horizon, renewed by a job later; what is
provisional rolls by a year; what is filed after its retention end gets no date lock, because stores refuse a past
date, and is protected by rights until disposal.
"""

import os
from datetime import date, datetime, time
from functools import cache

from django.conf import settings
from django.utils import timezone

from archive import periods, storage
from archive.errors import StorageFailed
from archive.models import Record


@cache
def configured() -> dict[str, storage.Store]:
    """By name, in the order of the configuration; the first one is read from first."""
    return storage.open_stores(storage.from_environment(os.environ, settings.ARCHIVE_DATA))


def get(name: str) -> storage.Store:
    """The store of that name. Raises StorageFailed when it is not in the configuration."""
    store = configured().get(name)
    if store is None:
        raise StorageFailed(store=name, kind="missing", reason="这个存储不在当前配置中。")
    return store


def forget() -> None:
    """After the environment changed (tests), or after a fork."""
    configured.cache_clear()


def key_of(fonds_code: str, record_id, object_id) -> str:
    """No byte is shared between records (design §5.5)."""
    return f"{fonds_code}/{record_id}/{object_id}"


def _same_day_in(years: int, day: date) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # 29 February
        return day.replace(year=day.year + years, day=28)


def horizon(today: date) -> datetime:
    """How far ahead anything is locked at all: the end of the day LOCK_HORIZON_YEARS from now, in local time."""
    return _end_of(_same_day_in(settings.LOCK_HORIZON_YEARS, today))


def _end_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time(23, 59, 59)))


def lock_until(record: Record, *, today: date) -> datetime | None:
    """End of the locked day in local time, or None when the period is already over."""
    horizon = _same_day_in(1 if record.provisional else settings.LOCK_HORIZON_YEARS, today)
    end = periods.ends_on(record.formed_on, record.retention)
    day = horizon if end is None else min(horizon, end)
    if day <= today:
        return None
    return _end_of(day)
