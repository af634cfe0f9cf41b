"""What every test may ask for. The settings (tests/settings.py) have made a data folder for this process.

Most tests run inside a transaction that is rolled back (`db`). A test whose own commits matter (threads, crashes,
two connections) asks for `committed`: its tables are emptied afterwards, for which the triggers must let go.
"""

import gc

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from archive import stores as archive_stores
from archive import triggers
from archive.inspection.fence import Fence
from archive.permissions import Actor, system_actor
from config.assembly import TRIGGER_RULES


def pytest_collection_modifyitems(items):
    """Journeys first: each file of them takes long, and one that comes last keeps the other workers waiting."""
    items.sort(key=lambda item: "journeys" not in item.path.parts)


def pytest_collection_finish():
    """Thousands of collected tests stay to the end: no need to look through them for garbage again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """The tables of the jobs are made without migrations, which saves seconds; here it is noted that none is left."""
    if settings.EMBEDDED:
        with django_db_blocker.unblock():
            call_command("migrate", "django_q", database="jobs", fake=True, verbosity=0)


@pytest.fixture(scope="module")
def fence():
    with Fence() as fence:
        yield fence


def _commits(request: pytest.FixtureRequest) -> bool:
    marker = request.node.get_closest_marker("django_db")
    if marker and marker.kwargs.get("transaction"):
        return True
    return not {"committed", "transactional_db", "live_server"}.isdisjoint(request.fixturenames)


@pytest.fixture(autouse=True)
def _ledgers_can_be_emptied(request):
    """Set up after the database helper, hence torn down before its flush; the flush then ends in `post_migrate`,
    which puts the triggers back."""
    if not _commits(request):
        yield
        return
    request.getfixturevalue("_django_db_helper")
    yield
    triggers.uninstall(connection, TRIGGER_RULES)


@pytest.fixture
def committed(transactional_db):
    """Commits are real; every table is emptied after the test."""


@pytest.fixture
def without_triggers(db):
    """What somebody with the password of the database owner can do: the triggers are gone (until the test ends)."""
    triggers.uninstall(connection, TRIGGER_RULES)


@pytest.fixture
def stores(tmp_path, monkeypatch):
    """One empty local store, `local`, for this test alone. By name, as `archive.stores.configured()`."""
    yield from _opened(tmp_path, monkeypatch, "local")


@pytest.fixture
def two_stores(tmp_path, monkeypatch):
    """Two empty local stores: `local` and `second`."""
    yield from _opened(tmp_path, monkeypatch, "local", "second")


def _opened(tmp_path, monkeypatch, *names: str):
    monkeypatch.setenv("ARCHIVE_STORES", ",".join(names))
    for name in names:
        monkeypatch.setenv(f"{name.upper()}_PATH", str(tmp_path / "stores" / name))
    archive_stores.forget()
    yield archive_stores.opened()
    archive_stores.forget()


@pytest.fixture
def actor() -> Actor:
    """The system itself, as commands and scheduled jobs act."""
    return system_actor("测试")
