"""COMPLIANCE takes two persons and the time to think it over; the page says what it means before anybody clicks."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from django_q.models import OrmQ

from archive import audit, lock_modes, renewal, stores
from archive.errors import ArchiveError, NotAllowed, NotFound, WrongInput, WrongState
from archive.models import Copy, Event, LockModeChange, Record
from archive.permissions import ROLES
from archive.storage import COMPLIANCE, GOVERNANCE
from retention import execution
from search.engine import engine
from tests import filed
from tests.pages import reader, text
from tests.registers import SYSTEM, House, rows

pytestmark = pytest.mark.django_db(databases="__all__")
URL = "/locks/D019/"


@pytest.fixture
def fonds():
    return filed.a_fonds()


@pytest.fixture
def manager():
    return filed.an_actor("manager")


@pytest.fixture
def approver():
    return filed.an_actor("approver")


def asked(fonds, actor, reason="上级要求"):
    return lock_modes.ask(fonds, reason=reason, actor=actor)


def over(change):
    """A day on which the window is over."""
    return change.confirm_from


def test_governance_is_how_it_begins(fonds):
    assert lock_modes.current(fonds) is None and stores.lock_mode(fonds) == GOVERNANCE


def test_asking_changes_nothing_but_starts_the_window(fonds, manager, settings):
    settings.COMPLIANCE_WINDOW_DAYS = 30
    change = asked(fonds, manager)
    assert change.confirm_from == timezone.localdate() + timedelta(days=30)
    assert stores.lock_mode(fonds) == GOVERNANCE
    event = Event.objects.get(action="lock_mode.asked")
    assert (event.kind, event.subject) == ("fonds", "D019") and "上级要求" in audit.sentence(event)


def test_nobody_confirms_before_the_window_is_over(fonds, manager, approver):
    change = asked(fonds, manager)
    for day in (timezone.localdate(), over(change) - timedelta(days=1)):
        with pytest.raises(WrongState, match="考虑期"):
            lock_modes.confirm(change.pk, understood=True, actor=approver, today=day)
    assert stores.lock_mode(fonds) == GOVERNANCE


def test_who_asked_does_not_confirm_also_not_in_the_database(fonds, manager):
    change = asked(fonds, manager)
    with pytest.raises(NotAllowed, match="提出人"):
        lock_modes.confirm(change.pk, understood=True, actor=manager, today=over(change))
    with pytest.raises(IntegrityError), transaction.atomic():
        LockModeChange.objects.update(confirmed_by=change.asked_by, confirmed_at=timezone.now())


def test_a_second_person_confirms_after_the_window_and_it_stays(fonds, manager, approver):
    change = asked(fonds, manager)
    with pytest.raises(WrongInput, match="我明白"):
        lock_modes.confirm(change.pk, understood=False, actor=approver, today=over(change))
    lock_modes.confirm(change.pk, understood=True, actor=approver, today=over(change))
    assert stores.lock_mode(fonds) == COMPLIANCE
    for verb in (
        lambda: lock_modes.withdraw(change.pk, reason="反悔", actor=approver),
        lambda: lock_modes.confirm(change.pk, understood=True, actor=approver, today=over(change)),
        lambda: asked(fonds, manager),
    ):
        with pytest.raises(WrongState):
            verb()
    assert Event.objects.get(action="lock_mode.confirmed").data["asked_by"] == manager.name
    assert stores.lock_mode(filed.a_fonds("D020")) == GOVERNANCE


def test_anyone_with_the_right_withdraws_and_the_window_begins_anew(fonds, manager, approver):
    first = asked(fonds, manager)
    lock_modes.withdraw(first.pk, reason="再议", actor=approver)
    with pytest.raises(WrongState):
        lock_modes.confirm(first.pk, understood=True, actor=approver, today=over(first))
    second = asked(fonds, manager)
    assert lock_modes.current(fonds) == second != first
    assert "再议" in audit.sentence(Event.objects.get(action="lock_mode.withdrawn"))


def test_every_step_wants_its_reason(fonds, manager):
    with pytest.raises(WrongInput):
        asked(fonds, manager, " ")
    change = asked(fonds, manager)
    with pytest.raises(WrongInput):
        lock_modes.withdraw(change.pk, reason="", actor=manager)


def test_it_is_for_those_who_answer_for_that_fonds_and_never_for_the_system(fonds, manager, actor):
    for role in set(ROLES) - {"manager", "approver", "sysadmin", "secadmin", "auditor"}:
        with pytest.raises(NotAllowed):
            asked(fonds, filed.an_actor(role))
    with pytest.raises(NotFound):
        asked(filed.a_fonds("D020"), manager)
    with pytest.raises(NotAllowed):
        asked(fonds, actor)
    with pytest.raises(ArchiveError):
        lock_modes.order(fonds, actor=manager)  # nothing is confirmed


def test_a_confirmation_is_never_taken_back_by_whoever_writes_to_the_database(fonds, manager, approver):
    change = asked(fonds, manager)
    lock_modes.confirm(change.pk, understood=True, actor=approver, today=over(change))
    for values in ({"confirmed_at": None}, {"withdrawn_at": timezone.now()}):
        with pytest.raises(IntegrityError), transaction.atomic():
            LockModeChange.objects.update(**values)


# The pages


def test_the_page_says_the_consequence_and_how_many_records_it_concerns(stores, fonds):
    for _ in range(3):
        filed.a_record(stores, retention="永久", formed_on=timezone.localdate())
    html = text(reader("manager").get(URL))
    for words in ("谁也不能删除", "存储厂商、桶的所有者", "归错了也要等到那一天", "确认之后不能退回", "3 件"):
        assert words in html
    assert "提出改为 COMPLIANCE" in html


def test_who_may_only_look_sees_no_button(fonds):
    html = text(reader("auditor").get(URL))
    assert "谁也不能删除" in html and "提出改为 COMPLIANCE" not in html


def test_two_persons_go_the_way_on_the_pages(stores, fonds, settings):
    settings.COMPLIANCE_WINDOW_DAYS = 0
    filed.a_record(stores, retention="永久", formed_on=timezone.localdate())
    renewal.renew(actor=SYSTEM)
    one, two = reader("manager", name="王提出"), reader("approver", name="赵确认")
    assert one.post(URL + "ask/", {"reason": "上级要求"}).status_code == 302
    page = text(one.get(URL))
    assert "提出人" in page and "确认改为 COMPLIANCE</button>" not in page
    assert one.post(URL + "confirm/", {"understood": "on"}).status_code == 403
    assert "确认改为 COMPLIANCE</button>" in text(two.get(URL))
    assert two.post(URL + "confirm/", {}).status_code == 400
    assert two.post(URL + "confirm/", {"understood": "on"}).status_code == 302
    page = text(two.get(URL))
    assert "赵确认" in page and "马上改现有副本" in page
    queued = OrmQ.objects.count()
    assert two.post(URL + "order/").status_code == 302
    assert OrmQ.objects.count() == queued + 1 and renewal.due(timezone.localdate()).exists()
    renewal.renew(actor=SYSTEM)
    assert "马上改现有副本" not in text(two.get(URL))


def test_the_window_is_said_on_the_page(fonds):
    client = reader("manager")
    client.post(URL + "ask/", {"reason": "上级要求"})
    page = text(reader("approver").get(URL))
    assert "考虑期" in page and "撤回" in page and "确认改为 COMPLIANCE</button>" not in page


def test_the_list_shows_each_fonds_that_one_answers_for(fonds):
    filed.a_fonds("D020")
    assert "D020" not in text(reader("manager").get("/locks/"))
    assert "D020" in text(reader("sysadmin").get("/locks/"))


# Destruction


def test_destruction_waits_for_a_compliance_lock_and_then_goes_on_by_itself(
    stores, approver, manager, monkeypatch
):
    """From the confirmed mode to the destroyed record: nobody gets at a locked object before its day."""
    engine().ensure()
    house = House(stores)
    change = asked(house.fonds, manager)
    lock_modes.confirm(change.pk, understood=True, actor=approver, today=over(change))
    (record,) = house.due()
    store, until = stores["local"], timezone.now() + timedelta(days=40)
    for copy in Copy.objects.filter(object__record=record):
        store.extend_lock(copy.key, copy.version, until, COMPLIANCE)
    register = house.execute(house.supervised([record]))
    assert rows(register) == {1: "locked"} and register.state == "executing"
    assert "锁定未到期" in register.rows.get().fault
    assert Record.objects.get(pk=record.pk).state == "archived" and list(store.iterate(f"D019/{record.pk}/"))
    monkeypatch.setattr(store, "clock", lambda: until + timedelta(days=1))
    monkeypatch.setattr(timezone, "now", lambda: until + timedelta(days=1))
    execution.work(actor=SYSTEM)
    register.refresh_from_db()
    assert rows(register) == {1: "destroyed"} and not list(store.iterate(f"D019/{record.pk}/"))
