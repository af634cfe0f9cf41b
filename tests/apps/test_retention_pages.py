"""The pages of deciding: who may see and do what, each way by its page, no number on any of them, constant cost."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from archive import fonds_file
from archive.models import Access, Block, User
from archive.permissions import Actor
from retention import groups, holds
from retention.models import Appraisal, Group, Hold, Opinion, Register, Signature
from tests import filed
from tests.appraised import Panel, items
from tests.pages import NUMBER, a_person, client_of, queries, reader, text
from tests.registers import RECEIPT, House, fresh, rows

pytestmark = pytest.mark.django_db(databases="__all__")

PASSWORD = "eight-places-and-two"


@pytest.fixture
def panel(stores) -> Panel:
    return Panel(stores)


@pytest.fixture
def house(stores) -> House:
    from search.engine import engine

    engine().ensure()
    return House(stores)


def of(actor: Actor):
    """A client signed in as this person."""
    return client_of(User.objects.get(pk=actor.id))


def at(name: str, *args) -> str:
    return reverse(f"retention:{name}", args=[getattr(one, "pk", one) for one in args])


def scan(content: bytes = b"%PDF-1.7 signed", mime: str = "application/pdf") -> SimpleUploadedFile:
    return SimpleUploadedFile("scan.pdf", content, mime)


def said(client) -> str:
    """What the next page tells: the message after a redirect."""
    return text(client.get("/"))


# --- rights ---------------------------------------------------------------------------------------------------------

LISTS = {
    "due": {"archivist", "manager", "appraiser", "inspector"},
    "holds": {"archivist", "manager", "appraiser", "approver", "supervisor", "inspector", "auditor"},
    "groups": {"archivist", "manager", "appraiser", "approver", "supervisor", "inspector", "auditor"},
    "appraisals": {"archivist", "manager", "appraiser", "approver", "supervisor", "inspector", "auditor"},
    "registers": {"archivist", "manager", "appraiser", "approver", "supervisor", "inspector", "auditor"},
    "signatures": {"archivist", "manager"},
    "papers": {"archivist", "manager", "appraiser", "approver", "supervisor", "inspector", "auditor"},
    "submit": {"archivist", "manager"},
    "group_new": {"manager"},
    "register_new": {"archivist", "manager"},
}
ROLES = ("archivist", "window", "manager", "clerk", "appraiser", "approver", "supervisor", "inspector", "sysadmin", "secadmin", "auditor")  # fmt: skip


@pytest.mark.parametrize("role", ROLES)
def test_a_list_opens_for_those_whose_work_it_is_and_says_to_the_others_why_not(role):
    client = reader(role)
    for name, roles in LISTS.items():
        response = client.get(at(name))
        assert response.status_code == (200 if role in roles else 403), (name, role)
        if role not in roles:
            assert "没有权限" in text(response)


@pytest.mark.parametrize("name", ["appraisal", "opinion", "opinion_paper"])
def test_an_appraisal_of_another_fonds_is_not_found(panel, name):
    opened = panel.opened([panel.due_record(title="张三的案卷")])
    other = reader("manager", "appraiser", fonds=filed.a_fonds("L010"))
    response = other.get(at(name, opened))
    assert response.status_code == 404 and "张三" not in text(response)


@pytest.mark.parametrize(
    "name", ["register", "register_file", "decide", "supervise", "execute", "decision_paper"]
)
def test_a_register_of_another_fonds_is_not_found(house, name):
    register = house.filed()
    other = reader("manager", "approver", "supervisor", fonds=filed.a_fonds("L010"))
    assert other.get(at(name, register)).status_code == 404


def test_a_hold_of_another_fonds_is_not_found(panel):
    hold = place(panel, panel.due_record())
    assert reader("manager", fonds=filed.a_fonds("L010")).get(at("hold", hold)).status_code == 404


def test_whoever_may_read_the_register_but_not_the_record_sees_its_code_and_no_title(house):
    register = house.frozen(house.due(1, title="李四的增员"))
    code = register.rows.get().record.reference_code
    for name in ("register",):
        html = text(reader("auditor").get(at(name, register)))
        assert code in html and "李四的增员" not in html
    narrowed = reader("archivist", departments=[filed.a_department("待遇科").pk])
    html = text(narrowed.get(at("register", register)))
    assert code in html and "李四的增员" not in html


def test_the_auditor_reads_the_papers_of_every_fonds(house):
    register = house.frozen()
    paper = register.editions.get().printed
    response = reader("auditor").get(at("paper", paper))
    assert response.status_code == 200 and b"".join(response.streaming_content).startswith(b"%PDF")
    assert Access.objects.filter(action="paper.viewed").exists()
    assert reader("manager", fonds=filed.a_fonds("L010")).get(at("paper", paper)).status_code == 404


# --- due ------------------------------------------------------------------------------------------------------------


def test_the_due_list_parts_what_may_be_appraised_from_what_may_not_and_says_why(panel):
    free, held, listed = panel.due_record(), panel.due_record(), panel.due_record()
    unsettled = panel.due_record(retention_key="1-4")
    filed.a_record(formed_on=timezone.localdate(), retention="10")
    place(panel, held)
    panel.opened([listed])
    client = of(panel.archivist)
    html = text(client.get(at("due"), {"tab": "free"}))
    assert free.reference_code in html and held.reference_code not in html
    assert listed.reference_code not in html and unsettled.reference_code not in html
    html = text(client.get(at("due"), {"tab": "blocked"}))
    assert held.reference_code in html and "法院调查" in html
    assert unsettled.reference_code in html and "期限类项 1-4" in html
    assert reverse("periods:list") in html
    assert listed.reference_code in text(client.get(at("due"), {"tab": "busy"}))
    assert "全部</a>" in html or "全部" in html


def test_the_due_list_is_narrowed_by_year_and_class_and_nonsense_narrows_nothing(panel):
    from datetime import date

    old, older = panel.due_record(), panel.due_record(formed_on=date(2007, 3, 1))
    client = of(panel.archivist)
    html = text(client.get(at("due"), {"year": "2007"}))
    assert older.reference_code in html and old.reference_code not in html
    html = text(client.get(at("due"), {"year": "x", "key": "no", "after": "###"}))
    assert older.reference_code in html and old.reference_code in html


def test_the_due_list_costs_the_same_for_one_row_and_for_forty(panel):
    client = of(panel.archivist)
    panel.due_record()
    one = queries(client, at("due"))
    for _ in range(40):
        panel.due_record()
    assert queries(client, at("due")) == one


def test_a_scope_holds_on_the_due_list(panel):
    record = panel.due_record(department=filed.a_department("参保登记科"))
    elsewhere = reader("archivist", departments=[filed.a_department("待遇科").pk])
    assert record.reference_code not in text(elsewhere.get(at("due"), {"tab": "all"}))


def test_selected_rows_are_laid_before_a_group_once_however_often_it_is_sent(panel):
    chosen, other = panel.due_record(), panel.due_record()
    client = of(panel.archivist)
    html = text(client.post(at("submit"), {"pk": [chosen.pk]}))
    assert chosen.reference_code in html and other.reference_code not in html
    fields = {"pk": [chosen.pk], "group": panel.group.pk, "title": "一件", "sent": "mark"}
    first, second = client.post(at("submit"), fields), client.post(at("submit"), fields)
    made = Appraisal.objects.get()
    assert first["Location"] == second["Location"] == at("appraisal", made)
    assert list(made.items.values_list("record", flat=True)) == [chosen.pk]


def test_all_that_is_free_under_the_filters_goes_in_one_step(panel):
    records = [panel.due_record() for _ in range(3)]
    place(panel, records[0])
    client = of(panel.archivist)
    assert "提交鉴定 2 件" in text(client.get(at("submit")))
    client.post(at("submit"), {"group": panel.group.pk, "title": "两件"})
    assert Appraisal.objects.get().items.count() == 2


def test_what_cannot_enter_is_said_at_the_form_and_nothing_typed_is_lost(panel):
    held = panel.due_record()
    place(panel, held)
    response = of(panel.archivist).post(
        at("submit"), {"pk": [held.pk], "group": panel.group.pk, "title": "我写的题名"}
    )
    html = text(response)
    assert response.status_code == 422 and "法院调查" in html and "我写的题名" in html
    assert not Appraisal.objects.exists()


# --- holds ----------------------------------------------------------------------------------------------------------


def place(panel, record) -> Hold:
    return holds.place(
        panel.fonds,
        "record",
        records=[record.pk],
        reason="法院调查",
        authority="协查函1号",
        actor=panel.archivist,
    ).hold


def test_a_record_is_held_from_its_page_and_released_by_a_person_with_a_reason(panel):
    record = panel.due_record()
    client = of(panel.archivist)
    page = text(client.get(reverse("record", args=[record.pk])))
    address = f"{at('hold_new')}?record={record.pk}"
    assert address.replace("&", "&amp;") in page
    html = text(client.get(address))
    assert "这 1 件在解除之前不会销毁" in html
    refused = client.post(address, {"pk": [record.pk], "reason": "", "authority": "法院", "sent": "m"})
    assert refused.status_code == 422 and not Hold.objects.exists()
    fields = {"pk": [record.pk], "reason": f"涉诉 {NUMBER}", "authority": "协查函", "sent": "m"}
    client.post(address, fields)
    client.post(address, fields)
    hold = Hold.objects.get()
    assert NUMBER not in hold.reason
    html = text(client.get(at("hold", hold)))
    assert record.reference_code in html and "解除暂缓" not in html, "the archivist may not end it"
    page = text(client.get(reverse("record", args=[record.pk])))
    assert at("hold", hold) in page
    manager = of(panel.manager)
    assert "1 件不再受这项暂缓保护" in text(manager.get(at("hold", hold)))
    manager.post(at("hold_end", hold), {"reason": ""})
    assert "请写明为什么解除" in said(manager)
    manager.post(at("hold_end", hold), {"reason": "审结"})
    hold.refresh_from_db()
    assert hold.ended_at and not Block.objects.filter(lifted_at=None).exists()
    assert client.post(at("hold_end", hold), {"reason": "x"}).status_code == 403


def test_everything_of_a_person_is_held_from_the_party_list_and_no_number_is_shown(panel):
    mine = [panel.due_record(parties=(a_person(),)) for _ in range(2)]
    other = panel.due_record(parties=(a_person("赵六", "440106199003071258"),))
    client = of(panel.archivist)
    address = f"{at('hold_new')}?record={mine[0].pk}&party=person:{mine[0].parties.get().position}"
    html = text(client.get(address))
    assert "现有的 2 件" in html and NUMBER not in html and "4401**********1231" in html
    client.post(address, {"reason": "复核", "authority": "来函"})
    held = set(Block.objects.filter(lifted_at=None).values_list("record", flat=True))
    assert held == {record.pk for record in mine} and other.pk not in held
    html = text(client.get(at("hold", Hold.objects.get())))
    assert NUMBER not in html


def test_what_a_search_finds_is_held_together_and_its_number_is_named_before(panel):
    from search import indexing
    from search.engine import engine

    engine().ensure()
    found = [panel.due_record(title=f"东莞市恒泰模具有限公司增员{n}") for n in range(3)]
    panel.due_record(title="别的公司增员")
    while indexing.drain():
        pass
    client = of(panel.archivist)
    address = reverse("hold_search") + "?q=恒泰模具"
    html = text(client.get(address))
    assert "这 3 件在解除之前不会销毁" in html and "恒泰模具" in html
    client.post(address, {"pk": [r.pk for r in found], "words": "查找", "reason": "审计", "authority": "函"})
    assert Block.objects.filter(lifted_at=None).count() == 3
    assert Hold.objects.get().kind == "search"
    assert client.get(reverse("hold_search")).status_code == 400, "never everything"
    assert reverse("hold_search") in text(client.get(reverse("search:find"), {"q": "恒泰模具"}))
    assert reverse("hold_search") not in text(reader("clerk").get(reverse("search:find"), {"q": "恒泰模具"}))


# --- groups ---------------------------------------------------------------------------------------------------------


def group_fields(panel, *, kinds=("leader", "business", "archivist", "authority")) -> dict:
    users = [panel.leader.id, panel.business.id, panel.keeper.id]
    fields = {
        "fonds": panel.fonds.pk, "name": "新小组", "decree_no": "社保〔2026〕9号", "decreed_on": "2026-02-01",
        "member-TOTAL_FORMS": "4", "member-INITIAL_FORMS": "4", "sent": "g",
    }  # fmt: skip
    for number, kind in enumerate(kinds):
        fields[f"member-{number}-kind"] = kind
        if number < 3:
            fields[f"member-{number}-user"] = users[number]
        else:
            fields[f"member-{number}-name"] = "王处长"
            fields[f"member-{number}-organisation"] = "市人社局"
    return fields


def test_a_group_is_made_of_four_kinds_with_an_outsider_and_a_missing_kind_is_named(panel):
    client = of(panel.manager)
    refused = client.post(
        at("group_new"), group_fields(panel, kinds=("leader", "business", "business", "authority"))
    )
    assert refused.status_code == 422 and "还缺档案管理人员" in text(refused)
    made = client.post(at("group_new"), group_fields(panel))
    group = Group.objects.get(name="新小组")
    assert made["Location"] == at("group", group)
    assert client.post(at("group_new"), group_fields(panel))["Location"] == at("group", group)
    html = text(client.get(at("group", group)))
    assert "王处长" in html and "纸质签署" in html and "人社行政部门有关人员" in html
    client.post(at("group_dissolve", group))
    group.refresh_from_db()
    assert group.dissolved_on
    assert groups is not None


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
    assert refused.status_code == 422 and "有 1 件没有勾选，请写明为什么抽出" in text(refused)
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


def test_the_head_refuses_with_a_reason_and_every_row_is_kept(house):
    register = house.filed()
    client = of(house.head)
    fields = {"refuse": "1", "password": PASSWORD}
    assert client.post(at("decide", register), fields | {"reason": " "}).status_code == 422
    client.post(at("decide", register), fields | {"reason": "先不销毁"})
    assert fresh(register).state == "refused" and rows(register) == {1: "kept"}


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


def test_home_costs_the_same_for_one_register_and_for_four(house):
    client = of(house.manager)
    house.frozen()
    one = queries(client, "/")
    for _ in range(3):
        house.frozen()
    assert queries(client, "/") == one


def test_the_fonds_file_lists_every_paper_with_its_download(house):
    register = house.filed()
    client = of(house.manager)
    html = text(client.get(at("papers")))
    for paper in fonds_file.Paper.objects.all():
        assert at("paper", paper) in html
    assert "备案回执" in html
    assert "备案回执" not in text(client.get(at("papers"), {"kind": "销毁清册"})).split("</form>")[1]
    assert RECEIPT and register
