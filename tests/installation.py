"""A whole installation in a folder of its own, worked by `manage.py` in processes of its own: as somebody at a shell
has it. For what one process cannot show: kills, and what lies on the disk afterwards.

On SQLite its database lies in that folder; where the suite runs on PostgreSQL it gets a database of its own there.
"""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

ROOT = Path(__file__).resolve().parents[1]
OURS = ("DATABASE_URL", "DJANGO_SETTINGS_MODULE", "ARCHIVE_STORES", "LOCAL_PATH", "SECOND_PATH")


@cache
def _empty_database() -> bytes:
    """Tables and nothing in them. Made once a run, by the same migrations; `setup` then finds nothing left to do."""
    with TemporaryDirectory() as data:
        surroundings = {key: value for key, value in os.environ.items() if key not in OURS}
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity=0"],
            cwd=ROOT, env=surroundings | {"ARCHIVE_DATA": data, "ARCHIVE_KEYS": f"{data}/keys.json"}, check=True,
        )  # fmt: skip
        return Path(data, "archive.sqlite3").read_bytes()


class Installation:
    """`data` is its ARCHIVE_DATA. Everything its commands print is kept in `said`. Also a context manager."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.said: list[str] = []
        self.server = os.environ.get("DATABASE_URL", "")
        self.environment = {key: value for key, value in os.environ.items() if key not in OURS}
        self.environment |= {
            "ARCHIVE_DATA": str(self.data), "ARCHIVE_KEYS": str(self.data / "keys.json"), "ARCHIVE_ENV": "development",
        }  # fmt: skip
        if self.server.startswith("postgres"):
            self.name = f"scratch_{uuid4().hex}"
            self._administer(f'CREATE DATABASE "{self.name}"')
            self.environment["DATABASE_URL"] = f"{self.server.rpartition('/')[0]}/{self.name}"
        elif not self.data.exists():
            self.data.mkdir(parents=True)
            (self.data / "archive.sqlite3").write_bytes(_empty_database())

    def __enter__(self) -> "Installation":
        return self

    def __exit__(self, *_: object) -> None:
        self.drop()

    @property
    def on_server(self) -> bool:
        return "DATABASE_URL" in self.environment

    def start(self, *words) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "manage.py", *map(str, words)], cwd=ROOT, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *words, ends_with: int = 0) -> list[dict]:
        """The JSON lines of a command that ends with this status."""
        process = self.start(*words, "--json")
        out, err = process.communicate(timeout=1200)
        assert process.returncode == ends_with, (words, process.returncode, out[-2000:], err[-2000:])
        self.said.append(out + err)
        return [json.loads(line) for line in out.splitlines() if line.startswith("{")]

    def rows(self, query: str) -> list[tuple]:
        """What a query says, on a connection of its own."""
        if self.on_server:
            import psycopg

            with psycopg.connect(self.environment["DATABASE_URL"]) as database:
                return database.execute(query).fetchall()
        path = f"file:{self.data}/archive.sqlite3?mode=ro"
        with closing(sqlite3.connect(path, uri=True)) as database:
            return database.execute(query).fetchall()

    def drop(self) -> None:
        """The database on the server, with whatever of ours is still connected. Not by FORCE: that also asks for the
        right to end the server's own vacuum, for which a plain DROP waits."""
        if self.on_server:
            self._administer(
                f"SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
                f" WHERE datname = '{self.name}' AND usename = current_user"
            )
            self._administer(f'DROP DATABASE "{self.name}"')

    def _administer(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.server, autocommit=True) as database:
            database.execute(statement)
