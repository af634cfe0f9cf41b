"""Packages handed in and taken as far as they go by themselves: `hand_in`, in a fonds that is ready for them (`site`).

A module that has its own fixtures of these names uses its own.
"""

import pytest

from archive import determinations, holdings
from archive.inspection.fence import Fence
from ingest import pipeline, receiving
from ingest.models import Submission
from tests import factories


@pytest.fixture(scope="module")
def fence():
    with Fence() as fence:
        yield fence


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
