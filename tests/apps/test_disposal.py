"""Execution: what is destroyed and how it is proven, what is spared, and how it goes on after every interruption."""

import hashlib
import io
import threading
import time
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from archive import contents, fonds_file, privacy, records
from archive import stores as configured
from archive.errors import NotAllowed, StorageFailed, WrongInput, WrongState
from archive.locks import alone
from archive.models import Copy, Damage, Event, ObjectText, Paper, Record, RecordParty
from archive.storage.local import LocalStore
from archive.verification import verify_audit
from retention import execution, holds, reading, registers
from retention.models import Register
from search import indexing
from search.engine import engine
from tests import filed
from tests.registers import SYSTEM, House, fresh, rows

pytestmark = pytest.mark.django_db(databases="__all__")
NUMBER = "441900199001011231"


@pytest.fixture
def house(stores):
    engine().ensure()
    return House(stores)


def everything_in(store) -> dict:
    """Every version a store holds, with its bytes."""
    return {(one.key, one.version): store.open(one.key, one.version).read() for one in store.iterate()}


def of(record, store) -> list:
    return list(store.iterate(f"D019/{record.pk}/"))


def go_on(register) -> Register:
    execution.work(actor=SYSTEM)
    return fresh(register)


def soon(register) -> None:
    """What was put off is tried again now."""
    register.rows.exclude(locked_until=None).update(locked_until=timezone.now())


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


# Interruptions


class Refusing(LocalStore):
    """A local store whose disk does not answer for a while."""

    down: tuple[str, ...] = ()

    def _ask(self, what):
        if what in self.down:
            raise StorageFailed(store=self.name, kind="unreachable", reason="连不上。")

    def versions(self, key):
        self._ask("versions")
        return super().versions(key)

    def head(self, key, version):
        self._ask("head")
        return super().head(key, version)

    def remove(self, key, version):
        self._ask("remove")
        return super().remove(key, version)


@pytest.fixture
def shaky(house, monkeypatch):
    store = house.stores["local"]
    store.__class__ = Refusing
    yield store
    store.__class__ = LocalStore


@pytest.mark.parametrize("down", ["versions", "head"])
def test_a_store_that_cannot_be_asked_leaves_the_record_as_it_is(house, shaky, down):
    (record,) = house.due()
    register = house.executing([record])
    shaky.down = (down,)
    register = go_on(register)
    assert rows(register) == {1: "listed"} and "连不上" in register.rows.get().fault
    assert Record.objects.get(pk=record.pk).state == "archived"
    shaky.down = ()
    assert execution.work(actor=SYSTEM) == 0, "a minute's rest"
    soon(register)
    assert rows(go_on(register)) == {1: "destroyed"} and register.rows.get().fault == ""


def test_a_store_that_fails_in_the_middle_is_gone_on_with(house, shaky):
    (record,) = house.due()
    register = house.executing([record])
    shaky.down = ("remove",)
    register = go_on(register)
    assert rows(register) == {1: "removing"} and Record.objects.get(pk=record.pk).state == "disposing"
    shaky.down = ()
    soon(register)
    register = go_on(register)
    assert register.state == "executed" and of(record, shaky) == []
    assert register.rows.get().evidence["removed"]


def test_a_copy_in_a_store_that_is_not_configured_stops_its_record_only(two_stores, monkeypatch):
    engine().ensure()
    house = House(two_stores)
    (both,) = house.due()
    house.stores = {"local": two_stores["local"]}
    (single,) = house.due()
    register = house.executing([both, single])
    monkeypatch.setenv("ARCHIVE_STORES", "local")
    configured.forget()
    register = go_on(register)
    assert rows(register) == {1: "listed", 2: "destroyed"}
    assert "不在当前配置中" in register.rows.get(position=1).fault and of(both, two_stores["local"])


def test_damaged_and_lost_copies_do_not_stop_it(house):
    (record,) = house.due()
    register = house.executing([record])
    one, two, *_ = Copy.objects.filter(object__record=record)
    (path,) = house.stores["local"].objects.rglob(f"*@{one.version}")
    path.unlink()
    (path,) = house.stores["local"].objects.rglob(f"*@{two.version}")
    path.chmod(0o600)
    path.write_bytes(b"other")
    assert rows(go_on(register)) == {1: "destroyed"} and of(record, house.stores["local"]) == []


def test_a_trace_that_stays_keeps_the_row_open(house, settings):
    (record,) = house.due()
    register = house.executing([record])
    settings.TRACE_KEEPERS = [*django_settings.TRACE_KEEPERS, f"{__name__}.Sticky"]
    Sticky.left = ["一处缓存"]
    register = go_on(register)
    assert rows(register) == {1: "removing"} and "一处缓存" in register.rows.get().fault
    Sticky.left = []
    soon(register)
    assert go_on(register).state == "executed"


class Sticky:
    name = "别处"
    left: list[str] = []

    @staticmethod
    def remove(record):
        return None

    @classmethod
    def prove_absent(cls, record):
        return cls.left


def test_it_stops_between_chunks_and_goes_on_when_told(house, monkeypatch):
    monkeypatch.setattr(execution, "CHUNK", 2)
    register = house.executing(house.due(5))
    asked = iter([False, True, True])
    assert execution.run(register.pk, actor=SYSTEM, stop=lambda: next(asked)) == 2
    assert execution.progress(register) == {
        "total": 5, "listed": 3, "locked": 0, "removing": 0, "destroyed": 2, "kept": 0,
    }  # fmt: skip
    execution.stop(register.pk, actor=house.executor)
    assert execution.work(actor=SYSTEM) == 0 and execution.progress(register)["listed"] == 3
    with pytest.raises(NotAllowed):
        execution.resume(register.pk, actor=house.one)
    execution.resume(register.pk, actor=house.executor)
    assert go_on(register).state == "executed"


def test_what_was_begun_is_finished_even_when_the_execution_is_stopped(house, shaky):
    register = house.executing(house.due(1))
    shaky.down = ("remove",)
    go_on(register)
    execution.stop(register.pk, actor=house.executor)
    shaky.down = ()
    soon(register)
    assert rows(go_on(register)) == {1: "destroyed"}


def test_two_workers_do_not_work_on_it_at_once(house):
    register = house.executing(house.due(1))
    held, done = threading.Event(), threading.Event()

    def another_worker():
        with alone("disposal"):
            held.set()
            done.wait(20)
        connection.close()

    thread = threading.Thread(target=another_worker)
    thread.start()
    held.wait(20)
    assert execution.work(actor=SYSTEM) == 0 and rows(register) == {1: "listed"}
    done.set()
    thread.join()
    assert go_on(register).state == "executed"


def test_the_annex_is_printed_once_whatever_is_interrupted(house, monkeypatch):
    """Also where nothing was destroyed: then it bears the moment of printing, and would differ each time."""
    (record,) = house.due(1)
    register = house.executing([record])
    holds.place(
        house.fonds, "record", records=[record.pk], reason="诉讼", authority="法院", actor=house.manager
    )

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(execution.editions, "move", killed)
        execution.work(actor=SYSTEM)
    time.sleep(1)
    register = go_on(register)
    assert register.state == "executed" and rows(register) == {1: "kept"}
    assert Paper.objects.filter(kind="销毁执行记录").count() == 1


def test_fixity_finds_no_damage_where_something_was_destroyed(house):
    from archive import fixity

    house.execute(house.supervised(house.due(2)))
    filed.a_record(house.stores)
    assert fixity.sweep(actor=SYSTEM, everything=True).damaged == 0 and not Damage.objects.exists()
