"""kill −9 between the steps of making, wrapping anew and destroying a data key: both places agree afterwards."""

import io
import os
import signal
import sys

import pytest
from django.db import connections

from archive import keeping, keks, key_care, object_keys
from archive.models import Copy, Event
from tests.encrypted import CONTENT, a_secret_record, in_key_store, text_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("key_store")]


def dying(step: int, work) -> bool:
    """Does `work` in a child that dies at its STEP-th step on the disk. Whether it died."""
    connections.close_all()
    child = os.fork()
    if child == 0:
        counted = 0

        def hear(event, words):
            nonlocal counted
            if event in ("os.rename", "os.link", "os.remove"):
                counted += 1
                if counted == step:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hear)
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    ended = os.waitpid(child, 0)[1]
    assert ended == 0 or os.WIFSIGNALED(ended), "the child failed by itself"
    return ended != 0


def kept(record, actor) -> bool:
    Copy.objects.update(try_after=None)
    return keeping.keep(record.pk, lambda item: io.BytesIO(CONTENT), actor=actor)


def test_a_kill_anywhere_between_making_the_key_and_writing_the_copy_does_no_harm(
    committed, stores, actor, key_store
):
    for step in range(1, 60):
        record = a_secret_record(stores, actor, keep=False)
        died = dying(step, lambda record=record: kept(record, actor))
        assert kept(record, actor) and text_of(record) == CONTENT, step
        assert key_care.faults(record) == [], step
        assert len(object_keys.of_record(record.pk)) == 1
        if not died:
            break
    assert step > 8 and not died


def test_a_rotation_killed_anywhere_goes_on_and_every_key_opens_all_the_while(
    committed, stores, actor, key_store, key_file
):
    made = [a_secret_record(stores, actor, (CONTENT, b"b")) for _ in range(2)]
    for step in range(1, 60):
        keks.add_to_file(key_file)
        died = dying(step, lambda: key_care.rotate(actor=actor))
        assert [text_of(record) for record in made] == [CONTENT, CONTENT], step
        assert key_care.rotate(actor=actor).left == 0
        for record in made:
            assert key_care.faults(record) == [], step
            assert {entry["kek"] for entry in in_key_store(key_store, record)} == {keks.current()}, step
        if not died:
            break
    assert step > 6 and not died


def test_a_destruction_killed_anywhere_is_finished_by_the_next(committed, stores, actor, key_store):
    for step in range(1, 20):
        record = a_secret_record(stores, actor)
        died = dying(step, lambda record=record: object_keys.destroy(record, actor=actor))
        object_keys.destroy(record, actor=actor)
        assert object_keys.Traces.prove_absent(record) == []
        assert Event.objects.filter(action="record.keys_destroyed", subject=str(record.pk)).count() == 1
        if not died:
            break
    assert step > 2 and not died
