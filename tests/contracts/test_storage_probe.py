"""A store that breaks one promise fails exactly that line of the probe."""

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from archive.errors import StorageFailed
from archive.storage import StoreConfig, base
from archive.storage.local import LocalStore
from archive.storage.probe import FAR_KEY, LOCK_KEY


class ForgetsLocks(LocalStore):
    """Takes the date, answers as if it had kept it, and keeps nothing."""

    def put(self, key, stream, *, lock_until, **rest):
        return super().put(key, stream, lock_until=None, **rest)


class DeletesLocked(LocalStore):
    def remove(self, key, version):
        honest, self.clock = self.clock, lambda: datetime.max.replace(tzinfo=UTC)
        super().remove(key, version)
        self.clock = honest


class SaysItDeleted(LocalStore):
    """Answers every removal with success and keeps the object: its word about removals is worth nothing."""

    def remove(self, key, version):
        return None


class Shortens(LocalStore):
    def attempt_shorten(self, key, version, until):
        self._change(key, version, lambda held: {"lock_until": until.isoformat()})


class WrapsAt2106(LocalStore):
    """Keeps dates in 32 bits of seconds, as Ceph 16 does."""

    span = timedelta(seconds=2**32)

    def _described(self, key, version):
        held = super()._described(key, version)
        until = held.lock_until
        return replace(held, lock_until=until - self.span) if until and until.year >= 2106 else held

    def put(self, key, stream, *, lock_until, **rest):
        held = super().put(key, stream, lock_until=None, **rest)
        return self.extend_lock(key, held.version, lock_until)

    def extend_lock(self, key, version, until, mode=None):
        def longer(held):
            base.refuse_weaker(held, until, mode)
            return {"lock_until": until.isoformat(), "lock_mode": "GOVERNANCE"}

        self._change(key, version, longer)
        held = self.head(key, version)
        if held.lock_until != until:
            raise StorageFailed(store=self.name, kind="lock", reason="wrapped", version=version)
        return held


class CutsOff(WrapsAt2106):
    """Shortens every lock to its greatest one in silence."""

    greatest = datetime(2080, 6, 1, tzinfo=UTC)

    def _described(self, key, version):
        held = LocalStore._described(self, key, version)
        return replace(held, lock_until=held.lock_until and min(held.lock_until, self.greatest))


class IsDown(LocalStore):
    def versions(self, key):
        raise StorageFailed(store=self.name, kind="unreachable", reason="down")


def states(store):
    return {result.name: result.state for result in store.probe() if result.name != "medium"}


@pytest.fixture
def config(tmp_path):
    return StoreConfig(name="local", path=str(tmp_path / "store"))


HONEST = {"lock": "ok", "delete": "ok", "shorten": "ok", "far-date": "ok"}


@pytest.mark.parametrize(
    "liar, expected",
    [
        (LocalStore, HONEST),
        (ForgetsLocks, {"lock": "failed", "far-date": "warning"}),
        (DeletesLocked, HONEST | {"delete": "failed"}),
        (SaysItDeleted, HONEST | {"delete": "failed"}),
        (Shortens, HONEST | {"shorten": "failed"}),
        (WrapsAt2106, HONEST | {"far-date": "warning"}),
        (CutsOff, HONEST | {"far-date": "warning"}),
        (IsDown, {"lock": "failed"}),
    ],
)
def test_a_broken_promise_is_found(config, liar, expected):
    assert states(liar(config)) == expected


@pytest.mark.parametrize("liar, year", [(WrapsAt2106, "2105"), (CutsOff, "2080")])
def test_the_last_honest_year_is_told_at_every_run(config, liar, year):
    for _ in range(2):
        (far,) = [result for result in liar(config).probe() if result.name == "far-date"]
        assert year in far.message and far.remedy
    assert len(liar(config).versions(FAR_KEY)) == 1


def test_a_store_that_shortened_once_stays_failed(config):
    assert states(Shortens(config))["shorten"] == "failed"
    assert states(LocalStore(config))["lock"] == "failed"


def test_every_failure_says_what_to_do(config):
    for liar in (ForgetsLocks, DeletesLocked, SaysItDeleted, Shortens, IsDown):
        failures = [result for result in liar(config).probe() if result.state != "ok"]
        assert failures and all(result.message and result.remedy for result in failures)


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
    assert states(store) == HONEST
    assert foreign.version in {one.version for one in store.versions(LOCK_KEY)}


def test_no_result_name_is_used_twice(config):
    names = [result.name for result in LocalStore(config).probe()]
    assert len(names) == len(set(names)) and "medium" in names
