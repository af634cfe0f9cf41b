"""交接目录: whole folders of packages that were put on the server, under ARCHIVE_DATA/incoming/<name>.

A person asks for a folder to be taken over; the asking is a small file beside the packages (`.take-over.json`: who,
which default fonds), so that it survives every kill. The worker receives package by package and replaces it by
`.taken-over.json` with the counts. Done twice it does no harm: the same package is a duplicate. Nothing in the
folder is changed or removed: that is for whoever put it there.
"""

import json
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.core import signing
from django.utils import timezone

from archive.errors import ArchiveError, NotFound, WrongInput
from archive.inspection.fence import Fence
from archive.models import User
from archive.permissions import Actor, require
from ingest import receiving
from ingest.transports import folders

log = logging.getLogger("archive.ingest")
ASKED, DONE = ".take-over.json", ".taken-over.json"
SALT = "incoming"
SLICE, LARGEST_MARKER = 20, 100_000
LOOKED_AT = 2000
"""Packages counted for the page; a folder may hold more."""


@dataclass(frozen=True)
class Folder:
    """One thing to take over, as the page shows it."""

    name: str
    packages: int
    batch_no: str
    notes: tuple[str, ...]
    changed_at: datetime
    asked_by: str = ""  # "" = nobody asked (yet, or since it was done)
    looked: int = 0  # packages received or answered so far
    done: dict | None = None  # counts by outcome, at, by


def root() -> Path:
    return settings.ARCHIVE_DATA / "incoming"


def listing() -> list[Folder]:
    """What lies there, the newest first. Never raises for what somebody put there."""
    try:
        entries = [entry for entry in root().iterdir() if _is_ours(entry)]
    except OSError:
        return []
    found = [folder for entry in entries if (folder := _described(entry))]
    return sorted(found, key=lambda folder: folder.changed_at, reverse=True)


def _is_ours(entry: Path) -> bool:
    """A plain folder with a plain name: no link leads out of the incoming folder."""
    return not entry.name.startswith(".") and entry.is_dir() and not entry.is_symlink()


def _described(folder: Path) -> Folder | None:
    try:
        found, notes = folders.discover([folder])
        changed = datetime.fromtimestamp(folder.stat().st_mtime, tz=timezone.get_current_timezone())
    except OSError:
        return None
    asked, done = _read(folder / ASKED, signed=True), _read(folder / DONE)
    return Folder(
        name=folder.name,
        packages=len(found[:LOOKED_AT]),
        batch_no=found[0].batch.batch_no if found and found[0].batch else "",
        notes=tuple(note.replace(f"{folder}/", "") for note in notes[:5]),
        changed_at=changed,
        asked_by=str((asked or {}).get("name", "")),
        looked=sum(((asked or {}).get("counts") or {}).values()),
        done=done,
    )


def ask(name: str, *, fonds: str, actor: Actor) -> None:
    """Ask for a folder to be taken over. Raises NotFound or WrongInput; asking twice is asking once."""
    require(actor, "submission.take_over")
    folder = root() / name
    if folder.parent != root() or not _is_ours(folder):
        raise NotFound(what=f"交接目录“{name}”")
    if not folders.discover([folder])[0]:
        raise WrongInput(field=name, reason="里面没有信息包（zip 文件或 bag 文件夹）。")
    request = {"actor": str(actor.id), "name": actor.name, "fonds": fonds, "at": timezone.now().isoformat()}
    try:
        _write(folder / ASKED, request, signed=True)
    except OSError as fault:
        raise WrongInput(
            field=name, reason=f"系统不能在这个目录里写字（{fault.strerror}），请检查目录权限。"
        ) from None


def work(fence: Fence, *, stop: Callable[[], bool] = lambda: False, limit: int = SLICE) -> int:
    """Take over up to `limit` packages of every folder that was asked for, so that what is received is examined in
    between. Returns how many were looked at. A kill repeats at most one slice: duplicates."""
    return sum(_take_over(folder, fence, stop, limit) for folder in _asked())


def _asked() -> Iterator[Path]:
    try:
        yield from sorted(marker.parent for marker in root().glob(f"*/{ASKED}") if _is_ours(marker.parent))
    except OSError:
        return


def _take_over(folder: Path, fence: Fence, stop: Callable[[], bool], limit: int) -> int:
    asked = _read(folder / ASKED, signed=True)
    user = User.objects.filter(pk=asked["actor"], is_active=True).first() if asked else None
    counts = {"received": 0, "duplicate": 0, "refused": 0} | ((asked or {}).get("counts") or {})
    faults: list[str] = (asked or {}).get("faults") or []
    left, looked = 0, 0
    if user is None:
        faults.append("提出接收的人已停用，或者请求不是本系统写下的，没有接收。")
    else:
        packages = _after(folders.discover([folder])[0], asked.get("after"))
        for found in packages[:limit]:
            if stop():
                break
            _one(found, asked["fonds"], Actor.of(user), fence, counts, faults)
            looked, asked["after"] = looked + 1, str(found.path)
        left = len(packages) - looked
    try:
        if left:
            _write(folder / ASKED, asked | {"counts": counts, "faults": faults[:20]}, signed=True)
        else:
            done = {
                "faults": faults[:20],
                "by": (asked or {}).get("name", ""),
                "at": timezone.now().isoformat(),
            }
            _write(folder / DONE, counts | done)
            (folder / ASKED).unlink(missing_ok=True)
    except OSError as fault:
        log.warning("incoming %s: %s", folder.name, fault)
    return looked


def _after(packages: list[folders.Found], last: str | None) -> list[folders.Found]:
    """What comes behind the last one; everything when that one is gone."""
    places = [number for number, found in enumerate(packages) if str(found.path) == last]
    return packages[places[0] + 1 :] if places else packages


def _one(found: folders.Found, fonds: str, actor: Actor, fence: Fence, counts: dict, faults: list) -> None:
    batch_no = found.batch.batch_no if found.batch else ""
    try:
        received = receiving.receive_path(
            found.path,
            actor=actor,
            fence=fence,
            channel="folder",
            default_fonds=fonds,
            batch_no=batch_no,
            claim=False,
        )
    except ArchiveError as fault:
        counts["refused"] += 1
        faults.append(f"{found.path.name}：{fault}")
        return
    refused = received.submission.state == "refused"
    counts["refused" if refused else "duplicate" if received.duplicate else "received"] += 1


def _read(path: Path, *, signed: bool = False) -> dict | None:
    """A marker as JSON; a request only when this system signed it: whoever may put files there may not order in
    another's name."""
    try:
        text = path.read_text("utf-8")[:LARGEST_MARKER]
        data = signing.loads(text, salt=SALT) if signed else json.loads(text)
    except (OSError, ValueError, RecursionError, signing.BadSignature):
        return None
    return data if isinstance(data, dict) else None


def _write(path: Path, data: dict, *, signed: bool = False) -> None:
    """Whole or not at all."""
    draft = path.with_name(path.name + ".new")
    draft.write_text(
        signing.dumps(data, salt=SALT) if signed else json.dumps(data, ensure_ascii=False), "utf-8"
    )
    os.replace(draft, path)
