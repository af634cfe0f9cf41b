"""The contracts run against real servers too: the same ones as the tests in `services`. And an engine that is filled once."""

import pytest

from search.engine import DatabaseEngine
from tests import generated
from tests.contracts.searched import ALIAS, Archive
from tests.services.conftest import radosgw, s3_config  # noqa: F401  (fixtures are found by name)


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    with generated.key_ring(tmp_path_factory.mktemp("keys")):
        yield


@pytest.fixture(scope="module")
def archive(keys, django_db_setup, django_db_blocker):
    """Filled once; each test's own changes are rolled back with its transaction."""
    with django_db_blocker.unblock():
        engine = DatabaseEngine(ALIAS)
        engine.ensure()
        engine.clear()
        filled = Archive(engine)
        engine.put(filled.documents)
        yield filled
        engine.clear()
