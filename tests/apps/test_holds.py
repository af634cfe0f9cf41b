"""暂缓销毁: whatever is held is not destroyed, from whichever side one comes, until a person says that it may."""

import io
from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from archive import audit, contents, destruction, keeping, permissions, records
from archive.errors import NotAllowed, NotFound, StorageFailed, WrongInput, WrongState
from archive.identifiers import new_id
from archive.models import Block, Change, Copy, Event, RecordParty
from archive.permissions import Actor
from retention import holds
from retention.models import Hold
from tests import filed
from tests.registers import SYSTEM, House, rows

pytestmark = pytest.mark.django_db(databases="__all__")

PERSON = records.NewParty(kind="person", name="王小明", id_no="441900199003071235")
UNIT = records.NewParty(kind="unit", name="东莞市某某电子有限公司", uscc="91441900MA4UXXXX1A")


@pytest.fixture
def manager():
    return filed.an_actor("manager")


def hold(*held, actor, kind="record", **changed):
    values = {"reason": "劳动争议诉讼", "authority": "东莞市第一人民法院（2026）粤1971民初1号"} | changed
    return holds.place(filed.a_fonds(), kind, records=[r.pk for r in held], actor=actor, **values)


def key_of(record, kind):
    return RecordParty.objects.get(record=record, kind=kind).party_key


def begin(record):
    """What a destruction asks at its point of no return."""
    return destruction.begin(
        record.pk,
        actor=SYSTEM,
        action="record.held",
        data={"hold": "-", "reason": "-"},
        obstacles=holds.covering(record),
    )


# By record, person, unit and search


@pytest.mark.parametrize("kind", ["record", "search"])
def test_a_hold_by_record_or_search_covers_exactly_what_was_named(stores, manager, kind):
    one, two, other = (filed.a_record(stores) for _ in range(3))
    placed = hold(one, two, actor=manager, kind=kind)
    assert (placed.held, placed.too_late) == (2, ())
    assert holds.covering(one) and holds.covering(two) and not holds.covering(other)
    assert Block.objects.filter(kind="hold", reference=placed.hold.pk, lifted_at=None).count() == 2


@pytest.mark.parametrize(("kind", "party"), [("person", PERSON), ("unit", UNIT)])
def test_a_hold_by_person_or_unit_covers_all_of_theirs(stores, manager, kind, party):
    his = filed.a_record(stores, parties=(party,))
    also_his = filed.a_record(stores, parties=(PERSON, UNIT))
    other = filed.a_record(stores)
    placed = hold(actor=manager, kind=kind, party_key=key_of(his, kind))
    assert placed.held == 2
    assert holds.covering(his) and holds.covering(also_his) and not holds.covering(other)
    assert party.name in placed.hold.about and "199003071235" not in placed.hold.about


def test_a_record_filed_later_of_a_held_person_is_covered_at_once_and_blocked_by_the_daily_job(
    stores, manager
):
    first = filed.a_record(stores, parties=(PERSON,))
    placed = hold(actor=manager, kind="person", party_key=key_of(first, "person"))
    later = filed.a_record(stores, parties=(PERSON,))
    assert holds.covering(later) == [f"暂缓销毁：{placed.hold}，劳动争议诉讼"]
    assert not Block.objects.filter(record=later).exists()
    assert begin(later), "what stands over a record keeps its destruction from beginning"
    assert holds.spread(actor=SYSTEM) == 1
    assert Block.objects.filter(record=later, lifted_at=None).count() == 1
    assert len(holds.covering(later)) == 1, "said once"
    assert holds.spread(actor=SYSTEM) == 0


def test_a_hold_of_a_person_ends_at_the_fonds(stores, manager):
    first = filed.a_record(stores, parties=(PERSON,))
    elsewhere = filed.a_record(stores, parties=(PERSON,), fonds=filed.a_fonds("D020"))
    hold(actor=manager, kind="person", party_key=key_of(first, "person"))
    assert not holds.covering(elsewhere)


def test_a_person_and_a_unit_of_the_same_key_are_told_apart(stores, manager):
    person = records.NewParty(kind="person", name="同名")
    unit = records.NewParty(kind="unit", name="同名")
    his, its = filed.a_record(stores, parties=(person,)), filed.a_record(stores, parties=(unit,))
    assert key_of(his, "person") == key_of(its, "unit")
    hold(actor=manager, kind="person", party_key=key_of(his, "person"))
    assert holds.covering(his) and not holds.covering(its)


# Reason, authority, who


@pytest.mark.parametrize(
    ("changed", "field"),
    [({"reason": " "}, "理由"), ({"authority": ""}, "依据"), ({"kind": "all"}, "方式"),
     ({"kind": "person"}, "当事人"), ({"kind": "unit"}, "当事人")],
)  # fmt: skip
def test_a_hold_states_its_reason_and_authority_and_what_it_is_about(stores, manager, changed, field):
    record = filed.a_record(stores)
    with pytest.raises(WrongInput, match=field):
        hold(record, actor=manager, **changed)
    with pytest.raises(WrongInput, match="没有选择档案"):
        hold(actor=manager)
    many = [new_id() for _ in range(holds.MOST + 1)]
    with pytest.raises(WrongInput, match="最多 1000 件"):
        holds.place(record.fonds, "record", records=many, reason="诉讼", authority="法院", actor=manager)
    assert not Hold.objects.exists()


@pytest.mark.parametrize("role", ["clerk", "approver", "inspector", "sysadmin", "auditor"])
def test_only_archivists_and_managers_place_a_hold(stores, role):
    record = filed.a_record(stores)
    with pytest.raises(NotAllowed):
        hold(record, actor=filed.an_actor(role))


def test_a_hold_in_another_fonds_or_on_unseen_records_is_refused(stores, manager):
    record = filed.a_record(stores)
    with pytest.raises(NotAllowed, match="D020"):
        holds.place(
            filed.a_fonds("D020"),
            "record",
            records=[record.pk],
            reason="诉讼",
            authority="法院",
            actor=manager,
        )
    narrow = filed.an_actor("archivist", departments=[filed.a_department().pk])
    with pytest.raises(NotFound):
        hold(record, actor=narrow)


def test_holds_are_numbered_without_gaps_in_fonds_and_year(stores, manager):
    record = filed.a_record(stores)
    numbers = [hold(record, actor=manager).hold.number for _ in range(3)]
    assert numbers == [1, 2, 3]
    assert str(hold(record, actor=manager).hold) == f"暂缓〔{timezone.localdate().year}〕4号"


def test_a_person_ends_a_hold_with_a_reason_and_the_records_are_free(stores, manager):
    record = filed.a_record(stores)
    placed = hold(record, actor=manager).hold
    with pytest.raises(WrongInput, match="理由"):
        holds.end(placed, " ", actor=manager)
    ended = holds.end(placed, "判决生效", actor=manager)
    assert (ended.ended_by_id, ended.end_reason) == (manager.id, "判决生效")
    assert not holds.covering(record)
    assert Block.objects.get(record=record).lifted_at, "the lifted block stays as history"
    with pytest.raises(WrongState, match="已解除"):
        holds.end(placed, "再来一次", actor=manager)


def test_neither_the_system_nor_a_system_account_nor_an_archivist_ends_a_hold(stores, manager):
    placed = hold(filed.a_record(stores), actor=manager).hold
    robot = filed.a_user(name="接口")
    robot.is_system = True
    robot.save()
    machine = Actor(id=robot.pk, name="接口", roles=manager.roles, grants=manager.grants)
    for actor in (SYSTEM, machine, filed.an_actor("archivist")):
        with pytest.raises(NotAllowed):
            holds.end(placed, "期满", actor=actor)
    with pytest.raises(IntegrityError), transaction.atomic():
        Hold.objects.filter(pk=placed.pk).update(ended_at=timezone.now(), end_reason="期满")
    assert holds.covering_all([Block.objects.get().record_id])


def test_one_of_two_holds_still_holds_when_the_other_has_ended(stores, manager):
    record = filed.a_record(stores)
    first, second = (hold(record, actor=manager, reason=reason).hold for reason in ("诉讼", "稽核"))
    holds.end(first, "判决生效", actor=manager)
    assert holds.covering(record) == [f"暂缓销毁：{second}，稽核"]


# At any time before the bytes go


@pytest.mark.parametrize("state", ["draft", "frozen", "filed", "approved", "supervised"])
def test_a_hold_placed_at_any_time_before_execution_takes_the_record_out_of_it(stores, state):
    from retention import registers
    from search.engine import engine

    engine().ensure()
    house = House(stores)
    due = house.due(2)
    register = getattr(house, state)(due)
    hold(due[0], actor=house.manager)
    registers.drain(actor=SYSTEM)
    assert sorted(rows(register).values()) == ["kept", "listed"]
    assert (
        RecordParty.objects.model
        and records.get_for(house.manager, due[0].pk, "record.read").state == "archived"
    )


def test_a_hold_placed_between_the_start_and_the_bytes_keeps_the_record(stores):
    from retention import execution
    from search.engine import engine

    engine().ensure()
    house = House(stores)
    due = house.due(3)
    register = house.executing(due)
    hold(due[1], actor=house.manager)  # no message has been followed yet: the lock decides
    execution.work(actor=SYSTEM)
    register.refresh_from_db()
    assert sorted(rows(register).values()) == ["destroyed", "destroyed", "kept"]
    due[1].refresh_from_db()
    assert due[1].state == "archived"
    assert contents.open_object(due[1].digital_objects.first()).read()


def test_what_is_already_being_destroyed_is_too_late_and_is_named(stores, manager):
    late, early = filed.a_record(stores), filed.a_record(stores)
    assert begin(late) == []
    placed = hold(late, early, actor=manager)
    assert placed.held == 1 and [r.pk for r in placed.too_late] == [late.pk]
    assert not Block.objects.filter(record=late).exists()
    assert Hold.objects.get().too_late == [str(late.pk)]
    event = Event.objects.get(action="hold.settled")
    assert (event.data["held"], event.data["late"], event.data["too_late"]) == (1, 1, [str(late.pk)])


def test_a_block_of_any_kind_covers(stores):
    record = filed.a_record(stores)
    for kind in ("loan", "request"):
        Block.objects.create(
            record=record, kind=kind, reference=record.pk, reason="某人", placed_at=timezone.now()
        )
    assert holds.covering(record) == ["借出未还：某人", "利用申请未结：某人"]


# The stores follow


def test_the_stores_legal_hold_follows_on_every_copy_and_is_lifted_again(two_stores, manager):
    record = filed.a_record(two_stores, contents=(b"%PDF one", b"%PDF two"))
    placed = hold(record, actor=manager).hold
    assert not Copy.objects.filter(legal_hold=True).exists(), "not inside the verb"
    holds.drain()
    assert_held(two_stores, True)
    with pytest.raises(StorageFailed, match="冻结"):
        copy = Copy.objects.first()
        two_stores[copy.store].remove(copy.key, copy.version)
    holds.end(placed, "判决生效", actor=manager)
    holds.drain()
    assert_held(two_stores, False)
    assert not Change.objects.filter(topic="holds").exists()


def assert_held(stores, on):
    copies = list(Copy.objects.all())
    assert len(copies) == 8  # two files, the manifest and its EEP, twice
    for copy in copies:
        assert copy.legal_hold is on
        assert stores[copy.store].head(copy.key, copy.version).legal_hold is on


def test_while_another_hold_stands_the_stores_keep_theirs(stores, manager):
    record = filed.a_record(stores)
    first, _second = hold(record, actor=manager).hold, hold(record, actor=manager).hold
    holds.drain()
    holds.end(first, "判决生效", actor=manager)
    holds.drain()
    assert set(Copy.objects.values_list("legal_hold", flat=True)) == {True}


def test_a_copy_written_after_the_hold_is_held_in_its_store_too(stores, manager):
    record = filed.a_record(stores)
    hold(record, actor=manager)
    holds.drain()
    bytes_of = {item.pk: contents.open_object(item).read() for item in record.digital_objects.all()}
    Copy.objects.update(state="pending", version="", legal_hold=False, try_after=None, attempts=0)
    keeping.keep(record.pk, lambda item: io.BytesIO(bytes_of[item.pk]), actor=SYSTEM)
    stored = Copy.objects.filter(state="stored", object__role="original")
    assert stored.exists() and not stored.filter(legal_hold=True).exists()
    holds.drain()
    assert not stored.filter(legal_hold=False).exists()


def test_a_store_that_does_not_answer_keeps_the_message_for_later(two_stores, manager, monkeypatch, tmp_path):
    record = filed.a_record(two_stores)
    hold(record, actor=manager)
    from archive import stores as archive_stores

    monkeypatch.setenv("ARCHIVE_STORES", "local")
    archive_stores.forget()
    with pytest.raises(StorageFailed):
        holds.drain()
    assert Change.objects.get(topic="holds").attempts == 1
    assert set(Copy.objects.filter(store="local").values_list("legal_hold", flat=True)) == {True}
    monkeypatch.setenv("ARCHIVE_STORES", "local,second")
    archive_stores.forget()
    Change.objects.update(try_after=None)
    assert holds.drain() == 1
    assert not Copy.objects.filter(legal_hold=False).exists()


# Killed in between


def test_a_kill_between_the_hold_and_its_records_leaves_nothing_unprotected_for_ever(
    stores, manager, monkeypatch
):
    many = [filed.a_record(stores) for _ in range(4)]
    monkeypatch.setattr(holds, "CHUNK", 2)
    honest, calls = holds._block, []

    def killed(*args):
        if calls:
            raise KeyboardInterrupt
        calls.append(1)
        return honest(*args)

    monkeypatch.setattr(holds, "_block", killed)
    with pytest.raises(KeyboardInterrupt):
        hold(*many, actor=manager)
    monkeypatch.setattr(holds, "_block", honest)
    assert Block.objects.count() == 2
    assert holds.resume(actor=SYSTEM) == 0, "whoever placed it a moment ago is still at it"
    without_trigger_on_time(Hold.objects.get())
    assert holds.resume(actor=SYSTEM) == 1
    assert all(map(holds.covering, many)) and Hold.objects.get().settled_at
    assert holds.resume(actor=SYSTEM) == 0


def without_trigger_on_time(placed):
    """As if it were an hour ago."""
    from archive import triggers
    from config.assembly import TRIGGER_RULES

    triggers.uninstall(connection, TRIGGER_RULES)
    Hold.objects.filter(pk=placed.pk).update(placed_at=timezone.now() - timedelta(hours=1))
    triggers.install(connection, TRIGGER_RULES)


def test_settling_again_blocks_nothing_twice(stores, manager):
    record = filed.a_record(stores)
    placed = hold(record, actor=manager).hold
    assert holds.settle(placed, actor=SYSTEM).held == 0
    # Two that settle at once have both read before either wrote.
    assert holds._block(placed, [record.pk], SYSTEM) == (0, [])
    assert Block.objects.count() == 1 and Event.objects.filter(action="record.held").count() == 1


# The ledger, and the database


def test_each_held_record_and_the_hold_itself_say_so_in_the_ledger(stores, manager):
    record = filed.a_record(stores)
    placed = hold(record, actor=manager).hold
    holds.end(placed, "判决生效", actor=manager)
    told = list(
        Event.objects.filter(subject=str(record.pk)).order_by("sequence").values_list("action", flat=True)
    )
    assert told[-2:] == ["record.held", "record.released"]
    events = Event.objects.filter(kind="hold", subject=str(placed.pk)).order_by("sequence")
    assert [event.action for event in events] == ["hold.placed", "hold.settled", "hold.ended"]
    assert "劳动争议诉讼" in audit.sentence(events[0]) and "粤1971民初1号" in audit.sentence(events[0])
    assert events[2].actor == manager.id


@pytest.mark.parametrize(
    "change",
    [{"reason": "别的"}, {"authority": "别的"}, {"party_key": "x"}, {"kind": "unit"}, {"wanted": []},
     {"placed_by_name": "别人"}],
)  # fmt: skip
def test_the_database_keeps_a_hold_as_it_was_placed(stores, manager, change):
    placed = hold(filed.a_record(stores), actor=manager).hold
    with pytest.raises(DatabaseError), transaction.atomic():
        Hold.objects.filter(pk=placed.pk).update(**change)


def test_the_database_lets_no_hold_be_deleted_and_no_ended_one_begin_again(stores, manager):
    placed = hold(filed.a_record(stores), actor=manager).hold
    with pytest.raises(DatabaseError), transaction.atomic():
        Hold.objects.all()._raw_delete("default")
    holds.end(placed, "判决生效", actor=manager)
    with pytest.raises(DatabaseError), transaction.atomic():
        Hold.objects.filter(pk=placed.pk).update(ended_at=None)


def test_every_action_of_holds_has_a_name_and_somebody_who_may():
    for code in ("hold.place", "hold.end", "hold.read"):
        assert permissions.actions()[code].roles
