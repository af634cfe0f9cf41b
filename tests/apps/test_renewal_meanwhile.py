"""续锁 while something else happens: a period is extended, a mode is ordered, objects are lost for good. No lock is
forgotten by it, and what is lost keeps nothing else from being locked on."""

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from archive import extension, fixity, keeping, lock_modes, records, renewal, restoration, seals
from archive import stores as archive_stores
from archive.errors import StorageFailed
from archive.models import Change, Copy, EvidenceLock, Record
from archive.storage import COMPLIANCE
from tests import filed
from tests.damaged import damage
from tests.locked import a_record, copies, held, years

pytestmark = pytest.mark.django_db(databases="__all__")


def ending_in(years_on: int, **changed):
    """A period of ten years that has so many left."""
    formed = date(timezone.localdate().year - 10 + years_on, 5, 4)
    return {"retention": "10", "formed_on": formed} | changed


def extend(record):
    today = timezone.localdate()
    extension.extend(record.pk, "永久", basis="鉴定意见", decided_on=today, actor=filed.an_actor("manager"))


def forgotten():
    """Copies that no run will ever look at again although their period asks for more."""
    today, rows = timezone.localdate(), Copy.objects.filter(renew_on=None).select_related("object__record")
    return [
        copy for copy in rows if archive_stores.renew_on(copy.object.record, copy.lock_until, today=today)
    ]


def test_a_period_extended_while_a_copy_is_being_written_is_not_forgotten(stores, actor):
    content = b"%PDF large and slow"
    new = filed.a_new_record(objects=(filed.an_object(content),), **ending_in(3))
    record = records.create(new, actor=actor, store_names=["local"])

    def slowly(item):
        extend(record)
        extension.drain()
        return io.BytesIO(content)

    keeping.keep(record.pk, slowly, actor=actor)
    assert not forgotten()
    keeping.drain(actor=actor)
    renewal.renew(actor=actor)
    assert {copy.lock_until > years(9) for copy in copies(record)} == {True}


def test_a_longer_lock_that_a_store_did_not_keep_stays_due_also_after_its_copy_is_mended(
    stores, actor, monkeypatch
):
    record = a_record(stores, **ending_in(3))
    renewal.renew(actor=actor)
    assert {copy.renew_on for copy in copies(record)} == {None}

    def forgets(key, version, until, mode=None):
        raise StorageFailed(store="local", kind="lock", reason="读回是没有锁定。", version=version)

    extend(record)
    with monkeypatch.context() as patched:
        patched.setattr(stores["local"], "extend_lock", forgets)
        extension.drain()
    assert {copy.fault for copy in copies(record)} == {"lock"}
    restoration.restore_all(Copy.objects.all(), actor=filed.an_actor("archivist"), reason="存储已升级")
    assert {copy.state for copy in copies(record)} == {"stored"} and not forgotten()
    renewal.renew(actor=actor)
    assert {held(stores, copy).lock_until > years(9) for copy in copies(record)} == {True}


@pytest.mark.parametrize("noticed", [True, False])
def test_objects_that_are_lost_do_not_keep_the_others_of_their_store_from_being_locked_on(
    stores, actor, monkeypatch, noticed
):
    """They stay lost, and due, for ever: a run that gave a store up because of them would give it up every day."""
    monkeypatch.setattr(renewal, "PATIENCE", 3)
    lost = [a_record(stores, locked=years(1)) for _ in range(3)]
    for record in lost:
        for copy in copies(record):
            damage(stores, copy, "all missing")
    other = a_record(stores, locked=years(1))
    if noticed:
        fixity.sweep(actor=actor, everything=True)
    done = renewal.renew(actor=actor)
    assert not done.left and {copy.lock_until > years(9) for copy in copies(other)} == {True}
    assert bool(done.failed) is not noticed


@pytest.mark.parametrize("noticed", [True, False])
def test_an_extension_does_not_wait_for_a_copy_that_is_lost(two_stores, actor, noticed):
    record = a_record(two_stores, **ending_in(3))
    lost, *others = copies(record)
    damage(two_stores, lost, "all missing")
    if noticed:
        fixity.sweep(actor=actor, everything=True)
    extend(record)
    assert extension.drain() == 1
    assert not Change.objects.filter(topic=extension.TOPIC).exists() and not forgotten()
    assert {held(two_stores, copy).lock_until > years(9) for copy in others} == {True}


def test_what_was_lost_and_turns_up_again_is_locked_on(stores, actor):
    record = a_record(stores, locked=years(1))
    copy = copies(record)[0]
    paths = stores["local"]._paths(copy.key, copy.version)
    there = {path: path.read_bytes() for path in paths}
    damage(stores, copy, "all missing")
    fixity.sweep(actor=actor, everything=True)
    renewal.renew(actor=actor)
    for path, data in there.items():
        path.write_bytes(data)
    fixity.sweep(actor=actor, everything=True)
    copy.refresh_from_db()
    assert copy.state == "stored" and copy.renew_on <= timezone.localdate() + timedelta(days=1)


def test_an_order_to_raise_the_mode_while_a_run_is_under_way_is_not_lost(stores, actor, monkeypatch):
    monkeypatch.setattr(renewal, "BATCH", 2)
    for _ in range(3):
        a_record(stores, locked=years(1))
    old = a_record(stores)
    fonds, asker, other = filed.a_fonds(), filed.an_actor("manager"), filed.an_actor("approver")
    change = lock_modes.ask(fonds, reason="上级要求", actor=asker)

    def meanwhile(count):
        if lock_modes.current(fonds).confirmed_at is None:
            lock_modes.confirm(change.pk, understood=True, actor=other, today=change.confirm_from)
            assert lock_modes.order(fonds, actor=asker)

    renewal.renew(actor=actor, progress=meanwhile)
    renewal.renew(actor=actor)  # the one that the page asked for
    assert {held(stores, copy).lock_mode for copy in copies(old)} == {COMPLIANCE}


def test_a_record_whose_period_changed_while_a_long_list_is_locked_is_seen_as_it_is(
    stores, actor, monkeypatch
):
    monkeypatch.setattr(renewal, "BATCH", 2)
    first, second = a_record(stores, **ending_in(3)), a_record(stores, **ending_in(3))
    whole, once = renewal._Run._ask, []

    def meanwhile(run, wishes):
        if not once:
            once.append(1)
            extend(second)
            extension.drain()
        return whole(run, wishes)

    extend(first)
    monkeypatch.setattr(renewal._Run, "_ask", meanwhile)
    extension.follow([first.pk, second.pk])
    assert not forgotten()
    assert Record.objects.filter(retention="永久").count() == 2


def test_a_paper_that_was_not_there_for_a_day_is_asked_for_again(stores, actor, monkeypatch):
    a_record(stores)
    seals.seal_ledgers(actor=actor)

    def missing(key, *_):
        raise StorageFailed(store="local", kind="missing", reason=f"没有“{key}”。")

    with monkeypatch.context() as patched:  # an empty bucket of the same name
        patched.setattr(stores["local"], "extend_lock", missing)
        assert renewal.renew(actor=actor).failed
    assert EvidenceLock.objects.exists() and not EvidenceLock.objects.filter(renew_on=None).exists()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL locks rows")
@pytest.mark.django_db(transaction=True)
def test_no_booked_row_is_held_while_the_next_one_is_booked(stores, actor, monkeypatch):
    """The nightly fixity books the same rows in another order: each would wait for the other, and one be thrown out."""
    record = a_record(stores, locked=years(1))
    whole, booked = renewal._Run._day, []

    def ask_for_the_first():
        try:
            with transaction.atomic():
                Copy.objects.select_for_update(nowait=True).get(pk=booked[0])
        finally:
            connections.close_all()

    def meanwhile(run, copy, locked):
        booked.append(copy.pk)
        if len(booked) > 1:
            with ThreadPoolExecutor(1) as other:
                other.submit(ask_for_the_first).result()
        return whole(run, copy, locked)

    monkeypatch.setattr(renewal._Run, "_day", meanwhile)
    assert renewal.renew(actor=actor).copies == len(booked) == len(copies(record)) > 1
