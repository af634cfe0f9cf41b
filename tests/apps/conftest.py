"""Packages handed in and taken as far as they go by themselves: `hand_in`, in a fonds that is ready for them (`site`);
what falls due and who decides on it (`house`, `panel`); and keys of a test's own.

A module that has its own fixtures of these names uses its own.
"""

import pytest

from archive import determinations, holdings, keks, object_keys, privacy
from ingest import pipeline, receiving
from ingest.models import Submission
from search.engine import engine
from tests import factories
from tests.appraised import Panel
from tests.registers import House


@pytest.fixture
def site(actor):
    holdings.make_fonds("D019", "东莞市社会保险基金管理中心", actor=actor)
    determinations.load_schedule(actor=actor)


@pytest.fixture
def hand_in(tmp_path, fence, actor):
    handed = iter(range(1000))

    def take(files=None, batch_no="", **changes) -> Submission:
        path = factories.a_bag(
            tmp_path / str(next(handed)), factories.a_submission(**changes), files, zip=True
        )
        received = receiving.receive_path(path, actor=actor, fence=fence, channel="cli", batch_no=batch_no)
        pipeline.process(received.submission.pk, fence, actor=actor)
        return Submission.objects.get(pk=received.submission.pk)

    return take


@pytest.fixture
def panel(stores) -> Panel:
    return Panel(stores)


@pytest.fixture
def house(stores) -> House:
    engine().ensure()
    return House(stores)


@pytest.fixture
def key_store(tmp_path, monkeypatch):
    """An empty key store for this test alone."""
    monkeypatch.setenv("ARCHIVE_KEY_STORE_PATH", str(tmp_path / "key-store"))
    object_keys.forget()
    yield object_keys.key_store()
    object_keys.forget()


@pytest.fixture
def key_file(tmp_path, settings):
    """A key file for this test alone."""
    path = tmp_path / "keys" / "keys.json"
    privacy.make_key_file(path)
    settings.ARCHIVE_KEYS = str(path)
    keks.forget()
    privacy.key_ring.cache_clear()
    yield path
    keks.forget()
    privacy.key_ring.cache_clear()
