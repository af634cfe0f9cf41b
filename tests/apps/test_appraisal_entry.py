"""The group that appraises, and what may be laid before it."""

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from archive import audit, determinations, records
from archive.errors import NotAllowed, WrongInput, WrongState
from archive.models import Block, Event
from retention import appraisal, groups, holds, persons
from retention.models import Appraisal, AppraisalItem
from tests import filed
from tests.appraised import SYSTEM

pytestmark = pytest.mark.django_db


# The group


@pytest.mark.parametrize("missing", range(4))
def test_a_group_without_one_of_the_four_kinds_is_refused_and_the_kind_is_named(panel, missing):
    members = panel.four()
    lacking = panel.group.members.order_by("pk")[missing].get_kind_display()
    del members[missing]
    with pytest.raises(WrongInput, match=lacking):
        panel.another_group(members)
    assert panel.another_group().members.count() == 4


def test_one_human_stands_for_one_kind_only(panel):
    members = panel.four()
    with pytest.raises(WrongInput, match="两次"):
        panel.another_group([*members, (members[0][0], "business")])
    namesake = persons.outsider(members[0][0].name, "市局")
    with pytest.raises(WrongInput, match="两次"):
        panel.another_group([*members, (namesake, "authority")])


def test_a_group_is_named_by_decree_by_the_manager(panel):
    with pytest.raises(WrongInput, match="文号"):
        panel.another_group(decree_no=" ")
    with pytest.raises(WrongInput, match="成立日期"):
        panel.another_group(decreed_on=timezone.localdate() + timedelta(days=1))
    with pytest.raises(NotAllowed):
        panel.another_group(actor=panel.archivist)
    event = Event.objects.get(action="group.made")
    assert "社保〔2026〕3号" in audit.sentence(event) and "王处长（人社行政部门有关人员）" in audit.sentence(
        event
    )


def test_a_dissolved_group_appraises_no_more_and_one_at_work_is_not_dissolved(panel):
    opened = panel.opened([panel.due_record()])
    with pytest.raises(WrongState, match="未作结论"):
        groups.dissolve(panel.group, actor=panel.manager)
    appraisal.cancel(opened, "重新组织", actor=panel.archivist)
    panel.group = groups.dissolve(panel.group, actor=panel.manager)
    with pytest.raises(WrongState, match="已解散"):
        panel.opened([panel.due_record()])


# What may enter


def refused(panel, *chosen, match) -> appraisal.NotEligible:
    with pytest.raises(appraisal.NotEligible, match=match) as caught:
        panel.opened(list(chosen))
    assert not Appraisal.objects.filter(state="open").exists()
    return caught.value


def test_only_what_is_due_that_day_enters(panel):
    young = panel.due_record(formed_on=timezone.localdate().replace(month=1, day=1))
    permanent = panel.due_record(retention="永久")
    refusal = refused(panel, panel.due_record(), young, permanent, match="起才可鉴定")
    assert set(refusal.fields["reasons"]) == {str(young.pk), str(permanent.pk)}


@pytest.mark.parametrize("known", ["nothing", "provisional", "one source"])
def test_an_unsettled_class_is_refused_by_name_until_the_manager_confirms_it(panel, known):
    key = "item:dongguan/arrears"
    if known == "provisional":
        determinations.determine(key, "10", basis="暂按", provisional=True, actor=SYSTEM)
    elif known == "one source":
        determinations.determine(key, "10", basis="只见一处", actor=SYSTEM)
    record = panel.due_record(retention_key=key)
    refusal = refused(panel, record, match=key)
    assert "档案负责人" in str(refusal) and "确认" in str(refusal)
    determinations.determine(key, "10", basis="本单位期限表", actor=panel.manager)
    determinations.confirm(key, basis="与原附件核对", actor=panel.manager)
    assert panel.opened([record]).items.count() == 1


def test_a_hold_a_loan_or_a_request_keeps_it_out(panel):
    held, lent = panel.due_record(), panel.due_record()
    holds.place(
        panel.fonds, "record", records=[held.pk], reason="诉讼", authority="法院", actor=panel.manager
    )
    refused(panel, held, match="暂缓销毁.*诉讼")
    Block.objects.create(
        record=lent, kind="loan", reference=lent.pk, reason="王某借阅", placed_at=timezone.now()
    )
    refused(panel, lent, match="借出未还")


def test_a_standing_hold_of_a_person_keeps_out_what_was_filed_since(panel):
    party = records.NewParty(kind="person", name="王小明", id_no="441900199003071235")
    first = panel.due_record(parties=(party,))
    key = first.parties.get().party_key
    holds.place(panel.fonds, "person", party_key=key, reason="诉讼", authority="法院", actor=panel.manager)
    refused(panel, panel.due_record(parties=(party,)), match="暂缓销毁")


def test_a_record_is_in_one_open_appraisal_only(panel):
    record = panel.due_record()
    first = panel.opened([record])
    with pytest.raises(appraisal.NotEligible, match="已在鉴定"):
        panel.opened([record])
    with pytest.raises(IntegrityError), transaction.atomic():
        AppraisalItem.objects.create(appraisal=first, record=record, position=9, old_period="10")
    appraisal.cancel(first, "选错了", actor=panel.archivist)
    assert panel.opened([record]).items.count() == 1


def test_what_stands_in_a_live_register_is_not_appraised_again(panel):
    from retention import registers

    record = panel.due_record()
    panel.decided([record])
    registers.make(panel.fonds, [record], "到期档案", actor=panel.manager)
    with pytest.raises(appraisal.NotEligible, match="销毁清册"):
        panel.opened([record])


def test_all_enter_or_none_and_every_reason_is_told(panel):
    good = panel.due_record()
    bad = [panel.due_record(retention_key="item:dongguan/arrears") for _ in range(5)]
    refusal = refused(panel, good, *bad, match="有 5 件")
    assert len(refusal.fields["reasons"]) == 5
    assert appraisal.entry_faults([good, *bad], timezone.localdate()).keys() == {record.pk for record in bad}


def test_an_appraisal_needs_a_title_records_and_somebody_who_may(panel):
    record = panel.due_record()
    with pytest.raises(WrongInput, match="题名"):
        panel.opened([record], title=" ")
    with pytest.raises(WrongInput, match="没有选择"):
        panel.opened([])
    with pytest.raises(NotAllowed):
        appraisal.open_appraisal([record.pk], panel.group, "到期", actor=panel.leader)
    elsewhere = filed.a_record(
        panel.stores, formed_on=date(2008, 1, 1), retention="10", fonds=filed.a_fonds("D020")
    )
    with pytest.raises(WrongInput, match="不在全宗"):
        panel.opened([elsewhere])


def test_appraisals_are_numbered_and_items_keep_period_and_due_date(panel):
    record = panel.due_record()
    opened = panel.opened([record])
    assert str(opened) == f"鉴定〔{timezone.localdate().year}〕1号"
    item = opened.items.get()
    assert (item.position, item.old_period, item.old_due_on) == (1, "10", date(2019, 1, 1))
