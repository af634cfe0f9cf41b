"""Damage as it happens to a local store: below it, by a bad disk or a careless hand.

damage(stores, copies(record)[0], "changed")
"""

import json

from archive.models import Copy


def copies(record, store="local"):
    """Its copies in that store: the files, then what the archive made (a manifest and an EEP)."""
    return list(Copy.objects.filter(object__record=record, store=store).order_by("object__position"))


def content_of(stores, copy):
    return stores[copy.store]._paths(copy.key, copy.version)[0]


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
