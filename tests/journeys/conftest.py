"""A small installation and the way into it, for every journey. Packages are built on the spot."""

import copy
from datetime import date

import pytest

from archive import determinations, holdings, profiles
from config.demonstration import cases, light
from config.demonstration.catalogue import FONDS
from config.demonstration.people import People
from ingest import outcomes, pipeline, receiving
from ingest.models import Submission
from search.engine import engine
from tests import factories


@pytest.fixture
def house(stores, actor):
    """One local store, the schedule, the packs' sources, the three fonds of the demonstration, an index."""
    furnish(actor)
    return stores


def furnish(actor) -> None:
    determinations.load_schedule(actor=actor)
    registry = profiles.registry()
    holdings.load_sources({code: registry.packs(code)[-1].system for code in registry.sources()})
    for code, (name, scheme) in FONDS.items():
        holdings.make_fonds(code, name, scheme=scheme, actor=actor)
    engine().ensure()


class Packages:
    """Builds packages of different people, so that none is a duplicate of another by chance."""

    def __init__(self, folder, seed: int = 401) -> None:
        self.folder, self.people, self.count = folder, People(seed), 0

    def submission(self, business_no: str = "", *, counter: bool = False, **changes) -> dict:
        """submission.json of a clean Dongguan increase. `fields` is merged; a field of value None is taken out."""
        self.count += 1
        draft = cases.increase(
            self.people,
            handled_on=date(2019, 12, 10),
            number=self.count,
            department="参保登记科",
            counter=counter,
        )
        submission = copy.deepcopy(draft.submission)
        fields = submission["fields"] | (changes.pop("fields", None) or {})
        submission |= {"business_no": business_no or f"JN{self.count:05d}"} | changes
        submission["fields"] = {label: value for label, value in fields.items() if value is not None}
        return submission

    def bag(self, submission: dict | None = None, files: dict | None = None, **how):
        """The path of a package of this submission; `zip`, `break_` as for `factories.a_bag`."""
        self.count += 1
        submission = self.submission() if submission is None else submission
        return factories.a_bag(self.folder / str(self.count), submission, files, **how)

    def draft(self, draft, **how):
        """The path of a package of this draft of `config.demonstration.cases`."""
        light.print_drafts([draft])
        return self.bag(draft.submission, draft.files, **how)


@pytest.fixture
def packages(tmp_path) -> Packages:
    return Packages(tmp_path / "packages")


@pytest.fixture
def take_in(house, fence, actor):
    """`take_in(path)` → the line of `manage.py ingest --json` for that package."""

    def take(path, **details) -> dict:
        received = receiving.receive_path(path, actor=actor, fence=fence, channel="cli", **details)
        if not received.duplicate:
            pipeline.process(received.submission.pk, fence, actor=actor, unpacked=received.unpacked)
        submission = Submission.objects.get(pk=received.submission.pk)
        return outcomes.outcome(submission, str(path), duplicate=received.duplicate)

    return take
