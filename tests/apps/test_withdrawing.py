"""A paper signature that was entered wrongly is withdrawn before its confirmation, for a reason, and entered anew."""

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from archive.errors import NotAllowed, WrongInput, WrongState
from archive.models import Event, Paper, User
from retention import appraisal, approval, opinions, places, signing
from retention.models import Signature
from tests import filed
from tests.appraised import Panel, items
from tests.pages import client_of, text
from tests.registers import SYSTEM, House, fresh

pytestmark = pytest.mark.django_db
REASON = "序号录错了一件，签署页上是 1-3"


@pytest.fixture
def panel(stores):
    return Panel(stores)


@pytest.fixture
def house(stores):
    return House(stores)


def _at(actor):
    return client_of(User.objects.get(pk=actor.id))


def entered(panel):
    opened = panel.opened([panel.due_record(), panel.due_record()])
    return opened, panel.on_paper(items(opened), "destroy", confirm=False)


def decided_on_paper(house, register):
    return approval.enter_on_paper(
        register.pk, house.outsider, signed_on=timezone.localdate(), scan=b"%PDF-1.7 a decision",
        mime="application/pdf", actor=house.manager,
    )  # fmt: skip


@pytest.mark.parametrize(("who", "verb"), [("archivist", "撤回"), ("second", "退回")])
def test_the_one_who_entered_it_or_the_one_who_compares_takes_it_back_with_a_reason(panel, who, verb):
    opened, opinion = entered(panel)
    papers = Paper.objects.count()
    taken = signing.withdraw_paper(opinion.signature, REASON, actor=getattr(panel, who))
    assert (taken.state, taken.withdrawn_reason) == ("withdrawn", REASON)
    event = Event.objects.get(action="signature.withdrawn", subject=str(opened.pk))
    assert (event.data["verb"], event.data["reason"]) == (verb, REASON)
    assert Paper.objects.count() == papers, "the scan stays"
    assert not signing.waiting_for(panel.manager) and opinions.unconfirmed(opened) == 0


def test_it_never_counts_and_another_one_is_entered_in_its_place(panel):
    opened, opinion = entered(panel)
    signing.withdraw_paper(opinion.signature, REASON, actor=panel.archivist)
    with pytest.raises(WrongState, match="已撤回"):
        signing.confirm_paper(opinion.signature, actor=panel.second)
    for kind in panel.on_screen:
        panel.says(kind, items(opened), "destroy")
    with pytest.raises(WrongState, match="还缺人社行政部门"):
        appraisal.close(opened, actor=panel.manager)
    panel.on_paper(items(opened), "destroy")
    assert appraisal.close(opened, actor=panel.manager).state == "decided"


def test_a_member_whose_opinion_was_taken_back_is_asked_again(panel):
    opened = panel.opened([panel.due_record()])
    member = panel.member("business")
    opinion = opinions.enter_opinion(
        member, items(opened), "destroy", reason="同意", signed_on=timezone.localdate(), scan=b"%PDF-1.7 his sheet",
        mime="application/pdf", actor=panel.archivist,
    )  # fmt: skip
    asked = [todo["count"] for todo in places.todos(panel.business) if todo["label"] == "鉴定意见等您发表"]
    assert asked == []
    signing.withdraw_paper(opinion.signature, REASON, actor=panel.archivist)
    asked = [todo["count"] for todo in places.todos(panel.business) if todo["label"] == "鉴定意见等您发表"]
    assert asked == [1]


def test_a_decision_of_the_head_that_was_taken_back_frees_the_register_for_another(house):
    house.outsider = signing.persons.outsider("郝主任", "市社保中心")
    register = house.filed(house.due(2))
    signature = decided_on_paper(house, register)
    assert fresh(register).pending
    signing.withdraw_paper(signature, REASON, actor=house.manager)
    assert (fresh(register).pending, fresh(register).state) == ({}, "filed")
    with pytest.raises(WrongState):
        approval.confirm_on_paper(register.pk, actor=house.executor)
    decided_on_paper(house, fresh(register))
    assert approval.confirm_on_paper(register.pk, actor=house.executor).state == "approved"


def test_nobody_else_takes_it_back_and_nobody_without_a_reason(panel):
    _, opinion = entered(panel)
    for actor in (panel.business, filed.an_actor("manager", fonds=filed.a_fonds("D020")), SYSTEM):
        with pytest.raises(NotAllowed):
            signing.withdraw_paper(opinion.signature, REASON, actor=actor)
    with pytest.raises(WrongInput, match="录入哪里不对"):
        signing.withdraw_paper(opinion.signature, "  ", actor=panel.archivist)
    opinion.signature.refresh_from_db()
    assert opinion.signature.state == "waiting"


def test_what_counts_already_is_not_taken_back(panel):
    opened, opinion = entered(panel)
    signing.confirm_paper(opinion.signature, actor=panel.second)
    with pytest.raises(WrongState, match="已核对"):
        signing.withdraw_paper(opinion.signature, REASON, actor=panel.archivist)
    screen = panel.says("leader", items(opened), "destroy").signature
    with pytest.raises(WrongState, match="屏幕签署"):
        signing.withdraw_paper(screen, REASON, actor=panel.archivist)


def test_the_database_takes_no_withdrawal_back_and_none_of_what_is_confirmed(panel):
    _, opinion = entered(panel)
    rows = Signature.objects.filter(pk=opinion.signature_id)
    with pytest.raises(DatabaseError), transaction.atomic():
        rows.update(withdrawn_at=timezone.now())  # without a reason
    signing.withdraw_paper(opinion.signature, REASON, actor=panel.archivist)
    for change in ({"withdrawn_at": None}, {"withdrawn_reason": "别的"}, {"confirmed_at": timezone.now()}):
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.update(**change)


def test_the_page_offers_it_tells_what_follows_and_lists_it_afterwards(panel):
    _, opinion = entered(panel)
    entering, comparing = _at(panel.archivist), _at(panel.second)
    here = f"/retention/signatures/{opinion.signature_id}/"
    assert "撤回后重新录入" in text(entering.get(here)) and "退回录入" in text(comparing.get(here))
    answer = comparing.post(here + "withdraw/", {"reason": ""}, follow=True)
    assert "请写明录入哪里不对" in text(answer)
    answer = comparing.post(here + "withdraw/", {"reason": REASON}, follow=True)
    assert "可以重新录入" in text(answer)
    page = text(entering.get(here))
    assert "已撤回" in page and REASON in page and "核对无误" not in page
    assert REASON in text(entering.get("/retention/signatures/?state=withdrawn"))
    assert "没有待核对" in text(comparing.get("/retention/signatures/"))
