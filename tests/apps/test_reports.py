"""四性检测报告 of a package and of a batch: every item in its order, honest verdicts, three forms, and the ledger; what newer
rules change."""

import gzip
import json
from io import BytesIO

import pikepdf
import pypdfium2
import pytest

from archive import contents
from archive.inspection.items import ITEMS
from archive.models import Access, DigitalObject
from ingest import outdated, pipeline, reports, settling, staging
from ingest.models import Submission
from tests import filed
from tests.arrived import a_submission
from tests.handing import WRONG, archivist, at
from tests.pages import queries, reader, text

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.usefixtures("stores", "site")]


# --- the tables ----------------------------------------------------------------------------------------------


def finding(check, verdict, message="x", property="authenticity"):
    return {"check": check, "property": property, "verdict": verdict, "message": message}


def item_of(tables, check):
    return next(row for row in tables["items"] if row["check"] == check)


def test_every_item_stands_in_the_order_of_the_standard_also_where_nothing_was_found():
    tables = reports.tables([])
    assert [row["number"] for row in tables["items"]] == [item.number for item in ITEMS]
    assert {row["verdict"] for row in tables["items"]} == {"not-run", "not-applicable"}, "silence is no pass"
    unnamed = item_of(tables, "GD-1-9")
    assert unnamed["name"] == "名称未核" and unnamed["answer"] == "不适用" and unnamed["message"]


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (("passed",), "passed"),
        (("passed", "not-run"), "not-run"),
        (("warning", "not-run"), "warning"),
        (("manual", "warning"), "manual"),
        (("passed", "manual", "failed"), "failed"),
    ],
)
def test_an_item_is_as_grave_as_the_gravest_of_its_findings(verdicts, expected):
    tables = reports.tables([finding("GD-1-1", verdict) for verdict in verdicts])
    assert item_of(tables, "GD-1-1")["verdict"] == expected
    assert tables["counts"]["authenticity"][expected] == 1 if expected != "not-run" else True


def test_an_item_tells_three_findings_and_how_many_there_are():
    said = item_of(reports.tables([finding("GD-1-1", "failed", f"第{n}处。") for n in range(9)]), "GD-1-1")[
        "message"
    ]
    assert said.split("\n") == ["第0处。", "第1处。", "第2处。", "……等 9 条"]


def test_our_own_checks_stand_apart_with_their_names_by_property():
    own = reports.tables(
        [
            finding("X-ACTIVE", "warning", property="safety"),
            finding("X-fonds", "failed", property="integrity"),
        ]
    )["own"]
    assert [(row["check"], row["name"]) for row in own] == [
        ("X-fonds", "全宗与来源系统"),
        ("X-ACTIVE", "动态内容"),
    ]


# --- one package ---------------------------------------------------------------------------------------------


def test_the_report_that_is_filed_with_a_record_stands_alone(hand_in):
    row = hand_in()
    assert row.state == "archived"
    item = DigitalObject.objects.get(record=row.record, role="report")
    with contents.open_object(item) as stream:
        report = json.loads(gzip.decompress(stream.read()))
    assert report["format"] == "examination-report/2" and report["engine"] and report["stage"] == "归档"
    assert [one["number"] for one in report["items"]] == [one.number for one in ITEMS]
    assert set(report["counts"]) == {"authenticity", "integrity", "usability", "safety"}
    assert item_of(report, "GD-3-4")["verdict"] == "passed"


def test_a_report_is_read_on_the_screen_as_pdf_and_as_json_and_each_reading_is_in_the_ledger(hand_in):
    row = hand_in(**WRONG)
    client = archivist("inspector")
    html = text(client.get(at("report", row)))
    assert html.index("1-1</td>") < html.index("4-7</td>") and "名称未核" in html and "不适用" in html
    told = json.loads(client.get(at("report_json", row)).content)
    assert item_of(told, "GD-1-3")["verdict"] == "failed"
    response = client.get(at("report_pdf", row))
    assert response["Content-Type"] == "application/octet-stream"
    with pikepdf.open(BytesIO(b"".join(response.streaming_content))) as document:
        assert len(document.pages) >= 2
        assert document.docinfo.get("/Title") == "电子档案四性检测报告"
    assert Access.objects.filter(action="report.viewed", data={"package": str(row)}).count() == 3


def test_a_report_of_the_first_format_is_still_read():
    row = a_submission("returned", examinations=1)
    old = {
        "format": "examination-report/1",
        "engine": "2",
        "findings": [finding("GD-1-3", "failed", "日期不对。")],
    }
    row.report = staging.save_report(row.pk, 1, old)
    row.save(update_fields=["report"])
    html = text(reader("archivist").get(at("report", row)))
    assert "日期不对。" in html and "第 2 版" in html and "载体外观" in html
    assert reader("archivist").get(at("report_pdf", row)).status_code == 200


def test_a_long_name_of_a_file_stays_on_the_printed_page():
    row = a_submission("returned", examinations=1)
    said = finding("GD-3-4", "failed", f"data/{'LONGNAME' * 20}.pdf：文件打不开。")
    row.report = staging.save_report(
        row.pk, 1, {"format": "examination-report/1", "engine": "2", "findings": [said]}
    )
    row.save(update_fields=["report"])
    response = reader("archivist").get(at("report_pdf", row))
    with pypdfium2.PdfDocument(b"".join(response.streaming_content)) as document:
        for page in document:
            words = page.get_textpage()
            rights = [words.get_rect(number)[2] for number in range(words.count_rects())]
            assert max(rights) < page.get_width() - 50, "points: within the margin of 22 mm"


def test_a_report_names_no_record_that_its_reader_may_not_see():
    row = a_submission("returned", examinations=1)
    secret = filed.a_record(title="密件", security=2)
    said = f"与 {secret.reference_code} 的内容相同。"
    report = {"findings": [finding("GD-1-8", "warning", said)]}
    row.report = staging.save_report(row.pk, 1, report | reports.tables(report["findings"]))
    row.save(update_fields=["report"])
    for what in ("report", "report_json"):
        body = reader("archivist").get(at(what, row)).content.decode()
        assert secret.reference_code not in body and "另一件档案" in body, what


def test_a_report_that_is_gone_or_was_never_made_is_said():
    never = a_submission("received")
    lost = a_submission("returned", examinations=2, report="reports/lost/0002.json.gz")
    client = reader("archivist")
    assert client.get(at("report", never)).status_code == 404
    assert client.get(at("report", lost)).status_code == 503
    assert client.get(at("report", lost) + "?number=7").status_code == 404
    assert client.get(at("report", lost) + "?number=x").status_code == 503


# --- a batch -------------------------------------------------------------------------------------------------


def test_a_batch_report_sums_up_its_packages_and_says_which_failed_what(hand_in):
    good = hand_in(batch_no="2026-07")
    bad = hand_in(batch_no="2026-07", business_no="B2", **WRONG)
    hand_in(batch_no="2026-08", business_no="C3")
    never = a_submission("received", batch_no="2026-07", fonds=good.fonds)
    client = archivist()
    told = json.loads(client.get(at("batch_json", good)).content)
    assert [row["id"] for row in told["packages"]] == [str(good.pk), str(bad.pk), str(never.pk)]
    assert told["unexamined"] == 1 and told["states"] == {"已归档": 1, "退回": 1, "待检测": 1}
    item = item_of(told, "GD-1-3")
    assert item["packages"] == {"passed": 1, "failed": 1}
    assert "GD-1-3" in told["packages"][1]["failed"] and told["packages"][0]["failures"] == 0
    html = text(client.get(at("batch", bad)))
    assert good.business_no in html and "不通过 1" in html and never.business_no in html
    assert client.get(at("batch_pdf", good)).status_code == 200
    assert (
        Access.objects.filter(action="report.viewed", data__package__startswith="批次 2026-07").count() == 3
    )


def test_a_batch_report_holds_only_what_its_reader_may_see():
    mine = a_submission("returned", batch_no="B", department_name="待遇科")
    a_submission("returned", batch_no="B", department_name="参保登记科")
    clerk = reader("clerk", departments=[filed.a_department("待遇科").pk])
    told = json.loads(clerk.get(at("batch_json", mine)).content)
    assert [row["id"] for row in told["packages"]] == [str(mine.pk)]


def test_a_package_of_no_batch_has_no_batch_report():
    assert reader("archivist").get(at("batch", a_submission("returned"))).status_code == 404


def test_a_batch_of_forty_costs_the_questions_of_a_batch_of_one():
    first = a_submission("returned", batch_no="B")
    client = reader("archivist")
    few = queries(client, at("batch", first))
    for _ in range(40):
        a_submission("returned", batch_no="B")
    assert queries(client, at("batch", first)) == few


# --- older rules ---------------------------------------------------------------------------------------------


def test_an_examination_says_by_which_rules_and_a_newer_engine_shows(hand_in, monkeypatch):
    row = hand_in(**WRONG)
    assert row.rules == outdated.rules_of("dongguan") and not outdated.is_outdated(row)
    assert not outdated.outdated(Submission.objects.all()).exists()
    monkeypatch.setattr(outdated, "ENGINE", "999")
    assert outdated.is_outdated(row) and list(outdated.outdated(Submission.objects.all())) == [row]
    assert "检测规则已更新" in text(archivist().get(at("submission", row)))


@pytest.mark.parametrize("source", ["dongguan", "nobody-knows", ""])
def test_the_row_and_the_list_agree_on_what_is_outdated(source):
    for rules in ("", "2/old", outdated.rules_of(source)):
        row = a_submission("returned", source=source, rules=rules)
        assert outdated.outdated(Submission.objects.filter(pk=row.pk)).exists() == outdated.is_outdated(
            row
        ), rules
    assert not outdated.is_outdated(a_submission("archived", rules="2/old"))


def test_what_is_filed_or_refused_is_never_examined_again_for_newer_rules(actor):
    a_submission("archived", rules="")
    a_submission("refused", rules="")
    assert settling.examine_outdated(Submission.objects.all(), actor=actor) == 0


def test_an_old_report_stays_readable_with_its_date_and_verdict(hand_in, fence, actor):
    row = hand_in(**WRONG)
    before = staging.read_report(row.report)
    settling.examine_again(row.pk, actor=actor)
    pipeline.process(row.pk, fence, actor=actor)
    row.refresh_from_db()
    assert row.examinations == 2
    html = text(archivist().get(at("submission", row)))
    assert "第 1 次" in html and "第 2 次" in html and "检测引擎" in html
    html = text(archivist().get(at("report", row) + "?number=1"))
    assert "以前的一次检测" in html and "第 1 次检测" in html
    assert staging.read_report(reports.name_of(row, 1)) == before
