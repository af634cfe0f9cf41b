"""Periods that wait for a determination, what the business system says of them, and both classification schemes."""

from datetime import date

import pytest

from archive import determinations
from archive.models import Copy, Department, Record
from config import determining, worker
from config.demonstration import cases
from ingest.models import FindingRow, Submission

pytestmark = pytest.mark.django_db(databases="__all__")

SUMMARY = "item:universal/summary-form"


def a_summary(packages, number: int = 1):
    draft = cases.summary(
        packages.people, handled_on=date(2016, 5, number), number=number, department="登记办"
    )
    return packages.draft(draft)


def drain(fence, actor) -> None:
    while worker.turn(fence, actor=actor):
        pass


@pytest.mark.parametrize("provisional", [True, False])
def test_a_package_without_a_period_waits_with_its_reason_until_one_is_determined(
    packages, take_in, fence, actor, provisional
):
    path = a_summary(packages)
    line = take_in(path)
    assert (line["state"], line["reference_code"], line["record"]) == ("waiting", None, None)
    assert [(row["check"], row["verdict"], row["rule"]) for row in line["findings"] if row["check"].startswith("X-") and row["verdict"] == "manual"] == [
        ("X-retention", "manual", "保管期限待定")
    ]  # fmt: skip
    assert Submission.objects.get().blob, "its bytes are kept"
    count = determining.determine(
        SUMMARY, "10", basis="局务会〔2016〕3号", provisional=provisional, actor=actor
    )
    drain(fence, actor)
    again = take_in(path)
    assert count == 1
    assert (again["state"], again["first_state"]) == ("duplicate", "archived")
    assert again["reference_code"] == "G003-ZY·DJ·2016·D10-000001"
    assert (again["retention"], again["due_on"]) == ("10", "2027-01-01")
    assert not [
        row for row in again["findings"] if row["check"].startswith("X-") and row["verdict"] == "manual"
    ]
    record = Record.objects.get()
    assert (record.provisional, record.retention_key) == (provisional, SUMMARY)
    assert not determinations.settled(SUMMARY, record.formed_on)
    determinations.confirm(SUMMARY, basis="原件", actor=actor)
    assert determinations.settled(SUMMARY, record.formed_on)


def test_a_determination_of_another_item_lets_nothing_go(packages, take_in, fence, actor):
    take_in(a_summary(packages))
    determining.determine("item:universal/household-survey", "10", basis="x", provisional=False, actor=actor)
    drain(fence, actor)
    assert Submission.objects.get().state == "waiting"


@pytest.mark.parametrize(
    ("said", "kept", "warned"),
    [
        ("永久", "永久", True),
        ("100", "100", False),
        (100, "100", False),
        ("100年", "100", False),
        ("50", "100", True),
        (10, "100", True),
        ("会计", "100", True),
        (None, "100", False),
    ],
)
def test_what_the_business_system_says_never_shortens_and_is_never_silently_replaced(
    packages, take_in, said, kept, warned
):
    line = take_in(packages.bag(packages.submission(retention=said)))
    assert (line["state"], line["retention"]) == ("archived", kept)
    assert line["due_on"] == (None if kept == "永久" else "2120-01-01")
    found = FindingRow.objects.filter(check_id="X-retention", verdict="warning")
    assert found.exists() is warned and not found.filter(rule="").exists()


@pytest.mark.parametrize(
    ("fonds", "chosen", "code", "insurance", "listed"),
    [
        ("D019", ["工伤"], "D019-ZY·DJ·2019·D100-000001", "工伤", {"工伤"}),
        ("L010", ["工伤"], "L010-ZY·GS·DJ·2019·D100-000001", "工伤", {"工伤"}),
        ("L010", ["工伤保险", "失业保险"], "L010-ZY·ZO·DJ·2019·D100-000001", "综合", {"工伤", "失业"}),
        ("L010", ["住院补充医疗", "子女基本医疗"], "L010-ZY·YB·DJ·2019·D100-000001", "医疗", {"医疗"}),
    ],
)
def test_one_insurance_files_under_itself_and_several_under_the_combined_one(
    packages, take_in, fonds, chosen, code, insurance, listed
):
    submission = packages.submission(fonds=fonds, insurances=sorted(listed), fields={"应参保险种": chosen})
    line = take_in(packages.bag(submission))
    assert (line["reference_code"], line["insurance"], set(line["insurances"])) == (code, insurance, listed)


def test_an_inspection_of_2012_is_filed_for_ten_years_without_a_lock_and_falls_due(packages, take_in):
    draft = cases.inspection(packages.people, handled_on=date(2012, 4, 5), number=1, department="登记管理科")
    line = take_in(packages.draft(draft))
    assert line["reference_code"] == "L010-ZY·ZO·ZK·2012·D10-000001"
    assert (line["retention"], line["formed_on"], line["due_on"]) == ("10", "2012-04-05", "2023-01-01")
    assert set(Copy.objects.values_list("lock_until", flat=True)) == {None}


@pytest.mark.parametrize("department", [None, "", "absent"])
def test_a_case_formed_outside_any_department_has_none(packages, take_in, department):
    submission = packages.submission(department=department)
    if department == "absent":
        del submission["department"]
    assert take_in(packages.bag(submission))["state"] == "archived"
    assert Record.objects.get().department is None and not Department.objects.exists()


def test_the_sums_of_a_quarterly_return_are_held_line_by_line(packages, take_in):
    def quarterly(number: int, change):
        draft = cases.quarterly(packages.people, year=2016, quarter=2, number=number, department="统计科")
        change(draft.submission["lines"])
        return take_in(packages.draft(draft))

    def failed(line) -> list:
        return [row["field"] for row in line["findings"] if row["verdict"] == "failed"]

    def row_sum(lines):
        lines[2]["5"] = str(int(lines[2]["5"]) + 1)
        lines[2]["4"] = str(int(lines[2]["4"]) + 1)

    def identity(lines):
        for row in (lines[0], lines[2]):
            row["1"] = row["2"] = str(int(row["1"]) + 1)

    assert quarterly(1, lambda lines: None)["state"] == "archived"
    assert failed(quarterly(2, row_sum)) == [
        "非本地户籍参保人数（第1行）",
        "省内异地参保确认入库人数（第1行）",
    ]
    assert failed(quarterly(3, identity)) == ["户籍人口数（第1行）", "户籍人口数（第3行）"]
