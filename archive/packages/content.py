"""What of one record goes into a package: its originals, its declaration, and the metadata that stand beside them.

Rows only: a `Part` opens its bytes when they are wanted, and says beforehand what they must be. Everything goes out
exactly as it was filed. Raises WrongState for a record that is destroyed or being destroyed, StorageFailed for one
that is not fully stored yet.
"""

import hashlib
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO
from uuid import UUID

from archive import contents, privacy, states
from archive.errors import StorageFailed, WrongInput, WrongState
from archive.inspection.probes import names
from archive.models import DigitalObject, Record

BESIDE = {"manifest": "manifest.json", "eep": "eep.xml", "report": "examination-report.json.gz"}
"""Role → name of what is told about a record. Of each role the newest edition that is stored goes out."""
GONE = ("disposing", "destroyed")
"""States of a record whose files are no more, or soon no more."""
GOOD = ("stored", "damaged")
"""States of a copy that may be read; whether its bytes are right shows when they are."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One file of a package: where it lies, what its bytes must be, how to come by them."""

    path: str
    bytes: int
    sha256: str
    sm3: str
    mime: str
    open: Callable[[], BinaryIO]
    id: UUID | None = None  # of the object in the archive; None for what is made for the package
    role: str = ""
    puid: str = ""
    format: str = ""
    created: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Content:
    """`declaration`: submission.json and its signature, () where a record was filed without."""

    record: Record
    originals: tuple[Part, ...]
    declaration: tuple[Part, ...]
    beside: tuple[Part, ...]

    @property
    def bytes(self) -> int:
        return sum(part.bytes for part in (*self.originals, *self.declaration, *self.beside))

    @property
    def name(self) -> str:
        """The folder of the package: the 档号, which no two records share."""
        return self.record.reference_code


def of(record: Record) -> Content:
    """Wants `fonds` and `department` selected along; the caller has asked at the gate."""
    if record.state in GONE:
        state = states.RECORD_STATES[record.state]
        raise WrongState(what=f"档案 {record.reference_code}", state=state, verb="导出")
    items = list(record.digital_objects.prefetch_related("copies").order_by("position"))
    newest = {item.role: item for item in items if item.role in BESIDE and _is_stored(item)}
    return Content(
        record=record,
        originals=tuple(_part(record, item, _inside(item)) for item in items if item.role == "original"),
        declaration=tuple(_part(record, item, _exact(item)) for item in items if item.role == "submission"),
        beside=tuple(_part(record, newest[role], name) for role, name in BESIDE.items() if role in newest),
    )


def made(path: str, content: bytes, mime: str) -> Part:
    """A file that is made for the package."""
    return Part(
        path=path,
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        sm3=hashlib.new("sm3", content).hexdigest(),
        mime=mime,
        open=lambda: io.BytesIO(content),
    )


def sm3_list(parts: Iterable[Part]) -> bytes:
    """As `sm3sum` writes it: what a national-standard check of the same files needs."""
    return "".join(f"{part.sm3}  {part.path}\n" for part in parts).encode()


def _is_stored(item: DigitalObject) -> bool:
    return any(copy.state in GOOD for copy in item.copies.all())


def _exact(item: DigitalObject) -> str:
    return privacy.decrypt(item.sealed_path) if item.sealed_path else item.path


def _inside(item: DigitalObject) -> str:
    path = _exact(item)
    return path if path.startswith("data/") else f"data/{path}"


def _part(record: Record, item: DigitalObject, path: str) -> Part:
    if kind := names.fault_of(path):  # receiving refused such a name; if one is here, somebody put it here
        reason = f"档案 {record.reference_code} 的一个文件名不合规（{kind}），没有导出。请告诉系统管理员。"
        raise WrongInput(field="文件名", reason=reason)
    if not _is_stored(item):
        reason = f"档案 {record.reference_code} 的“{item.path}”还没有写好的副本，请等存储写完后再导出。"
        raise StorageFailed(store="—", kind="missing", reason=reason)
    return Part(
        path=path,
        bytes=item.bytes,
        sha256=item.sha256,
        sm3=item.sm3,
        mime=item.mime or "application/octet-stream",
        open=lambda: contents.open_object(item),
        id=item.pk,
        role=item.role,
        puid=item.puid,
        format=item.format,
        created=record.archived_at,
    )
