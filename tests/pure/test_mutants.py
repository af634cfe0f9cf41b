"""The list of mutants stays true: every fault can still be made, and whoever must notice is there."""

import ast
from collections import Counter

import pytest

from tests.mutant_list import MUTANTS
from tests.source import ROOT


def test_there_are_at_least_thirty_and_no_two_share_a_name():
    assert len(MUTANTS) >= 30
    assert max(Counter(mutant.name for mutant in MUTANTS).values()) == 1


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_fault_can_be_made_and_the_tests_that_must_notice_exist(mutant):
    source = (ROOT / mutant.file).read_text()
    assert source.count(mutant.old) == 1, "the text is there exactly once"
    ast.parse(source.replace(mutant.old, mutant.new))
    for test in mutant.tests:
        file, _, name = test.partition("::")
        assert f"def {name}" in (ROOT / file).read_text() if name else (ROOT / file).is_file(), test
