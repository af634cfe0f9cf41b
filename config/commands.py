"""What the commands of the contract share: one JSON line an answer, exit statuses, and plain refusals.

0 = all asked was done; 1 = some package or check failed; 2 = wrong use; 3 = the system is not able to work.
"""

import io
import json
import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection

from archive import privacy
from archive.errors import ArchiveError, NotConfigured, StorageFailed, WrongInput, WrongPack
from archive.permissions import Actor, system_actor
from config import checks
from config.backup import moving


def require_setup() -> None:
    """Raises NotConfigured when this installation was never set up: said before anything is begun."""
    if "archive_fonds" not in connection.introspection.table_names():
        raise NotConfigured(reason="数据库还没有建立。请先运行 manage.py setup。")
    privacy.key_ring()


class ArchiveCommand(BaseCommand):
    """`run(**options)` returns the exit status. With --json only JSON lines go to standard output."""

    requires_system_checks: list = []
    guarded = (
        True  # refuse to work on settings that are unsafe in production, or without a set-up installation
    )
    needs_setup = True  # False for what makes an installation, or needs none
    restores = False  # may work while a restore is half done: only the one that ends it
    json = False

    def add_arguments(self, parser) -> None:
        parser.add_argument("--json", action="store_true", help="每行一个 JSON 对象")
        self.arguments(parser)

    def arguments(self, parser) -> None:
        """Options of the command itself."""

    def handle(self, *args: Any, **options: Any) -> None:
        self.json = options.pop("json")
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # a file name of strange bytes must not end a run
                stream.reconfigure(encoding="utf-8" if self.json else None, errors="replace")
        try:
            if self.guarded:
                checks.require_sound()
                if not self.restores:
                    moving.require_finished()
                if self.needs_setup:
                    require_setup()
            status = self.run(**options)
        except BrokenPipeError:  # the reader of our lines has seen enough; what was begun is committed
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        except (NotConfigured, StorageFailed, WrongPack) as fault:
            self.stop(3, str(fault))
        except WrongInput as fault:
            self.stop(2, str(fault))
        except ArchiveError as fault:
            self.stop(1, str(fault))
        except DatabaseError as fault:
            self.stop(
                3, f"数据库不能使用：{fault}。请先运行 manage.py setup，或运行 manage.py doctor 查看原因。"
            )
        else:
            if status:
                self.stdout.flush()
                sys.exit(status)

    def run(self, **options: Any) -> int:
        raise CommandError("this command does nothing")

    def stop(self, status: int, sentence: str) -> None:
        self.stdout.flush()
        self.stderr.write(sentence)
        sys.exit(status)

    def line(self, value: dict[str, Any]) -> None:
        """One JSON line, at once: whoever reads may act on it."""
        text = json.dumps(value, ensure_ascii=False, separators=(", ", ": "))
        self.stdout.write(text.encode("utf-8", "replace").decode())
        self.stdout.flush()

    def say(self, text: str) -> None:
        """For people only."""
        if not self.json:
            self.stdout.write(text)

    def note(self, text: str) -> None:
        """Progress and warnings: standard error, so that standard output stays what was asked for."""
        self.stderr.write(text)

    @staticmethod
    def actor() -> Actor:
        return system_actor("命令行")
