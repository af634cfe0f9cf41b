"""kill −9 of real processes at random moments: afterwards every package is archived exactly once.

A scratch installation of its own; ARCHIVE_TEST_KILLS says how often to kill (ten by default), ARCHIVE_TEST_SEED from
where the moments are drawn.
"""

import os
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from config.demonstration.catalogue import light_packages
from tests.installation import Installation

KILLS = int(os.environ.get("ARCHIVE_TEST_KILLS", "10"))
SEED = int(os.environ.get("ARCHIVE_TEST_SEED", "2026"))
PACKAGES = 20


def kill_somewhere(process: subprocess.Popen, draw: random.Random) -> bool:
    """After some lines of its output and a moment more, or after a while. Returns whether it was still alive."""
    if draw.random() < 0.7:
        for _ in range(draw.randrange(1, 5)):
            if not process.stdout.readline():
                break
        time.sleep(draw.uniform(0, 0.12))
    else:
        time.sleep(draw.uniform(0.3, 1.5))
    alive = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return alive


@pytest.fixture
def house(tmp_path):
    with Installation(tmp_path) as house:
        yield house


def test_after_any_number_of_kills_every_package_is_archived_exactly_once(house, tmp_path):
    draw = random.Random(SEED)
    house.run("setup", "--fonds", "D019=东莞市社会保险基金管理中心")
    folder = tmp_path / "packages"
    sent = {path.stem for path in light_packages(folder, PACKAGES)}

    killed = 0
    for _ in range(4 * KILLS):
        working = draw.random() < 0.3
        process = house.start("work", "--once") if working else house.start("ingest", folder, "--json")
        killed += kill_somewhere(process, draw)
        if killed >= KILLS:
            break
    house.run("work", "--once")
    again = house.run("ingest", folder)

    assert len(again) == PACKAGES
    assert {line.get("first_state", line["state"]) for line in again} == {"archived"}
    assert {line["business_no"] for line in again} == sent
    by_scope: dict[str, list[int]] = {}
    for code, number in house.rows("SELECT reference_code, number FROM archive_record"):
        by_scope.setdefault(code.rpartition("-")[0], []).append(number)
    assert sum(map(len, by_scope.values())) == PACKAGES
    assert all(sorted(numbers) == list(range(1, len(numbers) + 1)) for numbers in by_scope.values())
    assert house.rows("SELECT DISTINCT state FROM ingest_submission WHERE state <> 'superseded'") == [
        ("archived",)
    ]
    assert house.rows("SELECT DISTINCT state FROM archive_copy") == [("stored",)]
    half = """SELECT r.id FROM archive_record r LEFT JOIN archive_digitalobject o ON o.record_id = r.id
              GROUP BY r.id HAVING count(*) FILTER (WHERE o.role = 'manifest') <> 1
              OR count(*) FILTER (WHERE o.role = 'report') <> 1
              OR count(*) FILTER (WHERE o.role = 'submission') <> 1
              OR count(*) FILTER (WHERE o.role = 'original') < 1"""
    assert house.rows(half) == []

    staged = {path.name for path in (house.data / "staging" / "submissions").glob("*")}
    named = {Path(blob).name for (blob,) in house.rows("SELECT blob FROM ingest_submission WHERE blob <> ''")}
    assert named == set()
    assert len(staged) <= killed, "at most what a kill cut off before its row, which the sweep takes"
    checked = house.run("fixity", "--all")
    copies = house.rows("SELECT count(*) FROM archive_copy")[0][0]
    assert len(checked) == 1 and checked[0]["damaged"] == 0 and checked[0]["checked"] == copies
    written = [path for path in (house.data / "store" / "objects").rglob("*@*") if path.suffix != ".json"]
    twice = [
        key for key, count in Counter(path.name.partition("@")[0] for path in written).items() if count > 1
    ]
    assert not twice, "what an interrupted turn had written was adopted, not written again"
    assert house.run("verify_audit")[-1]["faults"] == 0
    assert house.run("find", "东莞市", "--limit", "1")[-1]["total"] == PACKAGES
