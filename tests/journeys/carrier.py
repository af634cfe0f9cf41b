"""The process whose children do a piece of work and may die at it (tests/journeys/carrying.py), as a test has it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, connections

from tests.living import wait_for
from tests.source import ROOT


class Carrier:
    def __init__(self, process: subprocess.Popen) -> None:
        self.process = process
        assert self._answer() == {"ready": True}

    def begin(self, **order) -> int:
        """The id of the child that works from now on."""
        print(json.dumps(order), file=self.process.stdin, flush=True)
        return self._answer()["pid"]

    def killed(self) -> bool:
        """Waits for the child: whether it was killed before it was done. A server notices its death a moment later; until
        then it holds the child's locks, and may still finish its last statement."""
        killed = self._answer()["killed"]
        if connection.vendor == "postgresql":
            wait_for(lambda: not _others(), seconds=300, what="the server does not let go of the child")
        return killed

    def _answer(self) -> dict:
        line = self.process.stdout.readline()
        assert line, "the carrying process has failed: see its standard error"
        return json.loads(line)


def _others() -> int:
    """How many are connected to this database besides this process."""
    ours = [
        one.connection.info.backend_pid for one in connections.all(initialized_only=True) if one.connection
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_type = 'client backend' AND pid <> ALL(%s)", [ours],
        )  # fmt: skip
        return cursor.fetchone()[0]


@contextmanager
def started() -> Iterator[Carrier]:
    """In the databases and stores of this test, which have to be there before."""
    names = {alias: connections[alias].settings_dict["NAME"] for alias in connections}
    databases = json.dumps({alias: {"NAME": str(name)} for alias, name in names.items()})
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.journeys.carrying"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        cwd=ROOT, env=os.environ | {"TEST_DATABASES": databases},
    )  # fmt: skip
    with process:
        yield Carrier(process)
        process.stdin.close()
