"""The search page: what it finds, whom it tells, and that no number is ever part of an address."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.sessions.models import Session
from django.urls import reverse

from archive.models import Access
from search import indexing
from search.engine import engine
from tests import filed
from tests.pages import NUMBER, a_person, queries, reader, text

pytestmark = pytest.mark.django_db(databases="__all__")
FIND = "/search/"


@pytest.fixture
def index():
    engine().ensure()
    engine().clear()
    yield


@pytest.fixture
def found(index):
    """Records as asked for, filed and indexed."""

    def make(count: int = 1, **changed):
        records = [filed.a_record(**changed) for _ in range(count)]
        while indexing.drain():
            pass
        return records

    return make


def ask(client, typed: str, **extra):
    response = client.post(FIND, {"q": typed}, **extra)
    assert response.status_code == 303
    return response["Location"]


def test_a_question_without_a_number_becomes_an_address_that_can_be_kept(found):
    (record,) = found(title="东莞市红星制衣厂职工增员")
    client = reader("archivist")
    location = ask(client, "红星制衣厂")
    assert parse_qs(urlsplit(location).query) == {"q": ["红星制衣厂"]}
    assert record.reference_code in text(client.get(location))


@pytest.mark.parametrize(
    "typed",
    [
        NUMBER,
        f"张三 {NUMBER}",
        "440106 19900307 1231",
        "张三 1231",
        NUMBER.translate({48 + n: 0xFF10 + n for n in range(10)}),
    ],
)
def test_a_question_with_a_number_is_found_again_by_a_key_and_stands_nowhere(found, typed):
    (record,) = found(parties=(a_person(),))
    client = reader("clerk")
    location = ask(client, typed)
    assert re.fullmatch(r"/search/\?s=[\w-]+", location)
    response = client.get(location)
    assert record.reference_code in text(response)
    assert NUMBER not in text(response)
    assert not any(NUMBER in str(value) for value in response.headers.values())
    assert all(NUMBER not in str(row.get_decoded()) for row in Session.objects.all())
    assert all(NUMBER not in str(row.data) for row in Access.objects.all())


def test_every_link_of_a_personal_question_is_free_of_the_number(found):
    found(60, parties=(a_person(),))
    client = reader("clerk")
    html = text(client.get(ask(client, NUMBER)))
    links = re.findall(r'(?:href|action)="([^"]*)"', html)
    assert any("after=" in link for link in links)
    assert not any(
        NUMBER in link or NUMBER[-4:] in link.partition("?")[2] for link in links if "s=" not in link
    )
    assert NUMBER not in html


def test_a_number_typed_into_the_address_bar_is_taken_out_of_it_at_once(found):
    found(parties=(a_person(),))
    response = reader("clerk").get(FIND, {"q": NUMBER})
    assert response.status_code == 303 and NUMBER not in response["Location"]


def test_a_key_of_another_session_finds_nothing_and_says_why(found):
    found(parties=(a_person(),))
    location = ask(reader("clerk"), NUMBER)
    assert "请重新输入要查找的号码" in text(reader("clerk").get(location))


def test_another_departments_record_is_neither_listed_nor_counted(found):
    mine, theirs = filed.a_department("参保登记科"), filed.a_department("待遇科")
    (seen,) = found(title="红星厂一月增员", department=mine)
    (hidden,) = found(title="红星厂二月增员", department=theirs)
    html = text(reader("clerk", departments=[mine.pk]).get(FIND, {"q": "红星厂"}))
    assert seen.reference_code in html and hidden.reference_code not in html
    assert "二月" not in html and "待遇科" not in html
    assert re.search(r"共\s*<strong>1</strong>", html)


def test_whoever_may_not_read_records_is_told_why():
    response = reader("auditor").get(FIND)
    assert response.status_code == 403 and "查看档案" in text(response)


def test_filters_show_counts_and_chosen_ones_as_chips_that_lead_out(found):
    found(2, stage="DJ", title="红星厂增员")
    found(3, stage="BG", title="红星厂变更")
    client = reader("archivist")
    html = text(client.get(FIND, {"q": "红星厂"}))
    assert re.search(r"变更登记</span><span class=\"filter-count\">3", html)
    narrowed = text(client.get(FIND, {"q": "红星厂", "stage": "BG"}))
    assert re.search(r"共\s*<strong>3</strong>", narrowed)
    assert "业务环节：变更登记" in narrowed
    assert re.search(r"参保登记</span><span class=\"filter-count\">2", narrowed), (
        "the other choice stays visible"
    )


def test_one_walks_all_pages_forwards_and_back_and_meets_every_record_once(found):
    records = found(120, title="红星厂增员")
    client, url, seen, pages = reader("archivist"), f"{FIND}?q=红星厂", [], []
    while url:
        html = text(client.get(url))
        pages.append(re.findall(r"D019-ZY·DJ·2019·D100-\d{6}(?=</a>)", html))
        seen += pages[-1]
        forward = re.search(r'<a class="button small" href="([^"]*)" rel="next"', html)
        back = re.search(r'<a class="button small" href="([^"]*)" rel="prev"', html)
        url = FIND + forward[1].replace("&amp;", "&") if forward else ""
    assert sorted(seen) == sorted(record.reference_code for record in records)
    assert len(pages) == 3
    before = text(client.get(FIND + back[1].replace("&amp;", "&")))
    assert re.findall(r"D019-ZY·DJ·2019·D100-\d{6}(?=</a>)", before) == pages[1]


@pytest.mark.parametrize(
    "query",
    ["after=nonsense", "page=-1", "page=99999999999999999999", "sort=%00", "year=abc", "stage=%F0%9F%98%80",
     "trail=.....", "q=%00", "q=" + "a" * 3000, "s=nonsense", "after=WzEsIHRydWUsIDEsIG51bGxd"],
)  # fmt: skip
def test_an_address_that_makes_no_sense_is_no_error(found, query):
    found()
    assert reader("archivist").get(f"{FIND}?{query}").status_code == 200


def test_symbols_alone_and_nothing_found_are_told_with_what_to_try(found):
    found()
    client = reader("archivist")
    assert "没有可以查找的字词" in text(client.get(FIND, {"q": "？！"}))
    nothing = text(client.get(FIND, {"q": "无此单位", "year": "2019"}))
    assert "没有找到" in nothing and "去掉上面的筛选条件" in nothing and "姓名 后四位" in nothing


def test_htmx_gets_the_results_alone(found):
    found()
    html = text(reader("archivist").get(FIND, headers={"HX-Request": "true"}))
    assert "<html" not in html and 'id="results"' in html


def test_a_corrected_record_shows_its_mark_in_the_list(found):
    (first,) = found(title="红星厂增员")
    found(title="别的更正", relates=((first.business_no, "更正"),))
    assert "被更正" in text(reader("archivist").get(FIND, {"q": "红星厂增员"}))


def test_a_search_is_in_the_ledger_with_its_purpose_and_masked(found):
    found(parties=(a_person(),))
    client = reader("clerk")
    client.post(reverse("search:purpose"), {"purpose": "张三本人窗口核实"})
    client.get(ask(client, NUMBER))
    row = Access.objects.get(action="searched")
    assert row.purpose == "张三本人窗口核实" and row.data["query"] == "4401**********1231"


def test_the_page_costs_the_same_for_three_hits_and_for_fifty(found):
    found(3, title="小厂增员")
    found(50, title="大厂增员")
    client = reader("archivist")
    few, many = (queries(client, f"{FIND}?q={word}") for word in ("小厂", "大厂"))
    assert many == few <= 30
