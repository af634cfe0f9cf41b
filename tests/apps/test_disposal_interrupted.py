"""A destruction that is stopped, killed, or whose store does not answer: gone on with, once, and nothing half."""

import threading
import time

import pytest
from django.conf import settings as django_settings
from django.db import connection

from archive import stores as configured
from archive.errors import NotAllowed, StorageFailed
from archive.locks import alone
from archive.models import Copy, Damage, Paper, Record
from archive.storage.local import LocalStore
from retention import execution, holds
from search.engine import engine
from tests import filed
from tests.registers import SYSTEM, House, go_on, rows, soon

pytestmark = pytest.mark.django_db(databases="__all__")


def of(record, store) -> list:
    return list(store.iterate(f"D019/{record.pk}/"))


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


def test_a_disk_that_is_not_mounted_is_no_proof_that_its_copies_are_gone(two_stores, tmp_path):
    engine().ensure()
    house = House(two_stores)
    (record,) = house.due()
    register = house.executing([record])
    disk = two_stores["second"].root
    disk.rename(tmp_path / "unplugged")
    disk.mkdir()
    register = go_on(register)
    assert rows(register) == {1: "listed"} and "没有挂载" in register.rows.get().fault
    assert of(record, two_stores["local"])
    disk.rmdir()
    (tmp_path / "unplugged").rename(disk)
    soon(register)
    assert rows(go_on(register)) == {1: "destroyed"} and of(record, two_stores["second"]) == []


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
            done.wait(600)
        connection.close()

    thread = threading.Thread(target=another_worker)
    thread.start()
    held.wait(600)
    try:
        assert execution.work(actor=SYSTEM) == 0 and rows(register) == {1: "listed"}
    finally:
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
