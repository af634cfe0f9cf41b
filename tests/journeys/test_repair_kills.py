"""kill −9 of real processes while they check and while they repair: what was done stays done, the rest goes on."""

import gzip
import json
import signal
import time

import pytest

from tests.installation import Installation

COPIES, DAMAGED = 4000, 40
PREPARE = """
from archive import stores
from archive.models import Copy
from archive.permissions import system_actor
from tests.damaged import damage, laid_down
laid_down(stores.configured(), {copies}, actor=system_actor("测试"))
for copy in Copy.objects.order_by("id")[:: {copies} // {damaged}]:
    damage(stores.configured(), copy, "changed")
"""
ORDER = """
import io
from archive import fixity, restoration, stores
from archive.models import Copy
from archive.permissions import system_actor
from tests import filed
from tests.damaged import damage
actor = system_actor("测试")
for number in range({records}):
    record = filed.a_record(stores.configured(), contents=(b"a form %d" % number, b"another %d" % number))
    for copy in Copy.objects.filter(object__record=record, store="second"):
        damage(stores.configured(), copy, "changed" if number % 2 else "missing")
assert fixity.sweep(actor=actor, everything=True).damaged == {records} * 4
done = restoration.restore_all(Copy.objects.all(), actor=actor, reason="换过磁盘")
assert done.owed == {records} * 4, done
"""


@pytest.fixture
def house(tmp_path):
    with Installation(tmp_path) as house:
        if house.on_server:
            pytest.skip("the files of the local store are counted beside a database file")
        house.environment["ARCHIVE_STORES"] = "local,second"
        for name in ("local", "second"):
            house.environment[f"{name.upper()}_PATH"] = str(tmp_path / name)
        house.run("setup", "--fonds", "D019=东莞市社会保险基金管理中心")
        yield house


def shell(house, script: str) -> None:
    process = house.start("shell", "-c", script)
    said = "".join(process.communicate(timeout=1200))
    assert process.returncode == 0, said[-3000:]


def killed_when(house, process, reached) -> bool:
    """SIGKILL once `reached()`; False when the process came to its end before."""
    while process.poll() is None:
        if reached():
            process.send_signal(signal.SIGKILL)
            process.communicate()
            return True
        time.sleep(0.002)
    process.communicate()
    return False


def test_a_sweep_that_is_killed_again_and_again_finds_exactly_what_is_damaged(house, tmp_path):
    shell(house, PREPARE.format(copies=COPIES, damaged=DAMAGED))
    kills = 0
    for goal in (1, COPIES // 3, COPIES // 2):
        kills += killed_when(
            house,
            house.start("fixity", "--all", "--json"),
            lambda goal=goal: (house.rows("SELECT max(checked) FROM archive_fixityrun")[0][0] or 0) >= goal,
        )
    *found, totals = house.run("fixity", "--all", ends_with=1)
    assert kills and (totals["checked"], totals["damaged"], len(found)) == (COPIES, DAMAGED, DAMAGED)
    assert len({line["object"] for line in found}) == DAMAGED
    assert house.rows("SELECT count(*), count(DISTINCT copy_id) FROM archive_damage") == [(DAMAGED, DAMAGED)]
    assert house.rows("SELECT count(*) FROM archive_fixityrun") == [(1,)]
    (results,) = [
        path for path in (tmp_path / "local/objects/fixity").rglob("*.gz@*") if path.suffix != ".json"
    ]
    header, *lines = gzip.decompress(results.read_bytes()).splitlines()
    assert len(lines) == COPIES and json.loads(header)["damaged"] == DAMAGED


def test_a_repair_that_is_killed_again_and_again_leaves_every_copy_good(house):
    count = 30
    shell(house, ORDER.format(records=count))
    owed = "SELECT count(*) FROM archive_copy WHERE state IN ('pending', 'failed')"
    kills = 0
    for left in (count * 4 - 1, count * 3, count * 2, count):
        kills += killed_when(
            house, house.start("work", "--once"), lambda left=left: house.rows(owed)[0][0] <= left
        )
    house.run("work", "--once")
    assert kills and house.rows("SELECT DISTINCT state FROM archive_copy") == [("stored",)]
    (totals,) = house.run("fixity", "--all")
    assert totals["damaged"] == 0
    again = house.rows("SELECT count(*), count(DISTINCT copy_id) FROM archive_quarantinedversion")
    assert again == [(count * 2, count * 2)]
