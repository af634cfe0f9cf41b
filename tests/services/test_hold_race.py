"""Not one held record lost, not one wrongly kept: 1,000 holds race the execution on a real PostgreSQL."""

import json
import os
import subprocess
import sys

import pytest

from tests.services.test_migrate_postgres import owner_url  # noqa: F401  (a fixture)
from tests.source import ROOT

pytestmark = pytest.mark.services

REGISTERS, HELD, FREE = 25, 40, 8


def test_a_thousand_holds_against_execution_lose_no_record_and_keep_none_wrongly(owner_url):  # noqa: F811
    done = subprocess.run(
        [sys.executable, "-m", "tests.services.hold_race", *map(str, (REGISTERS, HELD, FREE))],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": owner_url},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["vendor"] == "postgresql"
    assert found["faults"] == []
    assert found["kept"] + found["too late"] == REGISTERS * HELD
    assert found["free"] == REGISTERS * FREE
    assert min(found["kept"], found["too late"]) >= 50, f"one side was nearly always first: {found}"
