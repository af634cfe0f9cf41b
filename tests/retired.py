"""A store that goes: `asked()`, `retired()` — by a system administrator and a manager. Plain functions.

confirmed("second")        asked for and confirmed
retired("second")          and all its copies settled
"""

from django.utils import timezone

from archive import retirement
from archive.models import Copy, StoreRetirement
from archive.permissions import Actor
from tests import filed
from tests.pages import reader

GONE = {"reason": "设备到期", "medium": "destroyed", "paper": "介质销毁单 2026-17 号"}


def a_keeper() -> Actor:
    return Actor.of(reader("sysadmin").user)


def asked(store="second", actor=None, **changed) -> StoreRetirement:
    values = GONE | {"gone_on": timezone.localdate()} | changed
    return retirement.ask(store, **values, actor=actor or a_keeper())


def confirmed(store="second", **changed) -> StoreRetirement:
    row = asked(store, **changed)
    return retirement.confirm(row.pk, understood=True, actor=filed.an_actor("manager"))


def retired(store="second", **changed) -> StoreRetirement:
    row = confirmed(store, **changed)
    retirement.follow([row.pk])
    row.refresh_from_db()
    return row


def states(store: str) -> set[str]:
    return set(Copy.objects.filter(store=store).values_list("state", flat=True))
