"""What a process does to a store for one record, so that a test may kill it anywhere: used by `carrying` and the test.

Each work is a function of a record's id and may be done again and again; it does what the rows say is left.
"""

import io
from uuid import UUID

from archive import fixity, keeping, restoration, spreading
from archive.models import Copy, Record
from archive.permissions import Actor, system_actor

FILES = {"data/0.pdf": b"%PDF a form" * 500, "data/1.pdf": b"%PDF a list" * 700}
"""What is staged, by path."""


def actor() -> Actor:
    return system_actor("测试")


def store(record: UUID) -> None:
    keeping.keep(record, lambda item: io.BytesIO(FILES[item.path]), actor=actor())


def copy(record: UUID) -> None:
    """To a store that was added: what is owed is found, then written from the good copies."""
    spreading.spread()
    keeping.catch_up(busy=lambda ids: set(), actor=actor())


def verify(record: UUID) -> None:
    fixity.sweep(actor=actor(), record=Record.objects.get(pk=record))


def repair(record: UUID) -> None:
    damaged = Copy.objects.filter(object__record=record)
    restoration.restore_all(damaged, actor=actor(), reason="磁盘更换")
    keeping.catch_up(busy=lambda ids: set(), actor=actor())


WORKS = {"store": store, "copy": copy, "verify": verify, "repair": repair}
