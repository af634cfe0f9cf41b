"""A destruction: everything of the record goes, nothing else does, the stub and the proof stay; holds and locks win."""

import hashlib
import io
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import DatabaseError, transaction
from django.utils import timezone

from archive import contents, fonds_file, privacy, records
from archive.errors import NotAllowed, StorageFailed, WrongInput, WrongState
from archive.models import Copy, Event, ObjectText, Record, RecordParty
from archive.verification import verify_audit
from config import record_fate
from retention import execution, holds, listing, reading, registers
from search import indexing
from search.engine import engine
from tests import filed
from tests.registers import SYSTEM, House, fresh, go_on, rows, soon

pytestmark = pytest.mark.django_db(databases="__all__")

NUMBER = "441900199001011231"


def everything_in(store) -> dict:
    """Every version a store holds, with its bytes."""
    return {(one.key, one.version): store.open(one.key, one.version).read() for one in store.iterate()}


def of(record, store) -> list:
    return list(store.iterate(f"D019/{record.pk}/"))


# What is destroyed


def test_every_copy_goes_the_stub_stays_and_nothing_else_is_touched(house):
    store = house.stores["local"]
    found = house.due(
        3,
        description={
            "fields": {"姓名": "张三", "证件号码": NUMBER, "险种": "养老"},
            "lines": [{"电话": "13800138000"}],
        },
        parties=(records.NewParty(kind="person", name="张三", id_no=NUMBER),),
    )
    neighbours = [filed.a_record(house.stores) for _ in range(2)]
    register = house.supervised(found)
    before = {key: content for key, content in everything_in(store).items()}
    register = house.execute(register)
    assert register.state == "executed" and set(rows(register).values()) == {"destroyed"}
    after = everything_in(store)
    gone = {key for key, _ in before} - {key for key, _ in after}
    assert gone == {copy.key for copy in Copy.objects.filter(object__record__in=found)}
    assert {one: content for one, content in before.items() if one[0] not in gone}.items() <= after.items()
    for record in found:
        stub = Record.objects.get(pk=record.pk)
        assert (stub.state, stub.reference_code, stub.title) == (
            "destroyed",
            record.reference_code,
            record.title,
        )
        assert stub.description["fields"] == {"姓名": "张三", "证件号码": "", "险种": "养老"}
        assert privacy.PREFIX not in str(stub.description)
        party = stub.parties.get()
        assert (party.id_no, party.id_shown) == ("", privacy.mask_number(NUMBER))
        assert {copy.state for copy in Copy.objects.filter(object__record=record)} == {"removed"}
        assert all(item.sha256 and not item.sealed_path for item in stub.digital_objects.all())
    for record in neighbours:
        assert all(contents.open_object(item).read() for item in record.digital_objects.all())
    assert verify_audit().faults == []


def test_the_row_says_when_and_what_was_removed_and_proven(house):
    (record,) = house.due()
    keys = {(copy.store, copy.key, copy.version) for copy in Copy.objects.filter(object__record=record)}
    register = house.execute(house.supervised([record]))
    row = register.rows.get()
    assert {tuple(line) for line in row.evidence["removed"]} == keys
    assert {key for _, key in row.evidence["absent"]} == {key for _, key, _ in keys}
    assert row.evidence["traces"] == ["数据密钥", "检索索引", "暂存与检测报告", "页面图像", "导出包"]
    assert row.marked_at <= row.destroyed_at and row.evidence["proven_at"]
    begun, destroyed = (
        Event.objects.filter(subject=str(record.pk), action__contains="d")
        .order_by("sequence")
        .reverse()[:2][::-1]
    )
    assert (begun.action, destroyed.action) == ("record.disposal_begun", "record.destroyed")
    assert (
        destroyed.data["register"] == str(register)
        and destroyed.data["approver"]
        and destroyed.data["filing_no"]
    )
    with pytest.raises(DatabaseError), transaction.atomic():
        register.rows.update(evidence={})


def test_the_destruction_record_is_the_annex_in_the_fonds_file(house):
    register = house.execute(house.supervised())
    paper = register.certificate
    assert (paper.kind, paper.about) == ("销毁执行记录", f"register:{register.pk}")
    assert fonds_file.open_paper(paper, actor=SYSTEM).read().startswith(b"%PDF")
    assert register.finished_at and register.manner == "逻辑删除并证明不存在" and register.place == "本机房"


def test_the_stub_tells_its_fate(house):
    (record,) = house.due()
    assert reading.fate_of(record) is None
    register = house.supervised([record])
    assert reading.fate_of(record)["state"] == "listed"
    register = house.execute(register)
    fate = reading.fate_of(Record.objects.get(pk=record.pk))
    assert (fate["register_name"], fate["filing_no"]) == (str(register), "人社备〔2026〕7号")
    assert (
        fate["at"]
        and fate["approved_by"]
        and len(fate["supervisors"]) == 2
        and fate["certificate"] == register.certificate
    )


def test_text_index_renditions_and_staging_go_with_it(house):
    (record,) = house.due()
    item = record.digital_objects.first()
    ObjectText.objects.create(object=item, text="参保人员增减表")
    indexing.follow([record.pk])
    storages["renditions"].save(f"{record.pk}/{item.pk}/1-144.jpg", ContentFile(b"jpeg"))
    assert not engine().prove_absent(record.pk)
    house.execute(house.supervised([record]))
    assert engine().prove_absent(record.pk) and not ObjectText.objects.filter(object=item).exists()
    assert not storages["renditions"].exists(f"{record.pk}/{item.pk}/1-144.jpg")
    indexing.follow([record.pk])
    assert engine().prove_absent(record.pk)


def test_a_late_message_of_the_index_brings_nothing_back_once_it_has_begun(house):
    (record,) = house.due()
    Record.objects.filter(pk=record.pk).update(state="disposing")
    indexing.follow([record.pk])
    assert engine().prove_absent(record.pk)


def test_every_version_of_the_key_goes_and_only_of_that_key(house):
    store = house.stores["local"]
    (record,) = house.due()
    copy = Copy.objects.filter(object__record=record).first()

    def put(key, content):
        return store.put(
            key, io.BytesIO(content), size=len(content), sha256=hashlib.sha256(content).hexdigest(),
            content_type="text/plain", lock_until=None,
        )  # fmt: skip

    put(copy.key, b"a version that an interrupted attempt left")
    near = put(f"{copy.key}0", b"another key with the same beginning")
    register = house.execute(house.supervised([record]))
    assert store.versions(copy.key) == []
    assert store.open(near.key, near.version).read() == b"another key with the same beginning"
    removed = [line for line in register.rows.get().evidence["removed"] if line[1] == copy.key]
    assert len(removed) == 2


def test_copies_in_all_stores_go(two_stores):
    engine().ensure()
    house = House(two_stores)
    (record,) = house.due()
    house.execute(house.supervised([record]))
    assert [of(record, store) for store in two_stores.values()] == [[], []]


# Who, and when


def test_only_a_compared_register_is_executed_and_by_who_may(house):
    with pytest.raises(WrongState):
        house.start(house.approved())
    register = house.supervised()
    for actor in (house.head, house.one):
        with pytest.raises(NotAllowed):
            execution.start(register.pk, manner="x", place="y", actor=actor)
    with pytest.raises(WrongInput):
        execution.start(register.pk, manner=" ", place="y", actor=house.executor)
    assert execution.work(actor=SYSTEM) == 0 and set(rows(register).values()) == {"listed"}


def test_a_hold_placed_before_the_start_wins_even_when_nobody_has_followed_it_yet(house):
    one, two = house.due(2)
    register = house.supervised([one, two])
    holds.place(house.fonds, "record", records=[one.pk], reason="诉讼", authority="法院", actor=house.manager)
    with pytest.raises(WrongState, match="刚被暂缓"):
        house.start(register)
    registers.drain(actor=SYSTEM)
    assert fresh(register).state == "refiling"


def test_a_hold_during_the_execution_keeps_its_row_without_a_new_edition(house):
    one, two = house.due(2)
    register = house.executing([one, two])
    holds.place(house.fonds, "record", records=[one.pk], reason="诉讼", authority="法院", actor=house.manager)
    register = go_on(register)
    assert rows(register) == {1: "kept", 2: "destroyed"} and (register.state, register.edition) == (
        "executed",
        1,
    )
    kept = register.rows.get(position=1)
    assert kept.left_edition is None and "诉讼" in kept.left_reason
    assert Record.objects.get(pk=one.pk).state == "archived" and of(one, house.stores["local"])


def test_a_hold_during_the_execution_may_also_arrive_by_its_message(house):
    one, two = house.due(2)
    register = house.executing([one, two])
    holds.place(house.fonds, "record", records=[one.pk], reason="诉讼", authority="法院", actor=house.manager)
    registers.drain(actor=SYSTEM)
    assert rows(register) == {1: "kept", 2: "listed"} and fresh(register).edition == 1
    assert rows(go_on(register)) == {1: "kept", 2: "destroyed"}


def test_a_standing_hold_of_a_person_covers_what_no_block_says_yet(house):
    (record,) = house.due(1, parties=(records.NewParty(kind="person", name="张三", id_no=NUMBER),))
    register = house.executing([record])
    party = RecordParty.objects.get(record=record)
    holds.Hold.objects.create(
        fonds=house.fonds, number=1, year=2026, kind="person", about="张三", party_key=party.party_key,
        reason="诉讼", authority="法院", placed_at=timezone.now(), placed_by_name="x",
    )  # fmt: skip
    register = go_on(register)
    assert rows(register) == {1: "kept"} and of(record, house.stores["local"])


def slip_in(register, record, **values) -> None:
    """A row as somebody would forge it who may write to the table."""
    facts = listing.facts_of(
        [record], kept_until=timezone.localdate(register.made_at), today=timezone.localdate()
    )
    (facts,) = facts.values()
    columns = {"序号": 3, **facts.columns}
    register.rows.create(
        record=record, position=3, columns=columns, objects_digest=facts.objects_digest, **values
    )


def test_a_row_that_was_slipped_in_after_the_signatures_stops_the_execution(house):
    register, (other,) = house.executing(house.due(2)), house.due(1)
    slip_in(register, other)
    assert execution.work(actor=SYSTEM) == 0
    assert set(rows(register).values()) == {"listed"}
    assert "与定稿时的摘要不符" in register.rows.get(position=3).fault
    assert Record.objects.get(pk=other.pk).state == "archived"


def test_a_row_that_is_slipped_in_during_the_execution_destroys_nothing(house):
    register, (other,) = house.executing(house.due(2)), house.due(1)

    def stop() -> bool:
        if not register.rows.filter(record=other).exists():
            slip_in(register, other)
        return False

    execution.work(actor=SYSTEM, stop=stop)
    assert rows(register) == {1: "destroyed", 2: "destroyed", 3: "listed"}
    assert "没有列入" in register.rows.get(position=3).fault
    assert fresh(register).state == "executing" and of(other, house.stores["local"])


def test_a_row_that_only_says_it_was_begun_destroys_nothing(house):
    register, (other,) = house.executing(house.due(2)), house.due(1)
    copies = Copy.objects.filter(object__record=other).values_list("store", "key", "version")
    slip_in(
        register,
        other,
        state="removing",
        marked_at=timezone.now(),
        evidence={"plan": list(map(list, copies))},
    )
    execution.work(actor=SYSTEM)
    assert of(other, house.stores["local"]) and Record.objects.get(pk=other.pk).state == "archived"
    assert "没有开始" in register.rows.get(position=3).fault


def test_what_is_no_longer_as_it_was_frozen_is_kept(house):
    found = house.due(4)
    register = house.executing(found)
    Record.objects.filter(pk=found[0].pk).update(title="更正后的题名")
    Record.objects.filter(pk=found[1].pk).update(state="transferred")
    house.appraised([found[2]], "extend")
    register = go_on(register)
    assert rows(register) == {1: "kept", 2: "kept", 3: "kept", 4: "destroyed"}
    assert "更正后的题名" in register.rows.get(position=1).left_reason


# Locks


def test_a_lock_that_still_runs_is_waited_for_and_the_row_finishes_by_itself(house):
    store = house.stores["local"]
    locked, free = house.due(2)
    register = house.executing([locked, free])
    until = timezone.now() + timedelta(days=30)
    copy = Copy.objects.filter(object__record=locked).first()
    store.extend_lock(copy.key, copy.version, until)
    before = of(locked, store)
    register = go_on(register)
    assert rows(register) == {1: "locked", 2: "destroyed"} and register.state == "executing"
    row = register.rows.get(position=1)
    assert abs(row.locked_until - until) < timedelta(seconds=2)
    assert of(locked, store) == before and Record.objects.get(pk=locked.pk).state == "archived"
    said = {one["label"]: one for one in record_fate.disposal(row.record, house.manager)}
    assert (
        said["情况"]["state"][1] == "锁定未到期"
        and f"{timezone.localtime(until):%Y-%m-%d}" in said["等待"]["value"]
    )
    with pytest.raises(StorageFailed, match="锁定"):
        store.remove(copy.key, copy.version)
    assert go_on(register).state == "executing" and of(locked, store) == before
    store.clock = lambda: until + timedelta(days=1)
    real = timezone.now
    try:
        timezone.now = lambda: until + timedelta(days=1)
        register = go_on(register)
    finally:
        timezone.now = real
    assert rows(register) == {1: "destroyed", 2: "destroyed"} and register.state == "executed"
    assert of(locked, store) == []


def test_a_hold_that_only_the_store_still_keeps_is_waited_for(house):
    store = house.stores["local"]
    (record,) = house.due()
    register = house.executing([record])
    copy = Copy.objects.filter(object__record=record).first()
    store.set_legal_hold(copy.key, copy.version, True)
    assert rows(go_on(register)) == {1: "locked"} and Record.objects.get(pk=record.pk).state == "archived"
    store.set_legal_hold(copy.key, copy.version, False)
    soon(register)
    assert rows(go_on(register)) == {1: "destroyed"}
