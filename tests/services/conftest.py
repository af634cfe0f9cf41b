"""Real servers on loopback, started at most once a session by the scripts beside this file.

A server whose Debian packages are missing skips its tests, and says which ones. To save the start while working
on a test, start one by hand and name it: TEST_S3_URL=http://127.0.0.1:7480.
"""

import os
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from archive.storage import StoreConfig
from tests.services.ports import free_port

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def radosgw() -> StoreConfig:
    """A running S3 server with Object Lock, as the settings of a store without a bucket."""
    blank = StoreConfig(
        name="radosgw",
        access_key_id="testaccess",
        secret_access_key="testsecret-testsecret",
        attempts=2,
    )
    if url := os.environ.get("TEST_S3_URL"):
        yield replace(blank, endpoint_url=url)
        return
    missing = [name for name in ("radosgw", "ceph-mon", "ceph-osd", "ceph", "curl") if not shutil.which(name)]
    if missing:
        pytest.skip(
            f"no S3 server: {', '.join(missing)} not installed (apt-get install radosgw ceph-mon ceph-osd)"
        )
    script, folder = str(HERE / "radosgw.sh"), tempfile.mkdtemp(prefix="radosgw-")
    port = free_port(following=2)
    try:
        subprocess.run([script, "start", folder, str(port)], check=True, stdout=subprocess.DEVNULL)
        yield replace(blank, endpoint_url=f"http://127.0.0.1:{port}")
    finally:
        subprocess.run([script, "stop", folder], check=False)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def s3_config(radosgw: StoreConfig) -> StoreConfig:
    """Settings of a store with a new, empty bucket that has Object Lock."""
    from archive.storage.s3_client import create_bucket

    config = replace(radosgw, bucket=f"test-{secrets.token_hex(6)}")
    create_bucket(config)
    return config
