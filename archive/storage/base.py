"""What every object store of the archive promises, and the rules both engines share.

An object is named by key and version. It is written once, locked as it is written, and never overwritten: a
second put under the same key makes another version. It leaves through `remove` alone, by exact key and version,
and not while a lock or a legal hold stands. The store knows no records and no database, and it trusts nobody:
what it answers about a lock is what it has just read back. `tests/contracts/test_storage.py` holds all of this
for every engine. Everything that goes wrong is one `StorageFailed` whose `kind` a caller can act on.
"""

import hashlib
import io
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import BinaryIO, Protocol
from urllib.parse import quote, unquote

from archive.errors import StorageFailed

GOVERNANCE, COMPLIANCE = "GOVERNANCE", "COMPLIANCE"
MODES = (GOVERNANCE, COMPLIANCE)

CHUNK = 1024 * 1024
"""Bytes handled at a time wherever a stream is copied or digested."""

MAX_KEY_BYTES, MAX_SEGMENT_BYTES, MAX_METADATA_BYTES = 900, 200, 1900
"""S3 allows keys of 1,024 bytes and 2 KB of user metadata; a file system allows names of 255 bytes."""


@dataclass(frozen=True, kw_only=True)
class StoredVersion:
    """One line of a listing. A listing tells neither digests nor locks: `head` does."""

    store: str
    key: str
    version: str
    bytes: int
    written_at: datetime
    latest: bool
    marker: bool = False
    """A delete marker: no bytes, but a trace that must go too when the object is destroyed."""


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """One version as its store describes it now. `bytes` is measured; `sha256` is what was declared at the put
    and verified on the way in, kept beside the bytes ("" on an object that is not ours)."""

    store: str
    key: str
    version: str
    bytes: int
    sha256: str
    lock_until: datetime | None
    lock_mode: str | None
    legal_hold: bool
    written_at: datetime
    content_type: str = "application/octet-stream"
    metadata: Mapping[str, str] = field(default_factory=dict)
    md5: str | None = None

    def protected(self, now: datetime) -> bool:
        return self.legal_hold or (self.lock_until is not None and self.lock_until > now)


@dataclass(frozen=True, kw_only=True)
class ProbeResult:
    """One promise, tried out. `state` is ok, warning or failed; `message` and `remedy` are Chinese sentences."""

    name: str
    state: str
    message: str
    remedy: str = ""


class Store(Protocol):
    """The interface. Every method may raise `StorageFailed`; times are aware; `key` obeys `check_key`."""

    name: str

    def put(
        self,
        key: str,
        stream: BinaryIO,
        *,
        size: int,
        sha256: str,
        content_type: str,
        lock_until: datetime | None,
        mode: str = GOVERNANCE,
        metadata: Mapping[str, str] = ...,
    ) -> StoredObject:
        """Write a new version, locked until `lock_until` (None: no date lock; stores refuse a past date), and
        answer with what was read back. A stream that is not `size` bytes of digest `sha256` is refused
        (`changed`) and leaves nothing; `sha256` "" = not known before, as of cipher text: the answer tells what was
        written. A stream may itself refuse to end (StorageFailed), which leaves nothing either. A lock that reads
        back shorter or looser is refused (`lock`), the field `version` naming the version that was written."""

    def head(self, key: str, version: str) -> StoredObject:
        """What the store holds under exactly this key and version; `missing` if nothing."""

    def open(self, key: str, version: str, *, start: int = 0, length: int | None = None) -> BinaryIO:
        """A reader over the bytes from `start`, at most `length`; beyond the end it is empty. Close it."""

    def look(self, key: str, version: str) -> tuple[StoredObject, BinaryIO]:
        """`head` and `open` at once: where that is one question, it costs half."""

    def versions(self, key: str) -> list[StoredVersion]:
        """Every version and delete marker of exactly this key, newest first; [] proves absence."""

    def iterate(self, prefix: str = "") -> Iterator[StoredVersion]:
        """Every version and delete marker whose key begins with `prefix`; a key's versions come together."""

    def extend_lock(self, key: str, version: str, until: datetime, mode: str | None = None) -> StoredObject:
        """Lock longer (or in the stricter mode), and read it back. Never shortens, never loosens (`locked`)."""

    def set_legal_hold(self, key: str, version: str, on: bool) -> StoredObject:
        """Set or lift the legal hold, and read it back."""

    def remove(self, key: str, version: str) -> None:
        """Destroy exactly this version; `locked` while a lock or hold stands, there is no way round it. What
        is already gone is no error, so that an interrupted destruction can be repeated. Disposal only."""

    def probe(self) -> list[ProbeResult]:
        """Try the promises out on objects under `PROBE_PREFIX`; never raises."""

    def describe(self) -> dict:
        """Where it is and what it can and cannot promise, for people; no secrets."""


def failed(store: str, kind: str, reason: str, **fields: object) -> StorageFailed:
    return StorageFailed(store=store, kind=kind, reason=reason, **fields)


_SEGMENT = re.compile(r"[\w=-][\w.=-]*")


def check_key(store: str, key: str) -> str:
    """A key is words, digits and `. _ - =` in segments parted by single slashes; no segment begins with a dot.

    So no key climbs out of a folder, hides, needs quoting in an address or means two things after Unicode
    normalisation; Chinese words are allowed, because a fonds number may contain them.
    """
    segments = key.split("/")
    if (
        not all(_SEGMENT.fullmatch(segment) for segment in segments)
        or any(len(segment.encode()) > MAX_SEGMENT_BYTES for segment in segments)
        or len(key.encode()) > MAX_KEY_BYTES
        or unicodedata.normalize("NFC", key) != key
    ):
        raise failed(store, "unsupported", f"对象名“{key[:80]}”不合规定，只能用字母、数字、汉字和 . _ - =。")
    return key


def check_lock(store: str, until: datetime | None, mode: str | None, *, now: datetime) -> datetime | None:
    """The lock date in UTC and whole seconds, rounded up (stores keep no fractions, and a lock must not end
    early). A past or naive date and an unknown mode are refused."""
    if mode is not None and mode not in MODES:
        raise failed(store, "unsupported", f"不认识锁定方式“{mode}”，只有 GOVERNANCE 和 COMPLIANCE。")
    if until is None:
        return None
    if until.tzinfo is None:
        raise failed(store, "unsupported", "锁定日期没有时区。")
    until = until.astimezone(UTC)
    if until.microsecond:
        until = until.replace(microsecond=0) + timedelta(seconds=1)
    if until <= now:
        raise failed(store, "unsupported", f"锁定日期 {until:%Y-%m-%d} 已经过去，不能用来锁定。")
    return until


_METADATA_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def encode_metadata(store: str, metadata: Mapping[str, str]) -> dict[str, str]:
    """Values travel in HTTP headers: ASCII only, outer blanks lost. So they are percent-encoded UTF-8."""
    if any(not _METADATA_NAME.fullmatch(name) for name in metadata):
        raise failed(store, "unsupported", "附加信息的名称只能用小写字母、数字和连字符。")
    encoded = {name: quote(value, safe="") for name, value in metadata.items()}
    if sum(len(name) + len(value) for name, value in encoded.items()) > MAX_METADATA_BYTES:
        raise failed(store, "unsupported", f"附加信息太长，编码后不能超过 {MAX_METADATA_BYTES} 字节。")
    return encoded


def decode_metadata(encoded: Mapping[str, str]) -> dict[str, str]:
    return {name: unquote(value) for name, value in encoded.items()}


def refuse_weaker(held: StoredObject, until: datetime, mode: str | None) -> None:
    """An earlier date or the looser mode is refused, whoever asks."""
    if held.lock_until and until < held.lock_until:
        reason = f"已锁定到 {held.lock_until:%Y-%m-%d}，不能改早为 {until:%Y-%m-%d}。"
        raise failed(held.store, "locked", reason)
    if held.lock_mode == COMPLIANCE and mode == GOVERNANCE:
        raise failed(held.store, "locked", "已按 COMPLIANCE 锁定，不能改为较松的 GOVERNANCE。")


class CheckedReader:
    """Reads a stream of declared size and digest; `finish` refuses it (`changed`) when it was another one. Where no
    digest was declared, `sha256` is the one that was read, once finished.

    `read` gives whole blocks: a raw stream may return less than asked for before its end.
    """

    def __init__(self, store: str, stream: BinaryIO, size: int, sha256: str) -> None:
        self.store, self.stream, self.size, self.sha256 = store, stream, size, sha256.lower()
        self.count, self.digest = 0, hashlib.sha256()

    def read(self, amount: int) -> bytes:
        parts, missing = [], min(amount, self.size + 1 - self.count)  # one more shows that it is too long
        while missing > 0 and (part := self.stream.read(missing)):
            self.digest.update(part)
            parts.append(part)
            missing -= len(part)
        block = parts[0] if len(parts) == 1 else b"".join(parts)
        self.count += len(block)
        if self.count > self.size:
            raise failed(self.store, "changed", f"内容比声明的 {self.size} 字节长，没有存入。")
        return block

    def finish(self) -> None:
        self.read(1)
        if self.count != self.size:
            reason = f"内容只有 {self.count} 字节，声明的是 {self.size} 字节，没有存入。"
            raise failed(self.store, "changed", reason)
        if self.digest.hexdigest() != (self.sha256 or self.digest.hexdigest()):
            raise failed(self.store, "changed", "内容的 sha256 与声明的不同，没有存入。")
        self.sha256 = self.digest.hexdigest()


class GuardedReader(io.RawIOBase):
    """At most `length` bytes of `source`; whatever goes wrong on the way is turned by `translate` into a
    StorageFailed, so that readers need to know one exception only."""

    def __init__(
        self,
        source: BinaryIO,
        translate: Callable[[Exception], StorageFailed | None],
        length: int | None = None,
    ) -> None:
        self._source, self._translate, self._left = source, translate, length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        if self._left is not None:
            buffer = memoryview(buffer)[: self._left]
        if len(buffer) == 0:
            return 0
        try:
            count = self._source.readinto(buffer)
        except Exception as error:
            if translated := self._translate(error):
                raise translated from error
            raise
        if self._left is not None:
            self._left -= count
        return count

    def close(self) -> None:
        if not self.closed:
            self._source.close()
        super().close()


def buffered(reader: GuardedReader) -> BinaryIO:
    return io.BufferedReader(reader, CHUNK)
