"""Making backups, and clearing away those whose day has come.

Contract:
- A backup is written under a temporary name, flushed to the disk, read again from the disk and proven part by part;
  only then it gets its name. It never takes the place of another file. Whatever goes wrong leaves no file.
- One that holds keys is encrypted; without a passphrase only a backup without keys is made.
- Each has its row: until `expires_on`, or until somebody says that it is gone, what was destroyed meanwhile may still
  stand in it. A file of ours without a row (a kill in between; a restore to an earlier day) gets one with the next
  backup.
- Only a file in the configured folder whose bytes are those of the row is removed, and never the newest one.
"""

import hashlib
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from archive import audit
from archive.locks import alone
from archive.models import Backup, Event, Record, Seal
from archive.permissions import Actor
from config.backup import database, envelope, parcel, surroundings
from config.backup.refusals import BackupRefused, of_system

LOCK = "backup"
NAME = re.compile(r"archive-\d{8}-\d{6}-[0-9a-f]{4}\.(backup|tar)")
SHORTEST_PASSPHRASE = 12
SPARE = 64 * 1024 * 1024
"""Bytes that stay free beside a backup."""


def passphrase_from_file() -> str:
    """The first line of ARCHIVE_BACKUP_PASSPHRASE_FILE; "" where none is configured. Raises BackupRefused."""
    name = settings.BACKUP_PASSPHRASE_FILE
    if not name:
        return ""
    try:
        line = Path(name).read_text("utf-8").partition("\n")[0].strip()
    except OSError as fault:
        raise of_system("备份", fault) from None
    except UnicodeDecodeError:
        raise BackupRefused(what="备份", reason=f"口令文件 {name} 不是 UTF-8 文本。") from None
    return require_long(line)


def require_long(passphrase: str) -> str:
    if len(passphrase) < SHORTEST_PASSPHRASE:
        reason = f"备份的口令至少要 {SHORTEST_PASSPHRASE} 个字符：拿到备份的人可以无限次地试。"
        raise BackupRefused(what="备份", reason=reason)
    return passphrase


def take(*, actor: Actor, folder: Path, passphrase: str, keys: bool = True) -> Backup:
    """One backup in `folder`, which is there already. Raises BackupRefused."""
    if keys and not passphrase:
        reason = (
            "备份里有密钥，必须加密，而没有口令。请设置 ARCHIVE_BACKUP_PASSPHRASE_FILE（文件的第一行是口令），"
            "或用 --without-keys 另存不含密钥的备份。"
        )
        raise BackupRefused(what="备份", reason=reason)
    with alone(LOCK) as ours, _plainly():
        if not ours:
            raise BackupRefused(what="备份", reason="另一次备份正在进行，请等它结束。")
        if not folder.is_dir():
            reason = f"没有目录 {folder}。请先建好或挂载好；系统不自己建，以免写到没有挂载的盘上。"
            raise BackupRefused(what="备份", reason=reason)
        _clear_drafts(folder)
        _register_unknown(folder, actor=actor)
        with _workshop() as work:
            return _take(folder, work, passphrase, keys, actor)


def _take(folder: Path, work: Path, passphrase: str, keys: bool, actor: Actor) -> Backup:
    _require_room(folder, work)
    now = timezone.now()
    about = _about(now, keys)  # before the dump: what it counts is in the dump at least
    parts = {database.part_name(): work / "database"}
    database.dump(parts[database.part_name()])
    if keys:
        parts |= surroundings.key_files()
    expires_on = timezone.localdate(now) + timedelta(days=settings.BACKUP_KEEP_DAYS)
    about["expires_on"] = expires_on.isoformat()
    ending = "backup" if passphrase else "tar"
    name = f"archive-{timezone.localtime(now):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}.{ending}"
    draft = folder / f".{name}.partial"
    try:
        with open(draft, "xb", opener=_owner_only) as file:
            _write(file, about, parts, passphrase)
            file.flush()
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # so that it is read from the disk
        digest, told = _prove(draft, passphrase)
        if told["taken_at"] != about["taken_at"]:
            raise BackupRefused(what="备份", reason="回读的内容不是刚写入的，请检查磁盘。")
        with transaction.atomic():
            row = Backup(
                taken_at=now, name=name, bytes=draft.stat().st_size, sha256=digest, expires_on=expires_on,
                made_by_name=actor.name,
            )  # fmt: skip
            _register(row, actor=actor)
            _name(draft, folder / name)
    finally:
        draft.unlink(missing_ok=True)
    return row


def _about(now: datetime, keys: bool) -> dict:
    """What stands in the table of contents besides the parts."""
    last = Seal.objects.order_by("-number").first()
    return {
        "taken_at": timezone.localtime(now).isoformat(),
        "product": surroundings.product_version(),
        "engine": database.connection.vendor,
        "keys": keys,
        "site": surroundings.site(),
        "migrations": surroundings.migrations(),
        "settings": surroundings.settings_told(os.environ),
        "records": Record.objects.count(),
        "events": Event.objects.count(),
        "seal": last.number if last else 0,
    }


def _write(file: BinaryIO, about: dict, parts: dict[str, Path], passphrase: str) -> None:
    if not passphrase:
        parcel.write(file, about, parts)
        return
    with envelope.Sealer(file, passphrase, surroundings.site()) as sealer:
        parcel.write(sealer, about, parts)
        sealer.finish()


def open_parcel(file: BinaryIO, passphrase: str) -> BinaryIO:
    """The clear content of a backup, encrypted or not. Raises envelope.Unreadable."""
    sealed = envelope.is_sealed(file.read(len(envelope.MAGIC)))
    file.seek(0)
    return envelope.Opener(file, passphrase) if sealed else file


def is_sealed(file: Path) -> bool:
    with file.open("rb") as opened:
        return envelope.is_sealed(opened.read(len(envelope.MAGIC)))


def _prove(file: Path, passphrase: str) -> tuple[str, dict]:
    """The digest of the file and its table, after reading all of it."""
    with file.open("rb") as opened:
        told = parcel.read(open_parcel(opened, passphrase))
    return digest_of(file), told


def _name(draft: Path, target: Path) -> None:
    """Give it its name, never in the place of another. A link refuses where a rename would overwrite."""
    try:
        os.link(draft, target)
    except PermissionError:  # a file system without links
        if target.exists():
            raise FileExistsError(17, "已有同名文件", str(target)) from None
        os.rename(draft, target)
    _flush(target.parent)


def _register(row: Backup, *, actor: Actor) -> None:
    row.save(force_insert=True)
    data = {
        "file": row.name, "bytes": row.bytes, "sha256": row.sha256, "expires_on": row.expires_on.isoformat(),
    }  # fmt: skip
    audit.record(actor=actor, action="backup.taken", kind="site", subject="backup", data=data)


def _register_unknown(folder: Path, *, actor: Actor) -> None:
    """Encrypted backups of this installation of which no row speaks: they hold keys."""
    there = {
        path.name: path for path in folder.iterdir() if NAME.fullmatch(path.name) and path.suffix == ".backup"
    }
    for name in sorted(set(there) - set(Backup.objects.values_list("name", flat=True))):
        try:
            with there[name].open("rb") as file:
                if envelope.header_of(file).get("site") != surroundings.site():
                    continue
        except envelope.Unreadable:
            continue
        taken_at = timezone.make_aware(datetime.strptime(name[8:23], "%Y%m%d-%H%M%S"))
        row = Backup(
            taken_at=taken_at, name=name, bytes=there[name].stat().st_size, sha256=digest_of(there[name]),
            expires_on=timezone.localdate(taken_at) + timedelta(days=settings.BACKUP_KEEP_DAYS), made_by_name="补登记",
        )  # fmt: skip
        with transaction.atomic():
            _register(row, actor=actor)


# The end of a backup


def sweep(*, actor: Actor) -> list[str]:
    """Remove the files whose day is over; their names."""
    today, removed = timezone.localdate(), []
    if not settings.BACKUP_DIR:
        return removed
    newest = Backup.objects.filter(gone_at=None).order_by("-taken_at").values_list("pk", flat=True).first()
    with alone(LOCK) as ours, _plainly():
        over = Backup.objects.filter(gone_at=None, expires_on__lt=today) if ours else Backup.objects.none()
        for row in over.exclude(pk=newest).order_by("taken_at"):
            file = Path(settings.BACKUP_DIR) / row.name
            if (
                NAME.fullmatch(row.name)
                and file.is_file()
                and not file.is_symlink()
                and digest_of(file) == row.sha256
            ):
                file.unlink()
                _flush(file.parent)
                _gone(row, "backup.removed", actor=actor)
                removed.append(row.name)
    return removed


def forget(name: str, *, actor: Actor) -> Backup:
    """Somebody says that the file, wherever it was taken, is destroyed. Raises BackupRefused."""
    row = Backup.objects.filter(name=name, gone_at=None).first()
    if row is None:
        raise BackupRefused(what="登记", reason=f"没有登记过名为“{name}”的备份，或它早已登记为销毁。")
    if settings.BACKUP_DIR and (Path(settings.BACKUP_DIR) / name).exists():
        raise BackupRefused(what="登记", reason=f"文件还在 {settings.BACKUP_DIR} 里。请先删除它，再登记。")
    _gone(row, "backup.gone", actor=actor)
    return row


@transaction.atomic
def _gone(row: Backup, action: str, *, actor: Actor) -> None:
    row.gone_at = timezone.now()
    row.save(update_fields=["gone_at"])
    audit.record(actor=actor, action=action, kind="site", subject="backup", data={"file": row.name})


def newest() -> Backup | None:
    """The newest backup that is not known to be gone."""
    return Backup.objects.filter(gone_at=None).order_by("-taken_at").first()


# Files


@contextmanager
def _plainly() -> Iterator[None]:
    """What files and disks refuse becomes a sentence."""
    try:
        yield
    except OSError as fault:
        raise of_system("备份", fault) from None
    except envelope.Unreadable as fault:
        raise BackupRefused(
            what="备份", reason=f"写好之后回读不对：{fault}磁盘可能有毛病，请检查。"
        ) from None


@contextmanager
def _workshop() -> Iterator[Path]:
    """An empty folder beside the data for the dump; what a kill left in it before is cleared away."""
    home = Path(settings.ARCHIVE_DATA) / "backup-work"
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    for left in home.iterdir():
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(dir=home) as work:
        yield Path(work)


def _require_room(folder: Path, work: Path) -> None:
    needed = database.size() + SPARE
    for place in (work, folder):
        free = shutil.disk_usage(place).free
        if free < needed:
            reason = (
                f"{place} 只剩 {free // 1024**2} MB，约需 {needed // 1024**2} MB。请腾出空间或换一个目录。"
            )
            raise BackupRefused(what="备份", reason=reason)


def _clear_drafts(folder: Path) -> None:
    for left in folder.iterdir():
        if left.name.startswith(".") and NAME.fullmatch(left.name[1:].removesuffix(".partial")):
            left.unlink()


def digest_of(file: Path) -> str:
    """sha256 of a whole file, in hex."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _flush(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
