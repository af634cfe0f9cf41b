"""What the probe asks of an S3 server past our own guards, and what it asks about the bucket. Mixed into `S3Store`.

Everything here must be refused by a sound server with sound credentials; nothing else of the product calls it.
"""

import base64
import hashlib
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from botocore.exceptions import ClientError

from archive.errors import StorageFailed
from archive.storage.base import GOVERNANCE, ProbeResult, failed

OTHERS = b"other"
"""Bytes whose digests are sent with different ones."""


class S3Attempts:
    """Wants `client`, `bucket`, `name`, `_asking` and `_retain` of the store. See `probe.Attempts`."""

    def attempt_shorten(self, key: str, version: str, until: datetime) -> None:
        self._retain(key, version, until, GOVERNANCE)

    def attempt_bypass(self, key: str, version: str) -> None:
        with self._asking(key, version, protecting=True):
            self.client.delete_object(
                Bucket=self.bucket, Key=key, VersionId=version, BypassGovernanceRetention=True
            )

    def attempt_plain_delete(self, key: str) -> None:
        with self._asking(key):
            self.client.delete_object(Bucket=self.bucket, Key=key)

    def attempt_damaged(self, key: str, header: str) -> None:
        if header == "Content-MD5":
            digest = hashlib.md5(OTHERS, usedforsecurity=False).digest()
            wrong = {"ContentMD5": base64.b64encode(digest).decode()}
        else:
            wrong = {"ChecksumSHA256": base64.b64encode(hashlib.sha256(OTHERS).digest()).decode()}
        with self._asking(key):
            self.client.put_object(Bucket=self.bucket, Key=key, Body=b"probe", **wrong)

    def clock_there(self) -> datetime:
        """The Date header of whatever the server answers about the bucket."""
        with self._asking():
            try:
                answer = self.client.head_bucket(Bucket=self.bucket)
            except ClientError as refusal:
                answer = refusal.response
        told = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
        try:
            return parsedate_to_datetime(told).astimezone(UTC)
        except ValueError as error:
            raise failed(self.name, "unsupported", "存储没有说出它的时间。") from error

    def bucket_settings(self) -> list[ProbeResult]:
        """Versioning and Object Lock as the bucket's settings say. Where we may not ask, only the trial counts."""
        try:
            with self._asking():
                versioning = self.client.get_bucket_versioning(Bucket=self.bucket).get("Status")
            try:
                with self._asking():
                    reply = self.client.get_object_lock_configuration(Bucket=self.bucket)
                locking = reply.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled")
            except StorageFailed as error:
                if error.kind not in ("missing", "unsupported"):
                    raise
                locking = None
        except StorageFailed as error:
            if error.kind != "denied":
                remedy = "请检查地址、桶名、密钥和网络；桶要由管理员建好，系统不会自己建。"
                return [ProbeResult(name="connection", state="failed", message=str(error), remedy=remedy)]
            message = "密钥无权读桶的设置，只看实际试出来的。"
            remedy = "给密钥 GetBucketVersioning、GetBucketObjectLockConfiguration 权限。"
            return [ProbeResult(name="versioning", state="warning", message=message, remedy=remedy)]
        if versioning == "Enabled" and locking == "Enabled":
            message = "桶已开启版本控制和对象锁定。"
            return [ProbeResult(name="versioning", state="ok", message=message)]
        message = "桶没有开启版本控制。" if versioning != "Enabled" else "桶没有开启对象锁定（Object Lock）。"
        remedy = "对象锁定要在建桶时开启，请新建一个桶并改设置。"
        return [ProbeResult(name="versioning", state="failed", message=message, remedy=remedy)]
