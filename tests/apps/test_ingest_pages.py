"""Pages of receiving and examining: rights, scope, what they show and never show, and the forms that settle."""

import pytest
from django.urls import reverse

from archive.models import Access, Event
from archive.permissions import ROLES
from ingest import staging
from ingest.models import Submission
from tests import filed
from tests.arrived import CONFIRM, FAILED, JUDGE, PERIOD, a_submission
from tests.pages import NUMBER, queries, reader, text

pytestmark = pytest.mark.django_db(databases="__all__")

OPEN_TO = {
    "ingest:list": {"archivist", "window", "manager", "clerk", "inspector"},
    "ingest:upload": {"archivist", "window", "manager", "clerk"},
    "ingest:progress": {"archivist", "window", "manager", "clerk"},
    "ingest:handover": {"archivist", "manager"},
    "ingest:batches": {"archivist", "manager"},
    "ingest:samples": {"archivist", "manager"},
}


@pytest.mark.parametrize("name", OPEN_TO)
def test_a_page_is_open_to_its_roles_and_refused_to_the_others_with_the_reason(name):
    for role in ROLES:
        response = reader(role).get(reverse(name))
        expected = 200 if role in OPEN_TO[name] else 403
        assert response.status_code == expected, (name, role)
        if expected == 403:
            assert "需要" in text(response) and "安全保密员" in text(response)


def page(row, what: str = "submission") -> str:
    return reverse(f"ingest:{what}", args=[row.pk])


# --- the work list ----------------------------------------------------------------------------------------------


def test_the_list_opens_where_something_is_to_be_done_and_counts_the_tabs():
    a_submission("archived")
    returned = a_submission("returned", reason="缺少材料。")
    html = text(reader("archivist").get(reverse("ingest:list")))
    assert returned.business_no in html and "缺少材料。" in html
    waiting = a_submission("waiting", reason="保管期限待定")
    html = text(reader("archivist").get(reverse("ingest:list")))
    assert waiting.business_no in html and returned.business_no not in html
    assert "退回<span" in html and '<span class="count">1</span>' in html


def test_the_list_shows_only_what_its_reader_may_see():
    mine, theirs = a_submission(department_name="待遇科"), a_submission(department_name="参保登记科")
    clerk = reader("clerk", departments=[filed.a_department("待遇科").pk])
    html = text(clerk.get(reverse("ingest:list")))
    assert mine.business_no in html and theirs.business_no not in html
    assert clerk.get(page(theirs)).status_code == 404
    assert clerk.get(page(mine)).status_code == 200


def test_a_filter_narrows_and_can_be_taken_back():
    here, there = a_submission(source="dongguan"), a_submission(source="dalian", item="annual-inspection")
    filed_source(here.source), filed_source(there.source)
    html = text(reader("archivist").get(reverse("ingest:list"), {"tab": "waiting", "source": "dalian"}))
    assert there.business_no in html and here.business_no not in html and 'class="tag"' in html


def filed_source(code: str) -> None:
    from archive.models import SourceSystem

    SourceSystem.objects.get_or_create(code=code, defaults={"name": code})


@pytest.mark.parametrize(
    "query",
    [
        "?tab=nonsense",
        "?since=2019-99-99",
        "?source=nobody",
        "?after=WyJhIiwiYiJd",
        "?before=%00",
        "?fonds=Z&until=x",
    ],
)
def test_an_address_that_makes_no_sense_is_no_fault(query):
    a_submission()
    assert reader("archivist").get(reverse("ingest:list") + query).status_code == 200


def test_the_pager_walks_through_everything_once():
    rows = {a_submission().business_no for _ in range(120)}
    client, url, found = reader("archivist"), reverse("ingest:list") + "?tab=waiting", []
    while url:
        response = client.get(url)
        found += [row["name"] for row in response.context["rows"]]
        after = response.context["pager"]["next_url"]
        url = reverse("ingest:list") + after if after else ""
    assert len(found) == 120 and set(found) == rows


def test_the_list_costs_the_same_for_one_and_for_forty():
    client = reader("archivist")
    a_submission(findings=(FAILED,))
    few = queries(client, reverse("ingest:list"))
    for _ in range(40):
        a_submission(findings=(FAILED,))
    assert queries(client, reverse("ingest:list")) == few <= 30


def test_no_page_shows_an_identity_number():
    row = a_submission(
        "returned", business_no=NUMBER, arrived_as="4401**********1231.zip", reason="证件号码 4401**********1231 不符",
        findings=(("GD-1-4", "failed", "证件号码 4401**********1231 不符"),),
    )  # fmt: skip
    client = reader("archivist")
    for url in (reverse("ingest:list"), page(row), reverse("ingest:list") + "?tab=all"):
        assert NUMBER not in text(client.get(url)), url
    client.post(page(row, "confirm"), {"reason": "x"})
    assert NUMBER not in text(client.post(page(row, "confirm"), {"reason": "x"}))


# --- one package ------------------------------------------------------------------------------------------------


def test_a_returned_package_says_what_is_wrong_and_how_to_send_it_again():
    row = a_submission("returned", revision=2, reason="缺少材料。", findings=(FAILED,))
    html = text(reader("clerk").get(page(row)))
    assert "缺少材料“参保人身份证明材料”。" in html and "revision）改为 3" in html
    assert "重新检测</button>" not in html, "a clerk cannot order an examination"
    assert "重新检测</button>" in text(reader("archivist").get(page(row)))


def test_a_package_that_waits_for_a_period_leads_to_the_periods():
    row = a_submission("waiting", findings=(PERIOD,))
    html = text(reader("archivist").get(page(row)))
    assert reverse("periods:list") in html and "确认归档" not in html.partition("<main")[2]
    assert reverse("periods:list") not in text(reader("clerk").get(page(row)))


def test_confirming_sends_a_package_on_and_a_second_click_does_no_harm():
    row = a_submission("waiting", findings=(JUDGE,))
    archivist = reader("archivist")
    response = archivist.post(page(row, "confirm"), {"reason": "照片与证件一致"}, follow=True)
    assert response.status_code == 200 and "已确认" in text(response)
    row.refresh_from_db()
    assert row.state == "received" and row.confirmed_by_id == archivist.user.pk
    again = archivist.post(page(row, "confirm"), {"reason": "照片与证件一致"})
    assert again.status_code == 409 and "不能确认归档" in text(again)
    assert Event.objects.filter(action="submission.confirmed").count() == 1


@pytest.mark.parametrize("what", ["examine", "confirm", "retry"])
def test_what_only_an_archivist_settles_is_refused_to_a_clerk(what):
    row = a_submission("waiting", findings=(CONFIRM,))
    response = reader("clerk").post(page(row, what), {"reason": "x"})
    assert response.status_code == 403 and "档案员" in text(response)
    row.refresh_from_db()
    assert row.state == "waiting"


def test_settling_is_never_a_get():
    row = a_submission("waiting")
    for what in ("examine", "confirm", "retry"):
        assert reader("archivist").get(page(row, what)).status_code == 405


def test_after_an_action_one_is_where_one_came_from_but_never_elsewhere():
    back = reverse("ingest:list") + "?tab=returned"
    response = reader("archivist").post(page(a_submission("returned"), "examine"), {"next": back})
    assert response.headers["Location"] == back
    row = a_submission("returned")
    response = reader("archivist").post(page(row, "examine"), {"next": "https://elsewhere.example/"})
    assert response.headers["Location"] == page(row)


def test_the_whole_report_is_evidence_and_its_reading_stands_in_the_ledger():
    row = a_submission("returned", findings=(FAILED,))
    passed = {
        "check": "GD-3-1",
        "property": "usability",
        "verdict": "passed",
        "message": "可完整打开：符合要求。",
    }
    file = {"path": "data/a.pdf", "bytes": 5, "sha256": "a" * 64, "sm3": "b" * 64, "puid": "fmt/276", "format": "PDF", "pages": 1}  # fmt: skip
    row.report = staging.save_report(row.pk, 1, {"findings": [passed], "files": [file]})
    row.save(update_fields=["report"])
    client = reader("inspector")
    assert "可完整打开" not in text(client.get(page(row)))
    html = text(client.get(page(row, "report")))
    assert "可完整打开" in html and "data/a.pdf" in html
    (access,) = Access.objects.filter(action="report.viewed")
    assert access.actor == client.user.pk and access.data == {"package": str(row)}


def test_the_original_of_a_returned_package_can_be_fetched_by_an_archivist_only():
    blob = staging.stage_stream(row_id := a_submission("returned").pk, open(__file__, "rb"))
    Submission.objects.filter(pk=row_id).update(blob=blob.name, blob_bytes=blob.bytes)
    row = Submission.objects.get(pk=row_id)
    assert reader("clerk").get(page(row, "original")).status_code == 403
    response = reader("archivist").get(page(row, "original"))
    assert b"".join(response.streaming_content) == open(__file__, "rb").read()
    assert "attachment" in response["Content-Disposition"] and response["X-Content-Type-Options"] == "nosniff"
    assert Access.objects.filter(action="package.downloaded").count() == 1


def test_an_original_that_is_gone_is_said_and_no_fault():
    row = a_submission("returned", blob="submissions/gone.zip")
    response = reader("archivist").get(page(row, "original"))
    assert response.status_code == 503 and "暂存" in text(response)


def test_a_moving_package_asks_again_by_itself_and_a_resting_one_does_not():
    assert "load delay:2s" in text(reader("archivist").get(page(a_submission("received"))))
    assert "load delay:2s" not in text(reader("archivist").get(page(a_submission("returned"))))
    assert "load delay:2s" not in text(reader("archivist").get(page(a_submission("received", attempts=5))))


# --- confirming by batch ----------------------------------------------------------------------------------------


def test_a_batch_is_confirmed_at_once_each_package_by_itself():
    first, second = (a_submission(findings=(CONFIRM,), batch_no="2026-07") for _ in range(2))
    other = a_submission(findings=(CONFIRM,), batch_no="2026-08")
    client = reader("archivist")
    html = text(client.get(reverse("ingest:batches")))
    assert "2026-07" in html and "2026-08" in html
    chosen = {"pk": [str(first.pk), str(second.pk), "nonsense"], "reason": "已逐件核对交接清单"}
    response = client.post(reverse("ingest:batches"), chosen, follow=True)
    assert "已确认 2 个" in text(response) and "编号不对" in text(response)
    states = dict(Submission.objects.values_list("pk", "state"))
    assert states == {first.pk: "received", second.pk: "received", other.pk: "waiting"}


def test_a_batch_of_another_fonds_is_neither_shown_nor_confirmed():
    there = a_submission(findings=(CONFIRM,), fonds=filed.a_fonds("L010"))
    client = reader("archivist")
    assert there.business_no not in text(client.get(reverse("ingest:batches")))
    response = client.post(reverse("ingest:batches"), {"pk": [str(there.pk)], "reason": "x"}, follow=True)
    assert "没有找到" in text(response)
    there.refresh_from_db()
    assert there.state == "waiting"


@pytest.mark.parametrize(("chosen", "said"), [({"reason": "x"}, "没有选中"), ({"pk": "x"}, "核对了什么")])
def test_a_confirmation_without_packages_or_without_words_is_refused(chosen, said):
    response = reader("archivist").post(reverse("ingest:batches"), chosen)
    assert response.status_code == 400 and said in text(response)


# --- the daily sample -------------------------------------------------------------------------------------------


@pytest.fixture
def sampled(stores):
    def make(**changed):
        record = filed.a_record(stores, **changed)
        return a_submission("archived", record=record, sampled_on="2026-03-04")

    return make


def test_a_sample_is_looked_at_with_one_click_and_the_next_comes_by_itself(sampled):
    first, second = sampled(), sampled()
    client = reader("archivist")
    response = client.get(reverse("ingest:samples"), follow=True)
    assert response.redirect_chain[-1][0] == page(first, "sample")
    assert first.record.reference_code in text(response) and "还有 2 件" in text(response)
    response = client.post(page(first, "sample"), {"verdict": "ok"}, follow=True)
    assert second.record.reference_code in text(response)
    response = client.post(page(second, "sample"), {"verdict": "wrong", "reason": "第 2 页缺页"}, follow=True)
    assert "抽查完了" in text(response)
    assert list(Submission.objects.order_by("id").values_list("sample_verdict", flat=True)) == [
        "",
        "第 2 页缺页",
    ]
    assert Access.objects.filter(action="record.viewed", purpose="抽查").count() == 2


def test_something_wrong_must_be_said_in_words(sampled):
    row = sampled()
    response = reader("archivist").post(page(row, "sample"), {"verdict": "wrong", "reason": " "})
    assert response.status_code == 400
    row.refresh_from_db()
    assert row.sample_seen_at is None


def test_a_sample_that_a_colleague_has_judged_leads_on(sampled):
    row = sampled()
    client = reader("archivist")
    client.post(page(row, "sample"), {"verdict": "ok"})
    assert client.get(page(row, "sample")).status_code == 302
    assert client.post(page(row, "sample"), {"verdict": "ok"}).status_code == 409


def test_a_record_beyond_the_clearance_is_not_put_before_anybody(sampled):
    sampled(security=2)
    assert "抽查完了" in text(reader("archivist").get(reverse("ingest:samples")))
    assert "还有 1 件" in text(reader("archivist", security=2).get(reverse("ingest:samples"), follow=True))


@pytest.mark.parametrize("query", ["?file=nonsense", "?page=99999", "?page=-1", "?page=x"])
def test_a_page_of_a_sample_that_is_not_there_shows_the_nearest(sampled, query):
    assert reader("archivist").get(page(sampled(), "sample") + query).status_code == 200


# --- 待办 -------------------------------------------------------------------------------------------------------


def test_everybody_finds_what_waits_for_him_under_todo_with_count_and_place(sampled):
    a_submission(findings=(PERIOD,))
    a_submission(findings=(CONFIRM,))
    a_submission("accepted", attempts=5)
    sampled()
    html = text(reader("archivist").get("/"))
    for label in ("信息包等待判定保管期限", "信息包等待确认归档", "每日抽查", "信息包停住了"):
        assert label in html, label
    clerk = reader("clerk")
    assert "没有待办" in text(clerk.get("/"))
    a_submission("returned", received_by_id=clerk.user.pk)
    assert "我移交的被退回" in text(clerk.get("/"))
    assert reverse("ingest:list") + "?tab=returned" in text(clerk.get("/"))


def test_five_hundred_clean_packages_ask_nobody_for_anything():
    a_submission("archived")
    assert "没有待办" in text(reader("archivist").get("/"))


def test_an_archivist_of_another_fonds_who_reads_here_does_not_fetch_the_original():
    client = reader("clerk")
    filed.Assignment.objects.create(user=client.user, role="archivist", fonds=filed.a_fonds("L010"))
    row = a_submission("returned", blob="submissions/x.zip")
    response = client.get(page(row, "original"))
    assert response.status_code == 403 and "不在您" in text(response)
