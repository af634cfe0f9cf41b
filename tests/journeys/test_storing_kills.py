"""kill −9 at every step of storing, of copying to a second store, of verifying and of repairing.

A process of its own (tests/journeys/carrying.py) does the work for one record and dies at its n-th statement or question
to a store, n = 1, 2, 3 … until it is done before it dies: so every seam is met. After each death the work is done again,
undisturbed, by another process, and the record is then what an undisturbed one is: nothing twice, nothing half.
"""

import os
from pathlib import Path

import pytest

from archive import changes, contents, records, spreading, stores
from archive.models import Copy, Damage, Event, FixityRun, QuarantinedVersion, Record
from archive.verification import verify_audit
from tests import filed
from tests.journeys import carrier, upkeep

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")
STRIDE = int(os.environ.get("ARCHIVE_TEST_KILL_STRIDE", "9"))
"""Every ninth step, which is what a suite of two minutes can bear; 1 = every step."""


@pytest.fixture
def worker(two_stores):
    with carrier.started() as worker:
        yield worker


def do(worker: carrier.Carrier, work: str, record: Record, step: int | None = None) -> bool:
    """Whether it was killed before it was done."""
    worker.begin(step=step, work=work, record=str(record.pk))
    return worker.killed()


# --- before each work: a record to which it is to be done --------------------------------------------------------


def only_filed(*names: str) -> Record:
    objects = tuple(filed.an_object(content, path) for path, content in upkeep.FILES.items())
    new = filed.a_new_record(objects=objects)
    return records.create(new, actor=upkeep.actor(), store_names=list(names))


def for_store() -> Record:
    return only_filed("local", "second")


def for_copy() -> Record:
    """Kept in the first store, while the second is chosen for its fonds only now."""
    record = only_filed("local")
    upkeep.store(record.pk)
    changes.announce(spreading.TOPIC, record.fonds_id)
    return record


def for_verify() -> Record:
    """Kept in both; one copy of it is then damaged, so that there is something to be found once."""
    record = for_store()
    upkeep.store(record.pk)
    copy = record_copies(record).filter(store="second").first()
    path = content_of(copy)
    os.chmod(path, 0o600)
    path.write_bytes(b"rotten" + path.read_bytes()[6:])
    return record


def for_repair() -> Record:
    record = for_verify()
    upkeep.verify(record.pk)
    assert record_copies(record).filter(state="damaged").count() == 1
    return record


def content_of(copy: Copy):
    """The file in which a local store holds these bytes."""
    below = Path(os.environ[f"{copy.store.upper()}_PATH"])
    name = copy.key.rpartition("/")[2]
    return next(path for path in below.rglob(f"{name}@{copy.version}*") if path.suffix != ".json")


BEFORE = {"store": for_store, "copy": for_copy, "verify": for_verify, "repair": for_repair}


def record_copies(record: Record):
    return Copy.objects.filter(object__record=record).order_by("object__position", "store")


def what_is(record: Record) -> dict:
    """Everything that may be compared between two records that were treated alike."""
    copies = []
    for copy in record_copies(record).select_related("object"):
        there = [one for one in stores.get(copy.store).versions(copy.key) if not one.marker]
        held = stores.get(copy.store).head(copy.key, copy.version)
        booked = (held.lock_until, held.lock_mode or "") == (copy.lock_until, copy.lock_mode)
        with contents.open_copy(copy) as stream:
            right = upkeep.FILES.get(copy.object.path) in (None, data := stream.read()) and bool(data)
        copies.append((copy.object.role, copy.store, copy.state, copy.fault, len(there), booked, right))
    return {
        "state": Record.objects.get(pk=record.pk).state,
        "copies": copies,
        "events": list(Event.objects.filter(kind="record", subject=record.pk).order_by("sequence").values_list("action", flat=True)),
        "damaged": Damage.objects.filter(copy__object__record=record).values("copy").distinct().count(),
        "quarantined": QuarantinedVersion.objects.filter(copy__object__record=record).count(),
        "runs": FixityRun.objects.filter(extent=f"record:{record.pk}", finished_at=None).count(),
    }  # fmt: skip


@pytest.mark.parametrize("work", BEFORE)
def test_killed_at_any_step_it_ends_as_if_nothing_had_happened(worker, work):
    undisturbed = BEFORE[work]()
    assert not do(worker, work, undisturbed)
    wanted = what_is(undisturbed)
    step, killed = 1, True
    while killed:
        record = BEFORE[work]()
        killed = do(worker, work, record, step)
        for _ in range(2):
            do(worker, work, record)
        assert what_is(record) == wanted, f"killed at step {step}"
        step += STRIDE
    assert step > 4 * STRIDE, "it was killed at too few steps to mean anything"
    assert verify_audit().faults == []
