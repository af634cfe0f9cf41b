"""The parts of the house itself: settings, database, keys, staging, index, jobs."""

import hashlib
import os
import platform
import shutil
import stat
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core import checks
from django.db import connection, connections, router
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from archive import changes, grants, jobs, privacy, triggers
from archive.models import Change
from config import schedule
from config.assembly import TRIGGER_RULES
from config.backup import taking
from config.doctor.part import SETUP, Part, guarded
from search.engine import engine

FREE_LEAST = 512 * 1024 * 1024
BACKUP_AGE = timedelta(hours=36)
"""A daily job that is late by half a day is late."""


def python() -> Iterator[Part]:
    if "sm3" not in hashlib.algorithms_available:
        remedy = "换用带 SM3 的 OpenSSL（1.1.1 以上，未裁剪国密算法）。"
        yield Part(
            part="python",
            state="failed",
            version=platform.python_version(),
            message="没有 SM3 算法。",
            remedy=remedy,
        )
    else:
        yield Part(part="python", version=platform.python_version(), message=platform.platform())


def configuration() -> Iterator[Part]:
    found = [message for message in checks.run_checks() if message.level >= checks.WARNING]
    for message in found:
        state = "failed" if message.level >= checks.ERROR else "warning"
        yield Part(part="settings", state=state, message=str(message.msg), remedy=str(message.hint or ""))
    if not found:
        yield Part(part="settings", version=settings.ARCHIVE_ENV, message="设置没有问题。")


def database() -> Iterator[Part]:
    for alias in settings.DATABASES:
        name = "database" if alias == "default" else f"database:{alias}"
        yield from guarded(name, lambda alias=alias, name=name: _database(alias, name))


def _database(alias: str, name: str) -> Iterator[Part]:
    opened = connections[alias]
    opened.ensure_connection()
    version = f"{opened.vendor} {'.'.join(str(n) for n in opened.get_database_version())}"
    if opened.vendor == "sqlite":
        with opened.cursor() as cursor:
            mode = cursor.execute("PRAGMA journal_mode").fetchone()[0]
        if mode != "wal":
            remedy = "数据库文件应在本机磁盘上，不能在网络文件系统上。"
            yield Part(
                part=name,
                state="failed",
                version=version,
                message=f"日志方式是 {mode}，不是 WAL。",
                remedy=remedy,
            )
            return
    executor = MigrationExecutor(opened)
    wanted = executor.loader.graph.leaf_nodes()
    plan = executor.migration_plan([node for node in wanted if router.allow_migrate(alias, node[0])])
    if plan:
        message = f"有 {len(plan)} 步数据库升级没有执行。"
        yield Part(part=name, state="failed", version=version, message=message, remedy=SETUP)
    else:
        yield Part(part=name, version=version, message="数据库结构是最新的。")


def trigger_rules() -> Iterator[Part]:
    gone = triggers.missing(connection, TRIGGER_RULES)
    if gone:
        message = f"缺少 {len(gone)} 个保护触发器：{'、'.join(gone[:5])}"
        yield Part(
            part="triggers", state="failed", message=message, remedy=SETUP + "并用 verify_audit 核对账本。"
        )
    else:
        yield Part(part="triggers", message=f"{len(TRIGGER_RULES)} 个保护触发器都在。")


def roles() -> Iterator[Part]:
    if connection.vendor != "postgresql":
        yield Part(
            part="roles", state="absent", message="SQLite 没有角色，能读写数据库文件的人都能去掉触发器。"
        )
        return
    owned = grants.owned_tables(connection)
    if owned:
        message = f"应用登录的角色拥有 {len(owned)} 张表，可以去掉保护触发器。"
        remedy = "另建一个应用角色，用所有者运行 setup 授权（DATABASE_APPLICATION_ROLE），再用应用角色登录。"
        yield Part(part="roles", state="warning", message=message, remedy=remedy)
    else:
        yield Part(part="roles", message="应用角色不拥有任何表。")


def keys() -> Iterator[Part]:
    path = Path(settings.ARCHIVE_KEYS)
    ring = privacy.key_ring()
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        message = f"密钥文件 {path} 的权限是 {mode:04o}，别人也能读。"
        yield Part(
            part="keys", state="failed", version=ring.current, message=message, remedy=f"chmod 600 {path}"
        )
    else:
        yield Part(
            part="keys", version=ring.current, message=f"{path}，共 {len(ring.keys)} 把密钥。请确认另有备份。"
        )


def staging() -> Iterator[Part]:
    folder = Path(settings.STORAGES["staging"]["OPTIONS"]["location"])
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        file.write(b"x")
        file.flush()
        os.fsync(file.fileno())
    free = shutil.disk_usage(folder).free
    message = f"{folder} 可写，剩余 {free / 1024**3:.1f} GB。"
    if free < FREE_LEAST:
        yield Part(part="staging", state="failed", message=message, remedy="清理或扩容磁盘。")
    elif free < 2 * settings.MAX_PACKAGE_BYTES:
        remedy = f"最大的信息包可达 {settings.MAX_PACKAGE_BYTES // 1024**2} MB，建议至少留出它的两倍。"
        yield Part(part="staging", state="warning", message=message, remedy=remedy)
    else:
        yield Part(part="staging", message=message)


def search() -> Iterator[Part]:
    index = engine()
    count = index.count()
    if index.needs_rebuild:
        remedy = "索引会由工作进程重建（manage.py work）。"
        yield Part(
            part="search", state="warning", version=index.name, message="索引还不完整。", remedy=remedy
        )
    else:
        yield Part(part="search", version=index.name, message=f"索引里有 {count} 件。")


def queue() -> Iterator[Part]:
    waiting = jobs.waiting()
    if waiting is None:
        yield Part(part="jobs", state="failed", message="任务队列的表不在。", remedy=SETUP)
        return
    now, troubles = timezone.now(), []
    for job, ran in zip(schedule.JOBS, jobs.history(schedule.JOBS), strict=True):
        if ran.next_run is None:
            troubles.append((f"定时任务“{job.name}”没有登记。", SETUP))
        elif ran.next_run < now - timedelta(hours=2):
            troubles.append((f"定时任务“{job.name}”过了时间没有运行。", "请启动 manage.py qcluster。"))
        elif ran.failed_at and (ran.succeeded_at is None or ran.failed_at > ran.succeeded_at):
            troubles.append((f"定时任务“{job.name}”上次失败：{ran.failure}", "按原因处理，下次会再运行。"))
    for message, remedy in troubles:
        yield Part(part="jobs", state="warning", message=message, remedy=remedy)
    if not troubles:
        yield Part(part="jobs", message=f"{len(schedule.JOBS)} 个定时任务，队列里有 {waiting} 个任务。")


def outbox() -> Iterator[Part]:
    """What was announced and should have been followed up long ago."""
    now = timezone.now()
    for topic, name, patience, remedy in (
        ("seal-event", "封存", timedelta(hours=3), "请启动 manage.py qcluster。"),
        ("search", "索引", timedelta(hours=1), "请启动 manage.py work。"),
    ):
        oldest = (
            Change.objects.filter(topic=topic).order_by("id").values_list("created_at", flat=True).first()
        )
        count = changes.waiting(topic)
        late = oldest is not None and oldest < now - patience
        yield Part(
            part=f"outbox:{topic}",
            state="warning" if late else "ok",
            message=f"等待{name}的变更 {count} 条"
            + (f"，最早的在 {timezone.localtime(oldest):%m-%d %H:%M}。" if late else "。"),
            remedy=remedy if late else "",
        )


def backup() -> Iterator[Part]:
    """How old the newest backup is, and whether a lost machine could be made again from it."""
    newest, now = taking.newest(), timezone.now()
    remedy = (
        "设置 ARCHIVE_BACKUP_DIR 和 ARCHIVE_BACKUP_PASSPHRASE_FILE，每天自动备份；或运行 manage.py backup。"
    )
    if newest is None:
        state = "failed" if settings.PRODUCTION else "warning" if settings.BACKUP_DIR else "absent"
        yield Part(part="backup", state=state, message="还没有备份。", remedy=remedy)
        return
    age = now - newest.taken_at
    days = f"{age.days} 天" if age.days else f"{age.seconds // 3600} 小时"
    message = f"最近的备份在 {days}前：{newest.name}，保存到 {newest.expires_on}。"
    if age > BACKUP_AGE:
        state = "failed" if age > 7 * BACKUP_AGE else "warning"
        yield Part(part="backup", state=state, message=message, remedy=remedy)
    else:
        yield Part(part="backup", message=message)
    if word := settings.BACKUP_PASSPHRASE_FILE:
        yield from _passphrase(Path(word))


def _passphrase(file: Path) -> Iterator[Part]:
    if not file.is_file():
        remedy = "改正 ARCHIVE_BACKUP_PASSPHRASE_FILE。"
        yield Part(part="backup:passphrase", state="failed", message=f"没有口令文件 {file}。", remedy=remedy)
    elif stat.S_IMODE(file.stat().st_mode) & 0o077:
        message = f"口令文件 {file} 别人也能读。"
        yield Part(part="backup:passphrase", state="failed", message=message, remedy=f"chmod 600 {file}")
    elif settings.BACKUP_DIR and file.resolve().is_relative_to(Path(settings.BACKUP_DIR).resolve()):
        message = "口令文件放在备份目录里：拿到备份的人也就拿到了口令。"
        yield Part(
            part="backup:passphrase", state="failed", message=message, remedy="移到别处，另外再留一份。"
        )
