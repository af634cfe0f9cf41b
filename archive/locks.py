"""For long jobs: one process at a time, and reading everything as of one moment, without keeping anybody from writing.

`alone` holds no database lock while its holder waits for a store: on PostgreSQL it is an advisory lock of the
session, on SQLite (one machine by nature) a locked file under ARCHIVE_DATA. Either is freed by the system when its
holder dies, however it dies.
"""

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction


@contextmanager
def alone(name: str, *, wait: float = 0) -> Iterator[bool]:
    """Whether we hold the lock `name` (a word); tries for `wait` seconds. Inside, the answer stays true."""
    take, release = _advisory(name) if connection.vendor == "postgresql" else _file(name)
    until = time.monotonic() + wait
    while not (held := take()) and time.monotonic() < until:
        time.sleep(0.1)
    try:
        yield held
    finally:
        release()


def _advisory(name: str):
    number = int.from_bytes(hashlib.sha256(f"archive:{name}".encode()).digest()[:8], "big", signed=True)
    held = False

    def take() -> bool:
        nonlocal held
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [number])
            held = cursor.fetchone()[0]
        return held

    def release() -> None:
        if held:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [number])

    return take, release


def _file(name: str):
    folder = Path(settings.ARCHIVE_DATA) / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def take() -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    return take, lambda: os.close(descriptor)


@contextmanager
def snapshot() -> Iterator[None]:
    """Every query inside sees the database as it was at the beginning. Only for reading. Inside a transaction it
    changes nothing."""
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
    else:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")
            cursor.execute("SELECT count(*) FROM archive_seal")  # the first read fixes the moment
            cursor.fetchall()
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")
