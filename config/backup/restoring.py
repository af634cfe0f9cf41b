"""Putting a backup back: into an empty place, or, when asked, where the old is first moved aside.

Contract:
- All of the file is read and proven before anything is touched.
- Nothing is deleted: what stands in the place of a restored file or schema is moved aside under a name that says when.
- A restore that fails puts everything back as it was. One that was killed says so at every other command, and is undone
  by the next `restore` before it begins anew (moving.py).
- It is done only when the database is migrated, its triggers stand, and an event tells of it. What the ledgers and the
  stores say to the restored catalogue is then looked at (reconciling.py) and told; a store that does not answer is
  told too, and stops nothing.
"""

import os
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection, connections, transaction
from django.utils import timezone

from archive import audit, grants, jobs, object_keys, privacy, stores, triggers
from archive.errors import ArchiveError
from archive.locks import alone
from archive.models import Backup, Event
from archive.permissions import Actor
from config import databases, schedule
from config.assembly import TRIGGER_RULES
from config.backup import database, envelope, moving, parcel, surroundings, taking
from config.backup.refusals import BackupRefused, of_system
from search.engine import engine


@dataclass
class Restored:
    """What was put back, and what somebody must still look at."""

    taken_at: str
    records: int
    aside: list[str] = field(default_factory=list)
    """Where the old went."""
    settings: list[tuple[str, str, str]] = field(default_factory=list)
    """(name, in the backup, now)"""
    elsewhere: list[str] = field(default_factory=list)
    """Settings whose values no backup holds and that are not set here."""
    keys: bool = True
    undone: bool = False
    """An earlier restore had been interrupted and was undone first."""


def restore(file: Path, passphrase: Callable[[], str], *, actor: Actor, replace: bool = False) -> Restored:
    """Restore from that file. `passphrase` is asked only when the file is encrypted. Raises BackupRefused."""
    with alone("restore") as ours:
        if not ours:
            raise BackupRefused(what="恢复", reason="另一次恢复正在进行，请等它结束。")
        try:
            undone = _undo()
            _clear_drafts()
            if not replace and database.holds_something():
                reason = "这里已经有档案或信息包。恢复只在空的地方进行；确要取代，请加 --replace，现有的会移到一旁，不删除。"
                raise BackupRefused(what="恢复", reason=reason)
            draft = _draft()
            try:
                told = _unpack(file, passphrase, draft)
                found = _put_in_place(told, file, draft, actor)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        except OSError as fault:
            raise of_system("恢复", fault) from None
        except envelope.Unreadable as fault:
            raise BackupRefused(what="恢复", reason=f"{fault}什么都没有改动。") from None
    found.undone = undone
    return found


def _draft() -> Path:
    """Beside the database, so that a rename brings what lies in it into place."""
    beside = database.path().parent if connection.vendor == "sqlite" else Path(settings.ARCHIVE_DATA)
    beside.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = beside / f".restoring-{secrets.token_hex(4)}"
    draft.mkdir(mode=0o700)
    return draft


def _clear_drafts() -> None:
    """What an interrupted restore had unpacked."""
    beside = database.path().parent if connection.vendor == "sqlite" else Path(settings.ARCHIVE_DATA)
    for left in beside.glob(".restoring-*"):
        shutil.rmtree(left)


def _unpack(file: Path, passphrase: Callable[[], str], draft: Path) -> dict:
    """The table, once everything in the file is proven and lies in `draft`."""
    size = file.stat().st_size
    if (free := shutil.disk_usage(draft).free) < size:
        reason = f"{draft.parent} 只剩 {free // 1024**2} MB，备份有 {size // 1024**2} MB。请先腾出空间。"
        raise BackupRefused(what="恢复", reason=reason)
    word = passphrase() if taking.is_sealed(file) else ""
    with file.open("rb") as opened:
        told = parcel.read(taking.open_parcel(opened, word), draft)
    if told["engine"] != connection.vendor:
        reason = f"备份来自 {told['engine']}，这里的数据库是 {connection.vendor}。请按备份设置 DATABASE_URL。"
        raise BackupRefused(what="恢复", reason=reason)
    if newer := surroundings.unknown_migrations(told["migrations"]):
        reason = (
            f"备份来自更新的版本（{told['product']}，含本版本没有的 {newer[0]}）。请先安装那个版本，再恢复。"
        )
        raise BackupRefused(what="恢复", reason=reason)
    database.prove(parcel.place(draft, database.part_name()))
    return told


def _put_in_place(told: dict, file: Path, draft: Path, actor: Actor) -> Restored:
    replaced = f"replaced-{timezone.localtime():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    database.require_alone()
    in_the_way = database.files_in_place()
    keys = _keys_to_place(told, draft)
    aside = [(path, path.parent / replaced / path.name) for path in in_the_way]
    aside += [
        (target, target.with_name(f"{target.name}.{replaced}")) for _, target in keys if target.exists()
    ]
    moves, made, schema = [*aside, *keys], [], None
    if connection.vendor == "sqlite":
        moves.append((parcel.place(draft, database.part_name()), database.path()))
        files = [Path(settings.DATABASES[alias]["NAME"]) for alias in settings.DATABASES]
        made = [Path(f"{name}{end}") for name in files for end in ("", "-wal", "-shm")]
    else:
        schema = {"current": database.schema(), "aside": replaced.replace("-", "_")}
        schema["held"] = database.holds_tables()
    try:
        moving.begin(moves, made, draft, schema)
        if schema:
            if schema["held"]:
                database.move_schema_aside(schema["aside"])
            database.load(parcel.place(draft, database.part_name()))
        _wake(told, file, actor)
    except (OSError, DatabaseError, ArchiveError) as fault:
        _undo()
        if isinstance(fault, DatabaseError):
            reason = f"恢复的数据库不能使用：{str(fault).strip()}。一切已放回原样。"
            raise BackupRefused(what="恢复", reason=reason) from None
        if isinstance(fault, ArchiveError) and not isinstance(fault, BackupRefused):
            raise BackupRefused(what="恢复", reason=f"{fault}一切已放回原样。") from None
        raise
    finally:
        for beside, _ in keys:
            beside.unlink(missing_ok=True)
    moving.end()
    return Restored(
        taken_at=told["taken_at"],
        records=told["records"],
        keys=told["keys"],
        aside=sorted({str(target) for _, target in aside})
        + ([f"数据库模式 {schema['aside']}"] if schema and schema["held"] else []),
        settings=surroundings.differences(told["settings"], os.environ),
        elsewhere=[
            name for name, value in told["settings"].items() if value is None and not os.environ.get(name)
        ],
    )


def _undo() -> bool:
    """Put back what a restore that was not ended had moved; whether there was one."""
    connections.close_all()
    privacy.key_ring.cache_clear()
    plan = moving.unfinished()
    if plan is None:
        return False
    if plan["schema"]:
        database.put_back(**plan["schema"])
    moving.undo(plan)
    moving.end()
    return True


def _keys_to_place(told: dict, draft: Path) -> list[tuple[Path, Path]]:
    """(file beside the place, place) for every key file that differs from what is there. Written but not yet in use."""
    targets = surroundings.key_files()
    placed = []
    for entry in told["parts"]:
        if not entry["name"].startswith("keys/"):
            continue
        source, target = parcel.place(draft, entry["name"]), targets.get(entry["name"])
        if target is None:
            reason = (
                f"备份里有密钥文件 {entry['name']}，而这里没有为它设置位置。请按备份里的设置补上，再恢复。"
            )
            raise BackupRefused(what="恢复", reason=reason)
        if target.exists() and target.read_bytes() == source.read_bytes():
            continue
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = target.with_name(f".{target.name}.restoring")
        beside.unlink(missing_ok=True)
        with open(beside, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(source.read_bytes())
            file.flush()
            os.fsync(file.fileno())
        placed.append((beside, target))
    return placed


def _wake(told: dict, file: Path, actor: Actor) -> None:
    """From files to a working installation: migrations, triggers, rights, queue, index, and the event that tells of it."""
    connections.close_all()
    privacy.key_ring.cache_clear()
    stores.forget()
    object_keys.forget()
    if surroundings.site() != told["site"]:
        reason = (
            "这里的密钥文件（ARCHIVE_KEYS）不属于备份的那个系统，证件号码会解不开。请放回它自己的密钥文件。"
        )
        raise BackupRefused(what="恢复", reason=reason)
    databases.migrate()
    if gone := triggers.missing(connection, TRIGGER_RULES):
        raise BackupRefused(what="恢复", reason=f"缺少保护触发器：{'、'.join(gone[:5])}。")
    if connection.vendor == "postgresql" and (role := os.environ.get("DATABASE_APPLICATION_ROLE")):
        grants.grant_application_role(connection, role)
    jobs.sync(schedule.JOBS)
    engine().ensure()
    engine().clear()  # it may know other records than the catalogue: the worker fills it again
    if Event.objects.count() < told["events"]:
        raise BackupRefused(what="恢复", reason="恢复的账本比备份时短。")
    _register(told, file, actor)


@transaction.atomic
def _register(told: dict, file: Path, actor: Actor) -> None:
    """The event; and the row of the file itself, which it cannot hold: what is destroyed from now on stands in it."""
    data = {"taken_at": told["taken_at"][:19].replace("T", " "), "records": told["records"]}
    audit.record(actor=actor, action="backup.restored", kind="site", subject="backup", data=data)
    if not Backup.objects.filter(name=file.name[:200]).exists():
        taken_at, until = datetime.fromisoformat(told["taken_at"]), date.fromisoformat(told["expires_on"])
        Backup.objects.create(
            taken_at=taken_at, name=file.name[:200], bytes=file.stat().st_size, sha256=taking.digest_of(file),
            expires_on=until, made_by_name=actor.name,
        )  # fmt: skip
