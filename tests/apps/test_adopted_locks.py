"""What an interrupted attempt left in a store is taken up with the lock that is asked for today, or not at all."""

import io
from datetime import timedelta

import pytest
from django.utils import timezone

from archive import keeping, lock_modes, records
from archive import stores as archive_stores
from archive.errors import StorageFailed
from archive.models import Copy
from archive.storage import COMPLIANCE
from archive.storage.local import LocalStore
from tests import filed
from tests.contracts.lying_stores import CutsOff

pytestmark = pytest.mark.django_db(databases="__all__")
CONTENT = b"%PDF-1.7 a form"


@pytest.fixture
def one_store(tmp_path, monkeypatch):
    """A store of the kind asked for, over the same folder, as the only configured one."""

    def of(kind):
        monkeypatch.setenv("ARCHIVE_STORES", "local")
        monkeypatch.setenv("LOCAL_PATH", str(tmp_path / "store"))
        archive_stores.forget()
        store = archive_stores.configured()["local"]
        store.__class__ = kind
        return store

    yield of
    archive_stores.forget()


def attempt(record, actor):
    Copy.objects.update(try_after=None)
    return keeping.keep(record.pk, lambda item: io.BytesIO(CONTENT), actor=actor)


def a_new_record(actor):
    new = filed.a_new_record(objects=(filed.an_object(CONTENT),))
    return records.create(new, actor=actor, store_names=["local"])


class KeepsOneYear(CutsOff):
    greatest = timezone.now().replace(microsecond=0) + timedelta(days=365)


def test_a_store_that_keeps_no_lock_is_not_filled_with_a_version_for_each_try(one_store, actor):
    """Each of them may be of gigabytes, and locked: nobody gets rid of them."""
    store, record = one_store(KeepsOneYear), a_new_record(actor)
    for _ in range(3):
        assert not attempt(record, actor)
    copies = Copy.objects.filter(object__record=record)
    assert {copy.state for copy in copies} == {"failed"}
    assert {len(store.versions(copy.key)) for copy in copies} == {1}
    store = one_store(LocalStore)  # it was mended
    assert attempt(record, actor)
    assert {len(store.versions(copy.key)) for copy in copies} == {1}


class ForgetsTheLockAndDies(LocalStore):
    """As Ceph does with an upload in parts, and a kill before the lock is set."""

    def put(self, key, stream, *, lock_until, **rest):
        super().put(key, stream, lock_until=None, **rest)
        raise StorageFailed(store=self.name, kind="unreachable", reason="连接中断。")


def test_what_is_taken_up_without_a_lock_is_locked_in_the_mode_of_its_fonds(one_store, actor):
    fonds = filed.a_fonds()
    change = lock_modes.ask(fonds, reason="上级要求", actor=filed.an_actor("manager"))
    approver = filed.an_actor("approver")
    lock_modes.confirm(change.pk, understood=True, actor=approver, today=change.confirm_from)
    store, record = one_store(ForgetsTheLockAndDies), a_new_record(actor)
    assert not attempt(record, actor)
    assert any(attempt(record, actor) for _ in range(9))  # each turn ends at the first copy that is cut off
    for copy in Copy.objects.filter(object__record=record):
        assert copy.lock_mode == COMPLIANCE == store.head(copy.key, copy.version).lock_mode
