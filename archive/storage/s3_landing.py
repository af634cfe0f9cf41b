"""A landing place: a bucket of its own, without locks, where browsers lay large packages in parts, past our web server.

Contract: a browser gets addresses for exact parts of one upload under one key that we chose, each for its exact length
and for SHORT seconds, and nothing else: it can neither list nor read nor finish. What landed is ours to fetch and to take
away; what nobody finished is swept. Nothing here is archived: what is fetched is verified like anything that comes in.
Everything that goes wrong is a StorageFailed.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import BinaryIO
from urllib.parse import urlsplit

from archive.errors import StorageFailed
from archive.storage import base, reading, s3_uploads
from archive.storage.config import StoreConfig
from archive.storage.landing import Upload
from archive.storage.s3_client import make_client
from archive.storage.s3_errors import WrongAnswer, explain

PREFIX = "landing/"
SHORT = 15 * 60
"""Seconds for which an address works."""
ABANDONED_AFTER = timedelta(days=1)


class Landing:
    """`public_url`: the server's address as browsers reach it, where it is another than ours."""

    def __init__(self, config: StoreConfig, public_url: str = "") -> None:
        self.name, self.bucket = config.name, config.bucket
        self.patience = config.read_timeout
        self.client = make_client(config)
        self._signer = make_client(replace(config, endpoint_url=public_url)) if public_url else self.client

    @property
    def origin(self) -> str:
        """Scheme, host and port that a browser sends parts to."""
        place = urlsplit(self._address(Upload("x", "x", 1), 1))
        return f"{place.scheme}://{place.netloc}"

    def begin(self, name: str, size: int) -> Upload:
        key = PREFIX + name
        with self._asking(key):
            begun = self.client.create_multipart_upload(Bucket=self.bucket, Key=key)
        return Upload(key, begun["UploadId"], size)

    def addresses(self, upload: Upload, numbers: list[int]) -> dict[int, str]:
        """Where to put these parts; each address works for SHORT seconds and for the exact length of its part."""
        return {number: self._address(upload, number) for number in numbers}

    def _address(self, upload: Upload, number: int) -> str:
        part = {"Bucket": self.bucket, "Key": upload.key, "UploadId": upload.id, "PartNumber": number}
        part["ContentLength"] = upload.bytes_of(number)
        return self._signer.generate_presigned_url("upload_part", Params=part, ExpiresIn=SHORT)

    def arrived(self, upload: Upload) -> dict[int, str]:
        """The parts that are there, whole: number → tag. Raises StorageFailed (`missing`) for an upload that is over."""
        found = {}
        with self._asking(upload.key):
            pages = self.client.get_paginator("list_parts").paginate(
                Bucket=self.bucket, Key=upload.key, UploadId=upload.id
            )
            for page in pages:
                for part in page.get("Parts", ()):
                    if part["Size"] == upload.bytes_of(part["PartNumber"]):
                        found[part["PartNumber"]] = part["ETag"]
        return found

    def complete(self, upload: Upload, tags: Mapping[int, str]) -> None:
        parts = [{"PartNumber": number, "ETag": tags[number]} for number in sorted(tags)]
        with self._asking(upload.key):
            self.client.complete_multipart_upload(
                Bucket=self.bucket, Key=upload.key, UploadId=upload.id, MultipartUpload={"Parts": parts}
            )

    def fetch(self, upload: Upload) -> BinaryIO:
        """A reader over what landed. Raises StorageFailed (`missing`)."""
        with self._asking(upload.key):
            reply = self.client.get_object(Bucket=self.bucket, Key=upload.key)
            if reply["ContentLength"] != upload.bytes:
                raise WrongAnswer
        body = reading.Body(reply["Body"], reply["ContentLength"], self.patience)
        return base.buffered(base.GuardedReader(body, lambda error: self._failure(error, upload.key)))

    def drop(self, upload: Upload) -> None:
        """Take it away, landed or underway. What is gone already is no error."""
        with self._asking(upload.key):
            self.client.delete_object(Bucket=self.bucket, Key=upload.key)
        try:
            with self._asking(upload.key):
                self.client.abort_multipart_upload(Bucket=self.bucket, Key=upload.key, UploadId=upload.id)
        except StorageFailed as error:
            if error.kind != "missing":
                raise

    def sweep(self, older_than: timedelta = ABANDONED_AFTER) -> int:
        """Take away what began or landed longer ago. Returns how many."""
        limit, gone = datetime.now(UTC) - older_than, 0
        with self._asking():
            for page in self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=PREFIX
            ):
                for found in page.get("Contents", ()):
                    if found["LastModified"] <= limit:
                        self.client.delete_object(Bucket=self.bucket, Key=found["Key"])
                        gone += 1
            return gone + s3_uploads.sweep(self.client, self.bucket, older_than)

    @contextmanager
    def _asking(self, key: str = "") -> Iterator[None]:
        try:
            yield
        except Exception as error:
            failure = self._failure(error, key)
            if failure is None:
                raise
            raise failure from error

    def _failure(self, error: Exception, key: str) -> StorageFailed | None:
        explained = explain(error, key)
        return explained and base.failed(self.name, *explained)
