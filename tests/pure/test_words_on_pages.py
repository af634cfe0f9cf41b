"""The wording of values: archive/templatetags/archive_words.py and archive_charts.py."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest
from django.template import engines
from django.test import RequestFactory

from archive.templatetags import archive_charts
from archive.templatetags import archive_words as words


def rendered(text: str, **context) -> str:
    return (
        engines["django"]
        .from_string("{% load archive_words %}" + text)
        .render(context, context.get("request"))
    )


@pytest.mark.parametrize(
    ("retention", "due_on", "said"),
    [
        ("100", date(2120, 1, 1), "100年（至2119-12-31）"),
        ("10", None, "10年"),
        ("永久", None, "永久"),
        ("会计", None, "会计"),
        ("", None, "待定"),
        ("UNKNOWN", None, "待定"),
    ],
)
def test_a_period_is_said_with_its_last_day(retention, due_on, said):
    assert words.period(retention, due_on) == said


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KB"),
        (83149, "81.2 KB"),
        (1048575, "1.0 MB"),
        (5 << 40, "5.0 TB"),
        (None, ""),
    ],
)
def test_a_size_is_said_in_kb_and_mb(number, said):
    assert words.size(number) == said


def test_a_moment_is_local_time():
    at = datetime(2019, 12, 10, 17, 30, tzinfo=UTC)
    assert words.moment(at) == "2019-12-11 01:30"
    assert words.day(at) == "2019-12-11"
    assert words.day(date(2019, 12, 10)) == "2019-12-10"
    assert words.day(None) == ""


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(5, "刚刚"), (61, "1 分钟"), (3599, "59 分钟"), (3600, "1 小时"), (86400 * 19 + 5, "19 天")],
)
def test_an_age_is_said_in_its_largest_unit(seconds, said):
    now = datetime(2026, 3, 4, tzinfo=UTC)
    assert words.age(now - timedelta(seconds=seconds), now) == said


def test_a_number_is_masked():
    assert words.mask("441900199001011231") == "4419**********1231"
    assert words.masked("身份证441900199001011231。") == "身份证4419**********1231。"
    assert words.mask(None) == ""


@pytest.mark.parametrize(
    ("done", "whole", "said"),
    [(0, 10, 0), (9999, 10000, 99), (10, 10, 100), (11, 10, 100), (3, 0, 0), (3, None, 0)],
)
def test_a_share_is_whole_only_when_all_is_done(done, whole, said):
    assert words.share(done, whole) == said


@dataclass
class State:
    word: str
    tone: str


def test_a_chip_takes_a_triple_an_object_or_a_word():
    for state in (("archived", "已归档", "success"), State("已归档", "success")):
        assert words.chip(state) == {"word": "已归档", "tone": "success", "shape": "check"}
    assert words.chip("已归档", "success")["shape"] == "check"
    assert words.chip(("x", "新状态", "no such tone"))["tone"] == "neutral"


def test_a_chip_escapes_its_word():
    assert "<b>" not in rendered("{% chip state %}", state=("x", "<b>", "danger"))


def test_findings_stand_under_the_four_properties_the_gravest_first():
    findings = [
        {"property": "safety", "verdict": "passed"},
        {"property": "authenticity", "verdict": "passed"},
        {"property": "authenticity", "verdict": "failed"},
    ]
    groups = words.by_property(findings)
    assert [group["word"] for group in groups] == ["真实性", "完整性", "可用性", "安全性"]
    assert [f["verdict"] for f in groups[0]["findings"]] == ["failed", "passed"]
    assert [group["worst"] for group in groups] == ["failed", "not-run", "not-run", "passed"]


def test_a_property_without_a_finding_is_not_shown_as_passed():
    page = rendered(
        '{% part "finding_list" findings=findings %}', findings=[{"property": "safety", "verdict": "passed"}]
    )
    assert page.count("没有检测结果") == 3


def test_a_filter_keeps_the_others_and_goes_back_to_page_one():
    request = RequestFactory().get("/?stage=DJ&year=2019&after=xyz")
    assert rendered("{% with_param 'stage' 'BG' %}", request=request) == "?year=2019&amp;stage=BG"
    assert rendered("{% with_param 'stage' %}", request=request) == "?year=2019"


def test_a_part_sees_only_what_it_is_given():
    request = RequestFactory().get("/")
    page = rendered('{% part "page_head" title="档案" %}', request=request, code="SECRET", sentence="leaked")
    assert "档案" in page and "SECRET" not in page and "leaked" not in page


def test_a_part_has_the_forms_token():
    request = RequestFactory().get("/")
    page = rendered('{% part "dialog" id="d" title="退回" verb="退回" action="/x/" %}', request=request)
    assert "csrfmiddlewaretoken" in page


@pytest.mark.parametrize(
    ("tags", "address"),
    [
        ("undo=/holds/3/undo/", "/holds/3/undo/"),
        ("undo=//elsewhere/x", ""),
        ("undo=http://x", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_undo_leads_only_into_this_site(tags, address):
    assert words.undo_address(tags) == address


def test_a_bar_above_nought_is_never_drawn_as_nothing():
    bars = archive_charts.bar_chart([("2026", 1), ("2027", 100000), ("2028", 0)], "到期")["bars"]
    assert [bar["height"] for bar in bars] == [1, archive_charts.PLOT, 0]


def test_a_chart_without_bars_is_an_empty_chart():
    assert archive_charts.bar_chart([], "到期")["bars"] == []
