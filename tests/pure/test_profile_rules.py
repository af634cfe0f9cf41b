"""The named rules, one by one, on a pack made for them; and the wrong values that must not upset any of them."""

import itertools
from functools import cache
from pathlib import Path

import pytest

from archive import profiles
from tests.pure.metadata_cases import clean, examine
from tests.pure.test_profiles import put

FIELDS = """
source = "town"
system = "某镇"
version = "1"
valid_from = 2020-01-01
[groups]
form = [
  { label = "甲", type = "number" }, { label = "乙", type = "number" }, { label = "丙", type = "number" },
  { label = "开始", type = "date" }, { label = "结束", type = "date", special = ["99999999"] }, { label = "月", type = "month" },
  { label = "险种", type = "multichoice", dictionary = "险种" }, { label = "一" }, { label = "二" },
  { label = "证件号码", type = "idno" }, { label = "季度" }, { label = "名", role = "row_name" },
]
[[item]]
code = "one"
title = "登记"
subject = "batch"
schedule_classes = ["1-2"]
groups = ["form"]
line_groups = ["form"]
materials = [{ code = "form", name = "登记表", main = true }]
[[rule]]
id = "r"
severity = "failed"
"""


@cache
def _item(folder: Path, rule: str, sentence: str):
    return (
        profiles.load(put(folder, f'{FIELDS}{rule}\nsentence = "{sentence}"\n')).packs("town")[0].item("one")
    )


@pytest.fixture
def breaches(tmp_path):
    """(rule as TOML, submission changes) → the messages of the rule."""
    numbers = itertools.count()

    def judge(rule: str, sentence: str = "破", handled_on: str = "2020-05-20", **change):
        item = _item(tmp_path / str(next(numbers)), rule, sentence)
        submission = {**clean(handled_on=handled_on), "fields": {}, "lines": [], **change}
        case = profiles.normalise(item, submission)
        return [(row.severity, row.field, row.message) for row in profiles.judge(case) if row.rule == "r"]

    return judge


@pytest.mark.parametrize(
    ("start", "broken"),
    [("20200401", 0), ("20200331", 1), ("20200531", 0), ("", 0), ("20200230", 0), ("昨天", 0)],
)
def test_not_before_month_offset(breaches, start, broken):
    rule = 'rule = "not_before_month_offset"\nfield = "开始"\nmonths = -1'
    assert len(breaches(rule, fields={"开始": start})) == broken


def test_the_month_before_january_is_december(breaches):
    rule = 'rule = "not_before_month_offset"\nfield = "开始"\nmonths = -1'
    assert breaches(rule, handled_on="2020-01-15", fields={"开始": "20191201"}) == []
    assert breaches(rule, "{earliest}", "2020-01-15", fields={"开始": "20191130"})[0][2] == "2019-12-01"


@pytest.mark.parametrize(
    ("month", "severity"),
    [
        ("202004", None),
        ("2020-04", None),
        ("202003", "failed"),
        ("202005", "warning"),
        ("本月", "warning"),
        ("x", None),
    ],
)
def test_month_equals(breaches, month, severity):
    rule = 'rule = "month_equals"\nfield = "月"\nof = "开始"\nlater = "warning"'
    found = breaches(rule, fields={"月": month, "开始": "2020-04-15"})
    assert [row[0] for row in found] == ([severity] if severity else [])


def test_date_order_on_the_form_and_in_its_lines(breaches):
    rule = 'rule = "date_order"\nfirst = "开始"\nthen = "结束"'
    assert len(breaches(rule, fields={"开始": "20200102", "结束": "20200101"})) == 1
    for end in ("20200102", "99999999", "", None, "soon", 20200103):
        assert breaches(rule, fields={"开始": "20200102", "结束": end}) == []
    lines = [{"开始": "20200102", "结束": "20200103"}, {"开始": "20200102", "结束": "2020年1月1日"}]
    found = breaches(rule + "\nlines = true", "{line}", lines=lines)
    assert found == [("failed", "结束（第2行）", "第2行")]


def test_not_after_handled(breaches):
    rule = 'rule = "not_after_handled"\nfield = "开始"'
    assert breaches(rule, fields={"开始": "20200520"}) == []
    assert len(breaches(rule, fields={"开始": "20200521"})) == 1


def test_sum_equals_only_where_the_condition_holds(breaches):
    rule = 'rule = "sum_equals"\ntotal = "甲"\nplus = ["乙"]\nminus = ["丙"]'
    assert breaches(rule, fields={"甲": "1,003", "乙": "1005", "丙": 2}) == []
    assert breaches(rule, "{expected}/{found}", fields={"甲": 5, "乙": 5.5, "丙": ""})[0][2] == "5.5/5"
    assert breaches(rule, fields={"甲": 5}) == [] and breaches(rule, fields={"甲": 5, "乙": "多"}) == []
    rule += '\nwhen_equal = ["甲", "丙"]'
    assert breaches(rule, fields={"甲": 5, "乙": 5, "丙": 4}) == []
    assert len(breaches(rule, fields={"甲": 5, "乙": 5, "丙": "5.0"})) == 1


def test_row_sum(breaches):
    rule = 'rule = "row_sum"\nlines = true\nrow = "名"\ntotal = ["总"]\ncolumns = ["甲", "乙"]'
    good = [{"名": "总", "甲": 3, "乙": ""}, {"名": "a", "甲": "1"}, {"名": "b", "甲": 2}]
    assert breaches(rule, lines=good) == []
    assert breaches(rule, "{column}{expected}", lines=[*good, {"名": "c", "甲": 1}])[0][2] == "甲4"
    assert breaches(rule, lines=good[1:]) == [] and breaches(rule, lines=good[:1]) == []
    elsewhere = [{"另一键": "总", "甲": 4}, *good[1:]]
    assert len(breaches(rule, lines=elsewhere)) == 1


def test_at_least_one_and_all_or_none(breaches):
    assert len(breaches('rule = "at_least_one"\nfields = ["一", "二"]')) == 1
    assert breaches('rule = "at_least_one"\nfields = ["一", "二"]', fields={"二": "x"}) == []
    assert breaches('rule = "all_or_none"\nfields = ["一", "二"]') == []
    assert [
        row[1] for row in breaches('rule = "all_or_none"\nfields = ["一", "二"]', fields={"一": "x"})
    ] == ["二"]


def test_contains_implies(breaches):
    rule = 'rule = "contains_implies"\nfield = "险种"\nvalue = "医疗"\nneeds = ["生育", "工伤"]'
    assert breaches(rule, "{missing}", fields={"险种": ["基本医疗保险", "工伤"]})[0][2] == "生育"
    assert (
        breaches(rule, fields={"险种": "医疗、生育、工伤"}) == []
        and breaches(rule, fields={"险种": ["失业"]}) == []
    )


def test_differs_upper_case_and_the_others(breaches):
    assert len(breaches('rule = "differs"\nfields = ["一", "二"]', fields={"一": "李 四", "二": "李四"})) == 1
    assert breaches('rule = "differs"\nfields = ["一", "二"]', fields={"一": "", "二": ""}) == []
    upper = 'rule = "upper_case"\nfields = ["证件号码"]\npersons = true'
    assert breaches(upper, fields={"证件号码": "11010519491231002Ｘ"}) == []
    found = breaches(upper, "{value}", fields={"证件号码": "11010519491231002ｘ"})
    assert found[0][2] == "1101**********002ｘ"
    small = [{"name": "甲", "id_no": "11010519491231002x"}]
    assert [row[1] for row in breaches(upper, persons=small)] == ["persons.id_no"]
    assert len(breaches('rule = "max_persons"\ncount = 1', persons=[{"name": "甲"}, {"name": "乙"}])) == 1
    assert len(breaches('rule = "unit_name_unlike"\npattern = "大学$"', unit={"name": "某某大学"})) == 1
    assert (
        len(breaches('rule = "never_when"\nwhen = [{ field = "一", equals = "坏" }]', fields={"一": "坏"}))
        == 1
    )
    twice = [{"一": "x"}, {"一": ""}, {"一": "x"}, {"一": ""}]
    assert (
        breaches('rule = "unique_in_lines"\nlines = true\nfield = "一"', "{line}{other}", lines=twice)[0][2]
        == "第3行1"
    )


def test_a_main_paper_that_says_it_is_unsigned(breaches):
    def paper(**more):
        return [{"code": "form", "files": [{"path": "data/a.pdf", "bytes": 1, "sha256": "0" * 64, **more}]}]

    rule = 'rule = "signed"\nmaterial = "form"'
    assert len(breaches(rule, materials=paper(signed=False))) == 1
    assert breaches(rule, materials=paper()) == [] and breaches(rule, materials=[]) == []


@pytest.mark.parametrize(
    ("handled_on", "quarter", "reported", "late"),
    [
        ("2015-04-25", "2015年第一季度", "", False), ("2015-04-26", "2015年1季度", "", True),
        ("2015-04-26", "2015Q2", "", False), ("2016-01-25", "2015年四季度", "", False),
        ("2016-01-26", "2015-12", "", True), ("2015-07-20", "", "2015-07-26", True), ("2015-07-26", "", "", True),
        ("2015-07-25", "", "", False), ("2016-01-10", "", "", False), ("2015-03-31", "", "", True),
        ("2015-04-20", "去年", "不知道", False),
    ],
)  # fmt: skip
def test_due_by(breaches, handled_on, quarter, reported, late):
    rule = 'rule = "due_by"\ndates = ["01-25", "04-25", "07-25", "10-25"]\nperiod = "季度"\non = "开始"'
    assert bool(breaches(rule, "{due}", handled_on, fields={"季度": quarter, "开始": reported})) is late


STRANGE = [None, True, 0, -1, 1.5, 1e300, float("1e-300"), 10**40, "", " ", "x", "９９", "²", "𠮷", "-", "1e5", [], [[]],
           [None], [1, "工伤", True], {}, {"a": [1]}, "99999999", "00000000", "20191315", "本月", "a" * 5000]  # fmt: skip


@pytest.mark.parametrize("name", ["dongguan/2019-12/samples/online-clean", "universal/2015-03/samples/registration-clean",
                                  "universal/2015-03/samples/statistics-clean", "universal/2015-03/samples/summary-clean",
                                  "dalian/2015-01/samples/person-file-clean", "dalian/2015-01/samples/inspection-clean"])  # fmt: skip
def test_no_value_of_any_type_in_any_field_breaks_the_checks(name):
    original = clean(name)
    item = profiles.registry().packs(original["source"])[-1].item(original["item"])
    for field in item.fields:
        for value in STRANGE:
            changed = clean(name)
            changed["fields"][field.label] = value
            for row in examine(changed):
                assert row.message and (row.value is None or len(row.value) <= 120)
    for field in item.line_fields:
        for value in STRANGE:
            changed = clean(name)
            changed["lines"] = [{field.label: value}, {field.code or field.label: value}, {}]
            examine(changed)
