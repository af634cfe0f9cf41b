"""One copy: put it, read it back, or adopt what an interrupted attempt left.

No database is written here. Everything that goes wrong is a StorageFailed, which `keeping` writes on the copy.
"""

import hashlib
import io
from collections.abc import Callable
from datetime import datetime
from typing import BinaryIO

from archive import privacy, stores
from archive.errors import NotConfigured, StorageFailed
from archive.models import Copy, DigitalObject, Record
from archive.storage import Store, StoredObject

Source = Callable[[DigitalObject], BinaryIO]
"""Opens the clear bytes of an object. Raises StorageFailed(kind="missing") when there are none."""

CHUNK = 1024 * 1024


def write(
    copy: Copy, record: Record, lock: datetime | None, content: Source
) -> tuple[StoredObject, str, int, str]:
    """Put one copy and read it back. Returns (stored, sha256 and size of the stored bytes, key id)."""
    store = stores.configured().get(copy.store)
    if store is None:
        raise StorageFailed(store=copy.store, kind="missing", reason="这个存储不在当前配置中。")
    item = copy.object
    if copy.attempts > 0 and (adopted := _adopt(store, copy, lock)):
        return adopted
    with content(item) as stream:
        size, digest, cipher = item.bytes, item.sha256, ""
        if copy.cipher:
            ring = privacy.key_ring()
            sealed = ring.encrypt(stream.read())
            size, digest, cipher = len(sealed), hashlib.sha256(sealed).hexdigest(), ring.current
            stream = io.BytesIO(sealed)
        stored = store.put(
            copy.key,
            stream,
            size=size,
            sha256=digest,
            content_type="application/octet-stream" if cipher else item.mime or "application/octet-stream",
            lock_until=lock,
            mode=stores.lock_mode(record.fonds_id),
            metadata={"record": str(record.id), "sm3": item.sm3, "role": item.role},
        )
    _read_back(store, stored, digest, size)
    return stored, digest, size, cipher


def _adopt(store: Store, copy: Copy, lock) -> tuple[StoredObject, str, int, str] | None:
    """The version an interrupted attempt left, when it is whole and locked as it should be. A damaged one is passed
    over: a good one is then written beside it."""
    for version in store.versions(copy.key):
        if version.marker:
            continue
        try:
            return _whole(store, copy, version.version, lock)
        except (StorageFailed, NotConfigured):
            continue
    return None


def _whole(store: Store, copy: Copy, version: str, lock) -> tuple[StoredObject, str, int, str]:
    """This version, proven and locked. Raises StorageFailed, or NotConfigured for cipher text that does not open."""
    stored, item = store.head(copy.key, version), copy.object
    digest, size, cipher = item.sha256, item.bytes, ""
    if copy.cipher:
        with store.open(copy.key, version) as stream:
            sealed = stream.read()
        if hashlib.sha256(privacy.key_ring().decrypt(sealed)).hexdigest() != item.sha256:
            raise StorageFailed(store=store.name, kind="changed", reason="先前写入的不是这份文件。")
        digest, size = hashlib.sha256(sealed).hexdigest(), len(sealed)
        cipher = sealed.partition(b"\0")[0].decode()
    else:
        _read_back(store, stored, digest, size)
    if lock is not None and (stored.lock_until is None or stored.lock_until < lock):
        stored = store.extend_lock(copy.key, version, lock)
    return stored, digest, size, cipher


def _read_back(store: Store, stored: StoredObject, sha256: str, size: int) -> None:
    digest, count = hashlib.sha256(), 0
    with store.open(stored.key, stored.version) as stream:
        while block := stream.read(CHUNK):
            digest.update(block)
            count += len(block)
    if count != size or digest.hexdigest() != sha256:
        raise StorageFailed(store=store.name, kind="changed", reason="写入后回读，内容与写入的不同。")
