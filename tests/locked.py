"""Records whose locks have come near their end, as years do it, and what a store then holds of them."""

from datetime import date, timedelta

from django.utils import timezone

from archive.models import Copy, Record
from tests import filed


def years(count: float):
    """A moment so many years from now: the end of its day, as locks end."""
    moment = timezone.localtime() + timedelta(days=365.25 * count)
    return moment.replace(hour=23, minute=59, second=59, microsecond=0)


def a_record(stores, *, locked=None, **changed) -> Record:
    """A record that is kept for ever, with its locks as if they had been set so long ago that they end at `locked`."""
    record = filed.a_record(stores, **({"retention": "永久", "formed_on": timezone.localdate()} | changed))
    if locked:
        for copy in copies(record):
            age(stores[copy.store], copy, locked)
    return record


def age(store, copy, until):
    """What years do: the lock of row and store comes nearer."""
    store._change(copy.key, copy.version, lambda held: {"lock_until": until.isoformat()})
    type(copy).objects.filter(pk=copy.pk).update(lock_until=until, renew_on=date.min)


def copies(record):
    return list(Copy.objects.filter(object__record=record).order_by("store", "id"))


def held(stores, copy):
    return stores[copy.store].head(copy.key, copy.version)


def calls(store, monkeypatch, name="extend_lock"):
    """The keys for which `store` was asked from now on."""
    asked, whole = [], getattr(store, name)

    def told(key, *rest, **more):
        asked.append(key)
        return whole(key, *rest, **more)

    monkeypatch.setattr(store, name, told)
    return asked
