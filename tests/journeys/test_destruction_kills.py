"""kill −9 during a destruction, again and again: nothing half, nothing else touched, the register true.

Each time a process of its own carries on the execution and dies: at a random statement or question to a store, or
after a random time. After every death the rows must tell the truth about the stores; in the end all is destroyed.
`DESTRUCTION_KILLS=50` dies oftener; `DATABASE_URL` and `TEST_S3_BUCKET` (with `TEST_S3_URL`) name real servers.
"""

import os
import random
import signal
import time
from contextlib import suppress

import pytest

from archive import stores as archive_stores
from archive.errors import StorageFailed
from archive.models import Copy, Paper, Record
from archive.verification import verify_audit
from retention import editions, execution
from search import indexing
from search.engine import engine
from tests import filed
from tests.journeys import carrier as carrier_process
from tests.registers import SYSTEM, House, fresh

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")
KILLS = int(os.environ.get("DESTRUCTION_KILLS", "10"))
RECORDS = 5
STEPS, SECONDS = 60, 0.1
"""About as many statements and questions, and about as much time, as one record costs."""


@pytest.fixture
def store(request, monkeypatch):
    """The bucket that is named, else a local store."""
    if not (bucket := os.environ.get("TEST_S3_BUCKET")):
        yield request.getfixturevalue("stores")["local"]
        return
    values = {
        "ARCHIVE_STORES": "s3", "S3_S3_BUCKET": bucket, "S3_S3_ENDPOINT_URL": os.environ["TEST_S3_URL"],
        "S3_S3_ACCESS_KEY_ID": "testaccess", "S3_S3_SECRET_ACCESS_KEY": "testsecret-testsecret",
    }  # fmt: skip
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    archive_stores.forget()
    yield archive_stores.configured()["s3"]
    archive_stores.forget()


@pytest.fixture
def carrier(store):
    with carrier_process.started() as carrier:
        yield carrier


def carry_on_and_die(dice: random.Random, carrier: carrier_process.Carrier) -> bool:
    """Whether it died before there was nothing left to do."""
    step = dice.randrange(1, STEPS * RECORDS) if dice.random() < 0.7 else None
    pid = carrier.begin(step=step)
    if step is None:
        time.sleep(dice.uniform(0, SECONDS * RECORDS))
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return carrier.killed()


def contents(store, records) -> dict:
    """Every version under these records, with its bytes; None where a local store has only the description left."""
    found = {}
    for record in records:
        for one in store.iterate(f"{record.fonds.code}/{record.pk}/"):
            found[one.key, one.version] = None
            with suppress(StorageFailed), store.open(one.key, one.version) as stream:
                found[one.key, one.version] = stream.read()
    return found


def nothing_is_half(register, store, before) -> None:
    for row in register.rows.select_related("record__fonds"):
        mine = {place: content for place, content in before.items() if f"/{row.record_id}/" in place[0]}
        held = contents(store, [row.record])
        if row.state == "listed":
            assert (row.record.state, held) == ("archived", mine)
            assert not Copy.objects.filter(object__record=row.record).exclude(state="stored").exists()
        elif row.state == "removing":
            assert row.record.state == "disposing" and row.marked_at
            assert all(mine[place] == content or content is None for place, content in held.items())
            planned = {(key, version) for _, key, version in row.evidence["plan"]}
            assert planned == set(mine), "what is gone is known by name"
        else:
            assert (row.state, row.record.state, held) == ("destroyed", "destroyed", {})
            assert engine().prove_absent(row.record_id)
            assert {(key, version) for _, key, version in row.evidence["removed"]} == set(mine)


def test_killed_at_any_moment_it_goes_on_and_nothing_is_half(store, carrier):
    dice = random.Random(int(os.environ.get("DESTRUCTION_SEED", "2026")))
    engine().ensure()
    house = House(archive_stores.configured())
    neighbours = [filed.a_record(house.stores, contents=(b"a neighbour", b"and more")) for _ in range(2)]
    beside = contents(store, neighbours)
    killed = 0
    while killed < KILLS:
        found = house.due(RECORDS)
        indexing.follow([record.pk for record in found])
        register, before = house.executing(found), contents(store, found)
        assert len(before) == RECORDS * 4  # two files, the manifest, its EEP
        while killed < KILLS and fresh(register).state == "executing":
            killed += carry_on_and_die(dice, carrier)
            nothing_is_half(register, store, before)
        deadline = time.monotonic() + 300
        while fresh(register).state != "executed":
            execution.work(actor=SYSTEM)  # a server notices the death of its client a moment later
            assert time.monotonic() < deadline, list(register.rows.values("state", "fault"))
        nothing_is_half(register, store, before)
        assert Paper.objects.filter(about=f"register:{register.pk}", kind="销毁执行记录").count() == 1
        assert editions.faults(fresh(register)) == []
    assert contents(store, neighbours) == beside
    assert Record.objects.filter(pk__in=[record.pk for record in neighbours], state="archived").count() == 2
    assert verify_audit().faults == []
