"""What the checks say of submission.json itself: its structure, process, parties and numbers."""

import copy
import json
import random

import pytest

from archive import privacy
from archive.inspection import base, integrity
from tests.pure.metadata_cases import clean, examine, failed, rows

OTHER = "441900199001011258"
STATISTICS = "universal/2015-03/samples/statistics-clean"
INSPECTION = "dalian/2015-01/samples/inspection-clean"


def without(submission: dict, key: str) -> dict:
    return {name: value for name, value in submission.items() if name != key}


def process(*steps: tuple[str, str]) -> list[dict]:
    return [{"action": action, "actor": "甲", "at": at} for action, at in steps]


def test_a_clean_submission_has_no_finding():
    assert examine(clean()) == []


@pytest.mark.parametrize(
    "value", [None, True, 3, 1.5, "text", [], [1, [2]], {}, [{}], "\ud800", {"a": "\ud800"}]
)
def test_any_json_value_is_answered_with_failed_findings(value):
    found = integrity.structure_findings(value)
    assert found and {row.verdict for row in found} == {"failed"}
    json.dumps([row.as_dict() for row in found], ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "key",
    [
        "format",
        "source",
        "item",
        "business_no",
        "revision",
        "handled_on",
        "fields",
        "materials",
        "process",
        "system",
    ],
)
def test_a_missing_key_is_named(key):
    assert failed(examine(without(clean(), key))) == {("GD-2-3", key)}
    assert failed(examine(clean(**{key: None}))) == {("GD-2-3", key)}


@pytest.mark.parametrize("key", ["fonds", "department", "title", "insurances", "unit", "lines", "relates"])
def test_what_may_be_absent_may_also_be_null(key):
    assert examine(without(clean(), key)) == examine(clean(**{key: None})) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"revision": "1"}, "revision"), ({"revision": True}, "revision"), ({"revision": 0}, "revision"),
        ({"revision": 10**30}, "revision"), ({"source": 5}, "source"), ({"fields": []}, "fields"),
        ({"lines": {}}, "lines"), ({"lines": ["x"]}, "lines"), ({"persons": "张三"}, "persons"),
        ({"persons": [{"name": 5}]}, "persons[0].name"), ({"unit": []}, "unit"), ({"unit": {"name": ["x"]}}, "unit.name"),
        ({"insurances": "工伤"}, "insurances"), ({"handled_on": "2019-12-32"}, "handled_on"),
        ({"handled_on": "20191210"}, "handled_on"), ({"handled_on": "2019-12-10T00:00:00"}, "handled_on"),
        ({"handled_on": 20191210}, "handled_on"), ({"handled_on": "0001-01-01"}, "handled_on"),
        ({"process": process(("受理", "昨天"))}, "process[0].at"), ({"title": 5}, "title"),
        ({"system": {"name": "x", "exported_at": "x"}}, "system.exported_at"), ({"retention": [10]}, "retention"),
        ({"materials": [{"name": "x", "files": {}}]}, "materials[0].files"),
    ],
)  # fmt: skip
def test_a_wrong_type_is_named(change, field):
    assert failed(examine({**clean(), **change})) == {("GD-1-3", field)}


@pytest.mark.parametrize(
    ("key", "value", "check"),
    [
        ("path", None, "GD-2-3"), ("path", 5, "GD-1-3"), ("bytes", -1, "GD-1-3"), ("bytes", "81234", "GD-1-3"),
        ("bytes", 2**64, "GD-1-3"), ("bytes", True, "GD-1-3"), ("sha256", "abc", "GD-1-3"), ("sha256", None, "GD-2-3"),
        ("sm3", "x" * 64, "GD-1-3"), ("pages", 1.5, "GD-1-3"), ("copies", 0, "GD-1-3"), ("original", "yes", "GD-1-3"),
        ("signed", 1, "GD-1-3"),
    ],
)  # fmt: skip
def test_what_a_file_declares_has_its_type(key, value, check):
    submission = clean()
    submission["materials"][0]["files"][0][key] = value
    assert failed(examine(submission)) == {(check, f"materials[0].files[0].{key}")}


def test_pages_may_be_null_and_the_optional_marks_absent():
    submission = clean()
    file = submission["materials"][0]["files"][0]
    submission["materials"][0]["files"] = [
        {"path": file["path"], "bytes": 1, "sha256": file["sha256"], "pages": None}
    ]
    assert examine(submission) == []


def test_every_fault_of_structure_is_said_at_once():
    submission = clean(format="archive-submission/2", revision=None, handled_on="gestern")
    assert failed(examine(submission)) == {
        ("GD-1-4", "format"),
        ("GD-2-3", "revision"),
        ("GD-1-3", "handled_on"),
    }


def test_an_unknown_source_and_an_unknown_item_are_failed_with_a_sentence():
    assert failed(examine(clean(source="atlantis"))) == {("X-source", "source")}
    found = examine(clean(item="online-decrease"))
    assert failed(found) == {("X-item", "item")} and "counter-increase" in found[0].message


def test_random_json_in_every_place_never_raises():
    strange = [
        None,
        True,
        -1,
        0.5,
        float("inf"),
        "",
        "x",
        "\x00",
        "\ud83d",
        [],
        [None],
        {},
        {"": None},
        {"name": None},
    ]
    choice = random.Random(7).choice
    places = [
        lambda s, v: s.update({choice(list(s)): v}),
        lambda s, v: s["fields"].update({choice(list(s["fields"])): v}),
        lambda s, v: s["unit"].update({choice(list(s["unit"])): v}),
        lambda s, v: s["persons"][0].update({choice(list(s["persons"][0])): v}),
        lambda s, v: s["materials"][0].update({choice(["name", "code", "files"]): v}),
        lambda s, v: s["materials"][0]["files"][0].update({choice(["path", "pages", "copies", "signed"]): v}),
        lambda s, v: s["process"][1].update({choice(["action", "actor", "at"]): v}),
        lambda s, v: s.update(lines=[v, {}, {"x": v}]),
        lambda s, v: s.update(relates=[{"business_no": v, "relation": v}]),
    ]
    original = clean()
    for _ in range(600):
        submission = copy.deepcopy(original)
        choice(places)(submission, choice(strange))
        for row in examine(submission):
            json.dumps(row.as_dict(), ensure_ascii=False).encode()


def test_json_nested_too_deep_is_refused_without_recursion():
    deep: list = []
    for _ in range(50_000):
        deep = [deep]
    assert failed(examine(clean(fields={"备注": deep}))) == {("GD-1-3", "submission.json")}
    assert failed(examine(clean(fields={"姓名": [[["张三"]]]}))) == {("GD-1-3", "姓名")}


# process


@pytest.mark.parametrize(
    ("steps", "fields"),
    [
        ([], {"process"}),
        ([("受理", "2019-12-10T09:00:00+08:00")], {"process"}),
        ([("办结", "2019-12-10T09:00:00+08:00")], {"process"}),
        ([("受理", "2019-12-09T09:00:00+08:00"), ("办结", "2019-12-11T09:00:00+08:00")], {"process"}),
        ([("受理", "2019-12-10T11:00:00+08:00"), ("办结", "2019-12-10T10:00:00+08:00")], {"process[0].at"}),
        ([("受理", "2019-12-11"), ("办结", "2019-12-10")], {"process[0].at"}),
        ([("受理", "2019-12-10"), ("办结", "2019-12-10T08:00:00")], set()),
        ([("受理", "2019-12-10T01:00:00Z"), ("办结", "2019-12-09T16:30:00Z")], {"process[0].at"}),
        ([("受理", "2019-12-09T16:10:00Z"), ("办结", "2019-12-09T16:30:00Z")], set()),
        ([("受理", "2019-12-10T09:00:00"), ("办结", "2019-12-10T10:00:00")], set()),
        ([("受理", "2019-12-01"), ("办结", "2019-12-05"), ("补正", "2019-12-06"), ("办结", "2019-12-10")], set()),
    ],
)  # fmt: skip
def test_the_process_has_an_acceptance_and_a_closing_on_the_day(steps, fields):
    assert {field for _, field in failed(examine(clean(process=process(*steps))))} == fields


def test_a_check_after_the_closing_is_a_warning():
    steps = process(
        ("受理", "2019-12-10T09:00:00"), ("办结", "2019-12-10T10:00:00"), ("复核", "2019-12-10T11:00:00")
    )
    assert rows(examine(clean(process=steps))) == {("GD-2-5", "warning", "process[2].at")}


def test_a_step_without_an_actor_is_failed():
    steps = process(("受理", "2019-12-10"), ("办结", "2019-12-10"))
    steps[1]["actor"] = " "
    assert failed(examine(clean(process=steps))) == {("GD-2-5", "process[1].actor")}


def test_what_is_handled_tomorrow_cannot_be_archived():
    steps = process(("受理", "2026-01-06"), ("办结", "2026-01-06"))
    found = failed(
        examine(
            clean(
                handled_on="2026-01-06",
                process=steps,
                fields={"合同开始时间": "20260101", "参保起始年月": "本月"},
            )
        )
    )
    assert found == {("GD-1-5", "handled_on")}


# parties and numbers


def test_a_person_item_needs_a_person_and_a_unit_item_its_unit():
    assert ("GD-2-4", "persons") in failed(examine(clean(persons=[])))
    assert failed(examine(clean(INSPECTION, unit=None))) == {("GD-2-4", "unit")}
    assert examine(clean(STATISTICS, unit=None, persons=[])) == []


def test_a_person_needs_a_number():
    assert ("GD-2-4", "persons[0].id_no") in failed(examine(clean(persons=[{"name": "张三"}])))


def test_the_person_of_the_form_is_the_person_of_the_case():
    assert failed(examine(clean(fields={"证件号码": OTHER}))) >= {("X-PARTIES", "证件号码")}
    assert failed(examine(clean(fields={"姓名": "张 三"}))) == set()
    assert failed(examine(clean(persons=[{"name": "张叁", "id_no": "441900199001011231"}]))) == {
        ("X-PARTIES", "姓名")
    }


def test_a_line_may_name_others_but_not_a_party_by_another_name():
    submission = clean("universal/2015-03/samples/summary-clean")
    number = submission["lines"][0]["公民身份号码"]
    submission["persons"] = [{"name": "另一人", "id_type": "身份证", "id_no": number}]
    assert failed(examine(submission)) == {("X-PARTIES", "姓名（第1行）")}


def test_the_unit_of_a_units_form_is_the_unit_of_the_case():
    assert failed(examine(clean(INSPECTION, fields={"单位名称": "大连别的公司"}))) == {
        ("X-PARTIES", "单位名称")
    }


def test_an_identity_number_is_judged_wherever_it_stands_and_never_shown():
    wrong = "441900199001011232"
    found = examine(clean(persons=[{"name": "张三", "id_no": wrong}], fields={"证件号码": wrong}))
    assert failed(found) == {("X-IDENTITY", "persons[0].id_no"), ("X-IDENTITY", "证件号码")}
    assert wrong not in json.dumps([row.as_dict() for row in found], ensure_ascii=False)
    assert found[0].value == privacy.mask_number(wrong)
    assert found[0].message.startswith("当事人“张三”的公民身份号码"), (
        "whose, in words: the place stands beside it"
    )


def test_what_a_pattern_asks_for_is_said_in_words():
    [found] = examine(clean(fields={"邮政编码": "5230"}))
    assert found.check == "GD-1-3" and "应为6位数字。" in found.message


@pytest.mark.parametrize("kind", ["护照", "外国人护照", "港澳居民来往内地通行证", "军官证"])
def test_other_papers_have_no_check_digit(kind):
    person = {"name": "张三", "id_type": kind, "id_no": "H12345678"}
    assert examine(clean(persons=[person], fields={"证件号码": "h12345678", "性别": "女"})) == []


def test_a_paper_that_no_table_knows_is_a_warning():
    person = {"name": "张三", "id_type": "会员卡", "id_no": "441900199001011231"}
    assert rows(examine(clean(persons=[person]))) == {("GD-1-4", "warning", "persons[0].id_type")}


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"性别": "男性", "出生年月": "1990-01"}, set()), ({"性别": "1", "出生年月": "19900101"}, set()),
        ({"性别": "女"}, {"性别"}), ({"出生年月": "199002"}, {"出生年月"}), ({"出生年月": "1990-01-02"}, {"出生年月"}),
        ({"性别": "未知", "出生年月": ""}, set()),
    ],
)  # fmt: skip
def test_birth_date_and_sex_agree_with_the_number(fields, wrong):
    assert {field for check, field in failed(examine(clean(fields=fields))) if check == "X-IDENTITY"} == wrong


def test_old_numbers_of_fifteen_places_were_good_until_2013():
    persons = [{"name": "大连人", "id_type": "居民身份证", "id_no": "210202850315201"}]
    when = {"handled_on": "2012-05-08"}
    assert rows(examine(clean(INSPECTION, persons=persons, **when))) == {
        ("X-IDENTITY", "warning", "persons[0].id_no")
    }
    steps = process(("受理", "2013-01-01"), ("办结", "2013-01-01"))
    late = clean(INSPECTION, persons=persons, handled_on="2013-01-01", process=steps)
    assert failed(examine(late)) == {("X-IDENTITY", "persons[0].id_no")}


def test_a_credit_code_is_judged_and_an_organisation_code_taken_while_it_lasted():
    found = examine(clean(unit={"uscc": "91441900MA4UABCD90"}))
    assert failed(found) == {("X-CREDIT", "unit.uscc")} and found[0].message.startswith(
        "单位的统一社会信用代码"
    )
    assert examine(clean(unit={"uscc": "９１441900ma4uabcd9m"})) == []
    assert examine(clean(INSPECTION, unit={"uscc": "80210043-3"})) == []
    assert failed(examine(clean(unit={"uscc": "80210043-3"}))) == {("X-CREDIT", "unit.uscc")}


@pytest.mark.parametrize(
    ("value", "verdict"),
    [("520302", None), (520302, None), ("遵义市", None), ("贵州省遵义市红花岗区", None), ("529999", "warning"),
     ("贵州省某新区", "warning"), ("990302", "failed"), ("月球", "failed"), ("5203", "failed")],
)  # fmt: skip
def test_a_division_is_given_by_code_or_by_name(value, verdict):
    found = examine(clean("universal/2015-03/samples/registration-clean", fields={"AAB301": value}))
    assert {row.verdict for row in found if row.check == "X-DIVISION"} == ({verdict} if verdict else set())
    assert {row.check for row in found} <= {"X-DIVISION"}


def test_duplicates_that_the_caller_found_are_warnings():
    known = [
        {"kind": "digest", "file": "data/a.pdf", "reference_code": "D019-ZY·DJ·2019·D100-000001"},
        {"kind": "person", "reference_code": "D019-ZY·DJ·2019·D100-000002", "value": "4419**********1231"},
    ]
    found = examine(clean(), duplicates=known)
    assert {(row.check, row.verdict) for row in found} == {("GD-1-8", "warning")} and len(found) == 2
    assert found[0].file == "data/a.pdf" and "000001" in found[0].message


def test_every_check_of_these_rooms_passes_by_name_when_nothing_is_wrong():
    pack, item, _ = integrity.lookup(clean())
    package = base.Package(root=None, submission=clean(), pack=pack, item=item)
    passed = {row.check for row in base.run(package) if row.verdict == "passed"}
    assert passed >= {"GD-1-2", "GD-1-3", "GD-1-4", "GD-1-5", "GD-1-6", "GD-1-8", "GD-2-3", "GD-2-4", "GD-2-5", "GD-2-7",
                      "GD-2-9", "X-IDENTITY", "X-CREDIT", "X-DIVISION", "X-PARTIES"}  # fmt: skip
