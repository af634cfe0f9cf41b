"""What the checks say of the words in submission.json: those of a table, and the characters of all others."""

import json

import pytest

from tests.pure.metadata_cases import clean, examine, failed, rows


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"insurances": ["工伤", "火险"]}, "insurances[1]"), ({"security": "顶级"}, "security"),
        ({"retention": "一百"}, "retention"), ({"stage": "午休"}, "stage"),
        ({"relates": [{"business_no": "x", "relation": "兄弟"}]}, "relates[0].relation"),
    ],
)  # fmt: skip
def test_words_outside_their_table_are_failed(change, field):
    assert failed(examine(clean(**change))) == {("GD-1-4", field)}


def test_words_of_the_format_that_are_right_say_nothing():
    change = {
        "security": "内部",
        "retention": 100,
        "stage": "参保登记",
        "insurances": ["工伤保险", "失业", "医疗保险", "生育"],
    }
    assert examine(clean(**change, relates=[{"business_no": "DG1", "relation": "更正"}])) == []
    assert examine(clean(retention="100年")) == []


def test_what_contradicts_the_item_is_a_warning():
    found = examine(clean(stage="变更登记", insurances=["工伤"]))
    assert rows(found) == {("GD-1-5", "warning", "stage"), ("GD-1-5", "warning", "insurances")}


def test_unknown_keys_are_kept_and_noted():
    submission = clean(colour="red")
    submission["materials"][0]["files"][0]["mood"] = "good"
    assert rows(examine(submission)) == {
        ("GD-2-3", "warning", "colour"),
        ("GD-2-3", "warning", "materials[0].files[0].mood"),
    }


def test_what_is_longer_than_the_archive_keeps_is_failed():
    found = examine(clean(business_no="长" * 121, title="长" * 301))
    assert failed(found) == {("GD-1-2", "business_no"), ("GD-1-2", "title")}


@pytest.mark.parametrize(
    "character", ["\x07", "\x7f", "\u200b", "\u202e", "\ue000", "\ufffd", "\ufeff", "\U000f0000", "\t"]
)
def test_special_characters_in_a_name_are_failed_and_named(character):
    name = f"张{character}三"
    found = examine(clean(persons=[{"name": name, "id_no": "441900199001011231"}], fields={"姓名": "张三"}))
    marked = [row for row in found if row.check == "GD-1-6"]
    assert [row.field for row in marked] == ["persons[0].name"]
    assert f"U+{ord(character):04X}" in marked[0].message and character not in marked[0].message


@pytest.mark.parametrize(
    "name", ["㐱𠮷", "阿卜杜·热西提", "𰻞𰻞", "\U00031350", "O'Neil-Ødegård", "赵〇", "㊣", "葛\U000e0100"]
)
def test_rare_characters_of_names_are_none(name):
    person = {"name": name, "id_no": "441900199001011231"}
    assert examine(clean(persons=[person], fields={"姓名": name})) == []


def test_line_breaks_are_allowed_in_the_form_only():
    assert examine(clean(fields={"联系地址": "一行\n二行"})) == []
    assert failed(examine(clean(department="一\n二"))) == {("GD-1-6", "department")}


def test_text_that_no_database_can_store_stops_at_the_door():
    for text in ("a\x00b", "a\ud83db"):
        assert failed(examine(clean(fields={"联系地址": text}))) == {("GD-1-6", "fields.联系地址")}
        found = examine({**clean(), f"k{text}": 1})
        assert {row.check for row in found} == {"GD-1-6"}
        json.dumps([row.as_dict() for row in found], ensure_ascii=False).encode()
