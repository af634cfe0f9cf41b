"""One real package from receipt to searchable record, through the verbs that the worker and the commands call."""

import pytest

from archive import holdings
from archive.models import Copy, Event, Record
from archive.scopes import EVERYTHING
from config import worker
from ingest import outcomes, pipeline, receiving
from ingest.models import Submission
from search.engine import engine
from search.query import parse
from tests import factories

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def fonds(actor):
    return holdings.make_fonds("D019", "东莞市社会保险基金管理中心", actor=actor)[0]


@pytest.fixture
def schedule(actor):
    from archive import determinations

    determinations.load_schedule(actor=actor)


def take_in(path, fence, actor, **details):
    received = receiving.receive_path(path, actor=actor, fence=fence, channel="cli", **details)
    if not received.duplicate:
        pipeline.process(received.submission.pk, fence, actor=actor)
    return outcomes.outcome(
        Submission.objects.get(pk=received.submission.pk), str(path), duplicate=received.duplicate
    )


@pytest.mark.usefixtures("stores", "fonds", "schedule")
def test_a_clean_package_is_archived_and_everything_about_it_is_right(tmp_path, fence, actor):
    line = take_in(factories.a_bag(tmp_path, zip=True), fence, actor)
    assert line["state"] == "archived", (
        line["findings"],
        list(Submission.objects.values("state", "reason")),
        list(Copy.objects.values("state", "fault")),
    )
    assert line["reference_code"] == "D019-ZY·DJ·2019·D100-000001"
    assert (line["stage"], line["retention"], line["due_on"]) == ("参保登记", "100", "2120-01-01")
    record = Record.objects.get()
    assert not Copy.objects.exclude(state="stored").exists()
    assert {item.role for item in record.digital_objects.all()} == {
        "original",
        "submission",
        "report",
        "manifest",
        "eep",
    }
    assert list(
        Event.objects.filter(kind="record").order_by("sequence").values_list("action", flat=True)
    ) == [
        "record.filed",
        "record.kept",
    ]
    engine().ensure()
    worker.follow_changes()
    name = record.parties.get(kind="person").name
    found = engine().search(parse(name), EVERYTHING)
    assert [hit.record_id for hit in found.hits] == [record.pk]


@pytest.mark.usefixtures("stores", "fonds", "schedule")
def test_the_same_package_again_changes_nothing_and_answers_with_the_first(tmp_path, fence, actor):
    first = take_in(factories.a_bag(tmp_path / "a", zip=True), fence, actor)
    events = Event.objects.count()
    again = take_in(factories.a_bag(tmp_path / "b"), fence, actor)
    assert (again["state"], again["first_state"]) == ("duplicate", "archived")
    assert again["reference_code"] == first["reference_code"]
    assert Event.objects.count() == events


@pytest.mark.usefixtures("stores", "fonds", "schedule")
def test_the_same_name_with_other_content_is_refused_and_kept_as_evidence(tmp_path, fence, actor):
    take_in(factories.a_bag(tmp_path / "a"), fence, actor)
    other = take_in(factories.a_bag(tmp_path / "b", factories.a_submission(title="另一个题名")), fence, actor)
    assert other["state"] == "refused"
    assert Submission.objects.get(state="refused").blob
