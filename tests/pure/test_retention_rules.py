"""What may be appraised, what opinions add up to, what an extension must be, how large a sample."""

from datetime import date

import pytest

from archive.periods import extension_fault
from archive.terms import RETENTIONS
from retention import rules
from retention.rules import Candidate, Outcome, Vote
from retention.states import MEMBER_KINDS

TODAY = date(2026, 6, 1)
KINDS = list(MEMBER_KINDS)


def candidate(**changed) -> Candidate:
    values = {
        "state": "archived", "due_on": date(2019, 1, 1), "retention": "10", "retention_key": "1-2", "settled": True,
    }  # fmt: skip
    return Candidate(**(values | changed))


def test_what_is_due_settled_and_free_may_enter():
    assert rules.entry_faults(candidate(), TODAY) == []
    assert rules.entry_faults(candidate(due_on=TODAY), TODAY) == []


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"due_on": date(2026, 6, 2)}, "2026-06-02 起才可鉴定"),
        ({"due_on": None, "retention": "永久"}, "不会到期"),
        ({"settled": False}, "期限类项 1-2"),
        ({"blocks": ["暂缓销毁：诉讼"]}, "暂缓销毁：诉讼"),
        ({"listed": ["鉴定〔2026〕1号"]}, "已在鉴定〔2026〕1号中"),
        ({"state": "destroyed"}, "已销毁"),
        ({"state": "disposing"}, "销毁执行中"),
        ({"state": "transferred"}, "已移交"),
    ],
)
def test_each_obstacle_keeps_it_out_and_is_named(changed, word):
    (fault,) = rules.entry_faults(candidate(**changed), TODAY)
    assert word in fault


def test_an_unsettled_class_says_who_must_do_what():
    (fault,) = rules.entry_faults(candidate(settled=False), TODAY)
    assert "档案负责人" in fault and "确认" in fault


def test_destroying_needs_all_four_kinds_and_says_who_is_missing():
    assert rules.outcome([]) == Outcome("", missing=tuple(MEMBER_KINDS.values()))
    for left_out in KINDS:
        votes = [Vote(kind, "destroy") for kind in KINDS if kind != left_out]
        assert rules.outcome(votes) == Outcome("", missing=(MEMBER_KINDS[left_out],))
    assert rules.outcome([Vote(kind, "destroy") for kind in KINDS]).result == "destroy"


def test_one_member_for_extending_decides_and_the_longest_period_holds():
    votes = [
        *(Vote(kind, "destroy") for kind in KINDS),
        Vote("business", "extend", "30", "短"),
        Vote("leader", "extend", "100", "长"),
        Vote("archivist", "extend", "50", "中"),
    ]
    assert rules.outcome(votes[:5]) == Outcome("extend", "30", "短")
    for turned in range(len(votes)):
        assert rules.outcome(votes[turned:] + votes[:turned]) == Outcome("extend", "100", "长")


def test_permanent_is_the_longest():
    votes = [Vote("leader", "extend", "100"), Vote("business", "extend", "永久")]
    assert rules.outcome(votes).period == "永久"


def test_several_members_of_one_kind_do_not_stand_for_another():
    votes = [Vote("archivist", "destroy")] * 4
    assert rules.outcome(votes).result == ""


@pytest.mark.parametrize("old", ["10", "30", "50", "100"])
@pytest.mark.parametrize("new", [period for period in RETENTIONS if period != "会计"])
@pytest.mark.parametrize("formed", [1930, 1960, 1990, 2010])
def test_an_extension_counts_from_the_original_start(old, new, formed):
    """Legal exactly when the class is longer and its last day, 31 December of formed + N, lies after the decision."""
    longer = new == "永久" or int(new) > int(old)
    reaches = new == "永久" or date(formed + int(new), 12, 31) > TODAY
    assert (extension_fault(date(formed, 3, 3), old, new, TODAY) == "") is (longer and reaches)


def test_an_end_on_the_day_of_the_decision_is_refused_and_one_day_later_is_not():
    formed = date(1996, 5, 5)  # 30 years: until 2026-12-31
    assert extension_fault(formed, "10", "30", date(2026, 12, 30)) == ""
    assert "2026-12-31" in extension_fault(formed, "10", "30", date(2026, 12, 31))


@pytest.mark.parametrize("new", ["", "会计", "20", "forever"])
def test_only_the_fixed_periods_can_be_set_anew(new):
    assert extension_fault(date(2008, 1, 1), "10", new, TODAY)


@pytest.mark.parametrize(
    ("count", "percent", "size"),
    [(1, 5, 1), (2, 5, 2), (3, 5, 3), (10, 5, 3), (60, 5, 3), (61, 5, 4), (1000, 5, 50), (1001, 5, 51), (8, 100, 8),
     (1000, 0, 3)],
)  # fmt: skip
def test_a_sample_is_the_percentage_but_at_least_three_or_all(count, percent, size):
    assert rules.sample_size(count, percent) == size


def test_a_group_lacks_the_kinds_that_nobody_stands_for():
    assert rules.missing_kinds(KINDS) == []
    assert rules.missing_kinds(["leader", "leader", "authority"]) == ["业务人员", "档案管理人员"]
