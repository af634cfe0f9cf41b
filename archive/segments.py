"""Encryption of one object's bytes: AES-256-GCM in segments of 64 KiB, so that a part can be read without the whole.

    header (32 bytes):  "BARCSEG1" | object id (16) | prefix (8, random, fresh for every encryption)
    segment 0 … n:      cipher text of up to 65,536 clear bytes | tag (16); an empty object has one empty segment

The nonce of a segment is the prefix and its index (4 bytes); the header and whether it is the last one are authenticated
along. So a segment that is changed, swapped, dropped, cut off, or taken from another object, copy or version does not
open. Pure: streams in, streams out, in constant memory; what is wrong is a StorageFailed(kind="changed").
"""

import hashlib
import io
import secrets
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from archive.errors import StorageFailed

MAGIC = b"BARCSEG1"
HEADER, PREFIX, TAG = 32, 8, 16
SEGMENT = 64 * 1024
STORED_SEGMENT = SEGMENT + TAG
BATCH = 16
"""Segments handled at a time: what Python costs is paid once a megabyte."""
KEY_BYTES = 32

Opener = Callable[[int, int | None], BinaryIO]
"""Opens the stored bytes from an offset, at most so many (None: to their end)."""


def count_of(clear_size: int) -> int:
    """How many segments so many clear bytes make."""
    return max(1, -(-clear_size // SEGMENT))


def stored_size(clear_size: int) -> int:
    """Bytes stored for so many clear ones."""
    return HEADER + clear_size + TAG * count_of(clear_size)


def clear_size(stored: int) -> int:
    """The other way round; negative where so few bytes hold nothing."""
    body = stored - HEADER
    return body - TAG * max(1, -(-body // STORED_SEGMENT))


def seal(content: bytes, key: bytes, name: UUID) -> bytes:
    """The stored form of a few bytes that are no object: `name` is bound to them in the object's place."""
    digest = hashlib.sha256(content).hexdigest()
    return Encrypting(io.BytesIO(content), key, name, size=len(content), sha256=digest).read()


def unseal(stored: bytes, key: bytes, name: UUID) -> bytes:
    """What `seal` was given. Raises StorageFailed(kind="changed")."""
    size = clear_size(len(stored))
    if size < 0:
        raise StorageFailed(store="—", kind="changed", reason="密文比应有的短。")
    return Decrypting(lambda start, length: io.BytesIO(stored[start:]), key, name, size=size).readall()


class _Seals:
    """Nonce and authenticated words of every segment of one encryption."""

    def __init__(self, key: bytes, header: bytes, size: int) -> None:
        self.cipher, self.prefix = AESGCM(key), header[-PREFIX:]
        self.last = count_of(size) - 1
        self.inner, self.final = header + b"\0", header + b"\1"

    def of(self, index: int) -> tuple[bytes, bytes]:
        return self.prefix + index.to_bytes(4, "big"), self.final if index == self.last else self.inner


class Encrypting:
    """A reader of the stored form of `source`, which must be `size` bytes of digest `sha256`.

    `read` gives whole blocks. A source that is another one is refused before the last segment is given, so that no
    store ever holds a finished object of it.
    """

    def __init__(
        self, source: BinaryIO, key: bytes, object_id: UUID, *, size: int, sha256: str, store: str = "—"
    ) -> None:
        self._source, self._size, self._sha256, self._store = source, size, sha256.lower(), store
        self._header = MAGIC + object_id.bytes + secrets.token_bytes(PREFIX)
        self._seals = _Seals(key, self._header, size)
        self._digest = _Digest(threaded=size > BATCH * SEGMENT)
        self._index = 0
        self._sealed = bytearray(min(BATCH, count_of(size)) * STORED_SEGMENT)
        self._ready, self._left = memoryview(self._header), stored_size(size)

    def read(self, amount: int = -1) -> bytes | bytearray:
        wanted = self._left if amount < 0 else min(amount, self._left)
        if wanted <= len(self._ready):
            block = bytes(self._ready[:wanted])
            self._ready = self._ready[wanted:]
            self._left -= wanted
            return block
        whole, count = bytearray(wanted), 0
        while count < wanted:
            if not self._ready:
                self._ready = self._batch()
            part = self._ready[: wanted - count]
            whole[count : count + len(part)] = part
            self._ready = self._ready[len(part) :]
            count += len(part)
        self._left -= wanted
        return whole

    def _batch(self) -> memoryview:
        """The next segments as they are stored, in a buffer that the following ones will take."""
        done = self._index * SEGMENT
        clear = memoryview(_whole(self._source, min(BATCH * SEGMENT, self._size - done)))
        self._digest.update(clear)
        done += len(clear)
        end = min(self._index + BATCH, self._seals.last + 1)
        if end > self._seals.last:
            self._require_the_right_source(done)
        view = memoryview(self._sealed)[: len(clear) + TAG * (end - self._index)]
        start = into = 0
        for index in range(self._index, end):
            part = clear[start : start + SEGMENT]
            nonce, words = self._seals.of(index)
            self._seals.cipher.encrypt_into(nonce, part, words, view[into : into + len(part) + TAG])
            start, into = start + SEGMENT, into + len(part) + TAG
        self._index = end
        return view

    def _require_the_right_source(self, count: int) -> None:
        if count != self._size or self._source.read(1):
            raise self._changed(f"内容的长度不是声明的 {self._size} 字节，没有存入。")
        if self._digest.finish() != self._sha256:
            raise self._changed("内容的 sha256 与声明的不同，没有存入。")

    def _changed(self, reason: str) -> StorageFailed:
        return StorageFailed(store=self._store, kind="changed", reason=reason)


class _Digest:
    """SHA-256 of what is updated; of a large object in a thread beside the encryption and the store's own digest."""

    def __init__(self, *, threaded: bool) -> None:
        self._digest = hashlib.sha256()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="clear-digest") if threaded else None
        self._flying: Future | None = None

    def update(self, block: memoryview) -> None:
        if self._pool is None:
            self._digest.update(block)
            return
        self._wait()
        self._flying = self._pool.submit(self._digest.update, block)

    def finish(self) -> str:
        self._wait()
        if self._pool is not None:
            self._pool.shutdown(wait=False)
        return self._digest.hexdigest()

    def _wait(self) -> None:
        if self._flying is not None:
            self._flying.result()


class Decrypting(io.RawIOBase):
    """The clear bytes from `start`, at most `length`, of an object of `size` clear bytes.

    Asks only for the segments it needs (and the header). Whatever is not as it was written raises
    StorageFailed(kind="changed") instead of giving a byte of its segment. `buffered` makes a reader of it.
    """

    def __init__(
        self,
        opener: Opener,
        key: bytes,
        object_id: UUID,
        *,
        size: int,
        start: int = 0,
        length: int | None = None,
        store: str = "—",
    ) -> None:
        self._store, self._size = store, size
        end = size if length is None else max(start, min(size, start + length))
        self._left = max(0, end - start)
        self._skip = start % SEGMENT
        self._whole = start == 0 and end == size
        self._index = start // SEGMENT
        self._end = -(-end // SEGMENT) if self._left else self._index
        if self._whole:
            self._end = count_of(size)  # an empty object has a segment too, and it must be there
        self._clear = memoryview(b"")
        self._source: BinaryIO | None = None
        if self._end > self._index:
            self._begin(opener, key, object_id)

    def _begin(self, opener: Opener, key: bytes, object_id: UUID) -> None:
        begin = HEADER + self._index * STORED_SEGMENT
        stop = min(HEADER + self._end * STORED_SEGMENT, stored_size(self._size))
        if self._index == 0:
            self._source = opener(0, None if self._whole else stop)
            header = _whole(self._source, HEADER)
        else:
            with opener(0, HEADER) as source:
                header = _whole(source, HEADER)
            self._source = opener(begin, stop - begin)
        if header[:-PREFIX] != MAGIC + object_id.bytes or len(header) != HEADER:
            self.close()
            raise self._changed("不是这份文件的密文。")
        self._seals = _Seals(key, header, self._size)
        self._stored = bytearray(min(self.segments, BATCH) * STORED_SEGMENT)
        if self._size == 0:
            self._decrypt(memoryview(bytearray()))

    @property
    def segments(self) -> int:
        """How many are still to be read; at least one."""
        return max(1, self._end - self._index)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        into = memoryview(buffer).cast("B")
        if not self._clear and self._left and into:
            size = min(
                (self._end - self._index) * SEGMENT, BATCH * SEGMENT, self._size - self._index * SEGMENT
            )
            if self._skip == 0 and size <= min(len(into), self._left):  # straight to where it is wanted
                self._decrypt(into[:size])
                self._left -= size
                return size
            aside = memoryview(bytearray(size))
            self._decrypt(aside)
            self._clear = aside[self._skip : self._skip + self._left]
            self._skip, self._left = 0, self._left - len(self._clear)
        count = min(len(into), len(self._clear))
        into[:count] = self._clear[:count]
        self._clear = self._clear[count:]
        return count

    def _decrypt(self, target: memoryview) -> None:
        """The next segments into `target`, which is as long as they are in clear."""
        end = self._index + count_of(len(target))
        stored = memoryview(self._stored)[: len(target) + TAG * (end - self._index)]
        if _fill(self._source, stored) != len(stored):
            raise self._changed("密文比应有的短。")
        begin = into = 0
        try:
            for index in range(self._index, end):
                size = min(SEGMENT, len(target) - into)
                nonce, words = self._seals.of(index)
                part = stored[begin : begin + size + TAG]
                self._seals.cipher.decrypt_into(nonce, part, words, target[into : into + size])
                begin, into = begin + size + TAG, into + size
        except InvalidTag:
            raise self._changed("密文已被改动，或与密钥不符。") from None
        self._index = end
        if self._whole and end == self._end and self._source.read(1):
            raise self._changed("密文比应有的长。")

    def readall(self) -> bytes:
        whole = bytearray(len(self._clear) + self._left)
        count, view = 0, memoryview(whole)
        while size := self.readinto(view[count:]):
            count += size
        return bytes(view[:count])

    def close(self) -> None:
        if not self.closed and self._source is not None:
            self._source.close()
        super().close()

    def _changed(self, reason: str) -> StorageFailed:
        return StorageFailed(store=self._store, kind="changed", reason=reason)


def buffered(reader: Decrypting) -> BinaryIO:
    """A reader that gives whole blocks; the first segments are opened at once, so that damage there is heard now."""
    stream = io.BufferedReader(reader, min(BATCH, reader.segments) * SEGMENT)
    stream.peek(1)
    return stream


def _whole(source: BinaryIO, amount: int) -> bytes:
    """So many bytes, or all there are: a raw stream may give less than asked for before its end."""
    parts: list[bytes] = []
    while amount > 0 and (part := source.read(amount)):
        parts.append(part)
        amount -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _fill(source: BinaryIO, into: memoryview) -> int:
    count = 0
    while count < len(into) and (size := source.readinto(into[count:])):
        count += size
    return count
