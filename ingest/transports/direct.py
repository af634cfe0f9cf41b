"""Direct upload: a large package goes from the browser into a landing bucket in parts, and from there into receiving.

Contract:
- The browser holds a signed ticket; no row is written before the package is received. A ticket is its owner's alone and
  holds for a day. Asked again after a break, it says which parts are there.
- The browser digests every part it sends. The server digests what it fetches by the same parts: one that differs, or a
  size that differs, is refused, and nothing is left of it. What is as it was sent goes the ordinary way (`receiving`).
- `finish` may be repeated after a break: it goes on from what landed. What nobody finishes is swept a day later.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, BinaryIO

from django.conf import settings
from django.core import signing

from archive import privacy
from archive.errors import ArchiveError, NotConfigured, NotFound, StorageFailed, WrongInput
from archive.identifiers import new_id
from archive.inspection.fence import Fence
from archive.permissions import Actor, require
from archive.storage.config import landing as configured
from archive.storage.landing import Upload
from ingest import receiving
from ingest.receiving import Received

if TYPE_CHECKING:
    from archive.storage.s3_landing import Landing

SALT, HOLDS = "direct-upload", 24 * 3600
AT_A_TIME = 64
"""Addresses given out in one answer."""
FROM_BYTES = 64 * 1024 * 1024
"""Smaller packages go through the web server: that is one request."""


@dataclass(frozen=True)
class Ticket:
    upload: Upload
    name: str
    fonds: str


@cache
def _opened(_process: int) -> "Landing | None":
    found = configured(os.environ)
    if found is None:
        return None
    from archive.storage.s3_landing import Landing  # boto3 costs 30 MB: only where used

    return Landing(*found)


def forget() -> None:
    """After the environment changed (tests)."""
    _opened.cache_clear()


def landing() -> "Landing | None":
    """None: packages come through the web server only. Raises NotConfigured for settings that contradict themselves."""
    return _opened(os.getpid())


def begin(name: str, size: int, *, fonds: str, actor: Actor) -> tuple[str, Upload]:
    """A ticket for one package. Raises WrongInput for one that would be refused anyway."""
    require(actor, "submission.hand_in")
    place = landing()
    if place is None:
        raise NotConfigured(reason="没有配置直接上传的存储（ARCHIVE_DIRECT_S3_BUCKET），请用普通上传。")
    if size <= 0:
        raise WrongInput(
            field=privacy.mask_text(name), reason="文件是空的（0 字节），没有接收。请重新导出后再交。"
        )
    if size > settings.MAX_PACKAGE_BYTES:
        limit = settings.MAX_PACKAGE_BYTES // 1024**2
        raise WrongInput(field="信息包", reason=f"超过单包上限 {limit} MB，没有接收。请拆分后再交。")
    upload = place.begin(str(new_id()), size)
    said = [str(actor.id), upload.key, upload.id, size, name[:300], fonds]
    return signing.dumps(said, salt=SALT, compress=True), upload


def read(ticket: str, *, actor: Actor) -> Ticket:
    """Raises NotFound for a ticket that is forged, too old, or somebody else's."""
    require(actor, "submission.hand_in")
    try:
        owner, key, upload_id, size, name, fonds = signing.loads(ticket, salt=SALT, max_age=HOLDS)
    except signing.BadSignature:
        owner = None
    if owner != str(actor.id) or landing() is None:
        raise NotFound(what="这次上传（可能已过期，请重新选择文件上传）")
    return Ticket(Upload(key, upload_id, size), name, fonds)


def progress(ticket: Ticket) -> tuple[list[int], dict[int, str]]:
    """The numbers of the parts that are there, and addresses for some of those that are not. Raises NotFound for an upload
    that is over: a browser would ask a store that fails again and again."""
    place = landing()
    try:
        have = sorted(place.arrived(ticket.upload))
    except StorageFailed as fault:
        raise _over(fault) from fault
    missing = [number for number in range(1, ticket.upload.parts + 1) if number not in set(have)]
    return have, place.addresses(ticket.upload, missing[:AT_A_TIME])


def finish(ticket: Ticket, digests: Sequence[str], *, actor: Actor) -> Received:
    """Put the parts together, fetch them, compare, receive. `digests`: the sha256 of each part, as it was sent."""
    place, upload = landing(), ticket.upload
    if len(digests) != upload.parts:
        raise WrongInput(
            field="分块的摘要", reason=f"应有 {upload.parts} 个，收到 {len(digests)} 个。请重新上传。"
        )
    try:
        tags = place.arrived(upload)
    except StorageFailed as fault:
        if fault.kind != "missing":
            raise
        tags = {}  # put together before a break
    if tags and len(tags) < upload.parts:
        reason = f"应有 {upload.parts} 块，到了 {len(tags)} 块。请点“继续”补传。"
        raise WrongInput(field=privacy.mask_text(ticket.name), reason=reason)
    if tags:
        place.complete(upload, tags)
    try:
        stream = place.fetch(upload)
    except StorageFailed as fault:
        raise _over(fault) from fault
    try:
        with stream, Fence() as fence:
            received = receiving.receive_stream(
                Compared(stream, upload, digests),
                ticket.name,
                actor=actor,
                fence=fence,
                channel="web",
                default_fonds=ticket.fonds,
                claim=False,
            )
    except WrongInput:
        place.drop(upload)  # what is not as it was sent is of no use to anybody
        raise
    place.drop(upload)
    return received


def _over(fault: StorageFailed) -> ArchiveError:
    if fault.kind != "missing":
        return fault
    return NotFound(what="这次上传（可能已经收过、停止或过期，请重新选择文件上传）")


def give_up(ticket: Ticket) -> None:
    landing().drop(ticket.upload)


def sweep() -> int:
    """Take away what nobody finished. Returns how many."""
    place = landing()
    return place.sweep() if place else 0


class Compared:
    """A stream that is what was sent, part by part, or raises WrongInput before its end."""

    def __init__(self, stream: BinaryIO, upload: Upload, digests: Sequence[str]) -> None:
        self._stream, self._upload, self._digests = stream, upload, [digest.lower() for digest in digests]
        self._number, self._left = 1, upload.bytes_of(1)
        self._digest = hashlib.sha256()

    def read(self, amount: int) -> bytes:
        if self._left == 0:
            if self._stream.read(1):
                self._refuse("比声明的长")
            return b""
        block = self._stream.read(min(amount, self._left))
        if not block:
            self._refuse("没有到齐")
        self._digest.update(block)
        self._left -= len(block)
        if self._left == 0:
            if self._digest.hexdigest() != self._digests[self._number - 1]:
                self._refuse(f"第 {self._number} 块与浏览器发出的不同")
            if self._number < self._upload.parts:
                self._number += 1
                self._left, self._digest = self._upload.bytes_of(self._number), hashlib.sha256()
        return block

    def _refuse(self, what: str) -> None:
        raise WrongInput(field="上传的内容", reason=f"{what}，没有接收，已经清除。请重新上传。")
