"""Every search engine must find, count, order and page exactly what a plain look at every document finds.

The suite runs on the engine of the settings: SQLite by default, PostgreSQL when DATABASE_URL names one.
"""

import random
import uuid
from datetime import date

import pytest
from django.db import connections

from archive.scopes import EVERYTHING, NOTHING, Grant, Scope, matches
from search.documents import FILTERS, canonical
from search.query import NO_WORDS, parse
from tests import generated
from tests.contracts.searched import ALIAS, Archive, ids

pytestmark = pytest.mark.django_db(databases=["default", ALIAS])


def questions(archive: Archive, dice: random.Random):
    """Words as people type them, cut out of documents and out of thin air."""
    document = dice.choice(archive.documents)
    words = [word for word in document.words.split() if word != "_"]
    word = dice.choice(words)
    start = dice.randrange(len(word))
    numbers = archive.numbers[document.record_id]
    return dice.choice(
        (
            "",
            dice.choice(document.names),
            f"{document.names[0]} {dice.choice(generated.ITEMS)}",
            word[start : start + dice.randrange(1, 8)],
            " ".join(dice.sample(words, k=min(2, len(words)))),
            f'"{" ".join(words[3:6])}"',
            document.unit,
            document.unit[2:8],
            *document.unit_codes,
            document.reference_code,
            document.reference_code.lower().replace("·", "."),
            document.reference_code.rpartition("-")[0],
            dice.choice(numbers),
            f"{document.names[0]} {numbers[0][-4:]}",
            f"{numbers[0][-4:].lower()} {document.names[0]} {document.year}",
            dice.choice("王李张东社"),
            f"版本{dice.choice(('A12', 'A1', 'a12。'))}",
            "编号SL",
            "查无此人",
        )
    )


def narrowed(dice: random.Random) -> dict:
    filters = {
        "years": (2019, 2020, 2021, 2022, 2023),
        "stages": ("DJ", "参保登记", "征缴", "ZF"),
        "insurances": ("YL", "工伤", "ZO"),
        "fonds": ("D019", "D020", "D999"),
        "categories": ("ZY", "RS"),
        "states": ("archived", "held"),
        "departments": ("科1", "科2"),
    }
    chosen = dice.sample(tuple(filters), k=dice.choice((0, 0, 0, 1, 1, 2)))
    return {name: dice.sample(filters[name], k=dice.choice((1, 2))) for name in chosen}


def test_random_questions_under_random_scopes_and_filters_find_and_count_exactly_the_truth(archive):
    dice = random.Random(11)
    everyone = list(archive.facts.values())
    nothing_found = 0
    for _ in range(500):
        typed, scope, filters = questions(archive, dice), generated.scope(dice, everyone), narrowed(dice)
        query = parse(typed, **filters, sort="newest", limit=1000, facets=dice.sample(FILTERS, k=3))
        result, truth = archive.engine.search(query, scope), archive.truth(query, scope)
        assert ids(result) == [document.record_id for document in truth], typed
        assert (result.total, result.exact) == (len(truth), True), typed
        assert result.facets == archive.facets(query, scope), typed
        assert not result.cursor and not result.inexact_facets
        by_relevance = archive.engine.search(parse(typed, **filters, limit=1000), scope)
        assert sorted(ids(by_relevance)) == sorted(ids(result)), typed
        scores = [hit.score for hit in by_relevance.hits]
        assert scores == sorted(scores, reverse=True)
        nothing_found += not truth
    assert nothing_found < 350  # else the test asks nothing


def test_predicate_tokens_and_engine_agree_on_every_scope(archive):
    dice = random.Random(5)
    for _ in range(150):
        scope = generated.scope(dice, list(archive.facts.values()))
        by_predicate = {
            one.record_id for one in archive.documents if scope.admits(archive.facts[one.record_id])
        }
        by_tokens = {one.record_id for one in archive.documents if matches(one.scope, scope.token_filter())}
        by_engine = set(ids(archive.find(scope=scope, limit=1000)))
        assert by_predicate == by_tokens == by_engine


def test_no_scope_sees_nothing_and_counts_nothing(archive):
    for scope in (NOTHING, Scope(grants=(Grant(fonds="D019", stages=frozenset()),))):
        result = archive.find(generated.COMMON, scope, facets=FILTERS)
        assert (result.hits, result.total, result.exact) == ((), 0, True)
        assert result.facets == {name: [] for name in FILTERS}


def test_typed_marks_are_words_and_open_no_door(archive):
    scope = Scope(grants=(Grant(fonds="D019", departments=frozenset({1})),))
    inside = archive.find(scope=scope).total
    for typed in ("_all", "_in_fd020", "x9 OR _all", '"_all" OR "_in_fd020"', "_all*", "' | '_all"):
        assert archive.find(typed, scope).total <= inside
        assert archive.find(typed, NOTHING).total == 0


@pytest.mark.parametrize("name", generated.RARE_NAMES)
def test_a_rare_name_is_found_in_all_its_records_and_first_where_it_is_a_party(archive, name):
    truth = [one.record_id for one in archive.documents if name in one.names]
    result = archive.find(name, limit=1000)
    assert truth and set(truth) <= set(ids(result))
    assert set(ids(result)[: len(truth)]) == set(truth)


def test_a_name_is_found_with_and_without_its_dot_and_in_full_width(archive):
    assert (
        ids(archive.find("阿卜杜·热西提"))
        == ids(archive.find("阿卜杜热西提"))
        == ids(archive.find("阿卜杜・热西提"))
    )
    assert ids(archive.find("ｄ019－ｚｙ")) == ids(archive.find("D019-ZY"))


def test_a_whole_reference_code_comes_first_however_its_dots_are_typed(archive):
    chosen = archive.documents[40]
    cited = generated.changed(
        archive.documents[41],
        record_id=uuid.uuid4(),
        formed_on=date(2030, 1, 1),
        title=f"更正{chosen.reference_code}",
    )
    archive.engine.put([cited])
    for typed in (
        chosen.reference_code,
        chosen.reference_code.lower().replace("·", " . "),
        chosen.reference_code.replace("·", "・"),
    ):
        result = archive.find(typed)
        assert ids(result) == [chosen.record_id, cited.record_id], typed
        assert result.hits[0].score > result.hits[1].score
    part = archive.find(chosen.reference_code.rpartition("·")[2])  # D100-000041
    assert chosen.record_id in ids(part)


def test_an_identity_number_finds_its_record_as_a_whole_only(archive):
    chosen = archive.documents[7]
    number = archive.numbers[chosen.record_id][0]
    for typed in (
        number,
        number.lower(),
        f"{number[:6]} {number[6:14]} {number[14:]}",
        f"身份证{number}"[-18:],
    ):
        assert chosen.record_id in ids(archive.find(typed))
    assert archive.find(number[:12]).total == archive.find(number[6:14]).total == 0


def test_name_and_last_four_digits_find_the_person_before_others_of_that_name(archive):
    chosen = archive.documents[7]
    name, number = chosen.names[0], archive.numbers[chosen.record_id][0]
    result = archive.find(f"{name} {number[-4:]}")
    assert ids(result)[0] == chosen.record_id
    other = next(one for one in archive.documents if name not in one.names)
    assert archive.find(f"{other.names[0]} {number[-4:]}").total == 0


def test_no_number_lies_in_clear_in_the_index(archive):
    tables = ["search_fact", "search_text"]
    with connections[ALIAS].cursor() as cursor:
        for table in tables:
            cursor.execute(f"SELECT * FROM {table}")
            everything = repr(cursor.fetchall())
            assert "社会保险" in everything
            for numbers in archive.numbers.values():
                assert not any(number in everything or number.lower() in everything for number in numbers)


def test_a_number_that_a_careless_caller_leaves_in_a_field_is_hidden_and_still_found(archive):
    number, unit_number = "441900199001011231", "123456789012345"
    careless = generated.changed(
        archive.documents[0],
        record_id=uuid.uuid4(),
        text="号码４４1900\u200b1990010112３1",
        unit_codes=(unit_number,),
    )
    archive.engine.put([careless])
    assert ids(archive.find(unit_number)) == [careless.record_id]
    assert number not in careless.words and unit_number not in careless.words


@pytest.mark.parametrize("sort", ["newest", "relevance"])
@pytest.mark.parametrize(("typed", "limit"), [("", 37), ("社会保险", 7), ("劳动合同", 200), ("王", 1)])
def test_pages_show_every_hit_once_and_in_order(archive, typed, limit, sort):
    scope = Scope(grants=(Grant(fonds="D019", security=2),))
    whole = archive.find(typed, scope, sort=sort, limit=1000)
    seen, cursor = [], ""
    for _ in range(whole.total + 1):
        page = archive.find(typed, scope, sort=sort, limit=limit, cursor=cursor)
        assert (page.total, page.exact) == (whole.total, whole.exact)
        seen += ids(page)
        cursor = page.cursor
        if not cursor:
            break
    assert seen == ids(whole) and len(seen) == whole.total


def test_ranked_hits_and_the_rest_join_without_gap_or_double(archive, monkeypatch):
    """A small archive cannot have a thousand hits beyond the ranked ones: rank twenty instead."""
    monkeypatch.setattr("search.engine._database.RANKED", 20)
    chosen = min((one for one in archive.documents if "张三" in one.names), key=lambda one: one.formed_on)
    typed = f"张三 {archive.numbers[chosen.record_id][chosen.names.index('张三')][-4:]}"
    cited = [
        generated.changed(
            archive.documents[0],
            record_id=uuid.uuid4(),
            formed_on=date(2030, 1, 1),
            title=f"更正{chosen.reference_code}",
        )
        for _ in range(50)
    ]
    archive.engine.put(cited)  # all newer than the record itself, which comes first and must not come again
    for question in ("社会保险", typed, chosen.reference_code, chosen.reference_code.split("-")[0]):
        everything, seen, cursor = archive.find(question, sort="newest", limit=1000), [], ""
        while True:
            page = archive.find(question, limit=6, cursor=cursor, facets=("year",))
            seen += ids(page)
            cursor = page.cursor
            if not cursor:
                break
        assert len(seen) == len(set(seen)) == everything.total
        assert set(seen) == set(ids(everything))


def test_totals_and_facets_say_so_when_there_are_more_than_can_be_counted(archive, monkeypatch):
    monkeypatch.setattr("search.engine._database.EXACT_TO", 100)
    result = archive.find(generated.COMMON, facets=("year", "stage"), years=[2019, 2020, 2021, 2022, 2023])
    assert (result.total, result.exact) == (100, False)
    assert result.inexact_facets == {"year", "stage"}
    assert sum(count for _, count in result.facets["stage"]) <= 100
    few = archive.find("王𬱖", facets=("year",))
    assert few.exact and few.total < 100 and not few.inexact_facets


def test_a_long_text_is_searched_to_its_end(archive):
    dice = random.Random(3)
    noise = "".join(chr(dice.randrange(0x4E00, 0x9FA5)) for _ in range(60_000))
    long = generated.changed(
        archive.documents[0], record_id=uuid.uuid4(), text="重复" * 20_000 + noise + "最后一页的龘龖句"
    )
    archive.engine.put([long])
    assert (
        ids(archive.find("最后一页的龘龖句")) == ids(archive.find(noise[50_000:50_007])) == [long.record_id]
    )


def test_words_that_only_touch_across_two_fields_or_out_of_order_are_not_found(archive):
    base = archive.documents[0]
    one = generated.changed(
        base,
        record_id=uuid.uuid4(),
        names=("龘甲", "乙龖"),
        title="丙龘",
        unit="龖丁",
        text="齉靁 靁 灪龘 靁齉龘",
    )
    archive.engine.put([one])
    assert [archive.find(typed).total for typed in ("龘甲", "乙龖", "丙龘", "龖丁")] == [1, 1, 1, 1]
    assert [archive.find(typed).total for typed in ("甲乙", "龘龖", "齉灪", "齉龘灪")] == [0, 0, 0, 0]
    assert archive.find("靁靁灪龘靁齉").total == 1  # blanks between Chinese characters are layout
    mixed = generated.changed(base, record_id=uuid.uuid4(), names=("龘乙", "B7"), text="Résumé")
    archive.engine.put([mixed])
    assert [archive.find(typed).total for typed in ("龘乙", "乙B7", "résumé", "RÉSUMÉ", "resume")] == [
        1,
        0,
        1,
        1,
        0,
    ]


ODD = (
    '"', "''", '"""', "NEAR(a b)", "NEAR", "AND", "a AND", "OR OR", "NOT 张", "*", "张*", "^张", "(((", "title:张三", "-", "{a b}:c",
    "😀", "张😀三", "%s %% %d", "\\", "'; DROP TABLE search_fact; --", "<->", "a <-> b", ":*", "!a & | b", "\x00张三\x00", "\ud800",
    "٣" * 18, "１" * 18, "1" * 10_000, "张" * 10_000, "张 " * 5_000, "a" * 10_000, "a-" * 5_000, '"' * 10_000, "\u200b", "\ufeff王",
    "ﷺ" * 300, "İstanbul", "ß ẞ", "𠮷", "é", "ئۇيغۇر", "한국어", "\n\t\r", "　", "。，、；", "·", "-·-", "null", "张三\u202e1231",
)  # fmt: skip


@pytest.mark.parametrize("typed", ODD, ids=lambda typed: ascii(typed[:12]))
def test_odd_input_is_answered_and_never_raises(archive, typed):
    query = parse(typed, facets=FILTERS)
    truth = archive.truth(query, EVERYTHING)
    result = archive.engine.search(query, EVERYTHING)
    assert result.total == len(truth)
    if not query.conditions and typed.strip("\u200b\ufeff\ud800\x00 \n\t\r　"):
        assert NO_WORDS in query.hints or not canonical(typed)


def test_random_noise_is_answered_like_the_truth(archive):
    dice = random.Random(23)
    alphabet = "张三王东社会保险 \"'*-·:()&|!<>^_\\%aZ019\x00\u200b〇𠮷😀é\t"
    for _ in range(400):
        query = parse(
            "".join(dice.choices(alphabet, k=dice.randrange(1, 12))),
            cursor=dice.choice(("", "x", "WzEsMl0", "é")),
        )
        assert archive.engine.search(query, EVERYTHING).total == len(archive.truth(query, EVERYTHING)), query


def test_odd_filters_find_nothing_and_raise_nothing(archive):
    for value in ("", "'", '" OR "_all', "水", "x" * 5_000, "\x00"):
        assert archive.find("", fonds=[value]).total == archive.find("", states=[value]).total == 0
    assert archive.find("", years=["二〇一九"]).total == 0
    assert archive.find("", years=[2019, "'"]).total == archive.find("", years=[2019]).total > 0
