"""The pages of appraising: the sample is opened, the opinion signed, the sheet entered and compared, the result drawn."""

import pytest
from django.urls import reverse
from django.utils import timezone

from retention.models import Opinion, Signature
from tests.appraised import Panel, items
from tests.deciding import PASSWORD, at, of, said, scan
from tests.pages import queries, text

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def panel(stores) -> Panel:
    return Panel(stores)


# --- appraisal and opinions -----------------------------------------------------------------------------------------


def test_a_member_opens_the_sample_and_signs_with_his_password(panel):
    records = [panel.due_record() for _ in range(3)]
    opened = panel.opened(records)
    client = of(panel.leader)
    assert "鉴定意见等您发表" in text(client.get("/"))
    to_opinion = client.post(at("opinion_choose", opened), {"pk": [records[0].pk, records[2].pk]})
    chosen = sorted(i.position for i in items(opened) if i.record_id in (records[0].pk, records[2].pk))
    assert to_opinion["Location"].endswith(
        f"?items={','.join(map(str, chosen))}".replace("1,2", "1-2").replace("2,3", "2-3")
    )
    address = to_opinion["Location"]
    assert "至少要 2 件" in text(client.get(address))
    fields = {"result": "destroy", "reason": "无查考价值", "password": PASSWORD, "sent": "o"}
    refused = client.post(address, fields)
    assert refused.status_code == 422 and "至少打开查看 2 件" in text(refused)
    for record in (records[0], records[2]):
        client.get(reverse("record", args=[record.pk]))
    assert "已打开 2 件，够了" in text(client.get(address))
    wrong = client.post(address, fields | {"password": "guess", "sent": "w"})
    assert wrong.status_code == 422 and "不对，没有签署" in text(wrong) and not Opinion.objects.exists()
    client.post(address, fields)
    client.post(address, fields)
    opinion = Opinion.objects.get()
    assert opinion.on.count() == 2 and len(opinion.sample) == 2
    html = text(client.get(at("appraisal", opened)))
    assert "发表意见（1 件）" in html


def test_whoever_is_no_member_gives_no_opinion(panel):
    opened = panel.opened([panel.due_record()])
    response = of(panel.second).get(at("opinion", opened))
    assert response.status_code == 403 and "不是2026年鉴定小组的成员" in text(response)


def test_an_extension_names_its_period_and_a_rule_is_said_at_the_field(panel):
    record = panel.due_record()
    opened = panel.opened([record])
    client = of(panel.leader)
    client.get(reverse("record", args=[record.pk]))
    fields = {"result": "extend", "period": "", "reason": "仍有用", "password": PASSWORD}
    assert client.post(at("opinion", opened), fields).status_code == 422
    client.post(at("opinion", opened), fields | {"period": "30"})
    html = text(of(panel.manager).get(at("appraisal", opened)))
    assert "延长 30年" in html and "延长至30年" in html


def test_a_signed_sheet_counts_after_another_user_has_confirmed_it_on_its_page(panel):
    opened = panel.opened([panel.due_record()])
    entering, confirming = of(panel.archivist), of(panel.second)
    fields = {
        "member": panel.member("authority").pk, "items": "1", "result": "destroy", "reason": "同意",
        "signed_on": timezone.localdate().isoformat(), "scan": scan(), "sent": "p",
    }  # fmt: skip
    unknown = entering.post(at("opinion_paper", opened), fields | {"items": "1-2", "scan": scan()})
    assert unknown.status_code == 422 and "没有第 2 件" in text(unknown)
    no_scan = entering.post(at("opinion_paper", opened), fields | {"scan": scan(b"MZ a program")})
    assert no_scan.status_code == 422 and "扫描件" in text(no_scan)
    entering.post(at("opinion_paper", opened), fields | {"scan": scan()})
    entering.post(at("opinion_paper", opened), fields | {"scan": scan()})
    signature = Signature.objects.get(manner="paper")
    assert "1 份纸质意见待核对" in text(entering.get(at("appraisal", opened)))
    assert "须由另一人核对" in text(entering.get(at("signature", signature)))
    entering.post(at("signature", signature))
    assert "须由另一人" in said(entering)
    assert "纸质签署等待核对" in text(confirming.get("/")) and "纸质签署等待核对" not in text(
        entering.get("/")
    )
    assert "王处长" in text(confirming.get(at("signature", signature)))
    confirming.post(at("signature", signature))
    signature.refresh_from_db()
    assert signature.confirmed_at


def test_closing_is_greyed_with_the_reason_until_every_record_has_a_result_and_then_prints_minutes(panel):
    opened = panel.opened([panel.due_record()])
    manager = of(panel.manager)
    assert "还有 1 件没有结论" in text(manager.get(at("appraisal", opened)))
    manager.post(at("appraisal_close", opened))
    assert "还缺" in said(manager)
    panel.all_say(items(opened), "destroy")
    assert "鉴定意见已齐" in text(manager.get("/"))
    manager.post(at("appraisal_close", opened))
    manager.post(at("appraisal_close", opened))
    opened.refresh_from_db()
    assert opened.state == "decided" and opened.minutes
    html = text(manager.get(at("appraisal", opened)))
    assert "编制销毁清册（1 件）" in html and at("paper", opened.minutes) in html


def test_a_cancelled_appraisal_gives_its_records_back(panel):
    record = panel.due_record()
    opened = panel.opened([record])
    client = of(panel.archivist)
    client.post(at("appraisal_cancel", opened), {"reason": ""})
    assert "请写明撤销的理由" in said(client)
    client.post(at("appraisal_cancel", opened), {"reason": "小组换人"})
    assert record.reference_code in text(client.get(at("due"), {"tab": "free"}))


def test_the_page_of_an_appraisal_costs_the_same_for_two_records_and_for_twenty(panel):
    client = of(panel.leader)
    small, large = (
        panel.opened([panel.due_record() for _ in range(2)]),
        panel.opened([panel.due_record() for _ in range(20)]),
    )
    panel.says("business", items(small), "destroy")
    panel.says("business", items(large), "destroy")
    assert queries(client, at("appraisal", small)) == queries(client, at("appraisal", large))
