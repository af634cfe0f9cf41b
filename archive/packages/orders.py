"""导出单: packages that a person ordered on a page, made while he need not wait, kept for him alone and not for long.

One folder each, ARCHIVE_DATA/exports/<id>: `order.json` (who, what, why), `progress.json` while it is written,
`package.zip`, and `result.json` last of all: only with it an order is finished. The folder is the whole truth of it;
what left the archive stands in the ledgers. After EXPORT_DAYS it is swept; when a record is destroyed every package that
holds it goes with it (`Traces`).
"""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from archive import audit, permissions
from archive.errors import ArchiveError, NotFound, WrongInput
from archive.identifiers import new_id
from archive.models import Record, User
from archive.packages import outgoing
from archive.packages.outgoing import Progress
from archive.permissions import Actor

MOST_RECORDS = 1000
MOST_BYTES = 20 * 1024**3
AT_ONCE = 32 * 1024 * 1024
"""A single record of at most so many bytes is packed while the person waits."""
SPARE = 512 * 1024 * 1024
"""Bytes that must stay free on the disk."""
BEAT, SILENT = 1.0, 60
"""Seconds between two notes of progress; without one for so long nobody is at it any more."""
PACKAGE = "package.zip"


@dataclass(frozen=True, kw_only=True)
class Order:
    """One order as its owner sees it. `state`: waiting, running, stalled, failed, done."""

    id: UUID
    user: UUID
    name: str
    format: str
    purpose: str
    records: tuple[UUID, ...]
    bytes: int
    ordered_at: datetime
    state: str
    progress: Progress = field(default_factory=lambda: Progress(0, 0))
    reason: str = ""
    size: int = 0
    sha256: str = ""
    finished_at: datetime | None = None

    @property
    def until(self) -> datetime:
        """When it is swept."""
        return self.ordered_at + timedelta(days=settings.EXPORT_DAYS)


def root() -> Path:
    return settings.ARCHIVE_DATA / "exports"


def order(ids: Sequence[UUID], *, format: str, purpose: str, actor: Actor) -> Order:
    """Take an order down; nothing is packed yet. Every record goes through its gate and must be exportable now.

    Raises what `outgoing.gather` raises, WrongInput for too many, too much, or a disk without room.
    """
    format, purpose = outgoing.format_of(format), outgoing.purpose_of(purpose)
    permissions.require(actor, "record.export")
    ids = list(dict.fromkeys(ids))
    if not ids:
        raise NotFound(what="要导出的档案")
    if len(ids) > MOST_RECORDS:
        reason = (
            f"选了 {len(ids)} 件，一次最多导出 {MOST_RECORDS} 件。请分几次导出，或请系统管理员用命令导出。"
        )
        raise WrongInput(field="所选档案", reason=reason)
    found = [outgoing.gather(pk, actor=actor) for pk in ids]
    size = sum(one.bytes for one in found)
    _room_for(size)
    made = new_id()
    name = found[0].name if len(found) == 1 else f"{found[0].name} 等 {len(found)} 件"
    folder = root() / str(made)
    folder.mkdir(parents=True, mode=0o700)
    _write(
        folder / "order.json",
        {
            "user": str(actor.id),
            "name": name,
            "format": format,
            "purpose": purpose,
            "records": [str(pk) for pk in ids],
            "bytes": size,
            "ordered_at": timezone.now().isoformat(),
        },
    )
    return _read(folder)


def _room_for(size: int) -> None:
    if size > MOST_BYTES:
        limit = MOST_BYTES // 1024**3
        reason = f"共 {size / 1024**3:.1f} GB，一次最多 {limit} GB。请分几次导出，或请系统管理员用命令导出。"
        raise WrongInput(field="所选档案", reason=reason)
    root().mkdir(parents=True, exist_ok=True, mode=0o700)
    if shutil.disk_usage(root()).free < size + SPARE:
        reason = "服务器磁盘空间不够放下这个导出包。请联系系统管理员，或少选一些。"
        raise WrongInput(field="所选档案", reason=reason)


def at_once(asked: Order) -> bool:
    return len(asked.records) == 1 and asked.bytes <= AT_ONCE


def work(order_id: UUID | str) -> Order:
    """Pack what was ordered, in the name of who ordered it: his rights are read again. Done twice it is done once;
    what a kill broke off begins anew. A refusal is written on the order, not raised; NotFound when there is none."""
    folder = root() / str(UUID(str(order_id)))
    with _alone(folder) as mine:
        asked = _read(folder)
        if not mine or asked.state == "done":
            return asked
        (folder / "result.json").unlink(missing_ok=True)
        try:
            _make(folder, asked)
        except ArchiveError as fault:
            if folder.exists():  # else its owner cleared it meanwhile
                _write(folder / "result.json", {"reason": str(fault), "at": timezone.now().isoformat()})
    return _read(folder)


def _make(folder: Path, asked: Order) -> None:
    user = User.objects.filter(pk=asked.user, is_active=True).first()
    if user is None:
        raise NotFound(what="提出导出的人")
    noted = 0.0

    def tell(progress: Progress) -> None:
        nonlocal noted
        if time.monotonic() - noted >= BEAT:
            noted = time.monotonic()
            with suppress(OSError):  # a courtesy: what cannot be written is told by the package itself
                _write(folder / "progress.json", {"records": progress.records, "bytes": progress.bytes})

    tell(Progress(0, 0))
    target = outgoing.target_at(folder / PACKAGE, zip=True)
    written = outgoing.export(
        asked.records, target, format=asked.format, purpose=asked.purpose, actor=Actor.of(user), tell=tell
    )
    size = written.path.stat().st_size
    result = {"size": size, "sha256": written.sha256, "at": timezone.now().isoformat()}
    _write(folder / "result.json", result)


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Whether this process is the one that packs; the lock goes with the process, however that ends."""
    try:
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        raise NotFound(what="这次导出") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)


def mine(actor: Actor) -> list[Order]:
    """What this person ordered and is still there, the newest first."""
    found = (_or_none(folder) for folder in _folders())
    ours = [one for one in found if one and actor.id is not None and one.user == actor.id]
    return sorted(ours, key=lambda one: one.ordered_at, reverse=True)


def get(order_id: UUID, *, actor: Actor) -> Order:
    """Raises NotFound for whatever he did not order himself."""
    permissions.require(actor, "record.export")
    found = _or_none(root() / str(order_id))
    if found is None or actor.id is None or found.user != actor.id:
        raise NotFound(what="这次导出")
    return found


def open_package(order_id: UUID, *, actor: Actor) -> tuple[Order, BinaryIO]:
    """The finished zip, for the one who ordered it while he may still export every record in it. In the ledger."""
    found = get(order_id, actor=actor)
    may = Record.objects.visible_to(actor.scope("record.export")).filter(pk__in=found.records)
    if found.state != "done" or may.exclude(state="destroyed").count() != len(found.records):
        raise NotFound(what="这个导出包")
    try:
        stream = (root() / str(order_id) / PACKAGE).open("rb")
    except OSError:
        raise NotFound(what="这个导出包") from None
    audit.access(
        actor=actor,
        action="export.downloaded",
        record=may.first() if len(found.records) == 1 else None,
        purpose=found.purpose,
        data={"name": found.name, "count": len(found.records)},
    )
    return found, stream


def drop(order_id: UUID, *, actor: Actor) -> None:
    """Clear one's own package before its time."""
    _remove(root() / str(get(order_id, actor=actor).id))


def sweep(now: datetime | None = None) -> int:
    """Clear what is past its time, and what is none of ours. Returns how many went."""
    now, gone = now or timezone.now(), 0
    for folder in list(_folders()):
        found = _or_none(folder)
        if found.until <= now if found else folder.stat().st_mtime < now.timestamp() - 86400:
            _remove(folder)
            gone += 1
    return gone


def _folders() -> Iterator[Path]:
    try:
        entries = sorted(root().iterdir())
    except OSError:
        return
    for entry in entries:
        try:
            UUID(entry.name)
        except ValueError:
            continue
        if entry.is_dir() and not entry.is_symlink():
            yield entry


def _or_none(folder: Path) -> Order | None:
    try:
        return _read(folder)
    except NotFound:
        return None


def _read(folder: Path) -> Order:
    asked = _json(folder / "order.json")
    try:
        return Order(
            id=UUID(folder.name),
            user=UUID(str(asked["user"])),
            name=str(asked["name"]),
            format=outgoing.format_of(asked["format"]),
            purpose=str(asked["purpose"]),
            records=tuple(UUID(str(pk)) for pk in asked["records"]),
            bytes=int(asked["bytes"]),
            ordered_at=datetime.fromisoformat(asked["ordered_at"]),
            **_state(folder),
        )
    except (KeyError, TypeError, ValueError, WrongInput):
        raise NotFound(what="这次导出") from None


def _state(folder: Path) -> dict[str, Any]:
    result, noted = _json(folder / "result.json"), _json(folder / "progress.json")
    progress = Progress(int(noted.get("records", 0)), int(noted.get("bytes", 0)))
    if result.get("reason"):
        return {"state": "failed", "reason": result["reason"], "progress": progress}
    if result and (folder / PACKAGE).exists():
        at = datetime.fromisoformat(result["at"])
        return {
            "state": "done", "size": int(result["size"]), "sha256": result["sha256"], "finished_at": at,
            "progress": progress,
        }  # fmt: skip
    try:
        heard = time.time() - (folder / "progress.json").stat().st_mtime
    except OSError:
        return {"state": "waiting"}
    return {"state": "running" if heard < SILENT else "stalled", "progress": progress}


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, value: dict[str, Any]) -> None:
    """Whole or not at all."""
    draft = path.with_name(path.name + ".new")
    draft.write_text(json.dumps(value, ensure_ascii=False), "utf-8")
    os.replace(draft, path)


def _remove(folder: Path) -> None:
    """The order first, so that what is half removed is no order any more."""
    (folder / "order.json").unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _holding(record: Record) -> list[Path]:
    found = ((folder, _or_none(folder)) for folder in _folders())
    return [folder for folder, one in found if one and record.pk in one.records]


class Traces:
    """See archive/traces.py."""

    name = "导出包"

    @staticmethod
    def remove(record: Record) -> None:
        for folder in _holding(record):
            _remove(folder)

    @staticmethod
    def prove_absent(record: Record) -> list[str]:
        return [folder.name for folder in _holding(record)]
