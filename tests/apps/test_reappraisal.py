"""A result of an appraisal is good for one way to destruction: whoever takes a record out of a frozen register sends it
back to the due list, and it is appraised anew; never before two groups at once."""

import pytest
from django.utils import timezone

from archive import extension
from retention import appraisal, approval, due, duelist, holds, registers, results
from retention.appraisal import NotEligible
from retention.models import AppraisalItem
from retention.registers import NotListed
from tests.appraised import Panel
from tests.registers import SYSTEM, House, fresh

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(stores):
    return House(stores)


@pytest.fixture
def panel(house, stores):
    return Panel(stores)


def standing(record) -> bool:
    return record.pk in results.standing_of([record.pk])


def part_of(actor, record) -> str:
    """The part of the due list in which the record stands."""
    rows = duelist.due(actor, "due.read", timezone.localdate())
    unsettled = duelist.unsettled(duelist.classes(rows))
    counts = duelist.parted(rows, unsettled)
    parts = [
        name
        for name in ("free", "blocked", "busy")
        if record in (found := list(duelist.part(rows, name, unsettled))) and counts[name] == len(found)
    ]
    assert len(parts) == 1
    return parts[0]


def test_what_is_let_go_waits_for_a_register_and_enters_no_other_appraisal(house, panel):
    [record] = house.due(1)
    assert standing(record) and part_of(panel.archivist, record) == "busy"
    with pytest.raises(
        NotEligible, match=f"待列清册的档案（鉴定〔{timezone.localdate().year}〕1号同意销毁）"
    ):
        panel.opened([record])


def test_what_the_head_took_out_goes_back_to_the_due_list_and_is_appraised_anew(house, panel):
    kept, other = house.due(2)
    register = house.filed([kept, other])
    row = register.rows.get(record=kept)
    house.approve(register, left_out={row.pk: "仍有查考价值"})
    assert not standing(kept) and standing(other)
    assert (part_of(panel.archivist, kept), part_of(panel.archivist, other)) == ("free", "busy")
    with pytest.raises(NotListed, match="须重新鉴定"):
        house.draft([kept])
    assert not duelist.ready_for_register().exists()
    opened = panel.opened([kept])
    with pytest.raises(NotEligible, match=str(opened)):
        panel.opened([kept], "再来一次")
    assert AppraisalItem.objects.filter(record=kept, open=True).count() == 1
    panel.all_say(list(opened.items.select_related("record")), "destroy")
    appraisal.close(opened, actor=panel.manager)
    assert standing(kept) and house.draft([kept]).state == "draft"


def test_what_the_head_took_back_after_his_approval_is_appraised_anew(house):
    register = house.supervised(house.due(2))
    first = register.rows.select_related("record").get(position=1)
    approval.leave_out(register.pk, {first.pk: "新发现有争议"}, confirmed=True, actor=house.head)
    assert not standing(first.record)


def test_a_refused_register_sends_all_its_records_back(house, panel):
    found = house.due(2)
    approval.refuse(house.filed(found).pk, "期限有争议", confirmed=True, actor=house.head)
    assert not any(map(standing, found))
    assert panel.opened(found).items.count() == 2


@pytest.mark.parametrize("state", ["approved", "executing"])
def test_what_a_hold_took_out_is_appraised_anew_once_the_hold_has_ended(house, panel, state):
    record, other = house.due(2)
    register = getattr(house, state)([record, other])
    hold = holds.place(
        house.fonds, "record", records=[record.pk], reason="诉讼", authority="法院", actor=house.manager
    )
    registers.drain(actor=SYSTEM)
    assert register.rows.get(record=record).state == "kept"
    assert part_of(panel.archivist, record) == "blocked"
    holds.end(hold.hold, "已判决", actor=panel.manager)
    assert part_of(panel.archivist, record) == "free" and not standing(record)


def test_the_result_stands_when_the_archivist_took_it_out_of_a_draft_or_withdrew_the_register(house):
    one, two = house.due(2)
    register = house.draft([one, two])
    registers.take_out(register.pk, {register.rows.get(record=one).pk: "另编一册"}, actor=house.manager)
    assert standing(one) and house.draft([one]).state == "draft"
    register = house.file(
        house.freeze(fresh(register)) if hasattr(house, "freeze") else _frozen(house, register)
    )
    registers.withdraw(register.pk, "题名有误", actor=house.manager)
    assert standing(two) and house.draft([two]).state == "draft"


def _frozen(house, register):
    registers.freeze(register.pk, actor=house.manager)
    return fresh(register)


def test_another_period_since_makes_the_record_wait_for_an_appraisal_of_its_own_time(house, panel):
    [record] = house.due(1)
    extension.extend(record.pk, "50", basis="更正", decided_on=timezone.localdate(), actor=SYSTEM)
    assert not standing(record)
    with pytest.raises(NotListed, match="须重新鉴定"):
        house.draft([record])


def test_the_daily_scan_counts_a_record_that_came_back_as_waiting(house, panel):
    found = house.due(2)
    register = house.filed(found)
    house.approve(register, left_out={register.rows.get(record=found[0]).pk: "仍有查考价值"})
    counted, _ = due.scan(timezone.localdate())
    assert (counted.waiting, counted.listed, counted.decided) == (1, 1, 0)
