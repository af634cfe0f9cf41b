"""Who is whom, and what a signature is worth: one's own on the screen, or paper that two users have seen."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from archive import audit, privacy, records
from archive.errors import NotAllowed, WrongInput, WrongState
from archive.models import Event, Paper, User
from archive.permissions import Actor
from retention import persons, signing
from retention.models import Person, Signature
from tests import filed
from tests.appraised import SCAN, SYSTEM

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stores")]

NUMBER = "441900199003071235"
SUBJECT = "appraisal:01920000-0000-7000-8000-000000000000"


@pytest.fixture
def head():
    return persons.outsider("王处长", "市人力资源和社会保障局", "处长")


def a_person(name="李四", number="") -> Person:
    user = filed.a_user(name=name)
    user.id_token = privacy.number_token(number) if number else ""
    user.save()
    return persons.person_of(user)


def on_paper(person, *, actor, **changed) -> Signature:
    values = {
        "fonds": filed.a_fonds(), "subject": SUBJECT, "meaning": "同意销毁 3 件", "digest": "d" * 64,
        "signed_on": timezone.localdate(), "scan": SCAN, "mime": "application/pdf",
    }  # fmt: skip
    return signing.enter_paper(person, actor=actor, **(values | changed))


def on_screen(person, *, actor, confirmed=True) -> Signature:
    return signing.sign_on_screen(
        person, subject=SUBJECT, meaning="同意销毁 3 件", digest="d" * 64, confirmed=confirmed, actor=actor
    )


# Persons


def test_an_account_is_one_person_whenever_it_acts():
    actor = filed.an_actor("manager")
    assert persons.of(actor) == persons.of(actor) == persons.person_of(User.objects.get(pk=actor.id))


def test_the_system_and_system_accounts_are_no_persons():
    robot = filed.a_user(name="接口")
    User.objects.filter(pk=robot.pk).update(is_system=True)
    for actor in (SYSTEM, Actor.of(robot)):
        with pytest.raises(NotAllowed, match="本人"):
            persons.of(actor)


def test_an_outsider_stands_once(head):
    assert persons.outsider(" 王处长 ", "市人力资源和社会保障局") == head
    assert persons.outsider("王处长", "县人力资源和社会保障局") != head
    with pytest.raises(IntegrityError), transaction.atomic():
        Person.objects.create(name="王处长", organisation="市人力资源和社会保障局")
    for name, organisation in (("", "局"), ("王", " ")):
        with pytest.raises(WrongInput):
            persons.outsider(name, organisation)


def test_two_accounts_of_one_name_are_two_persons_unless_their_numbers_are_one():
    assert not persons.same_person(a_person("张伟"), a_person("张伟"))
    assert persons.same_person(a_person("张伟", NUMBER), a_person("张 伟", NUMBER))
    assert not persons.same_person(a_person("张伟", NUMBER), a_person("张伟", "441900198003071231"))


def test_an_outsider_and_an_account_of_one_name_are_taken_for_one_until_their_numbers_differ():
    account, outsider = a_person("张伟", NUMBER), persons.outsider("张·伟", "市局")
    assert persons.same_person(account, outsider)
    outsider = persons.identify(outsider, "441900198003071231", actor=filed.an_actor("secadmin"))
    assert not persons.same_person(account, outsider)
    assert persons.same_person(account, persons.identify(outsider, NUMBER, actor=filed.an_actor("secadmin")))


def test_only_the_security_administrator_registers_a_number_and_it_is_kept_as_a_hash(head):
    with pytest.raises(NotAllowed):
        persons.identify(head, NUMBER, actor=filed.an_actor("manager"))
    with pytest.raises(WrongInput):
        persons.identify(head, "12", actor=filed.an_actor("secadmin"))
    head = persons.identify(head, NUMBER, actor=filed.an_actor("secadmin"))
    assert head.id_token == privacy.number_token(NUMBER)
    event = Event.objects.get(action="person.identified")
    assert NUMBER not in str(event.data) and audit.sentence(event) == "登记签署人 王处长 的证件号码"


# One's own file


def a_file(name="李四", id_no=NUMBER):
    return filed.a_record(parties=(records.NewParty(kind="person", name=name, id_no=id_no),))


def test_a_file_with_his_number_is_his_own_whatever_name_it_bears():
    assert persons.own_files(a_person("李四", NUMBER), [a_file(name="李泗").pk])


def test_a_namesake_with_another_number_is_not_he():
    assert not persons.own_files(a_person("李四", "441900198003071231"), [a_file().pk])


def test_without_a_number_the_name_decides_and_the_sentence_says_how_to_settle_it():
    person, record = a_person("李 四"), a_file()
    (sentence,) = persons.own_files(person, [record.pk]).values()
    assert "同名" in sentence and "安全保密员" in sentence and "证件号码" in sentence
    assert not persons.own_files(a_person("王五"), [record.pk])


def test_a_unit_of_his_name_is_not_he():
    record = filed.a_record(parties=(records.NewParty(kind="unit", name="李四"),))
    assert not persons.own_files(a_person("李四"), [record.pk])


# On the screen


def test_a_signature_on_screen_counts_at_once_and_stands_in_the_ledger_of_its_subject():
    actor = filed.an_actor("appraiser")
    signature = on_screen(persons.of(actor), actor=actor)
    assert signature.counts and signature.entered_by_id == actor.id
    event = Event.objects.get(action="signature.given")
    assert (event.kind, event.subject) == tuple(SUBJECT.split(":"))
    assert event.data["digest"] == "d" * 64


def test_nobody_signs_for_another_on_the_screen(head):
    actor = filed.an_actor("manager")
    for person in (a_person("别人"), head):
        with pytest.raises(NotAllowed, match="本人"):
            on_screen(person, actor=actor)
    assert not Signature.objects.exists()


def test_without_a_fresh_proof_of_who_he_is_nobody_signs():
    actor = filed.an_actor("manager")
    with pytest.raises(NotAllowed, match="密码"):
        on_screen(persons.of(actor), actor=actor, confirmed=False)


# On paper


def test_a_paper_signature_counts_only_once_another_user_has_confirmed_it(head):
    enterer, confirmer = filed.an_actor("archivist"), filed.an_actor("archivist")
    signature = on_paper(head, actor=enterer)
    assert not signature.counts
    with pytest.raises(NotAllowed, match="另一人"):
        signing.confirm_paper(signature, actor=enterer)
    assert not Signature.objects.get().counts
    assert signing.confirm_paper(signature, actor=confirmer).counts
    with pytest.raises(WrongState, match="已核对"):
        signing.confirm_paper(signature, actor=confirmer)
    told = Event.objects.filter(kind="appraisal").order_by("sequence").values_list("action", flat=True)
    assert list(told) == ["signature.entered", "signature.confirmed"]


def test_the_scan_lies_in_the_fonds_file(head):
    signature = on_paper(head, actor=filed.an_actor("archivist"))
    paper = Paper.objects.get()
    assert signature.scan == paper
    assert (paper.kind, paper.about) == ("纸质签署扫描件", SUBJECT)


def test_the_same_human_with_a_second_account_does_not_confirm(head):
    enterer, confirmer = filed.an_actor("archivist"), filed.an_actor("archivist")
    User.objects.filter(pk__in=[enterer.id, confirmer.id]).update(id_token=privacy.number_token(NUMBER))
    signature = on_paper(head, actor=enterer)
    with pytest.raises(NotAllowed, match="另一人"):
        signing.confirm_paper(signature, actor=confirmer)


def test_the_database_itself_refuses_the_confirmation_of_the_one_who_entered(head):
    signature = on_paper(head, actor=filed.an_actor("archivist"))
    with pytest.raises(IntegrityError), transaction.atomic():
        Signature.objects.filter(pk=signature.pk).update(
            confirmed_by=signature.entered_by_id, confirmed_at=timezone.now()
        )


def test_the_database_refuses_paper_without_a_scan():
    user = filed.a_user()
    with pytest.raises(IntegrityError), transaction.atomic():
        Signature.objects.create(
            person=persons.person_of(user), manner="paper", subject=SUBJECT, meaning="同意", digest="d" * 64,
            signed_on=timezone.localdate(), entered_at=timezone.now(), entered_by=user,
        )  # fmt: skip


@pytest.mark.parametrize("scan", [b"", b"MZ not a scan", b"\x89PNG\r\n\x1a\n picture named as pdf"])
def test_what_is_no_scan_is_refused(head, scan):
    with pytest.raises(WrongInput, match="扫描件"):
        on_paper(head, actor=filed.an_actor("archivist"), scan=scan)
    with pytest.raises(WrongInput, match="扫描件"):
        on_paper(head, actor=filed.an_actor("archivist"), mime="text/html")
    assert not Signature.objects.exists() and not Paper.objects.exists()


def test_a_sheet_signed_tomorrow_is_refused(head):
    tomorrow = timezone.localdate() + timedelta(days=1)
    with pytest.raises(WrongInput, match="不能晚于今天"):
        on_paper(head, actor=filed.an_actor("archivist"), signed_on=tomorrow)


@pytest.mark.parametrize("role", ["clerk", "appraiser", "approver", "auditor", "sysadmin"])
def test_only_archivists_and_managers_enter_and_confirm_paper(head, role):
    with pytest.raises(NotAllowed):
        on_paper(head, actor=filed.an_actor(role))
    signature = on_paper(head, actor=filed.an_actor("archivist"))
    with pytest.raises(NotAllowed):
        signing.confirm_paper(signature, actor=filed.an_actor(role))


def test_nobody_confirms_for_another_fonds_and_the_system_neither_enters_nor_confirms(head):
    signature = on_paper(head, actor=filed.an_actor("archivist"))
    for actor in (filed.an_actor("manager", fonds=filed.a_fonds("D020")), SYSTEM):
        with pytest.raises(NotAllowed):
            signing.confirm_paper(signature, actor=actor)
    with pytest.raises(NotAllowed, match="系统"):
        on_paper(head, actor=SYSTEM)


def test_a_screen_signature_needs_no_confirmation():
    actor = filed.an_actor("appraiser")
    with pytest.raises(WrongState, match="屏幕签署"):
        signing.confirm_paper(on_screen(persons.of(actor), actor=actor), actor=filed.an_actor("archivist"))


def test_what_waits_for_confirmation_is_shown_to_everybody_but_the_one_who_entered_it(head):
    enterer, confirmer = filed.an_actor("archivist"), filed.an_actor("manager")
    signature = on_paper(head, actor=enterer)
    assert list(signing.waiting_for(confirmer)) == [signature]
    assert not signing.waiting_for(enterer)
    assert not signing.waiting_for(filed.an_actor("manager", fonds=filed.a_fonds("D020")))
    signing.confirm_paper(signature, actor=confirmer)
    assert not signing.waiting_for(confirmer)


@pytest.mark.parametrize(
    "change",
    [
        {"meaning": "别的"},
        {"digest": "e" * 64},
        {"subject": "x:y"},
        {"signed_on": "2020-01-01"},
        {"manner": "paper"},
    ],
)
def test_the_database_keeps_what_was_signed(change):
    actor = filed.an_actor("appraiser")
    on_screen(persons.of(actor), actor=actor)
    with pytest.raises(DatabaseError), transaction.atomic():
        Signature.objects.update(**change)


def test_the_database_takes_no_confirmation_back_and_deletes_no_signature_or_person(head):
    signature = on_paper(head, actor=filed.an_actor("archivist"))
    signing.confirm_paper(signature, actor=filed.an_actor("archivist"))
    with pytest.raises(DatabaseError), transaction.atomic():
        Signature.objects.update(confirmed_at=None, confirmed_by=None)
    with pytest.raises(DatabaseError), transaction.atomic():
        Signature.objects.all()._raw_delete("default")
    with pytest.raises(DatabaseError), transaction.atomic():
        Person.objects.filter(pk=head.pk).update(name="别人")
