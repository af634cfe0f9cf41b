"""How text is cut for the index, and how what a person types is read."""

import dataclasses
import random
import uuid
from datetime import date

import pytest

from archive import privacy
from search.documents import (
    TEXT_LIMIT,
    Document,
    canonical,
    contains,
    cut,
    cut_phrase,
    document_text,
    mark,
)
from search.query import CUT_SHORT, NEWEST, NO_WORDS, RELEVANCE, Condition, Cursor, parse
from tests import generated

NUMBER = "441900199001011231"


@pytest.fixture(scope="module", autouse=True)
def keys(tmp_path_factory):
    with generated.key_ring(tmp_path_factory.mktemp("keys")):
        yield


def document(**fields) -> Document:
    plain = {
        "record_id": uuid.UUID(int=1), "reference_code": "D019-ZY·DJ·2019·D100-000001", "title": "参保登记", "fonds": "D019",
        "year": 2019, "stage": "DJ", "category": "ZY", "insurances": ("YL",), "state": "archived", "scope": (),
        "formed_on": date(2019, 1, 1),
    }  # fmt: skip
    return Document(**plain | fields)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("王𬱖", "王𬱖"),
        ("李〇", "李〇"),
        ("𠮷田", "𠮷田"),
        ("佐々木", "佐々木"),
        ("陈\ue863", "陈\ue863"),  # a character of the private area, as old identity cards have it
        ("葛\U000e0100明", "葛明"),  # with a variation selector
        ("阿卜杜·热西提", "阿卜杜热西提"),
        ("买买提・艾力", "买买提艾力"),
        ("申 请\n 表", "申请表"),
        ("Ｄ０１９－ＺＹ·DJ", "d019 zy dj"),
        ("劳动合同A12，续签", "劳动合同 a12 续签"),
        ("a" * 70, f"{'a' * 64} {'a' * 6}"),
        ("_all *'\"()", "all"),
        ("éÉ Ünal 한국어 ئۇ", "éé ünal 한국어 ئۇ"),
        ("😀，。 \x00\ud800", ""),
    ],
)
def test_a_canonical_text_keeps_every_letter_and_nothing_else(text, found):
    assert canonical(text) == found


def test_chinese_is_cut_into_overlapping_pairs_and_words_stay_whole():
    assert cut("劳动合同 a12 王") == ["劳动", "动合", "合同", "同", "a12", "王"]
    assert cut_phrase("劳动合同") == (["劳动", "动合", "合同"], False)
    assert cut_phrase("合同 a12") == (["合同", "同", "a12"], False)
    assert cut_phrase("王") == (["王"], True)


def test_tokens_of_a_phrase_stand_together_exactly_where_the_phrase_stands():
    """The two definitions, by substring and by consecutive tokens, agree: the base of every engine."""
    dice = random.Random(1)
    for _ in range(20_000):
        text = canonical("".join(dice.choices("甲乙丙ab， ", k=dice.randrange(1, 14))))
        phrase = canonical("".join(dice.choices("甲乙丙ab，", k=dice.randrange(1, 6))))
        if not phrase:
            continue
        tokens, (wanted, unfinished) = cut(text), cut_phrase(phrase)
        *whole, last = wanted
        together = any(
            tokens[i : i + len(whole)] == whole
            and i + len(whole) < len(tokens)
            and (tokens[i + len(whole)].startswith(last) if unfinished else tokens[i + len(whole)] == last)
            for i in range(len(tokens))
        )
        assert together == contains(f" {text} ", phrase), (text, phrase)


def test_numbers_in_the_text_of_materials_become_tokens_even_when_disguised():
    text, tokens = document_text([f"号码：{NUMBER}。", "电话 １３８00138000", "4419\u200b00199001011231"])
    assert tokens == (privacy.number_token(NUMBER), privacy.number_token("13800138000"))
    assert "0199001" not in text and "138" not in text


def test_text_is_cut_at_its_limit():
    text, _ = document_text(["甲" * TEXT_LIMIT, "乙"])
    assert len(text) == TEXT_LIMIT and "乙" not in text


def test_no_field_brings_a_number_into_the_index_in_clear():
    for name in ("title", "unit", "text", "names", "unit_codes"):
        one = document(**{name: f"甲{NUMBER}" if name in ("title", "unit", "text") else (NUMBER,)})
        everything = f"{one.words}{one.name_words}{one.heading_words}{one.marks}"
        assert NUMBER not in everything, name
        if name != "text":  # whose numbers are tokens before
            assert mark("has", privacy.number_token(NUMBER)) in one.marks


def test_equal_documents_have_equal_words_and_marks_and_marks_are_safe_for_every_engine():
    one, same = document(state="已 归档'"), document(state="已 归档'")
    assert (one, one.words, one.marks) == (same, same.words, same.marks)
    assert all(
        token.isascii() and token.replace("_", "").isalnum() and len(token) < 250 for token in one.marks
    )
    assert len(mark("fonds", "x" * 5000)) < 100


def test_words_between_blanks_are_conditions_and_quotes_keep_them_together():
    assert parse("张三 劳动合同").conditions == (
        Condition(phrases=("张三",)),
        Condition(phrases=("劳动合同",)),
    )
    assert parse('"Beta 7"').conditions == parse("“beta-7”").conditions == (Condition(phrases=("beta 7",)),)
    assert parse("张三、李四；张三").conditions == (
        Condition(phrases=("张三",)),
        Condition(phrases=("李四",)),
    )


@pytest.mark.parametrize(
    "typed",
    [NUMBER, f" {NUMBER} ", "４４１９００199001011231", "441900 19900101 1231", "441900-19900101-1231", "441900\u200b199001011231"],
)  # fmt: skip
def test_a_typed_number_becomes_a_token_and_is_kept_nowhere_in_clear(typed):
    query = parse(typed)
    assert query.conditions == (Condition(token=mark("has", privacy.number_token(NUMBER))),)
    assert query.personal
    everything = repr(dataclasses.asdict(query))
    assert NUMBER not in everything and "19900101" not in everything
    assert query.shown == "4419**********1231"


def test_phones_are_numbers_too():
    token = mark("has", privacy.number_token("13800138000"))
    for typed in ("13800138000", "138 0013 8000", "138-0013-8000"):
        assert parse(typed).conditions == (Condition(token=token),) and "0013" not in parse(typed).shown
    assert not parse("2019 000123").personal


def test_name_and_last_four_are_one_condition_with_two_ways_to_hold():
    for typed in ("张三 1231", "1231 张三"):
        query = parse(typed)
        (condition,) = query.conditions
        assert condition.phrases == ("张三", "1231") and query.personal
        assert condition.token == mark("has", privacy.name_and_last_four_token("张三", NUMBER))
        assert query.first == {condition.token}
        assert condition.holds(" 张三 ", frozenset({condition.token})) and condition.holds(
            " 张三 _ 1231 ", frozenset()
        )
        assert not condition.holds(" 张三 ", frozenset())
    assert parse("李四 123x").first == parse("李四 123X").first
    assert (
        not parse("张 1231").personal and not parse("张三 12345").personal and not parse("2019 1231").personal
    )


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("D019-ZY·DJ·2019·D100-000001", "D019-ZY·DJ·2019·D100-000001"),
        (" d019-zy.dj . 2019・d100-000001 ", "D019-ZY·DJ·2019·D100-000001"),
        ("D019-RS·2019·Y-000001-000002", "D019-RS·2019·Y-000001-000002"),
        ("D019-ZY·GS·DY·2019·D100-12", "D019-ZY·GS·DY·2019·D100-12"),
        ("D100-000001", ""),
        ("张三 D019-ZY·DJ·2019·D100-000001", ""),
    ],
)
def test_a_whole_reference_code_is_recognised_with_any_dot_in_any_case(typed, code):
    assert parse(typed).reference_code == code
    assert bool(parse(typed).first) == bool(code)


def test_stages_and_insurances_go_by_name_or_code_and_sort_follows_the_words():
    query = parse(stages=["参保登记", "ZF"], insurances=["工伤"], years=[2019], states=[])
    assert query.filters == (("year", ("2019",)), ("stage", ("DJ", "ZF")), ("insurance", ("GS",)))
    assert (query.sort, parse("张三").sort, parse("张三", sort="newest").sort) == (NEWEST, RELEVANCE, NEWEST)
    assert (parse(sort="x").sort, parse(limit=-5).limit, parse(limit=10**9).limit) == (NEWEST, 1, 1000)


def test_hints_say_what_was_not_read():
    assert parse("，。？").hints == (NO_WORDS,) and not parse("，。？").conditions
    assert parse("  ").hints == ()
    assert parse("张三 " * 1000).hints == (CUT_SHORT,)


def test_a_cursor_comes_back_as_it_went_and_anything_else_is_the_first_page():
    for cursor in (Cursor(5, True, 1 << 52, -3.25), Cursor(10_000, False, 7)):
        assert Cursor.read(str(cursor)) == cursor
    for odd in (
        "",
        "x",
        "é",
        "😀",
        "e30",
        "W10",
        "WzEsMl0",
        "WzEsdHJ1ZSwtMSxudWxsXQ",
        "[" * 5000,
        "\ud800",
        "bnVsbA",
    ):
        assert Cursor.read(odd) is None
