"""The contracts run against real servers too: the same ones as the tests in `services`."""

from tests.services.conftest import radosgw, s3_config  # noqa: F401  (fixtures are found by name)
