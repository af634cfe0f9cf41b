"""Retention arithmetic, by the words of Order 3 (2009) article 9."""

from datetime import date

import pytest

from archive import periods, terms


@pytest.mark.parametrize(
    ("formed_on", "retention", "runs_from", "ends_on", "due_on"),
    [
        (date(2009, 1, 1), "10", date(2010, 1, 1), date(2019, 12, 31), date(2020, 1, 1)),
        (date(2009, 12, 31), "10", date(2010, 1, 1), date(2019, 12, 31), date(2020, 1, 1)),
        (date(2020, 2, 29), "30", date(2021, 1, 1), date(2050, 12, 31), date(2051, 1, 1)),
        (date(2019, 12, 10), "50", date(2020, 1, 1), date(2069, 12, 31), date(2070, 1, 1)),
        (date(2019, 12, 10), "100", date(2020, 1, 1), date(2119, 12, 31), date(2120, 1, 1)),
    ],
)
def test_a_period_runs_from_the_new_year_and_may_be_appraised_the_day_after_it_ends(
    formed_on, retention, runs_from, ends_on, due_on
):
    assert periods.runs_from(formed_on) == runs_from
    assert periods.ends_on(formed_on, retention) == ends_on
    assert periods.due_on(formed_on, retention) == due_on
    assert (due_on - ends_on).days == 1


@pytest.mark.parametrize("retention", [terms.PERMANENT, terms.ACCOUNTING])
def test_what_has_no_number_of_years_never_falls_due(retention):
    assert periods.years(retention) is None
    assert periods.ends_on(date(2019, 1, 1), retention) is periods.due_on(date(2019, 1, 1), retention) is None


def test_a_period_that_no_rule_knows_is_a_mistake():
    with pytest.raises(ValueError, match="15"):
        periods.years("15")


def test_periods_are_ordered_from_ten_years_to_for_ever():
    ordered = ["10", "30", "会计", "50", "100", "永久"]
    assert set(ordered) == set(terms.RETENTIONS)
    for at, one in enumerate(ordered):
        assert not periods.shorter(one, one)
        for other in ordered[at + 1 :]:
            assert periods.shorter(one, other) and not periods.shorter(other, one)
            assert periods.longest([one, other]) == periods.longest([other, one]) == other


def test_a_period_in_words():
    assert periods.in_words(date(2019, 12, 10), "100") == "100年（至2119-12-31）"
    assert periods.in_words(date(2019, 12, 10), "永久") == "永久"
