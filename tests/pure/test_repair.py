"""One correction round: a value of the wrong form hides no other fault, and what hangs on it is not accused."""

import copy

import pytest

from archive.inspection import base, integrity
from archive.inspection import checks as registered
from archive.inspection.repair import usable
from archive.profiles import kind_of
from config.demonstration import bags
from ingest import examination
from tests import factories


def judged(submission) -> tuple[set, set]:
    """(check, field) of what failed, and of what was not run, in the metadata checks."""
    package = base.Package(root=None, submission=submission, bag={"readable": True})
    findings = examination.load_profile(package) + registered.run(package)
    return tuple(
        {(row.check, row.field) for row in findings if row.verdict == word} for word in ("failed", "not-run")
    )


FILES = {("GD-1-11", "path")}  # no bytes here: every declared file is missing


def a_whole_submission(**changes) -> dict:
    submission = factories.a_submission(**changes)
    return bags.declare(submission, factories.files_for(submission))


def broken(path: tuple, value, **changes):
    submission = a_whole_submission(**changes)
    place = submission
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return submission


@pytest.mark.parametrize(
    "path, value, place",
    [
        (("revision",), "2", ("GD-1-3", "revision")),
        (("business_no",), None, ("GD-2-3", "business_no")),
        (("department",), 7, ("GD-1-3", "department")),
        (("unit",), [], ("GD-1-3", "unit")),
        (("unit", "uscc"), 5, ("GD-1-3", "unit.uscc")),
        (("persons",), {}, ("GD-1-3", "persons")),
        (("persons", 0, "id_no"), ["x"], ("GD-1-3", "persons[0].id_no")),
        (("insurances",), "工伤", ("GD-1-3", "insurances")),
        (("process", 0, "at"), "昨天", ("GD-1-3", "process[0].at")),
        (("process",), "办结", ("GD-1-3", "process")),
        (("system",), None, ("GD-2-3", "system")),
        (("materials", 0, "files", 0, "pages"), "1", ("GD-1-3", "materials[0].files[0].pages")),
        (("retention",), [], ("GD-1-3", "retention")),
        (("lines",), "无", ("GD-1-3", "lines")),
    ],
)
def test_a_value_of_the_wrong_form_is_named_together_with_the_other_faults_and_with_nothing_else(
    path, value, place
):
    others = {("GD-1-3", "缴费基数"), ("GD-1-4", "就业形式"), ("GD-2-4", "户口性质")}
    submission = broken(path, value, fields={"缴费基数": "很多", "就业形式": "帮工", "户口性质": None})
    failed, _ = judged(submission)
    assert failed - FILES == {place} | others


def test_what_cannot_be_judged_is_not_called_passed():
    _, not_run = judged(broken(("process",), "办结"))
    assert ("GD-2-5", None) in not_run


@pytest.mark.parametrize("key", ["format", "source", "item", "handled_on", "fields"])
def test_without_what_names_the_item_only_the_form_is_judged(key):
    submission = broken((key,), None)
    assert usable(submission, integrity.structure_findings(submission)) is None
    assert judged(submission)[0] - FILES == {("GD-2-3", key)}


def test_a_list_of_materials_that_cannot_be_read_hides_no_field():
    failed, _ = judged(broken(("materials", 0, "files"), "form.pdf", fields={"缴费基数": "很多"}))
    assert failed - FILES == {("GD-1-3", "materials[0].files"), ("GD-1-3", "缴费基数")}


def test_the_submission_itself_is_left_as_it_came():
    submission = broken(("revision",), "2")
    before = copy.deepcopy(submission)
    rest, _ = usable(submission, integrity.structure_findings(submission))
    assert submission == before and rest["revision"] == 1


def test_every_kind_of_value_in_every_place_is_judged_without_a_crash():
    """What has the wrong form is failed; nothing raises; every failed finding says something in Chinese."""
    values = (
        None,
        7,
        -1,
        1.5,
        10**30,
        True,
        [],
        [1, None],
        {},
        {"a": 1},
        "",
        "  ",
        "长" * 10_000,
        "😀",
        "a\x07b",
        "x",
    )
    whole = a_whole_submission(relates=[{"business_no": "Z", "relation": "补充"}])
    for path in _places(whole):
        for value in values:
            submission = copy.deepcopy(whole)
            place = submission
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = value
            package = base.Package(root=None, submission=submission, bag={"readable": True})
            rows = examination.masked(examination.load_profile(package) + registered.run(package))
            for row in rows:
                assert row.verdict != "failed" or (row.rule and not row.message.isascii()), (
                    path,
                    kind_of(value),
                )
            assert all(len(row.message) <= 1000 for row in rows), path


def _places(value, path=()):
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield (*path, key)
        yield from _places(inner, (*path, key))
