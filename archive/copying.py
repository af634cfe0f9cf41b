"""One copy: put it, read it back, or adopt what an interrupted attempt left.

A copy of an encrypted object is encrypted anew each time, by the object's own key (`key`, from `object_keys.ready`). It
counts only once it was read back, decrypted and digested: what cannot be decrypted later is lost. No database is
written here. Everything that goes wrong is a StorageFailed, which `keeping` writes on the copy.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import BinaryIO

from archive import contents, stores
from archive.errors import KeyFailed, StorageFailed
from archive.models import Copy, DigitalObject, Record
from archive.segments import Encrypting, stored_size
from archive.storage import Store, StoredObject

Source = Callable[[DigitalObject], BinaryIO]
"""Opens the clear bytes of an object. Raises StorageFailed(kind="missing") when there are none."""

CHUNK = 2 * 1024 * 1024
"""Larger than the buffer of a store's reader, so that the bytes come straight into ours."""
OPAQUE = "application/octet-stream"


def write(
    copy: Copy, record: Record, lock: datetime | None, content: Source, key: bytes | None = None
) -> tuple[StoredObject, str, int]:
    """Put one copy and read it back. Returns (stored, sha256 and size of the stored bytes)."""
    store, item, mode = stores.get(copy.store), copy.object, stores.lock_mode(record.fonds_id)
    if item.encrypted and key is None:
        raise KeyFailed(reason="没有给出数据密钥，不能写入加密的副本。")
    if copy.attempts > 0 and (adopted := _adopt(store, copy, lock, mode, key)):
        return adopted
    with content(item) as stream:
        if key is None:
            size, digest, mime = item.bytes, item.sha256, item.mime or OPAQUE
        else:
            stream = Encrypting(stream, key, item.pk, size=item.bytes, sha256=item.sha256, store=store.name)
            size, digest, mime = stored_size(item.bytes), "", OPAQUE
        stored = store.put(
            copy.key,
            stream,
            size=size,
            sha256=digest,
            content_type=mime,
            lock_until=lock,
            mode=mode,
            metadata={"record": str(record.id), "sm3": item.sm3, "role": item.role},
        )
    _prove(store, stored, item, key)
    return stored, stored.sha256 if key else item.sha256, size


def _adopt(
    store: Store, copy: Copy, lock: datetime | None, mode: str, key: bytes | None
) -> tuple[StoredObject, str, int] | None:
    """The version an interrupted attempt left, when it is whole, locked as it should be. A damaged one is passed over: a
    good one is then written beside it. One that cannot be locked raises: another one could not be locked either, and
    there would be one more with each try."""
    quarantined = set(copy.quarantined.values_list("version", flat=True))
    for version in store.versions(copy.key):
        if version.marker or version.version in quarantined:
            continue
        try:
            stored, digest = _whole(store, copy, version.version, key)
        except StorageFailed:
            continue
        if lock is not None and (stored.lock_until is None or stored.lock_until < lock):
            # A mode that is there stays: not every store lets it be changed.
            stored = store.extend_lock(copy.key, stored.version, lock, None if stored.lock_mode else mode)
        return stored, digest, stored.bytes
    return None


def _whole(store: Store, copy: Copy, version: str, key: bytes | None) -> tuple[StoredObject, str]:
    """This version, proven, and the digest of its stored bytes. Raises StorageFailed."""
    stored, item = store.head(copy.key, version), copy.object
    _prove(store, stored, item, key)
    # Nobody has told the digest of what an interrupted attempt encrypted, and what lies beside the bytes may be wrong.
    digest = _digest(store.open(copy.key, version))[0] if key else item.sha256
    return stored, digest


def _prove(store: Store, stored: StoredObject, item: DigitalObject, key: bytes | None) -> None:
    """Read it back: its clear bytes are those of the object. The tags prove every stored byte besides."""
    stream = contents.open_version(store, stored.key, stored.version, item, key)
    if _digest(stream) != (item.sha256, item.bytes):
        raise StorageFailed(store=store.name, kind="changed", reason="写入后回读，内容与写入的不同。")


def _digest(stream: BinaryIO) -> tuple[str, int]:
    digest, count, buffer = hashlib.sha256(), 0, bytearray(CHUNK)
    with stream, memoryview(buffer) as view:
        while size := stream.readinto(buffer):
            digest.update(view[:size])
            count += size
    return digest.hexdigest(), count
