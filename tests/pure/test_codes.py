"""GB 11643, GB 32100, GB 11714 and GB/T 2260. Expected values are published examples or counted by hand."""

import csv
from datetime import date

import pytest

from archive.inspection import codes


def test_published_identity_numbers_are_well_made():
    # The two examples printed in GB 11643-1999.
    assert codes.identity_fault("11010519491231002X") is None
    assert codes.identity_fault("440524188001010014") is None


@pytest.mark.parametrize(
    ("number", "says"),
    [
        ("110105194912310021", "末位应为“X”"),
        ("11010519491231002x", "18位"),
        ("1101051949123100", "现为16位"),
        ("11010519491231００2X", "18位"),
        ("990105194912310020", "省级行政区"),
        ("110105194902310021", "不是一个日期"),
        ("110105000012310021", "不是一个日期"),
        ("110105184912310021", "不合理"),
        ("", "现为0位"),
    ],
)
def test_a_wrong_identity_number_is_named_for_what_is_wrong(number, says):
    assert says in codes.identity_fault(number)


def test_nobody_is_born_after_the_day_that_counts():
    number = "52030220150611001"
    number += codes.identity_check_character(number)
    assert codes.identity_fault(number, on=date(2015, 6, 11)) is None
    assert "不合理" in codes.identity_fault(number, on=date(2015, 6, 10))


def test_a_single_wrong_digit_never_passes():
    good = "441900199001011231"
    for place in range(17):
        for digit in "0123456789":
            if digit != good[place]:
                assert codes.identity_fault(good[:place] + digit + good[place + 1 :]) is not None


def test_birth_date_and_sex_are_read_from_both_lengths():
    assert codes.birth_date("11010519491231002X") == date(1949, 12, 31)
    assert codes.birth_date("110105491231002") == date(1949, 12, 31)
    assert (codes.sex("11010519491231002X"), codes.sex("440524188001010014")) == ("女", "男")
    assert codes.sex("110105491231003") == "男"
    assert codes.birth_date("护照") is None and codes.sex("护照") is None


def test_published_credit_and_organisation_codes_are_well_made():
    # The example of the standard, and two that stand on the seals of listed companies.
    for code in ("91350100M000100Y43", "91110000802100433B", "914403001922038216"):
        assert codes.credit_fault(code) is None, code
    assert codes.organisation_fault("D2143569X") is None  # the example of GB 11714
    assert codes.organisation_fault("802100433") is None


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("91350100M000100Y44", "末位应为“3”"),
        ("91350100M000100Y4", "现为17位"),
        ("91350100M000100O43", "不得含有“O”"),
        ("91990100M000100Y43", "省级行政区"),
        ("91A50100M000100Y43", "第3至8位"),
        ("91350100M000100Y33", "第9至17位"),
    ],
)
def test_a_wrong_credit_code_is_named_for_what_is_wrong(code, says):
    assert says in codes.credit_fault(code)


def test_a_wrong_organisation_code_inside_is_found_although_the_last_place_fits():
    first = "91350100M000100Y3"
    assert "GB 11714" in codes.credit_fault(first + codes.credit_check_character(first))


def test_state_organs_register_under_100000():
    first = "12100000" + "000000000"[:8]
    first += codes.organisation_check_character(first[8:16])
    assert codes.credit_fault(first + codes.credit_check_character(first)) is None


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("441900", None), ("210213", None), ("520302", None), ("520115", None), ("210281", None), ("440000", None),
        ("529999", "warning"), ("440199", "warning"), ("990000", "failed"), ("00", "failed"), ("44190", "failed"),
        ("４４１９００", "failed"), ("广东省", "failed"),
    ],
)  # fmt: skip
def test_an_unknown_province_fails_and_an_unknown_county_is_a_warning(code, verdict):
    fault = codes.division_fault(code)
    assert (fault and fault[0]) == verdict


def test_a_division_is_found_by_its_name():
    for name in ("东莞市", "广东省东莞市", " 广东省 东莞市"):
        assert codes.division_by_name(name) == "441900"
    assert codes.division_by_name("贵州省遵义市红花岗区") == "520302"
    assert codes.division_by_name("东莞") is None


def test_every_division_has_its_province_and_its_prefecture():
    # 4202… a county directly under a province has a …90… prefecture; both are rows of their own.
    table = codes.divisions()
    assert len([code for code in table if code.endswith("0000")]) == 34
    for code in table:
        assert code[:2] + "0000" in table and code[:4] + "00" in table, code
    for file in ("divisions.csv", "divisions_added.csv"):
        with (codes.DATA / file).open(encoding="utf-8", newline="") as handle:
            rows = [row["code"] for row in csv.DictReader(handle)]
        assert len(rows) == len(set(rows))


def test_a_site_may_add_the_codes_that_the_ministry_added(tmp_path, monkeypatch):
    for name in ("divisions.csv", "divisions_added.csv"):
        (tmp_path / name).write_bytes((codes.DATA / name).read_bytes())
    with (tmp_path / "divisions_added.csv").open("a", encoding="utf-8") as file:
        file.write("529901,贵安新区,人社厅函〔2011〕581号\n")
    assert codes.division_fault("529901")[0] == "warning"
    monkeypatch.setattr(codes, "DATA", tmp_path)
    codes.divisions.cache_clear()
    try:
        assert codes.division_fault("529901") is None
    finally:
        codes.divisions.cache_clear()
