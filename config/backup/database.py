"""The main database: into a file, and back into an empty place. SQLite and PostgreSQL.

Only the main database is taken. On SQLite the index and the queue lie in files of their own; both are made again from
it. On PostgreSQL everything lies in one database, and the index is filled again after a restore.
"""

import contextlib
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

from django.conf import settings
from django.db import connection, connections, transaction

from config.backup.refusals import BackupRefused

PART = {"sqlite": "database/archive.sqlite3", "postgresql": "database/archive.pgdump"}
INSTALL = (
    "请在这台机器上安装与数据库服务器同版本或更新的 PostgreSQL 客户端（apt-get install postgresql-client）。"
)
HOLDING = ("archive_record", "ingest_submission")
"""A row in one of these: somebody works with this installation."""


def part_name() -> str:
    return PART[connection.vendor]


def path() -> Path:
    """The main SQLite file."""
    return Path(connections["default"].settings_dict["NAME"])


def size() -> int:
    """Bytes, about: to see beforehand whether there is room."""
    if connection.vendor == "sqlite":
        return path().stat().st_size
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return cursor.fetchone()[0] // 2  # what is dumped is compressed and has no indexes


def dump(target: Path) -> None:
    """Write the database as of one moment while others go on working; the copy is proven readable. Raises
    BackupRefused, OSError."""
    if connection.vendor == "sqlite":
        _dump_sqlite(target)
    else:
        words = ["pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--schema={schema()}"]
        _run([*words, f"--file={target}"], "备份")
        _run(["pg_restore", "--list", str(target)], "备份")
    target.chmod(0o600)


def _dump_sqlite(target: Path) -> None:
    # Not the page by page copy of the backup interface: VACUUM INTO reads the same single snapshot, but leaves out
    # freed pages, in which what was destroyed may still stand.
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path()}?mode=ro", uri=True, timeout=30)) as source:
            source.execute("VACUUM INTO ?", (str(target),))
    except sqlite3.Error as fault:
        if "full" in str(fault):
            raise BackupRefused(
                what="备份", reason=f"磁盘 {target.parent} 满了。请腾出空间，再做一次。"
            ) from None
        raise BackupRefused(
            what="备份", reason=f"数据库 {path()} 不能完整读出：{fault}。请先用 doctor 检查。"
        ) from None
    if fault := _sqlite_fault(target):
        raise BackupRefused(
            what="备份", reason=f"数据库的内部检查不通过：{fault}。请保留旧备份，先查明原因。"
        )


def _sqlite_fault(file: Path) -> str:
    try:
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as opened:
            told = opened.execute("PRAGMA quick_check(3)").fetchall()
    except sqlite3.Error as fault:
        return str(fault)
    return "" if told == [("ok",)] else "；".join(str(row[0]) for row in told)


# Back


def prove(file: Path) -> None:
    """The dump can be put back by this machine. Raises BackupRefused."""
    if connection.vendor == "postgresql":
        _run(["pg_restore", "--list", str(file)], "恢复")
    elif fault := _sqlite_fault(file):
        raise BackupRefused(what="恢复", reason=f"备份里的数据库通不过内部检查：{fault}。请换另一份备份。")


def holds_something() -> bool:
    """Whether the place is in use: records or packages. Makes no file where there is none."""
    if connection.vendor == "sqlite":
        if not path().exists() or not path().stat().st_size:
            return False
        with contextlib.closing(sqlite3.connect(f"file:{path()}?mode=ro", uri=True, timeout=30)) as opened:
            tables = {row[0] for row in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            return any(
                opened.execute(f"SELECT 1 FROM {t} LIMIT 1").fetchone() for t in HOLDING if t in tables
            )
    tables = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        for table in tables.intersection(HOLDING):
            cursor.execute(f"SELECT 1 FROM {table} LIMIT 1")
            if cursor.fetchone():
                return True
    return False


def files_in_place() -> list[Path]:
    """The SQLite files that a restored database takes the place of, quiet and whole: nobody has them open and nothing
    stands in a log beside them. [] on PostgreSQL. Raises BackupRefused."""
    if connection.vendor != "sqlite":
        return []
    names = [Path(settings.DATABASES[alias]["NAME"]) for alias in settings.DATABASES]
    names[0] = path()
    connections.close_all()
    found = [name for name in names if name.exists()]
    for name in found:
        try:
            with contextlib.closing(sqlite3.connect(name, timeout=2)) as opened:
                mode = opened.execute("PRAGMA journal_mode=DELETE").fetchone()[0]
        except sqlite3.OperationalError:
            mode = "wal"
        except sqlite3.DatabaseError:  # damaged: that may be why it is being replaced
            continue
        if mode != "delete":
            reason = f"数据库 {name} 正被使用。请先停下网页、工作进程和定时任务，再恢复。"
            raise BackupRefused(what="恢复", reason=reason)
    return [
        *found,
        *(
            Path(f"{name}{end}")
            for name in found
            for end in ("-wal", "-shm")
            if Path(f"{name}{end}").exists()
        ),
    ]


def holds_tables() -> bool:
    return bool(connection.introspection.table_names())


def require_alone() -> None:
    """PostgreSQL: nobody else is connected to our database. Raises BackupRefused."""
    if connection.vendor == "postgresql" and (others := _others()):
        reason = f"还有 {others} 个程序连着这个数据库。请先停下网页、工作进程和定时任务，再恢复。"
        raise BackupRefused(what="恢复", reason=reason)


def move_schema_aside(name: str) -> None:
    """PostgreSQL: what stands in the schema, also empty tables of a fresh `setup`, goes under another name."""
    old, new = connection.ops.quote_name(schema()), connection.ops.quote_name(name)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"ALTER SCHEMA {old} RENAME TO {new}")
        cursor.execute(f"CREATE SCHEMA {old}")


def put_back(current: str, aside: str, held: bool) -> None:
    """PostgreSQL: undo a restore. What it made in the schema `current` goes; what stood there comes back from `aside`.
    `held`: something stood there; when it was not moved yet, nothing is touched."""
    new, old = connection.ops.quote_name(current), connection.ops.quote_name(aside)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [aside])
        moved = cursor.fetchone() is not None
        if held and not moved:
            return
        cursor.execute(f"DROP SCHEMA IF EXISTS {new} CASCADE")
        cursor.execute(f"ALTER SCHEMA {old} RENAME TO {new}" if moved else f"CREATE SCHEMA {new}")


def _others() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )
        return cursor.fetchone()[0]


def load(file: Path) -> None:
    """PostgreSQL: all of the dump, or nothing."""
    name = connections["default"].settings_dict["NAME"]
    words = ["pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
    # The schema itself is there; a dump that names it would be refused.
    listed = _run(["pg_restore", "--list", str(file)], "恢复")
    chosen = file.with_suffix(".list")
    chosen.write_text("\n".join(line for line in listed.splitlines() if " SCHEMA " not in line))
    _run([*words, f"--use-list={chosen}", f"--dbname={name}", str(file)], "恢复")


def schema() -> str:
    """The schema in which our tables stand."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        return cursor.fetchone()[0]


def _run(words: list[str], what: str) -> str:
    """A program of PostgreSQL, connected to our database. The password goes by its environment, never by its words."""
    if shutil.which(words[0]) is None:
        raise BackupRefused(what=what, reason=f"没有程序 {words[0]}。{INSTALL}")
    database = connections["default"].settings_dict
    names = {
        "HOST": "PGHOST",
        "PORT": "PGPORT",
        "USER": "PGUSER",
        "PASSWORD": "PGPASSWORD",
        "NAME": "PGDATABASE",
    }
    given = {variable: str(database[key]) for key, variable in names.items() if database.get(key)}
    done = subprocess.run(
        words,
        env=os.environ | given | {"LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode == 0:
        return done.stdout
    said = (done.stderr.strip().splitlines() or ["没有说明原因"])[0][:300]
    hint = f" {INSTALL}" if "version mismatch" in done.stderr else ""
    if "No space left" in done.stderr:
        hint = " 磁盘满了，请腾出空间。"
    raise BackupRefused(what=what, reason=f"{words[0]} 报告：{said}。{hint}")
