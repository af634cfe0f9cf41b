"""The verbs keep to the tables of moves: what is not legal is refused with a sentence and changes nothing."""

from itertools import product

import pytest
from django.utils import timezone

from archive import records
from archive.errors import WrongState
from archive.models import Event, Record
from archive.states import RECORD_MOVES, RECORD_STATES
from ingest import settling
from ingest.models import Submission
from ingest.moves import move
from ingest.states import SUBMISSION_MOVES, SUBMISSION_STATES
from tests.filed import a_record

pytestmark = pytest.mark.django_db


def a_submission(state: str) -> Submission:
    record = a_record() if state in ("filed", "archived") else None
    return Submission.objects.create(
        channel="cli", arrived_as="x.zip", received_at=timezone.now(), blob="", blob_bytes=1, blob_sha256="",
        blob_sm3="", source="dongguan", business_no=f"M-{state}", state=state, record=record,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new"), [(o, n) for o, n in product(RECORD_STATES, repeat=2) if n not in RECORD_MOVES[o]]
)
def test_a_record_moves_only_as_its_table_allows(actor, old, new):
    record = a_record()
    if old == "destroyed":  # the database knows no shorter way either
        Record.objects.filter(pk=record.pk).update(state="disposing")
    Record.objects.filter(pk=record.pk).update(
        state=old, destroyed_at=timezone.now() if old == "destroyed" else None
    )
    events = Event.objects.count()
    with pytest.raises(WrongState, match="不能"):
        records.move(record.pk, new, actor=actor, action="record.kept", data={"stores": "x"})
    record.refresh_from_db()
    assert (record.state, record.revision, Event.objects.count()) == (old, 1, events)


@pytest.mark.parametrize(("old", "new"), [(o, n) for o, ns in RECORD_MOVES.items() for n in sorted(ns)])
def test_a_legal_move_of_a_record_leaves_its_event_and_its_revision(actor, old, new):
    record = a_record()
    Record.objects.filter(pk=record.pk).update(state=old)
    moved = records.move(record.pk, new, actor=actor, action="record.kept", data={"stores": "x"})
    assert (moved.state, moved.revision) == (new, 2)
    assert (moved.destroyed_at is not None) is (new == "destroyed")
    assert (
        Event.objects.filter(kind="record", subject=str(record.pk)).order_by("-sequence")[0].action
        == "record.kept"
    )


@pytest.mark.parametrize(("old", "new"), list(product(SUBMISSION_STATES, repeat=2)))
def test_a_submission_moves_only_as_its_table_allows(old, new):
    submission = Submission(source="dongguan", business_no="M", state=old)
    if new in SUBMISSION_MOVES[old]:
        move(submission, new)
        assert submission.state == new
    else:
        with pytest.raises(WrongState, match="不能"):
            move(submission, new)
        assert submission.state == old


@pytest.mark.parametrize("state", SUBMISSION_STATES)
@pytest.mark.parametrize(
    ("verb", "details", "allowed"),
    [
        (settling.confirm, {"note": "核对无误"}, {"waiting"}),
        (settling.examine_again, {}, {"returned", "waiting"}),
        (settling.try_again, {}, set()),
    ],
)
def test_what_a_person_settles_is_asked_of_the_state(actor, state, verb, details, allowed):
    submission = a_submission(state)
    if state in allowed:
        assert verb(submission.pk, actor=actor, **details).state == "received"
    else:
        with pytest.raises(WrongState):
            verb(submission.pk, actor=actor, **details)
        submission.refresh_from_db()
        assert submission.state == state
