"""Readers that do not believe what they are given: one that comes too slowly, or not whole, or is another one.

Contract: a reader either gives exactly the bytes that it stands for or raises; what it raises is one StorageFailed
(`ProvenReader`) or one of the exceptions that `s3_errors` explains (`Body`).
"""

import hashlib
import io
import time
from typing import Any, BinaryIO

from archive.errors import StorageFailed

SLOWEST = 4 * 1024
"""Bytes a second below which waiting for a body is given up: such a connection would hold its reader for days."""
PIECE = 256 * 1024


class TooSlow(Exception):
    """A body came more slowly than SLOWEST for as long as one answer may be waited for."""


class TooShort(Exception):
    """A body ended before its declared length."""


class Body(io.RawIOBase):
    """The body of an answer, of `size` bytes, in pieces as they arrive: no read waits for more than one piece, so that
    a server that sends a byte now and then is noticed. Time that the reader itself takes does not count."""

    def __init__(self, body: Any, size: int, patience: float) -> None:
        self._body, self._raw = (
            body,
            body._raw_stream,
        )  # botocore's own reader waits until a whole block is there
        self._left, self._patience = size, patience
        self._waited, self._came = 0.0, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        began = time.monotonic()
        piece = self._raw.read1(min(len(buffer), PIECE)) or b""
        self._waited += time.monotonic() - began
        count = len(piece)
        self._came += count
        self._left -= count
        if count == 0 and self._left > 0 and len(buffer):
            raise TooShort
        if self._waited > self._patience:
            if self._came < self._waited * SLOWEST and self._left > 0:
                raise TooSlow
            self._waited, self._came = 0.0, 0
        buffer[:count] = piece
        return count

    def close(self) -> None:
        if not self.closed:
            self._body.close()
        super().close()


def proven(store: str, source: BinaryIO, size: int, sha256: str) -> BinaryIO:
    """A `ProvenReader` that gives whole blocks."""
    return io.BufferedReader(ProvenReader(store, source, size, sha256), 1024 * 1024)


class ProvenReader(io.RawIOBase):
    """The whole of `source`, which must be `size` bytes of digest `sha256`. The last bytes are given only when they
    are: whoever reads to the end has read the true content, and nobody else reaches an end."""

    def __init__(self, store: str, source: BinaryIO, size: int, sha256: str) -> None:
        self._store, self._source, self._left, self._sha256 = store, source, size, sha256
        self._digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        view = memoryview(buffer)[: self._left]
        if not view:
            return 0
        count = self._source.readinto(view)
        if count == 0:
            self._refuse("读到一半就完了")
        self._digest.update(view[:count])
        self._left -= count
        if self._left == 0 and (self._source.read(1) or self._digest.hexdigest() != self._sha256):
            self._refuse("读出的内容与归档时的不同")
        return count

    def _refuse(self, what: str) -> None:
        reason = f"{what}，已停止；原件可能受损或传输出错，请重试，仍然如此的请对这件档案做一次固化核验。"
        raise StorageFailed(store=self._store, kind="changed", reason=reason)

    def close(self) -> None:
        if not self.closed:
            self._source.close()
        super().close()
