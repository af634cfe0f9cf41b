"""Reading the content of an object, clear or encrypted alike, from the first good copy.

`open_object` the whole, `open_range` a part of it: of an encrypted object only the segments of that part are fetched.
Every byte that is given of an encrypted one is proven by its segment's tag; whoever reads a clear one to its end has
read what was archived, or hears that it is another. Who may read was asked at the gate.
Everything that goes wrong is a StorageFailed, a key that cannot be had (KeyFailed) among it.
"""

import io
from typing import BinaryIO

from archive import object_keys, stores
from archive.errors import StorageFailed
from archive.models import Copy, DigitalObject
from archive.segments import Decrypting, buffered
from archive.storage import Store
from archive.storage.reading import proven


def open_object(item: DigitalObject) -> BinaryIO:
    """A reader over the clear bytes. Damage at the beginning is heard at once, and the next copy taken."""
    return open_range(item, 0, None)


def open_range(item: DigitalObject, start: int, length: int | None) -> BinaryIO:
    """A reader over the clear bytes from `start`, at most `length` (None: to the end); empty beyond the end."""
    if start < 0 or (length or 0) < 0:
        raise ValueError("a part begins at 0 or later and has no negative length")
    if length == 0:
        return io.BytesIO()
    key = object_keys.data_key(item) if item.encrypted else None
    fault: StorageFailed | None = None
    for copy in sorted(item.copies.all(), key=lambda copy: (copy.state != "stored", copy.store)):
        # A copy whose lock is not as it should be is damaged, but its bytes were proven.
        if copy.state != "stored" and (copy.state, copy.fault) != ("damaged", "lock"):
            continue
        try:
            stream = open_version(stores.get(copy.store), copy.key, copy.version, item, key, start, length)
        except StorageFailed as error:  # try the next copy; fixity will find this one
            fault = error
            continue
        if key is None and start == 0 and length is None:
            return proven(copy.store, stream, item.bytes, item.sha256)
        return stream
    raise fault or StorageFailed(store="—", kind="missing", reason="这份文件还没有写好的副本，请稍后再试。")


def open_copy(copy: Copy) -> BinaryIO:
    """The clear bytes of exactly this copy, whatever its row says of its state."""
    item = copy.object
    key = object_keys.data_key(item) if item.encrypted else None
    return open_version(stores.get(copy.store), copy.key, copy.version, item, key)


def open_version(
    store: Store,
    key_of_store: str,
    version: str,
    item: DigitalObject,
    key: bytes | None,
    start: int = 0,
    length: int | None = None,
) -> BinaryIO:
    """The clear bytes of one stored version of an object; `key` is its data key, None where it is not encrypted."""
    if key is None:
        return store.open(key_of_store, version, start=start, length=length)

    def opener(begin: int, most: int | None) -> BinaryIO:
        return store.open(key_of_store, version, start=begin, length=most)

    reader = Decrypting(opener, key, item.pk, size=item.bytes, start=start, length=length, store=store.name)
    try:
        return buffered(reader)
    except StorageFailed:
        reader.close()
        raise
