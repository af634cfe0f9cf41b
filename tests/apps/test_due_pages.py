"""The pages of what is due, of holds and of groups: each way by its page, no number shown, constant cost."""

from datetime import date

import pytest
from django.urls import reverse
from django.utils import timezone

from archive.models import Block
from retention import groups
from retention.models import Appraisal, Group, Hold
from tests import filed
from tests.deciding import at, hold_on, of, said
from tests.pages import NUMBER, a_person, queries, reader, text

pytestmark = pytest.mark.django_db(databases="__all__")


# --- due ------------------------------------------------------------------------------------------------------------


def test_the_due_list_parts_what_may_be_appraised_from_what_may_not_and_says_why(panel):
    free, held, listed = panel.due_record(), panel.due_record(), panel.due_record()
    unsettled = panel.due_record(retention_key="1-4")
    filed.a_record(formed_on=timezone.localdate(), retention="10")
    hold_on(held, panel.archivist)
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


def test_the_due_list_costs_the_same_for_one_class_and_year_and_for_six(panel):
    client = of(panel.archivist)
    panel.due_record()
    client.get("/")  # the number in the menu is remembered for a while
    one = queries(client, at("due"))
    assert one <= 30
    for number in range(6):
        panel.due_record(formed_on=date(2008 + number, 5, 4), retention_key=f"item:dongguan/class-{number}")
    assert queries(client, at("due")) == one
    page = text(client.get(at("due")))
    assert "共 <strong>1</strong> 件" in page and "dongguan/class-5" in page


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
    hold_on(records[0], panel.archivist)
    client = of(panel.archivist)
    assert "提交鉴定 2 件" in text(client.get(at("submit")))
    client.post(at("submit"), {"group": panel.group.pk, "title": "两件"})
    assert Appraisal.objects.get().items.count() == 2


def test_what_cannot_enter_is_said_at_the_form_and_nothing_typed_is_lost(panel):
    held = panel.due_record()
    hold_on(held, panel.archivist)
    response = of(panel.archivist).post(
        at("submit"), {"pk": [held.pk], "group": panel.group.pk, "title": "我写的题名"}
    )
    html = text(response)
    assert response.status_code == 422 and "法院调查" in html and "我写的题名" in html
    assert not Appraisal.objects.exists()


# --- holds ----------------------------------------------------------------------------------------------------------


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
