"""A store that breaks one promise fails exactly that line of the probe, and an honest one fails none."""

import io
from dataclasses import replace
from datetime import timedelta

import pytest

from archive.errors import StorageFailed
from archive.storage import StoreConfig
from archive.storage.local import LocalStore
from archive.storage.probe import FAR_KEY, FREE_KEY, LOCK_KEY
from tests.contracts.lying_stores import (
    BREAKS,
    CutsOff,
    IsDown,
    LivesYesterday,
    MayBypass,
    Shortens,
    WrapsAt2106,
)

PROMISES = [
    "clock", "write", "versions", "delete-marker", "remove", "checksum", "lock", "covered", "shorten", "delete", "bypass",
    "far-date",
]  # fmt: skip


def states(store):
    return {result.name: result.state for result in store.probe() if result.name != "medium"}


def broken(store):
    return {name: state for name, state in states(store).items() if state != "ok"}


@pytest.fixture
def config(tmp_path):
    return StoreConfig(name="local", path=str(tmp_path / "store"))


def test_an_honest_store_keeps_every_promise(config):
    assert states(LocalStore(config)) == dict.fromkeys(PROMISES, "ok")


def test_every_promise_has_its_liar():
    assert {name for name, _ in BREAKS.values()} == {*PROMISES, "connection"}


@pytest.mark.parametrize("liar", BREAKS, ids=lambda liar: liar.__name__)
def test_a_lie_breaks_exactly_its_own_promise(config, liar):
    name, state = BREAKS[liar]
    assert broken(liar(config)) == {name: state}


@pytest.mark.parametrize(
    "liar", [liar for liar in BREAKS if liar is not Shortens], ids=lambda liar: liar.__name__
)
def test_it_is_found_out_again_at_every_run(config, liar):
    liar(config).probe()
    name, state = BREAKS[liar]
    assert broken(liar(config)) == {name: state}


@pytest.mark.parametrize("liar", BREAKS, ids=lambda liar: liar.__name__)
def test_every_finding_says_what_is_wrong_and_what_to_do(config, liar):
    found = [result for result in liar(config).probe() if result.state != "ok"]
    assert found and all(result.message and result.remedy for result in found)


@pytest.mark.parametrize("liar, year", [(WrapsAt2106, "2105"), (CutsOff, "2080")])
def test_the_last_honest_year_is_told_at_every_run(config, liar, year):
    for _ in range(2):
        (far,) = [result for result in liar(config).probe() if result.name == "far-date"]
        assert year in far.message and far.remedy
    assert len(liar(config).versions(FAR_KEY)) == 1


def test_a_horizon_that_was_set_farther_is_tried_anew_and_one_too_far_is_said(config):
    """The lock that an earlier probe left was asked for less."""
    assert "lock" not in broken(WrapsAt2106(config))
    (lock,) = [one for one in WrapsAt2106(replace(config, horizon_days=36500)).probe() if one.name == "lock"]
    assert lock.state == "failed" and "ARCHIVE_LOCK_HORIZON_YEARS" in lock.remedy
    for _ in range(2):
        assert "lock" not in broken(LocalStore(replace(config, horizon_days=36500)))
    assert len(LocalStore(config).versions(LOCK_KEY)) == 2  # of ten years, and of a hundred


@pytest.mark.parametrize("kind", ["unreachable", "full"])
def test_a_store_that_stops_answering_on_the_way_has_broken_no_promise(config, monkeypatch, kind):
    """At each of its questions once: the net is gone from there on."""
    asked, limit = 0, 0

    def answering(method):
        def ask(self, *args, **named):
            nonlocal asked
            asked += 1
            if asked > limit:
                raise StorageFailed(store="local", kind=kind, reason="gone")
            return method(self, *args, **named)

        return ask

    for name in "put head open versions remove extend_lock attempt_shorten clock_there".split():
        monkeypatch.setattr(LocalStore, name, answering(getattr(LocalStore, name)))
    while (found := broken(LocalStore(config))) not in ({}, {"far-date": "warning"}):
        assert found == {"connection": "failed"} and limit < 100, limit
        asked, limit = 0, limit + 1
    assert limit > 20


def test_a_store_that_shortened_once_stays_failed(config):
    assert states(Shortens(config))["shorten"] == "failed"
    assert states(LocalStore(config))["lock"] == "failed"


def test_where_the_lock_can_be_bypassed_the_next_probe_makes_a_new_object(config):
    MayBypass(config).probe()
    assert LocalStore(config).versions(LOCK_KEY) == []
    assert states(LocalStore(config)) == dict.fromkeys(PROMISES, "ok")


@pytest.mark.parametrize(
    ("skew", "state"), [(0, "ok"), (240, "ok"), (360, "warning"), (-360, "warning"), (3700, "failed"), (-3700, "failed")]
)  # fmt: skip
def test_the_clock_of_the_store_may_be_five_minutes_off(config, monkeypatch, skew, state):
    monkeypatch.setattr(LivesYesterday, "skew", timedelta(seconds=skew))
    assert states(LivesYesterday(config))["clock"] == state


def test_what_a_probe_tries_without_a_lock_it_takes_away_again(config):
    store = LocalStore(config)
    for _ in range(2):
        store.probe()
        assert sorted(one.key for one in store.iterate("_probe/")) == [FAR_KEY, LOCK_KEY]


def test_what_a_killed_probe_left_is_taken_away_by_the_next(config):
    store = LocalStore(config)
    digest = "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
    store.put(FREE_KEY, io.BytesIO(b"content"), size=7, sha256=digest, content_type="x/y", lock_until=None)
    assert states(store) == dict.fromkeys(PROMISES, "ok") and store.versions(FREE_KEY) == []


def test_a_probe_object_whose_lock_is_about_to_end_is_made_anew(tmp_path):
    config = StoreConfig(name="local", path=str(tmp_path / "store"), horizon_days=10)
    for count in (1, 2):
        LocalStore(config).probe()
        assert len(LocalStore(config).versions(LOCK_KEY)) == count


def test_a_foreign_object_under_the_fixed_key_is_left_alone(config):
    store = LocalStore(config)
    digest = "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
    foreign = store.put(
        LOCK_KEY, io.BytesIO(b"content"), size=7, sha256=digest, content_type="x/y", lock_until=None
    )
    assert states(store) == dict.fromkeys(PROMISES, "ok")
    assert foreign.version in {one.version for one in store.versions(LOCK_KEY)}


def test_a_store_that_is_down_is_one_finding(config):
    assert [result.name for result in IsDown(config).probe()] == ["connection", "medium"]


def test_no_result_name_is_used_twice(config):
    names = [result.name for result in LocalStore(config).probe()]
    assert len(names) == len(set(names)) and "medium" in names
