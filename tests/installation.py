"""A whole installation in a folder of its own, worked by `manage.py` in processes of its own: as somebody at a shell
has it. For what one process cannot show: kills, and what lies on the disk afterwards."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class Installation:
    """`data` is its ARCHIVE_DATA. SQLite and one local store, whatever the suite itself runs on."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.said: list[str] = []
        own = ("DATABASE_URL", "DJANGO_SETTINGS_MODULE", "ARCHIVE_STORES", "LOCAL_PATH")
        self.environment = {key: value for key, value in os.environ.items() if key not in own}
        self.environment |= {
            "ARCHIVE_DATA": str(self.data), "ARCHIVE_KEYS": str(self.data / "keys.json"), "ARCHIVE_ENV": "development",
        }  # fmt: skip

    def start(self, *words) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "manage.py", *map(str, words)], cwd=ROOT, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *words, ends_with: int = 0) -> list[dict]:
        """The JSON lines of a command. Everything it prints is also kept in `said`."""
        process = self.start(*words, "--json")
        out, err = process.communicate(timeout=300)
        assert process.returncode == ends_with, (words, process.returncode, out[-2000:], err[-2000:])
        self.said.append(out + err)
        return [json.loads(line) for line in out.splitlines() if line.startswith("{")]

    def rows(self, query: str) -> list[tuple]:
        with sqlite3.connect(f"file:{self.data}/archive.sqlite3?mode=ro", uri=True) as database:
            return database.execute(query).fetchall()
