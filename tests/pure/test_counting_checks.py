"""GD-1-7, GD-2-1, GD-2-6, GD-2-10, GD-3-2, GD-4-3, and the items that only a person can answer (GD-3-5, GD-4-1, GD-4-4,
GD-4-5, GD-4-6, GD-4-7)."""

from datetime import date
from types import SimpleNamespace

import pytest

from archive.inspection.base import Package
from archive.inspection.checks import CHECKS
from archive.inspection.items import CARRIER, ITEMS, MANUAL

PEOPLES = [item.check for item in ITEMS if item.answer == MANUAL]


def verdicts(id, *, lines=(), submission=None, bag=None, **facts):
    case = SimpleNamespace(handled_on=date(2019, 12, 10), lines=list(lines))
    package = Package(root=None, submission=submission or {}, bag=bag or {}, facts={"case": case} | facts)
    return [finding.verdict for finding in CHECKS[id].function(CHECKS[id], package)]


@pytest.mark.parametrize(
    ("scope", "found"),
    [
        ("D019-ZY·DJ·2019·D100", []),
        ("D019-ZY·YL·DJ·2019·Y", []),
        (None, ["not-run"]),
        ("D019-ZY·DJ·2018·D100", ["failed"]),
        ("D019-ZY·QQ·2019·D100", ["failed"]),
        ("D019-ZY·DJ·2019·D7", ["failed"]),
        ("全宗-ZY·DJ·2019·D100", ["failed"]),
        ("D019-ZY", ["failed"]),
    ],
)
def test_the_code_to_be_has_the_parts_of_the_rule(scope, found):
    assert verdicts("GD-1-7", code_scope=scope) == found


@pytest.mark.parametrize(
    ("batch", "found"),
    [
        (None, []),
        ({"name": "一", "declared": None, "received": 3}, []),
        ({"name": "一", "declared": 3, "received": 3}, []),
        ({"name": "一", "declared": 4, "received": 3}, ["warning"]),
    ],
)
def test_a_batch_that_announces_another_number_of_cases_is_noted(batch, found):
    assert verdicts("GD-2-1", batch=batch) == found


@pytest.mark.parametrize(
    ("value", "found"), [("1 of 3", []), ("2 of ?", []), ("4 of 3", ["warning"]), ("three", ["warning"])]
)
def test_a_bag_count_is_read_as_the_rule_writes_it(value, found):
    assert verdicts("GD-2-1", bag={"info": [["Bag-Count", value]]}) == found


@pytest.mark.parametrize(
    ("numbers", "found"),
    [
        ("1 2 3", []),
        ("4 5", []),
        ("1 3", ["warning"]),
        ("1 1", ["warning"]),
        ("2 1", ["warning"]),
        ("1 A", []),
        ("1", []),
    ],
)
def test_running_numbers_run(numbers, found):
    assert verdicts("GD-2-6", lines=[{"序号": number} for number in numbers.split()]) == found


@pytest.mark.parametrize(
    ("entry", "found"),
    [({"bytes": 1, "sha256": "0"}, []), ({"bytes": 1}, ["warning"]), ({"sha256": "0"}, ["warning"])],
)
def test_a_file_without_size_or_digest_in_the_declaration_is_noted(entry, found):
    submission = {"materials": [{"files": [{"path": "data/a.pdf"} | entry]}]}
    assert verdicts("GD-2-10", submission=submission) == found


def test_a_catalogue_that_does_not_answer_fails_and_one_that_nobody_asked_is_not_run():
    assert verdicts("GD-3-2") == ["not-run"]
    assert verdicts("GD-3-2", catalogue={}) == []
    assert verdicts("GD-3-2", catalogue={"fault": "连接被拒绝"}) == ["failed"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("bagit.txt", []),
        ("tagmanifest-sha256.txt", []),
        ("submission.json.p7s", []),
        ("metadata/preservation/premis.xml", []),
        ("说明.docx", ["warning"]),
        ("submission.json.bak", ["warning"]),
    ],
)
def test_what_belongs_to_no_format_is_a_stray(name, found):
    assert verdicts("GD-4-3", bag={"tags": {name: {}}}) == found


def test_a_stray_on_the_carrier_is_noted():
    assert verdicts("GD-4-3", strays=["私人照片.jpg"]) == ["warning"]


CITED = {
    "verdict": "passed", "statement": "已装并每日更新", "by": "李四", "at": "2026-01-02", "until": "2026-12-31",
    "extent": "本单位",
}  # fmt: skip


@pytest.mark.parametrize("id", PEOPLES)
def test_an_item_of_a_person_is_never_passed_without_one(id):
    assert verdicts(id) == ["not-run"]
    assert verdicts(id, confirmations={}, channel="folder") == ["manual"]
    assert verdicts(id, confirmations={id: CITED}, channel="folder") == ["passed"]
    assert verdicts(id, confirmations={id: CITED | {"verdict": "failed"}}, channel="folder") == ["failed"]


@pytest.mark.parametrize("id", PEOPLES)
def test_a_carrier_is_asked_for_only_where_there_is_one(id):
    assert verdicts(id, confirmations={}, channel="web") == ["not-run" if id in CARRIER else "manual"]
