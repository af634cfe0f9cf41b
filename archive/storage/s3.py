"""The S3 store: any server with versioning and Object Lock, through boto3.

Nothing is asked of the server that a common one ignores in silence (measured with Ceph 16): no conditional put,
no flexible checksums, no lock headers on a copy, no server-side encryption. The transport check is Content-MD5
on every put and part; the digest that counts is our own sha256, kept in the user metadata. A put of ordinary
size is two calls: the put, and the head that reads size and lock back. Buckets are never made here in passing,
deleting always names a version and never asks to bypass a lock.
"""

import base64
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any, BinaryIO

from botocore.exceptions import BotoCoreError, ClientError

from archive.errors import StorageFailed
from archive.storage import base, reading, s3_uploads
from archive.storage.base import COMPLIANCE, GOVERNANCE, ProbeResult, StoredObject, StoredVersion, failed
from archive.storage.probe import probe
from archive.storage.s3_attempts import S3Attempts
from archive.storage.s3_client import make_client
from archive.storage.s3_errors import WrongAnswer, explain, http_status, named_by_status, named_invalid

SINGLE_PUT = 32 * 1024 * 1024
"""Up to this size one put, held in memory; above it parts of PART_SIZE, one in memory at a time."""
PART_SIZE = 16 * 1024 * 1024
MAX_PARTS = 10_000
SHA256 = "sha256"
"""Our name in the user metadata, closed to callers."""


class S3Store(S3Attempts):
    """See `base.Store`."""

    page_size = 1000

    def __init__(self, config) -> None:
        self.name, self.config, self.bucket = config.name, config, config.bucket
        self._client: Any = None
        self._owner: int | None = None

    @property
    def client(self) -> Any:
        """Made at first use, and again in a forked child: two processes must not share one connection."""
        if self._client is None or self._owner != os.getpid():
            self._client, self._owner = make_client(self.config), os.getpid()
        return self._client

    # Writing

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
        metadata: Mapping[str, str] | None = None,
    ) -> StoredObject:
        base.check_key(self.name, key)
        until = base.check_lock(self.name, lock_until, mode, now=datetime.now(UTC))
        if SHA256 in (metadata or {}):
            raise failed(self.name, "unsupported", "附加信息不能叫 sha256，这个名称由系统使用。")
        reader = base.CheckedReader(self.name, stream, size, sha256)
        request = {
            "Bucket": self.bucket,
            "Key": key,
            "ContentType": content_type,
            "Metadata": base.encode_metadata(self.name, metadata or {}) | _digest(reader),
        }
        if until:
            request |= {"ObjectLockMode": mode, "ObjectLockRetainUntilDate": until}
        written = self._put_whole(request, reader) if size <= SINGLE_PUT else self._put_parts(request, reader)
        version = written.get("VersionId") or self._newest_version(key, reader.sha256)
        found = self.head(key, version)
        if found.bytes != size:
            reason = f"写入 {size} 字节，读回是 {found.bytes} 字节。"
            raise failed(self.name, "changed", reason, version=version)
        if until and found.lock_until is None and size > SINGLE_PUT:
            self._retain(key, version, until, mode)  # Ceph 16 forgets the lock of an upload in parts
            found = self.head(key, version)
        if until:
            self._confirm_lock(found, until, mode)
        return found if found.sha256 else replace(found, sha256=reader.sha256)

    def _put_whole(self, request: dict, reader: base.CheckedReader) -> dict:
        body = reader.read(reader.size)
        reader.finish()  # before a byte is sent: a wrong stream leaves nothing
        request["Metadata"] |= _digest(reader)
        with self._asking(request["Key"]):
            return self.client.put_object(**request, Body=body, ContentMD5=_md5(body))

    def _put_parts(self, request: dict, reader: base.CheckedReader) -> dict:
        part_size = max(PART_SIZE, -(-reader.size // MAX_PARTS))
        with self._asking(request["Key"]):
            upload = self.client.create_multipart_upload(**request)["UploadId"]
        part = {"Bucket": self.bucket, "Key": request["Key"], "UploadId": upload}
        try:
            parts = []
            while block := reader.read(part_size):
                number = len(parts) + 1
                with self._asking(request["Key"]):
                    reply = self.client.upload_part(
                        **part, PartNumber=number, Body=block, ContentMD5=_md5(block)
                    )
                parts.append({"PartNumber": number, "ETag": reply["ETag"]})
            reader.finish()
            with self._asking(request["Key"]):
                return self.client.complete_multipart_upload(**part, MultipartUpload={"Parts": parts})
        except BaseException:
            self._abort(part)
            raise

    def _abort(self, part: dict) -> None:
        """As far as the server can be reached; what remains, `sweep` takes away a day later."""
        try:
            with self._asking(part["Key"]):
                self.client.abort_multipart_upload(**part)
        except StorageFailed:
            return

    def _newest_version(self, key: str, sha256: str) -> str:
        """For servers whose reply names no version. The digest shows that nobody's later put is taken for ours."""
        with self._asking(key):
            reply = self.client.head_object(Bucket=self.bucket, Key=key)
            _require("LastModified" in reply)
        if reply.get("VersionId") and reply.get("Metadata", {}).get(SHA256) == sha256:
            return reply["VersionId"]
        raise failed(self.name, "unsupported", "存储没有给出版本号，请为桶开启版本控制（versioning）。")

    def extend_lock(self, key: str, version: str, until: datetime, mode: str | None = None) -> StoredObject:
        until = base.check_lock(self.name, until, mode, now=datetime.now(UTC))
        held = self.head(key, version)
        base.refuse_weaker(held, until, mode)
        mode = mode or held.lock_mode or GOVERNANCE
        if (held.lock_until, held.lock_mode) != (until, mode):
            self._retain(key, version, until, mode)
            held = self.head(key, version)
            self._confirm_lock(held, until, mode, COMPLIANCE)
        return held

    def _retain(self, key: str, version: str, until: datetime, mode: str) -> None:
        with self._asking(key, version, protecting=True):
            self.client.put_object_retention(
                Bucket=self.bucket,
                Key=key,
                VersionId=version,
                Retention={"Mode": mode, "RetainUntilDate": until},
            )

    def _confirm_lock(self, found: StoredObject, until: datetime, *modes: str) -> None:
        """In one of these modes, at least so long: another process may have asked for more meanwhile."""
        if found.lock_until is None or found.lock_until < until or found.lock_mode not in modes:
            kept = f"{found.lock_until:%Y-%m-%d}（{found.lock_mode}）" if found.lock_until else "没有锁定"
            reason = f"“{found.key}”要求锁定到 {until:%Y-%m-%d}（{modes[0]}），读回是{kept}。"
            raise failed(self.name, "lock", reason, version=found.version)

    def set_legal_hold(self, key: str, version: str, on: bool) -> StoredObject:
        self._check_version(key, version)
        with self._asking(key, version, protecting=True):
            self.client.put_object_legal_hold(
                Bucket=self.bucket,
                Key=key,
                VersionId=version,
                LegalHold={"Status": "ON" if on else "OFF"},
            )
        found = self.head(key, version)
        if found.legal_hold != bool(on):
            raise failed(self.name, "lock", f"“{key}”的冻结标志读回与要求不符。", version=version)
        return found

    def remove(self, key: str, version: str) -> None:
        self._check_version(key, version)  # without a version the server would only add a delete marker
        try:
            with self._asking(key, version, protecting=True):
                self.client.delete_object(Bucket=self.bucket, Key=key, VersionId=version)
        except StorageFailed as error:
            if error.kind != "missing":
                raise

    def sweep(self, older_than: timedelta = s3_uploads.ABANDONED_AFTER) -> int:
        """Take away what interrupted uploads left. Returns how many."""
        with self._asking():
            return s3_uploads.sweep(self.client, self.bucket, older_than)

    # Reading

    def head(self, key: str, version: str) -> StoredObject:
        self._check_version(key, version)
        with self._asking(key, version):
            reply = self.client.head_object(Bucket=self.bucket, Key=key, VersionId=version)
            _require(reply.get("VersionId") == version and "LastModified" in reply)
        return self._described(key, version, reply)

    def _described(self, key: str, version: str, reply: dict) -> StoredObject:
        metadata = base.decode_metadata(reply.get("Metadata", {}))
        etag = reply.get("ETag", "").strip('"')
        until = reply.get("ObjectLockRetainUntilDate")
        return StoredObject(
            store=self.name,
            key=key,
            version=version,
            bytes=reply["ContentLength"],
            sha256=metadata.pop(SHA256, ""),
            lock_until=until and until.astimezone(UTC),
            lock_mode=reply.get("ObjectLockMode"),
            legal_hold=reply.get("ObjectLockLegalHoldStatus") == "ON",
            written_at=reply["LastModified"],
            content_type=reply.get("ContentType", ""),
            metadata=metadata,
            md5=etag if len(etag) == 32 else None,  # of parts or cipher text it is no MD5, and has a dash
        )

    def open(self, key: str, version: str, *, start: int = 0, length: int | None = None) -> BinaryIO:
        self._check_version(key, version)
        if length == 0:
            self.head(key, version)
            return BytesIO()
        ranged = {}
        if start or length is not None:
            ranged["Range"] = f"bytes={start}-{'' if length is None else start + length - 1}"
        try:
            with self._asking(key, version):
                reply = self.client.get_object(Bucket=self.bucket, Key=key, VersionId=version, **ranged)
                _require(reply.get("VersionId") == version)
                _require(not ranged or reply.get("ContentRange", "").startswith(f"bytes {start}-"))
        except StorageFailed as error:
            if http_status(error.__cause__) == 416:  # begins beyond the end
                return BytesIO()
            raise
        return self._reader(key, reply, length)

    def look(self, key: str, version: str) -> tuple[StoredObject, BinaryIO]:
        self._check_version(key, version)
        with self._asking(key, version):
            reply = self.client.get_object(Bucket=self.bucket, Key=key, VersionId=version)
            _require(reply.get("VersionId") == version and "LastModified" in reply)
        stream = self._reader(key, reply)
        if "ObjectLockRetainUntilDate" in reply:
            return self._described(key, version, reply), stream
        try:
            return self.head(key, version), stream  # not every gateway tells of a lock with the bytes
        except StorageFailed:
            stream.close()
            raise

    def _reader(self, key: str, reply: dict, length: int | None = None) -> BinaryIO:
        body = reading.Body(reply["Body"], reply["ContentLength"], self.config.read_timeout)
        return base.buffered(base.GuardedReader(body, lambda error: self._as_failure(error, key), length))

    def versions(self, key: str) -> list[StoredVersion]:
        base.check_key(self.name, key)
        found: list[StoredVersion] = []
        for page in self._pages(key):
            found += [version for version in page if version.key == key]
            if any(version.key != key for version in page):
                break  # listings are sorted: `box-10` comes only after every version of `box-1`
        return found

    def iterate(self, prefix: str = "") -> Iterator[StoredVersion]:
        for page in self._pages(prefix):
            yield from page

    def _pages(self, prefix: str) -> Iterator[list[StoredVersion]]:
        with self._asking(prefix):
            pages = self.client.get_paginator("list_object_versions").paginate(
                Bucket=self.bucket, Prefix=prefix, PaginationConfig={"PageSize": self.page_size}
            )
            for page in pages:
                _require(page.get("Name") == self.bucket and "IsTruncated" in page)
                listed = [self._listed(entry, False) for entry in page.get("Versions", ())]
                listed += [self._listed(entry, True) for entry in page.get("DeleteMarkers", ())]
                newest_first = sorted(listed, key=lambda one: one.written_at, reverse=True)
                newest_first.sort(key=lambda one: (one.key.encode(), not one.latest))
                yield newest_first

    def _listed(self, entry: dict, marker: bool) -> StoredVersion:
        return StoredVersion(
            store=self.name,
            key=entry["Key"],
            version=entry["VersionId"],
            bytes=entry.get("Size", 0),
            written_at=entry["LastModified"],
            latest=entry["IsLatest"],
            marker=marker,
        )

    # Knowing it

    def probe(self) -> list[ProbeResult]:
        settings = self.bucket_settings()
        if settings[0].name == "connection":
            return settings
        return [*settings, *probe(self, self.config.horizon_days)]

    def describe(self) -> dict:
        return {
            "name": self.name,
            "kind": "s3",
            "where": f"{self.config.endpoint_url or 'AWS'} {self.bucket}",
            "region": self.config.region,
            "limits": ["GOVERNANCE 锁可由有特权的账号解除", "远期锁定是否可靠以探测结果为准"],
        }

    # Inside

    def _check_version(self, key: str, version: str) -> None:
        base.check_key(self.name, key)
        if not version:
            raise failed(self.name, "missing", f"没有给出“{key}”的版本号。")

    @contextmanager
    def _asking(self, key: str = "", version: str = "", *, protecting: bool = False) -> Iterator[None]:
        """Turn whatever boto3 raises into one StorageFailed. `protecting`: a refusal may mean that the object
        is locked, which the server's own words do not tell apart from a lack of rights."""
        try:
            yield
        except StorageFailed:
            raise
        except Exception as error:
            failure = self._as_failure(error, key)
            if failure is None:
                raise
            if failure.kind == "denied" and named_by_status(error):
                failure = self._told(key) or failure
            refused = failure.kind == "denied" or named_invalid(error)
            if protecting and refused and self._is_protected(key, version):
                failure = failed(self.name, "locked", f"“{key}”已锁定或冻结，存储拒绝了这个操作。")
            if failure.kind == "missing" and isinstance(error, ClientError) and self._bucket_is_missing():
                failure = failed(self.name, "failed", f"桶“{self.bucket}”不存在，请检查桶名。")
            raise failure from error

    def _as_failure(self, error: Exception, key: str) -> StorageFailed | None:
        explained = explain(error, key)
        return explained and failed(self.name, *explained)

    def _told(self, key: str) -> StorageFailed | None:
        """What a refused HEAD, whose answer has no body, is about: the same question where the answer has one."""
        try:
            self.client.list_object_versions(Bucket=self.bucket, Prefix=key, MaxKeys=1)
        except (ClientError, BotoCoreError) as error:
            return self._as_failure(error, key)
        return None

    def _is_protected(self, key: str, version: str) -> bool:
        try:
            return self.head(key, version).protected(datetime.now(UTC))
        except StorageFailed:
            return False

    def _bucket_is_missing(self) -> bool:
        """A head of an absent object and of one in an absent bucket look alike; a wrong bucket name must not
        make every object of the archive look lost."""
        try:
            self.client.head_bucket(Bucket=self.bucket)
        except ClientError as error:
            return http_status(error) == 404
        except BotoCoreError:
            return False
        return False


def _require(kept: bool) -> None:
    """An answer that does not say what every S3 server says comes from somebody else on the way."""
    if not kept:
        raise WrongAnswer


def _digest(reader: base.CheckedReader) -> dict[str, str]:
    """For the metadata, which is sent first: of an upload in parts whose digest nobody knew before there is none."""
    return {SHA256: reader.sha256} if reader.sha256 else {}


def _md5(block: bytes) -> str:
    return base64.b64encode(hashlib.md5(block, usedforsecurity=False).digest()).decode()
