"""A file far larger than the memory that it may take: kept in S3 and in a folder, checked, read, received."""

import json
import os
import subprocess
import sys

import pytest

from tests.source import ROOT

pytestmark = pytest.mark.services
MEGABYTES, BAR = 300, 200
"""`python -m tests.bench.bench_big_file` measures 2 GB; the memory does not grow with the file, which this shows."""


def test_a_large_file_passes_every_step_within_the_memory_it_may_take(s3_config):
    place = {"TEST_S3_URL": s3_config.endpoint_url, "TEST_S3_BUCKET": s3_config.bucket}
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.bench_big_file", str(MEGABYTES)],
        cwd=ROOT, env=os.environ | place, capture_output=True, text=True, timeout=1800,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(rows) == 7
    too_much = {row["step"]: row["peak_mb"] for row in rows if row["peak_mb"] >= BAR}
    assert not too_much, rows
    assert rows[-1]["child_mb"] < BAR, rows
