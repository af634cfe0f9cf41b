"""The pages of a register: made, frozen, filed, decided, compared, executed; constant cost, no number on them."""

import pytest
from django.urls import reverse
from django.utils import timezone

from archive.models import Paper, Record, User
from retention import approval, execution, holds, register_papers, registers
from retention.models import Appraisal, Edition, Hold, Register, RegisterRow, Signature
from retention.views import supervising
from tests.deciding import PASSWORD, at, hold_on, of, said, scan
from tests.pages import NUMBER, a_person, client_of, queries, reader, text
from tests.registers import fresh, rows

pytestmark = pytest.mark.django_db(databases="__all__")


# --- registers ------------------------------------------------------------------------------------------------------


def test_a_register_is_made_frozen_and_filed_by_its_pages(house):
    records = house.due(3)
    client = of(house.manager)
    assert "等待编制清册" in text(client.get("/"))
    appraisal = Appraisal.objects.get()
    fields = {"appraisals": [str(appraisal.pk)], "title": "到期档案", "sent": "r"}
    client.post(at("register_new"), fields)
    client.post(at("register_new"), fields)
    register = Register.objects.get()
    assert register.rows.count() == 3
    client.post(at("register_take_out", register), {"pk": ["2"], "reason": ""})
    assert "都要写明理由" in said(client)
    client.post(at("register_take_out", register), {"pk": ["2"], "reason": "还要用"})
    assert rows(register) == {1: "listed", 2: "kept", 3: "listed"}
    assert "定稿 2 件" in text(client.get(at("register", register)))
    client.post(at("register_freeze", register))
    client.post(at("register_freeze", register))
    assert "目前是“待备案”，不能定稿" in said(client)
    register = fresh(register)
    html = text(client.get(at("register", register)))
    edition = register.editions.get()
    assert at("paper", edition.printed) in html and at("paper", edition.sheet) in html
    filing = {
        "filed_with": "市人社局", "filing_no": "备〔2026〕1号", "filed_on": timezone.localdate().isoformat(), "sent": "f",
    }  # fmt: skip
    missing = client.post(at("register_file", register), filing)
    assert missing.status_code == 422
    early = client.post(at("register_file", register), filing | {"filed_on": "2020-01-01", "receipt": scan()})
    assert (
        early.status_code == 422 and "应在第 1 版定稿之后" in text(early) and "备〔2026〕1号" in text(early)
    )
    client.post(at("register_file", register), filing | {"receipt": scan()})
    client.post(at("register_file", register), filing | {"receipt": scan()})
    assert fresh(register).state == "filed"
    assert records[0].reference_code in text(client.get(at("register", register)))


def test_a_long_register_is_printed_by_the_worker_while_its_page_says_so(house, monkeypatch):
    monkeypatch.setattr(register_papers, "AT_ONCE", 1)
    register, client = house.draft(house.due(2)), of(house.manager)
    client.post(at("register_freeze", register))
    edition = register.editions.get()
    assert edition.printed is None and "正在打印，可以离开本页" in said(client)
    html = text(client.get(at("register", register)))
    assert "正在打印…" in html and 'hx-select="#editions"' in html
    assert register_papers.print_waiting(actor=house.manager) == 1
    html = text(client.get(at("register", register)))
    assert "正在打印" not in html and at("paper", register.editions.get().printed) in html


def test_a_withdrawn_register_says_why(house):
    register = house.frozen()
    client = of(house.manager)
    client.post(at("register_withdraw", register), {"reason": "漏了一批"})
    html = text(client.get(at("register", register)))
    assert "已撤销" in html and "漏了一批" in html


def test_the_head_approves_in_three_actions_with_his_password(house):
    register = house.filed(house.due(2))
    client = of(house.head)
    home = text(client.get("/"))
    assert at("decide", register) in home, "the 待办 leads to the page itself"
    html = text(client.get(at("decide", register)))
    for words in ("人社备〔2026〕7号", "没有继续保存的价值", "2 件，4 页", "按年度", "不能恢复"):
        assert words in html, words
    fields = {"shown": ["1", "2"], "keep": ["1", "2"], "approve": "1", "sent": "a"}
    wrong = client.post(at("decide", register), fields | {"password": "guess"})
    assert wrong.status_code == 422 and "不对，没有签署" in text(wrong)
    assert fresh(register).state == "filed"
    client.post(at("decide", register), fields | {"password": PASSWORD})
    client.post(at("decide", register), fields | {"password": PASSWORD})
    register = fresh(register)
    assert register.state == "approved" and register.approved_by.user_id == house.head.id


def test_the_head_takes_rows_out_with_a_reason_and_a_new_edition_is_filed_again(house):
    register = house.filed(house.due(3))
    client = of(house.head)
    fields = {"shown": ["1", "2", "3"], "keep": ["1", "3"], "approve": "1", "password": PASSWORD}
    refused = client.post(at("decide", register), fields)
    html = text(refused)
    assert refused.status_code == 422 and "有 1 件没有勾选，请写明为什么抽出" in html
    assert "part-error" in html and "data-open-now" not in html, "said at the reason, not in the dialog"
    client.post(at("decide", register), fields | {"part_reason": "仍有纠纷"})
    register = fresh(register)
    assert register.state == "refiling" and rows(register) == {1: "listed", 2: "kept", 3: "listed"}
    manager = of(house.manager)
    html = text(manager.get(at("register", register)))
    assert "现在是第 2 版" in html and "仍有纠纷" in html
    assert "新版等待备案" in text(manager.get("/"))


def test_rows_of_a_long_register_are_taken_out_by_number(house):
    register = house.filed(house.due(3))
    fields = {"numbers": "2-3", "part_reason": "仍有纠纷", "approve": "1", "password": PASSWORD}
    client = of(house.head)
    assert client.post(at("decide", register), fields | {"numbers": "9"}).status_code == 422
    client.post(at("decide", register), fields)
    assert rows(register) == {1: "listed", 2: "kept", 3: "kept"}


@pytest.mark.parametrize("number", ["²", "９", "-1", "1" * 5000])
def test_a_number_that_is_none_breaks_no_page(house, number):
    register, draft = house.filed(), house.draft()
    head, manager = of(house.head), of(house.manager)
    asked = {"approve": "1", "shown": [number], "numbers": number, "edition": number, "password": "x"}
    assert head.post(at("decide", register), asked).status_code == 422
    out = manager.post(at("register_take_out", draft), {"pk": [number], "reason": "x"})
    assert (
        out.status_code == 302
        and fresh(register).state == "filed"
        and set(rows(draft).values()) == {"listed"}
    )
    asked = {"record": str(draft.rows.get().record_id), "party": f"person:{number}"}
    assert manager.get(at("hold_new"), asked).status_code == 404


def test_the_head_refuses_with_a_reason_and_every_row_is_kept(house):
    register = house.filed()
    client = of(house.head)
    fields = {"refuse": "1", "password": PASSWORD}
    assert client.post(at("decide", register), fields | {"reason": " "}).status_code == 422
    client.post(at("decide", register), fields | {"reason": "先不销毁"})
    assert fresh(register).state == "refused" and rows(register) == {1: "kept"}


def test_a_tab_left_open_since_an_earlier_edition_signs_nothing(house):
    one, two = house.due(2)
    register, head, supervisor = house.filed([one, two]), of(house.head), of(house.one)
    fields = {"shown": ["1", "2"], "keep": ["1", "2"], "approve": "1", "password": PASSWORD, "edition": "1"}
    assert 'name="edition" value="1"' in text(head.get(at("decide", register)))
    holds.place(house.fonds, "record", records=[one.pk], reason="诉讼", authority="法院", actor=house.manager)
    registers.drain(actor=house.manager)
    register = house.file(fresh(register), "人社备〔2026〕9号")
    refused = head.post(at("decide", register), fields)
    assert refused.status_code == 422 and "刚被别人改动" in text(refused)
    assert fresh(register).state == "filed" and 'name="edition" value="2"' in text(refused)
    head.post(at("decide", register), fields | {"edition": "2", "shown": ["2"], "keep": ["2"]})
    assert fresh(register).state == "approved"
    assert 'name="edition" value="2"' in text(supervisor.get(at("supervise", register)))
    supervisor.post(at("supervise", register), {"password": PASSWORD, "edition": "1"})
    assert "刚被别人改动" in said(supervisor) and fresh(register).supervisor_one is None
    house.supervise(register)
    start = {"manner": "删除", "place": "本机房", "password": PASSWORD, "edition": "1"}
    assert "刚被别人改动" in text(of(house.executor).post(at("execute", register), start))
    assert fresh(register).state == "supervised"


def test_whoever_made_the_register_is_told_that_he_may_not_approve_it(house):
    register = house.filed()
    maker = User.objects.get(pk=house.manager.id)
    from archive.models import Assignment

    Assignment.objects.create(user=maker, role="approver", fonds=house.fonds)
    response = client_of(maker).post(at("decide", register), {"approve": "1", "password": PASSWORD})
    assert response.status_code == 422 and "批准人不能同时是编制人" in text(response)


def test_an_approval_on_paper_takes_effect_when_another_user_confirms_it(house):
    register = house.filed(house.due(2))
    client = of(house.manager)
    fields = {
        "name": "郝主任", "organisation": "市社保中心", "decision": "part", "left_out": "2", "reason": "仍有纠纷",
        "signed_on": timezone.localdate().isoformat(), "sent": "d",
    }  # fmt: skip
    client.post(at("decision_paper", register), fields | {"scan": scan()})
    register = fresh(register)
    assert register.state == "filed" and register.pending
    assert "等另一人核对" in text(client.get(at("register", register)))
    signature = Signature.objects.get(pk=register.pending["signature"])
    other = reader("archivist", name="赵核对")
    html = text(other.get(at("signature", signature)))
    assert "郝主任" in html and "仍有纠纷" in html
    other.post(at("signature", signature))
    assert fresh(register).state == "refiling"
    assert other.get(at("supervision_paper", register)).status_code == 302
    assert "须再备案一次" in said(other), "nobody is shown a form that cannot be sent"


def test_two_supervisors_sign_what_the_system_has_compared(house):
    register = house.approved(house.due(2))
    first, second = of(house.one), of(house.two)
    html = text(first.get(at("supervise", register)))
    assert "全部相符" in html and html.count("相符</span>") >= 2
    assert "全部相符" in text(first.get(at("supervise", register), {"stored": "1"}))
    first.post(at("supervise", register), {"password": "guess"})
    assert "不对，没有签署" in said(first)
    first.post(at("supervise", register), {"password": PASSWORD, "sent": "s"})
    assert "等您监销" not in text(first.get("/")) and "等您监销" in text(second.get("/"))
    assert "您已签署" in text(first.get(at("supervise", register)))
    first.post(at("supervise", register), {"password": PASSWORD, "sent": "again"})
    assert fresh(register).supervisor_two_id is None
    second.post(at("supervise", register), {"password": PASSWORD})
    assert fresh(register).state == "supervised"


def test_the_further_pages_of_a_comparison_compare_what_they_show(house, monkeypatch):
    monkeypatch.setattr(supervising, "SHOWN", 2)
    found = house.due(4)
    register, client = house.approved(found), of(house.one)
    Record.objects.filter(pk=found[3].pk).update(title="更正后的题名")
    first = client.get(at("supervise", register))
    assert "有 1 处不符" in text(first)
    again = client.get(at("supervise", register) + first.context["pager"]["next_url"])
    assert "现为“更正后的题名”" in text(again) and text(again).count("相符</span>") == 1
    assert "核对结果与签署" in text(again) and "比对结果的摘要" not in text(again)
    back = client.get(at("supervise", register) + again.context["pager"]["prev_url"])
    assert "有 1 处不符" in text(back)


def test_a_difference_is_named_and_nothing_can_be_signed(house, without_triggers):
    register = house.approved(house.due(2))
    row = register.rows.get(position=2)
    type(row.record).objects.filter(pk=row.record_id).update(title="改过的题名")
    client = of(house.one)
    html = text(client.get(at("supervise", register)))
    assert "有 1 处不符" in html and "改过的题名" in html and row.record.reference_code in html
    client.post(at("supervise", register), {"password": PASSWORD})
    assert "1 处不符" in said(client) and fresh(register).supervisor_one_id is None


def test_execution_is_begun_with_manner_place_and_password_and_shows_its_progress_to_the_end(house):
    from retention import execution
    from tests.registers import SYSTEM

    records = house.due(2)
    register = house.supervised(records)
    client = of(house.executor)
    html = text(client.get(at("execute", register)))
    assert "销毁 2 件" in html and "不能恢复" in html
    fields = {"manner": "删除", "place": "机房"}
    assert client.post(at("execute", register), fields | {"password": "guess"}).status_code == 422
    assert fresh(register).state == "supervised"
    for _ in range(2):
        assert client.post(at("execute", register), fields | {"password": PASSWORD}).status_code == 302
    part = client.get(at("progress", register))
    assert "0 / 2 件" in text(part) and "every 2s" in text(part) and "HX-Refresh" not in part
    client.post(at("pause", register), {"stop": "1"})
    assert "已暂停" in text(client.get(at("progress", register)))
    execution.work(actor=SYSTEM)
    assert rows(register) == {1: "listed", 2: "listed"}
    client.post(at("pause", register), {"resume": "1"})
    execution.work(actor=SYSTEM)
    part = client.get(at("progress", register))
    assert part["HX-Refresh"] == "true" and "every 2s" not in text(part)
    register = fresh(register)
    html = text(client.get(at("register", register)))
    assert at("paper", register.certificate) in html and "已销毁" in html
    kept = client.get(at("paper", Paper.objects.get(kind="销毁留证目录")))
    assert "jsonl.gz" in kept["Content-Disposition"]
    stub = client.get(reverse("record", args=[records[0].pk]))
    html = text(stub)
    for words in ("只保留目录信息、摘要和处置凭证", str(register), "已证明不存在", "机房", "销毁执行记录"):
        assert words in html, words
    assert reverse("reading:read", args=[records[0].pk, records[0].digital_objects.first().pk]) not in html


def test_a_register_that_waits_cannot_be_executed_and_its_page_says_until_when(house, settings):
    settings.WAITING_DAYS = 3
    register = house.supervised()
    client = of(house.executor)
    assert "等待期" in text(client.get(at("execute", register)))
    fields = {"manner": "删除", "place": "机房", "password": PASSWORD}
    refused = client.post(at("execute", register), fields)
    assert refused.status_code == 422 and "等待期内" in text(refused)


def test_the_pages_of_a_register_cost_the_same_for_two_rows_and_for_twelve(house):
    small, large = house.filed(house.due(2)), None
    large = house.file(house.frozen(house.due(12)), number="人社备〔2026〕8号")
    head, manager = of(house.head), of(house.manager)
    for client, name in ((manager, "register"), (head, "decide")):
        assert queries(client, at(name, small)) == queries(client, at(name, large)), name


def test_a_number_typed_into_a_title_a_reason_or_a_place_is_kept_masked(house):
    said, (one, two, three) = f"涉及 {NUMBER} 的案卷", house.due(3)
    draft = registers.make(house.fonds, [one, two, three], said, actor=house.manager)
    registers.take_out(draft.pk, {draft.rows.get(position=1).pk: said}, actor=house.manager)
    registers.freeze(draft.pk, actor=house.manager)
    register = house.file(fresh(draft))
    register = house.approve(register, left_out={register.rows.get(position=2).pk: said})
    register = house.supervise(house.file(fresh(register), "人社备〔2026〕9号"))
    execution.start(register.pk, manner=said, place=said, actor=house.executor)
    refused = house.filed()
    approval.refuse(refused.pk, said, confirmed=True, actor=house.head)
    withdrawn = house.frozen()
    registers.withdraw(withdrawn.pk, said, actor=house.manager)
    hold_on(house.due(1)[0], house.manager, authority=said)
    for model in (Register, RegisterRow, Edition, Hold, Signature, Paper):
        for values in model.objects.values():
            assert NUMBER not in str(values), model


def test_no_number_stands_on_any_page_of_a_register_or_an_appraisal(house):
    record = house.due(1, title=f"张三职工增员 {NUMBER}", parties=(a_person(),))[0]
    appraisal = Appraisal.objects.get()
    register = house.supervised([record])
    pages = [
        (house.manager, at("appraisal", appraisal)), (house.manager, at("register", register)),
        (house.head, at("decide", register)), (house.executor, at("execute", register)),
        (house.manager, at("due") + "?tab=all"), (house.manager, at("papers")),
    ]  # fmt: skip
    for actor, address in pages:
        html = text(of(actor).get(address))
        assert NUMBER not in html, address
