"""监销: two persons, and a comparison that finds whatever differs before they sign."""

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from archive import privacy
from archive.errors import NotAllowed, WrongState
from archive.identifiers import new_id
from archive.models import Assignment, Copy, DigitalObject, Record, RecordParty, User
from archive.permissions import Actor
from retention import persons, signing, supervision
from retention.models import RegisterRow, Supervision
from tests import filed
from tests.registers import fresh

pytestmark = pytest.mark.django_db(databases="__all__")
SCAN = b"%PDF-1.7 signed sheet"


def sign(register, actor):
    return supervision.sign(register.pk, confirmed=True, actor=actor)


def with_role(actor, role, house):
    Assignment.objects.create(user_id=actor.id, role=role, fonds=house.fonds)
    return Actor.of(User.objects.get(pk=actor.id))


# Two persons


def test_two_persons_sign_and_then_the_register_is_compared(house):
    register = sign(house.approved(house.due(2)), house.one)
    assert (register.state, register.supervisor_two) == ("approved", None)
    register = sign(register, house.two)
    assert register.state == "supervised"
    one, two = Supervision.objects.order_by("pk")
    assert (one.edition, one.compared, one.digest) == (
        1,
        2,
        two.digest,
    ) and one.signature.digest == one.digest


@pytest.mark.parametrize("state", ["draft", "frozen", "filed", "supervised"])
def test_nobody_supervises_what_is_not_approved(house, state):
    with pytest.raises(WrongState):
        sign(getattr(house, state)(), house.one)


def test_one_person_does_not_sign_twice(house):
    register = sign(house.approved(), house.one)
    with pytest.raises(NotAllowed, match="另一人"):
        sign(register, house.one)
    with pytest.raises(IntegrityError), transaction.atomic():
        first = Supervision.objects.get()
        first.pk = None
        first.save(force_insert=True)


def test_the_approver_does_not_supervise(house):
    register = house.approved()
    with pytest.raises(NotAllowed, match="监销人不能同时是批准人"):
        sign(register, with_role(house.head, "supervisor", house))


def test_a_supervisor_does_not_execute(house):
    register = house.supervised()
    with pytest.raises(NotAllowed, match="执行人不能同时是监销人"):
        house.executor = with_role(house.one, "archivist", house)
        house.start(register)


def test_who_gave_an_opinion_on_these_records_does_not_supervise_unless_the_site_allows_it(house, settings):
    register = house.approved()
    appraiser = with_role(house.appraiser, "supervisor", house)
    with pytest.raises(NotAllowed, match="发表过鉴定意见"):
        sign(register, appraiser)
    settings.SUPERVISORS_MAY_APPRAISE = True
    assert sign(register, appraiser).supervisor_one == persons.of(appraiser)


def test_who_appraised_other_records_may_supervise_these(house):
    other = filed.an_actor("appraiser")
    house.due()
    house.appraiser, before = other, house.appraiser
    assert sign(house.approved(house.due()), with_role(before, "supervisor", house)).supervisor_one


def test_nobody_supervises_the_destruction_of_his_own_file(house):
    (mine,) = house.due()
    token = privacy.number_token("441900199001011231")
    User.objects.filter(pk=house.one.id).update(id_token=token)
    RecordParty.objects.create(
        record=mine, kind="person", position=0, name="某", name_key="某", party_key="x", id_token=token
    )
    with pytest.raises(NotAllowed, match="回避"):
        sign(house.approved([mine]), house.one)


def test_a_supervisor_on_paper_counts_when_confirmed_and_needs_no_account(house):
    register = house.approved()
    person = persons.outsider("吴监销", "市人力资源和社会保障局")
    values = {
        "signed_on": timezone.localdate(),
        "scan": SCAN,
        "mime": "application/pdf",
        "actor": house.manager,
    }
    signature = supervision.enter_on_paper(register.pk, person, **values)
    assert fresh(register).supervisor_one is None
    with pytest.raises(NotAllowed, match="另一人"):
        supervision.confirm_on_paper(register.pk, signature, actor=house.manager)
    assert not Supervision.objects.exists()
    supervision.confirm_on_paper(register.pk, signature, actor=house.executor)
    assert sign(fresh(register), house.two).state == "supervised"


def test_a_user_who_is_no_supervisor_supervises_on_paper_neither(house):
    register, clerk = house.approved(), persons.of(filed.an_actor("clerk"))
    with pytest.raises(NotAllowed, match="没有“监销”的授权"):
        supervision.enter_on_paper(
            register.pk, clerk, signed_on=timezone.localdate(), scan=b"%PDF-1.7 x", mime="application/pdf",
            actor=house.manager,
        )  # fmt: skip


def test_a_sheet_of_something_else_is_not_taken_for_a_supervision(house):
    register = house.approved()
    person = persons.outsider("吴监销", "市人力资源和社会保障局")
    signature = signing.enter_paper(
        person, fonds=house.fonds, subject=f"register:{register.pk}", meaning="别的", digest="0" * 64,
        signed_on=timezone.localdate(), scan=SCAN, mime="application/pdf", actor=house.manager,
    )  # fmt: skip
    with pytest.raises(NotAllowed, match="不是对清册现在这一版的"):
        supervision.confirm_on_paper(register.pk, signature, actor=house.executor)


def test_what_was_compared_and_signed_never_changes(house):
    house.supervised()
    with pytest.raises(DatabaseError), transaction.atomic():
        Supervision.objects.update(compared=99)


# What differs


def title(record):
    Record.objects.filter(pk=record.pk).update(title="另一个题名")


def another_object(record):
    item = record.digital_objects.first()
    item.pk, item.position = new_id(), 99
    item.save(force_insert=True)


def gone_digest(record):
    DigitalObject.objects.filter(record=record, position=0).update(sha256="0" * 64)


def row_columns(record):
    row = RegisterRow.objects.get(record=record)
    RegisterRow.objects.filter(pk=row.pk).update(columns=row.columns | {"文件页数": 9})


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (title, "文件题名"),
        (another_object, "电子文件与列册时不同"),
        (gone_digest, "电子文件与列册时不同"),
        (row_columns, "第 1 版与定稿时的摘要不符"),
        (lambda record: Record.objects.filter(pk=record.pk).update(state="transferred"), "已移交"),
        (lambda record: Record.objects.filter(pk=record.pk).update(due_on="2999-01-01"), "保管期限未满"),
    ],
)
def test_every_row_is_compared_and_what_differs_is_named_and_stops_the_signing(
    house, without_triggers, spoil, words
):
    found = house.due(3)
    register = house.approved(found)
    assert supervision.compare(register).differences == ()
    spoil(found[1])
    with pytest.raises(supervision.Differs, match=words) as refused:
        sign(register, house.one)
    assert found[1].reference_code in str(refused.value)
    assert found[0].reference_code not in str(refused.value)
    assert not Supervision.objects.exists()


def test_the_stores_may_be_asked_too(house):
    found = house.due(2)
    register = house.approved(found)
    assert supervision.compare(register, stored=True).differences == ()
    copy = Copy.objects.filter(object__record=found[1]).first()
    (path,) = house.stores["local"].objects.rglob(f"*@{copy.version}")
    path.chmod(0o600)
    path.write_bytes(b"other")
    differences = supervision.compare(register, stored=True).differences
    assert [(position, code) for position, code, _ in differences] == [(2, found[1].reference_code)]
