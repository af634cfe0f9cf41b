"""Damage as it happens to a local store: below it, by a bad disk or a careless hand.

damage(stores, copies(record)[0], "changed")
laid_down(stores, 10_000, actor=actor)        many small copies in `local`, quickly
mounted(folder)                               a file system of its own, soon full
"""

import hashlib
import io
import json
import os
import subprocess
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.utils import timezone

from archive import records
from archive.models import Copy
from archive.stores import key_of
from tests import filed


def copies(record, store="local"):
    """Its copies in that store: the files, then what the archive made (a manifest and an EEP)."""
    return list(Copy.objects.filter(object__record=record, store=store).order_by("object__position"))


def content_of(stores, copy):
    return stores[copy.store]._paths(copy.key, copy.version)[0]


def files_of(store, folder="objects"):
    """What lies in a local store, or where it writes (`incoming`)."""
    return sorted(path for path in (store.root / folder).rglob("*") if path.is_file())


def damage(stores, copy, kind):
    """As a bad disk or a careless hand does it, below the store."""
    content, description = stores[copy.store]._paths(copy.key, copy.version)
    content.chmod(0o600)
    description.chmod(0o600)
    data = content.read_bytes()
    if kind == "missing":
        content.unlink()
    elif kind == "all missing":
        content.unlink()
        description.unlink()
    elif kind == "changed":
        content.write_bytes(data[:3] + bytes([data[3] ^ 1]) + data[4:])
    elif kind == "truncated":
        content.write_bytes(data[:-1])
    elif kind == "unreadable":
        content.unlink()
        content.mkdir()
    elif kind == "described otherwise":
        description.write_text("{")
    elif kind == "lock":
        state = json.loads(description.read_text()) | {"lock_until": "2027-01-01T00:00:00+00:00"}
        description.write_text(json.dumps(state))
    elif kind == "no lock":
        state = json.loads(description.read_text()) | {"lock_until": None, "lock_mode": None}
        description.write_text(json.dumps(state))


KINDS = {
    "missing": "missing", "all missing": "missing", "changed": "changed", "truncated": "truncated",
    "described otherwise": "changed", "lock": "lock", "no lock": "lock",
}  # fmt: skip


def laid_down(stores, count: int, *, actor, size: int = 48, of: int = 500) -> None:
    """So many copies of `of` objects a record, laid down as the local store lays them down, without its care: one object
    is put by the store itself, and the others are made after it."""
    store, until, now = stores["local"], timezone.now() + timedelta(days=3650), timezone.now()
    pattern = store.put(
        "pattern", io.BytesIO(b"x"), size=1, sha256=hashlib.sha256(b"x").hexdigest(), content_type="text/plain",
        lock_until=until,
    )  # fmt: skip
    state = json.loads(store._paths(pattern.key, pattern.version)[1].read_bytes())
    for _ in range(count // of):
        contents = [os.urandom(size) for _ in range(of)]
        objects = tuple(filed.an_object(content) for content in contents)
        record = records.create(filed.a_new_record(objects=objects), actor=actor, store_names=[])
        rows = []
        for item, content in zip(objects, contents, strict=True):
            copy = Copy(
                object_id=item.id, store="local", key=key_of("D019", record.pk, item.id), version=pattern.version,
                state="stored", stored_sha256=item.sha256, stored_bytes=size, lock_until=pattern.lock_until,
                lock_mode=pattern.lock_mode, written_at=now, checked_at=now,
            )  # fmt: skip
            path, description = store._paths(copy.key, copy.version)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            described = state | {"key": copy.key, "bytes": size, "sha256": item.sha256}
            description.write_text(json.dumps(described))
            rows.append(copy)
        Copy.objects.bulk_create(rows, batch_size=500)


@contextmanager
def mounted(folder):
    """A file system of one megabyte."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a small file system")
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this machine does not let us mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=False)
