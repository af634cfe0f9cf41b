"""Every item of DA/T 70-2018 has its row, and what the row promises is so: a check that runs, or a reason why none."""

import re
from pathlib import Path

import pytest

from archive.inspection.checks import CHECKS
from archive.inspection.items import AUTOMATIC, ITEMS, MANUAL, NOT_APPLICABLE, UNNAMED

TESTS = Path(__file__).resolve().parents[1]
GRADE_A = """1-1 1-2 1-3 1-4 1-5 1-6 1-7 1-8 1-10 1-11 1-13 1-14 2-1 2-2 2-3 2-4 2-5 2-6 2-7 2-10 2-11 3-1 3-2 3-3 3-8
4-1 4-2 4-3 4-7""".split()
"""The items on which two or more products agree, written out a second time."""
BY_A_PERSON = {"4-1", "4-4", "4-5", "4-6", "4-7"}


def test_no_number_of_the_standard_is_left_out():
    numbers = [item.number for item in ITEMS]
    wanted = [
        f"{group}-{n}" for group, most in ((1, 14), (2, 11), (3, 8), (4, 7)) for n in range(1, most + 1)
    ]
    assert numbers == wanted


def test_every_item_of_grade_a_but_those_of_environment_and_carrier_is_automatic():
    answers = {item.number: item.answer for item in ITEMS}
    assert {n for n in GRADE_A if answers[n] != AUTOMATIC} == BY_A_PERSON & set(GRADE_A)
    assert all(answers[number] == MANUAL for number in BY_A_PERSON)


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.number)
def test_a_row_keeps_what_it_promises(item):
    registered = CHECKS.get(item.check)
    if item.answer == NOT_APPLICABLE:
        assert item.why and registered is None
    else:
        assert registered is not None and registered.property == item.property
        assert (registered.severity == "manual") == (item.answer == MANUAL)
    assert (item.name == UNNAMED) == (item.grade == "U" and item.answer != MANUAL)


@pytest.mark.parametrize(
    "item", [i for i in ITEMS if i.answer != NOT_APPLICABLE], ids=lambda item: item.number
)
def test_every_item_is_named_by_a_test(item):
    pattern = re.compile(rf"\b{item.check}\b")
    assert any(
        pattern.search(path.read_text()) for path in TESTS.rglob("test_*.py") if path != Path(__file__)
    )


def test_no_check_uses_a_number_that_the_standard_does_not_have():
    assert {check for check in CHECKS if check.startswith("GD-")} <= {item.check for item in ITEMS}
