"""The way of a package broken off between any two steps, and stores that fail: afterwards it is archived once.

A kill is played by an exception that nothing catches, thrown at the seam; the claim then belongs to a process that is
gone. (Real kills of real processes: test_kills.py.)
"""

import itertools

import pytest
from django.db import OperationalError

from archive import contents, keeping, records, stores
from archive.errors import StorageFailed
from archive.models import Copy, Event, Record
from archive.storage.local import LocalStore
from config import worker
from ingest import acceptance, claims, examination, pipeline, receiving, staging
from ingest.models import Submission

pytestmark = pytest.mark.django_db(databases="__all__")

DEAD = f"{claims.machine()}/4194999/1"


class Killed(BaseException):
    pass


def dies(before=None, after=None, times: int = 1):
    """Replace a function by itself, dying before or after its work, `times` times."""
    original, left = before or after, itertools.count(1)

    def dying(*args, **kwargs):
        dead = next(left) <= times
        if dead and before:
            raise Killed
        answer = original(*args, **kwargs)
        if dead:
            raise Killed
        return answer

    return dying


SEAMS = {
    "staged, no row yet": (receiving, "_named", "before"),
    "received": (receiving, "_named", "after"),
    "while examining": (examination, "examine", "before"),
    "examined": (examination, "examine", "after"),
    "report saved, rows not": (staging, "save_report", "after"),
    "decided": (acceptance, "decide", "after"),
    "record made, not committed": (records, "create", "after"),
    "filed": (acceptance, "file", "after"),
    "before anything is written": (keeping, "keep", "before"),
    "before a copy is written": (LocalStore, "put", "before"),
    "a copy written, not booked": (LocalStore, "put", "after"),
    "every copy written, none booked": (keeping, "_book", "before"),
    "every copy booked": (keeping, "_book", "after"),
    "kept, not yet archived": (keeping, "keep", "after"),
    "staging emptied, not yet archived": (staging, "drop", "after"),
    "archived": (acceptance, "keep", "after"),
}


def broken_off(path, fence, actor) -> bool:
    """Take the package in until it is killed; then the claim is a dead process's."""
    try:
        received = receiving.receive_path(path, actor=actor, fence=fence, channel="cli")
        pipeline.process(received.submission.pk, fence, actor=actor, unpacked=received.unpacked)
    except Killed:
        Submission.objects.exclude(claimed_by="").update(claimed_by=DEAD)
        return True
    return False


def archived_once(store: LocalStore) -> None:
    submission = Submission.objects.exclude(state="refused").get()
    record = Record.objects.get()
    assert (submission.state, submission.record_id, submission.blob) == ("archived", record.pk, "")
    assert record.reference_code.endswith("-000001")
    assert set(Copy.objects.values_list("state", flat=True)) == {"stored"}
    assert sorted(item.role for item in record.digital_objects.all()).count("manifest") == 1
    for copy in Copy.objects.select_related("object"):
        assert len(list(store.versions(copy.key))) == 1, (
            "an interrupted version was adopted, not written twice"
        )
        assert contents.open_object(copy.object).read()
    actions = list(Event.objects.filter(kind="record").order_by("sequence").values_list("action", flat=True))
    assert actions == ["record.filed", "record.kept"]
    assert not staging.work_folder(submission.pk).exists()


@pytest.mark.parametrize("seam", SEAMS)
def test_a_package_broken_off_anywhere_is_archived_once(packages, house, fence, actor, monkeypatch, seam):
    place, name, when = SEAMS[seam]
    package = packages.bag(zip=True)
    monkeypatch.setattr(place, name, dies(**{when: getattr(place, name)}))
    assert broken_off(package, fence, actor), "the seam was never reached"
    while worker.turn(fence, actor=actor):
        pass
    broken_off(package, fence, actor)  # the sender, who got no answer, sends again
    while worker.turn(fence, actor=actor):
        pass
    archived_once(house["local"])


def test_a_package_broken_off_at_every_seam_in_turn_is_archived_once(
    packages, house, fence, actor, monkeypatch
):
    package = packages.bag()
    for place, name, when in SEAMS.values():
        monkeypatch.setattr(place, name, dies(**{when: getattr(place, name)}))
    for _ in range(2 * len(SEAMS)):
        try:
            broken_off(package, fence, actor)
            Submission.objects.update(attempts=0)
            while worker.turn(fence, actor=actor):
                pass
        except Killed:
            Submission.objects.exclude(claimed_by="").update(claimed_by=DEAD)
    archived_once(house["local"])


@pytest.mark.parametrize("kind", ["unreachable", "full", "lock", "changed", "denied"])
def test_a_store_that_fails_delays_and_loses_nothing(
    packages, take_in, house, fence, actor, monkeypatch, kind
):
    working = LocalStore.put

    def failing(store, *args, **kwargs):
        raise StorageFailed(store=store.name, kind=kind, reason="试验中的故障。")

    monkeypatch.setattr(LocalStore, "put", failing)
    line = take_in(packages.bag())
    assert line["state"] == "waiting" and line["reference_code"]
    assert "没有处理完" in line["findings"][-1]["message"]
    assert {copy.state for copy in Copy.objects.all()} == {"failed"}
    assert Event.objects.filter(action="copy.failed").count() == Copy.objects.count()
    submission = Submission.objects.get()
    assert staging.open_blob(submission.blob).read()
    monkeypatch.setattr(LocalStore, "put", working)
    Copy.objects.update(try_after=None)
    Submission.objects.update(claimed_until=None)
    while worker.turn(fence, actor=actor):
        pass
    assert Submission.objects.get().state == "archived"
    assert {copy.state for copy in Copy.objects.all()} == {"stored"}


def test_one_store_of_two_that_fails_is_written_from_the_other(
    packages, two_stores, fence, actor, monkeypatch
):
    from tests.journeys.conftest import furnish

    furnish(actor)
    working = LocalStore.put

    def half(store, *args, **kwargs):
        if store.name == "second":
            raise StorageFailed(store=store.name, kind="unreachable", reason="试验中的故障。")
        return working(store, *args, **kwargs)

    monkeypatch.setattr(LocalStore, "put", half)
    broken_off(packages.bag(), fence, actor)
    submission = Submission.objects.get()
    assert submission.state == "filed"
    monkeypatch.setattr(LocalStore, "put", working)
    staging.drop(submission.blob)  # the first store's copies are proven: nothing else is needed
    staging.drop_work_folder(submission.pk)
    Copy.objects.update(try_after=None)
    Submission.objects.update(claimed_until=None)
    while worker.turn(fence, actor=actor):
        pass
    assert Submission.objects.get().state == "archived"
    assert (
        Copy.objects.filter(store="second", state="stored").count()
        == Record.objects.get().digital_objects.count()
    )
    assert set(stores.configured()) == {"local", "second"}


@pytest.mark.usefixtures("committed")
def test_a_conflict_in_the_database_is_tried_again_from_what_was_committed(
    packages, house, fence, actor, monkeypatch
):
    working, left = (
        records.create,
        [OperationalError("deadlock detected"), OperationalError("database is locked")],
    )

    def conflicting(*args, **kwargs):
        if left:
            raise left.pop()
        return working(*args, **kwargs)

    monkeypatch.setattr(records, "create", conflicting)
    monkeypatch.setattr(pipeline, "PAUSES", (0, 0))
    assert not broken_off(packages.bag(), fence, actor)
    archived_once(house["local"])


def test_bytes_changed_while_they_waited_are_never_archived(packages, house, fence, actor):
    """The staged package is altered on the disk between receiving and the worker's turn."""
    package = packages.bag(zip=True)
    received = receiving.receive_path(package, actor=actor, fence=fence, channel="cli", claim=False)
    blob = staging._storage().path(received.submission.blob)
    other = packages.bag(packages.submission(received.submission.business_no, title="换过的"), zip=True)
    with open(blob, "wb") as file:
        file.write(other.read_bytes())
    while worker.turn(fence, actor=actor):
        pass
    submission = Submission.objects.get()
    assert submission.state == "returned"
    assert submission.findings.filter(check_id="GD-1-14", verdict="failed").exists()
    assert not Record.objects.exists()
