"""The same package, the same name, a higher revision, a correction after filing: what each of them leads to."""

import copy
from datetime import date

import pytest

from archive.models import Event, Record, Relation
from config.demonstration import bags
from ingest.models import Submission
from tests import factories

pytestmark = pytest.mark.django_db(databases="__all__")


def failed(line: dict) -> list[tuple]:
    return [(row["check"], row["field"]) for row in line["findings"] if row["verdict"] == "failed"]


def test_zipping_again_with_another_bagging_date_and_export_time_is_the_same_package(packages, take_in):
    submission = packages.submission("R-1")
    first = take_in(packages.bag(submission))
    events = Event.objects.count()
    later = copy.deepcopy(submission)
    later["system"]["exported_at"] = "2031-05-06T07:08:09+08:00"
    bag = bags.Bag(submission=later, files=factories.files_for(later), bagged_on=date(2031, 5, 6))
    again = take_in(bags.write(bag.tree(), packages.folder / "again.zip", zip=True, base="another-name"))
    assert (again["state"], again["first_state"]) == ("duplicate", "archived")
    same = ("submission", "reference_code", "record", "stage", "insurance", "insurances", "retention", "formed_on",
            "due_on", "source", "item", "business_no", "revision", "findings")  # fmt: skip
    assert [again[key] for key in same] == [first[key] for key in same]
    assert (Submission.objects.count(), Record.objects.count(), Event.objects.count()) == (1, 1, events)


@pytest.mark.parametrize(
    "change", [{"title": "另题"}, {"department": "别科"}, {"system": {"name": "另一系统", "version": "9"}}]
)
def test_the_same_name_with_other_content_is_refused_and_the_first_stays(packages, take_in, change):
    submission = packages.submission("R-2")
    first = take_in(packages.bag(submission))
    other = take_in(packages.bag(submission | change))
    assert (other["state"], other["reference_code"]) == ("refused", None)
    assert "revision" in other["findings"][0]["message"]
    assert Record.objects.get().reference_code == first["reference_code"]
    again = take_in(packages.bag(submission | change))
    assert (again["state"], again["first_state"]) == ("duplicate", "refused")
    assert again["submission"] == other["submission"]


def test_a_higher_revision_before_filing_supersedes_the_returned_one(packages, take_in):
    wrong = packages.submission("R-3", fields={"缴费基数": "不是数"})
    assert take_in(packages.bag(wrong))["state"] == "returned"
    right = copy.deepcopy(wrong) | {"revision": 2}
    right["fields"]["缴费基数"] = "5000"
    line = take_in(packages.bag(right))
    assert (line["state"], line["revision"]) == ("archived", 2)
    assert not Relation.objects.exists()
    late = take_in(packages.bag(wrong))
    assert (late["state"], late["first_state"]) == ("duplicate", "returned")
    assert late["findings"][-1]["message"] == "已被修订 2 取代，不再处理。"
    assert failed(late) == [("GD-1-3", "缴费基数")]


def test_a_lower_revision_than_one_that_came_is_refused(packages, take_in):
    submission = packages.submission("R-4", revision=3)
    take_in(packages.bag(submission))
    line = take_in(packages.bag(submission | {"revision": 2, "title": "迟到的"}))
    assert line["state"] == "refused"
    assert "更高的修订 3" in line["findings"][0]["message"]


@pytest.mark.parametrize(
    "relates, kind", [([], "更正"), ([{"business_no": "R-5", "relation": "补充"}], "补充")]
)
def test_after_filing_a_higher_revision_is_a_record_of_its_own_linked_to_the_one_before(
    packages, take_in, relates, kind
):
    submission = packages.submission("R-5")
    codes = [
        take_in(packages.bag(submission | {"revision": number, "relates": relates, "title": f"第{number}次"}))
        for number in (1, 2, 3)
    ]
    assert [line["state"] for line in codes] == ["archived"] * 3
    links = {
        (row.record.business_revision, row.earlier and row.earlier.business_revision, row.kind)
        for row in Relation.objects.select_related("record", "earlier")
    }
    # A first revision that names itself has nothing before it, and nothing later becomes its "before".
    assert links == {(2, 1, kind), (3, 2, kind)} | ({(1, None, kind)} if relates else set())


def test_a_relation_to_a_case_that_comes_later_is_made_when_it_comes(packages, take_in):
    early = take_in(
        packages.bag(packages.submission(relates=[{"business_no": " R-LATER ", "relation": "回退"}]))
    )
    assert Relation.objects.get().earlier is None
    later = take_in(packages.bag(packages.submission("R-LATER")))
    relation = Relation.objects.get()
    assert (str(relation.record_id), str(relation.earlier_id)) == (early["record"], later["record"])


def test_two_damaged_packages_without_a_readable_declaration_are_two(packages, take_in):
    lines = [
        take_in(packages.bag(zip=True, break_=lambda tree, n=n: tree.update({"submission.json": b"{" * n})))
        for n in (1, 2)
    ]
    assert [line["state"] for line in lines] == ["returned", "returned"]
    assert lines[0]["submission"] != lines[1]["submission"]


def test_a_waiting_package_can_be_superseded_and_waits_no_more(packages, take_in, actor, fence):
    from config.demonstration import cases

    draft = cases.summary(packages.people, handled_on=date(2016, 5, 4), number=1, department="统计科")
    waiting = take_in(packages.draft(draft))
    assert waiting["state"] == "waiting"
    later = take_in(packages.bag(draft.submission | {"revision": 2, "title": "第二次"}, draft.files))
    assert later["state"] == "waiting"
    assert list(Submission.objects.order_by("revision").values_list("state", flat=True)) == [
        "superseded", "waiting",
    ]  # fmt: skip
