"""Every pair of states of a record, a copy and a submission: legal or not, and nothing in between."""

from itertools import product

import pytest

from archive import states as archive_states
from archive.states import COPY_MOVES, COPY_STATES, RECORD_MOVES, RECORD_STATES
from ingest import states as ingest_states
from ingest.states import SUBMISSION_MOVES, SUBMISSION_STATES

LEGAL = {
    "record": {
        ("archived", "disposing"), ("archived", "transferred"), ("disposing", "destroyed"),
    },
    "copy": {
        ("pending", "stored"), ("pending", "failed"), ("pending", "removed"), ("failed", "pending"),
        ("failed", "stored"), ("failed", "removed"), ("stored", "damaged"), ("stored", "removed"),
        ("damaged", "stored"), ("damaged", "pending"), ("damaged", "removed"), ("removed", "pending"),
    },
    "submission": {
        ("received", "returned"), ("received", "waiting"), ("received", "accepted"), ("received", "refused"),
        ("received", "superseded"), ("returned", "received"), ("returned", "superseded"), ("waiting", "received"),
        ("waiting", "returned"), ("waiting", "accepted"), ("waiting", "superseded"), ("accepted", "filed"),
        ("accepted", "returned"), ("accepted", "waiting"), ("accepted", "received"), ("filed", "archived"),
    },
}  # fmt: skip
"""Written out a second time on purpose: a move added to the tables in passing shows here."""

TABLES = {
    "record": (RECORD_STATES, lambda old, new: archive_states.may_move(RECORD_MOVES, old, new)),
    "copy": (COPY_STATES, lambda old, new: archive_states.may_move(COPY_MOVES, old, new)),
    "submission": (SUBMISSION_STATES, ingest_states.may_move),
}


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [(kind, *pair) for kind, (states, _) in TABLES.items() for pair in product(states, repeat=2)],
)
def test_every_pair_of_states_is_legal_or_refused(kind, old, new):
    assert TABLES[kind][1](old, new) is ((old, new) in LEGAL[kind])


@pytest.mark.parametrize(
    ("moves", "states"),
    [(RECORD_MOVES, RECORD_STATES), (COPY_MOVES, COPY_STATES), (SUBMISSION_MOVES, SUBMISSION_STATES)],
)
def test_every_state_has_its_moves_and_leads_only_to_states(moves, states):
    assert set(moves) == set(states)
    assert set().union(*moves.values()) <= set(states)


@pytest.mark.parametrize(("moves", "end"), [(RECORD_MOVES, "destroyed"),
                                            (SUBMISSION_MOVES, "archived"), (SUBMISSION_MOVES, "refused")])  # fmt: skip
def test_from_the_end_there_is_no_way(moves, end):
    assert moves[end] == set()


def test_a_copy_that_was_given_up_may_only_be_owed_again():
    """Of a store that a fonds chose anew. What was ever stored stays removed: the database refuses it."""
    assert COPY_MOVES["removed"] == {"pending"}
