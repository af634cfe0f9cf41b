"""批准: after the filing, by another person than the requester, whole or in part, on screen or on paper."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from archive import privacy
from archive.errors import NotAllowed, WrongInput, WrongState
from archive.models import Assignment, RecordParty, User
from archive.permissions import Actor
from retention import approval, holds, persons, registers, signing
from retention.models import Register, Signature
from tests import filed
from tests.registers import fresh, rows

pytestmark = pytest.mark.django_db(databases="__all__")
SCAN = b"%PDF-1.7 signed sheet"


def on_paper(house, register, head=None, **changed):
    values = {
        "signed_on": timezone.localdate(),
        "scan": SCAN,
        "mime": "application/pdf",
        "actor": house.manager,
    }
    head = head or persons.outsider("周主任", "东莞市社会保险基金管理中心", "主任")
    return approval.enter_on_paper(register.pk, head, **(values | changed))


# When, and by whom


@pytest.mark.parametrize("state", ["draft", "frozen", "approved", "supervised"])
def test_nothing_is_approved_before_the_filing_or_twice(house, state):
    register = getattr(house, state)()
    with pytest.raises(WrongState):
        house.approve(register)


def test_only_a_head_of_this_fonds_approves(house):
    register = house.filed()
    for actor in (house.manager, house.one, filed.an_actor("approver", fonds=filed.a_fonds("D020"))):
        with pytest.raises(NotAllowed):
            approval.approve(register.pk, confirmed=True, actor=actor)
    assert fresh(register).state == "filed"


def test_the_requester_does_not_approve_whatever_roles_he_has(house):
    from archive.models import Assignment

    Assignment.objects.create(user_id=house.manager.id, role="approver", fonds=house.fonds)
    both = Actor.of(User.objects.get(pk=house.manager.id))
    with pytest.raises(NotAllowed, match="批准人不能同时是编制人"):
        approval.approve(house.filed().pk, confirmed=True, actor=both)


def test_a_namesake_on_paper_is_taken_for_the_requester(house):
    register = house.filed()
    head = persons.outsider(User.objects.get(pk=house.manager.id).name, "中心")
    with pytest.raises(NotAllowed, match="登记.*证件号码"):
        approval.enter_on_paper(
            register.pk,
            head,
            signed_on=timezone.localdate(),
            scan=SCAN,
            mime="application/pdf",
            actor=house.manager,
        )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("approved_by", "requested_by"), ("approved_by", "executed_by"), ("supervisor_one", "supervisor_two"),
        ("supervisor_one", "approved_by"), ("supervisor_one", "executed_by"), ("supervisor_two", "approved_by"),
        ("supervisor_two", "executed_by"),
    ],
)  # fmt: skip
def test_the_database_itself_keeps_the_persons_apart(house, one, other):
    register = house.draft()
    names = ("requested_by", "approved_by", "executed_by", "supervisor_one", "supervisor_two")
    values = {name: persons.outsider(name, "中心") for name in names}
    values["requested_by"] = register.requested_by
    values[one] = values[other]
    with pytest.raises(IntegrityError), transaction.atomic():
        Register.objects.filter(pk=register.pk).update(**values)


@pytest.mark.parametrize(
    "values",
    [
        {"state": "approved"}, {"state": "supervised"}, {"state": "executing"}, {"state": "executed"},
        {"state": "refused"}, {"state": "withdrawn"},
    ],
)  # fmt: skip
def test_the_database_refuses_a_state_without_the_persons_it_needs(house, without_triggers, values):
    register = house.draft()
    with pytest.raises(IntegrityError), transaction.atomic():
        Register.objects.filter(pk=register.pk).update(**values)


def test_what_was_approved_by_whom_never_changes(house):
    register = house.approved()
    other = persons.outsider("别人", "中心")
    with pytest.raises(IntegrityError), transaction.atomic():
        Register.objects.filter(pk=register.pk).update(approved_by=other)


# Whole, in part, not at all


def test_the_whole_register_is_approved_with_a_signature_over_its_edition(house):
    register = house.approved(house.due(2))
    assert register.state == "approved" and rows(register) == {1: "listed", 2: "listed"}
    assert register.approved_by == persons.of(house.head)
    decision = {"left_out": {}, "refused": ""}
    assert register.approval.digest == approval.digest_of(register, decision)


def test_without_proving_again_who_he_is_nothing_is_signed(house):
    register = house.filed()
    with pytest.raises(NotAllowed, match="再次输入密码"):
        approval.approve(register.pk, confirmed=False, actor=house.head)
    assert (
        fresh(register).state == "filed"
        and not Signature.objects.filter(subject__startswith="register").exists()
    )


def test_rows_left_out_make_a_new_edition_and_the_approval_stands_for_the_rest(house):
    register = house.filed(house.due(3))
    left = register.rows.get(position=2)
    house.approve(register, left_out={left.pk: "仍有参考价值"})
    register = fresh(register)
    assert (register.state, register.edition) == ("refiling", 2)
    assert rows(register) == {1: "listed", 2: "kept", 3: "listed"}
    left.refresh_from_db()
    assert left.left_reason == "仍有参考价值"
    with pytest.raises(WrongState):
        house.supervise(register)
    register = house.file(register, "人社备〔2026〕9号")
    assert register.state == "approved" and register.approved_by == persons.of(house.head)


def test_each_row_left_out_needs_a_reason_and_leaving_out_all_is_refusing(house):
    register = house.filed(house.due(2))
    keys = list(register.rows.values_list("pk", flat=True))
    with pytest.raises(WrongInput, match="理由"):
        house.approve(register, left_out={keys[0]: "  "})
    with pytest.raises(WrongInput, match="不批准"):
        house.approve(register, left_out=dict.fromkeys(keys, "都留"))
    assert rows(register) == {1: "listed", 2: "listed"} and fresh(register).state == "filed"


def test_refusing_keeps_every_row_and_another_register_wants_another_appraisal(house):
    found = house.due(2)
    register = house.filed(found)
    approval.refuse(register.pk, "期限有争议", confirmed=True, actor=house.head)
    register = fresh(register)
    assert (register.state, register.end_reason) == ("refused", "期限有争议")
    assert register.approved_by is None and register.approval.person == persons.of(house.head)
    assert set(rows(register).values()) == {"kept"}
    house.appraised(found)
    assert house.draft(found).state == "draft"


def test_the_head_takes_rows_back_after_his_approval(house):
    register = house.supervised(house.due(2))
    first = register.rows.get(position=1)
    approval.leave_out(register.pk, {first.pk: "新发现有争议"}, confirmed=True, actor=house.head)
    register = fresh(register)
    assert (register.state, register.supervisor_one) == ("refiling", None)
    register = house.supervise(house.file(register, "人社备〔2026〕9号"))
    assert register.state == "supervised"


def test_a_file_about_the_head_himself_is_left_to_another(house):
    mine, other = house.due(2)
    register = house.filed([mine, other])
    User.objects.filter(pk=house.head.id).update(id_token=privacy.number_token("441900199001011231"))
    RecordParty.objects.create(
        record=mine, kind="person", position=0, name="某人", name_key="某人", party_key="x",
        id_token=privacy.number_token("441900199001011231"),
    )  # fmt: skip
    with pytest.raises(NotAllowed, match=mine.reference_code):
        house.approve(register)
    assert (
        house.approve(register, left_out={register.rows.get(record=mine).pk: "涉及本人"}).state == "refiling"
    )


# On paper


def test_a_paper_approval_takes_effect_when_another_user_has_confirmed_it(house):
    register = house.filed(house.due(2))
    left = register.rows.get(position=1)
    on_paper(house, register, left_out={left.pk: "仍有参考价值"})
    assert fresh(register).state == "filed" and rows(register) == {1: "listed", 2: "listed"}
    with pytest.raises(NotAllowed, match="另一人"):
        approval.confirm_on_paper(register.pk, actor=house.manager)
    assert fresh(register).state == "filed"
    approval.confirm_on_paper(register.pk, actor=house.executor)
    register = fresh(register)
    assert (register.state, register.pending) == ("refiling", {})
    assert register.approved_by.name == "周主任" and register.approval.scan.kind == "纸质签署扫描件"
    assert rows(register) == {1: "kept", 2: "listed"}


def test_a_refusal_on_paper_ends_the_register(house):
    register = house.filed()
    on_paper(house, register, refused="期限有争议")
    approval.confirm_on_paper(register.pk, actor=house.executor)
    assert fresh(register).state == "refused"


def test_a_paper_signed_before_the_filing_does_not_count(house):
    with pytest.raises(WrongInput, match="备案"):
        on_paper(house, house.filed(), signed_on=timezone.localdate() - timedelta(days=1))


def test_a_sheet_for_an_earlier_edition_cannot_be_confirmed(house):
    one, two = house.due(2)
    register = house.filed([one, two])
    on_paper(house, register)
    holds.place(house.fonds, "record", records=[one.pk], reason="诉讼", authority="法院", actor=house.manager)
    registers.drain(actor=house.manager)
    house.file(fresh(register), "人社备〔2026〕9号")
    with pytest.raises(WrongState, match="新版"):
        approval.confirm_on_paper(register.pk, actor=house.executor)
    assert fresh(register).state == "filed"


def test_a_decision_on_paper_is_confirmed_or_withdrawn_before_another_is_made(house):
    register = house.filed()
    sheet = on_paper(house, register, refused="期限有争议")
    with pytest.raises(WrongState, match="待另一人核对"):
        on_paper(house, register)
    with pytest.raises(WrongState, match="待另一人核对"):
        house.approve(register)
    assert fresh(register).pending["signature"] == str(sheet.pk), "what the head refused is not forgotten"
    signing.withdraw_paper(sheet, "录错了人", actor=house.manager)
    assert house.approve(register).state == "approved"


def test_whose_account_has_not_the_role_signs_it_on_paper_no_more_than_on_the_screen(house):
    register, clerk = house.filed(), filed.an_actor("clerk")
    with pytest.raises(NotAllowed, match="没有“批准销毁”的授权"):
        on_paper(house, register, persons.of(clerk))
    on_paper(house, register, persons.of(house.head))
    Assignment.objects.filter(user=house.head.id).delete()
    with pytest.raises(NotAllowed, match="没有“批准销毁”的授权"):
        approval.confirm_on_paper(register.pk, actor=house.executor)
    assert fresh(register).state == "filed"


def test_there_is_nothing_to_confirm_without_a_sheet(house):
    with pytest.raises(WrongState, match="没有待核对"):
        approval.confirm_on_paper(house.filed().pk, actor=house.executor)


# Waiting


def test_the_waiting_time_of_the_site_runs_from_the_approval(house, settings, monkeypatch):
    settings.WAITING_DAYS = 90
    register = house.supervised()
    assert register.not_before == register.approved_at + timedelta(days=90)
    with pytest.raises(WrongState, match="等待期内"):
        house.start(register)
    with pytest.raises(DatabaseError), transaction.atomic():
        Register.objects.filter(pk=register.pk).update(not_before=timezone.now())
    over = register.not_before + timedelta(seconds=1)
    monkeypatch.setattr(timezone, "now", lambda: over)
    assert house.start(register).state == "executing"


# What the head reads


def test_the_head_reads_totals_reasons_holds_and_filing_on_one_page(house):
    found = [*house.due(2), *house.due(1, stage="ZF"), *house.due(1)]
    register = house.filed(found)
    holds.place(
        house.fonds, "record", records=[found[3].pk], reason="诉讼", authority="法院", actor=house.manager
    )
    other = holds.place(
        house.fonds, "record", records=[found[3].pk], reason="审计", authority="审计署", actor=house.manager
    ).hold
    told = approval.summary_for_head(register)
    assert told["held_rows"] == 1, "once, though two holds stand over it"
    holds.end(other, "审结", actor=house.manager)
    told = approval.summary_for_head(register)
    assert (told["count"], told["pages"], told["held_rows"]) == (4, 8, 1)
    assert {(row["class"], row["count"]) for row in told["by_class"]} == {("参保登记", 3), ("待遇支付", 1)}
    assert told["by_year"] == [{"year": 2008, "count": 4}]
    assert [(row["appraisal"], row["count"]) for row in told["reasons"]] == [
        (f"鉴定〔{timezone.localdate().year}〕{number}号", count)
        for number, count in ((1, 2), (2, 1), (3, 1))
    ]
    assert told["filing_no"] == "人社备〔2026〕7号" and [row["reason"] for row in told["holds"]] == ["诉讼"]


def test_the_summary_costs_the_same_whatever_the_register_holds(house):
    small, large = house.filed(house.due(1)), house.filed(house.due(6))
    with CaptureQueriesContext(connection) as few:
        approval.summary_for_head(small)
    with CaptureQueriesContext(connection) as many:
        approval.summary_for_head(large)
    assert len(many) == len(few)
