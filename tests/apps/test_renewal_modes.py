"""COMPLIANCE: put on new objects once it is confirmed, on the old ones as they come due, and never taken off."""

from datetime import timedelta

import pytest
from django.utils import timezone

from archive import lock_modes, renewal
from archive.errors import StorageFailed
from archive.storage import COMPLIANCE, GOVERNANCE
from archive.storage.local import LocalStore
from tests import filed
from tests.locked import a_record, age, copies, held, years

pytestmark = pytest.mark.django_db(databases="__all__")


def confirmed(fonds):
    asker, other = filed.an_actor("manager", fonds=fonds), filed.an_actor("approver", fonds=fonds)
    change = lock_modes.ask(fonds, reason="上级要求", actor=asker)
    later = timezone.localdate() + timedelta(days=31)
    return lock_modes.confirm(change.pk, understood=True, actor=other, today=later)


def test_new_objects_are_put_in_compliance_once_it_is_confirmed(stores, actor):
    fonds = filed.a_fonds()
    before = a_record(stores)
    confirmed(fonds)
    after, elsewhere = a_record(stores), a_record(stores, fonds=filed.a_fonds("D020"))
    for record, mode in ((before, GOVERNANCE), (after, COMPLIANCE), (elsewhere, GOVERNANCE)):
        assert {held(stores, copy).lock_mode for copy in copies(record)} == {mode}
        assert {copy.lock_mode for copy in copies(record)} == {mode}


def test_existing_ones_are_raised_as_they_come_due_or_at_once_by_order(stores, actor):
    fonds = filed.a_fonds()
    old, young = a_record(stores, locked=years(1)), a_record(stores)
    renewal.renew(actor=actor)  # everything has been looked at
    for copy in copies(old):
        age(stores["local"], copy, years(1))
    confirmed(fonds)
    done = renewal.renew(actor=actor)
    assert {held(stores, copy).lock_mode for copy in copies(old)} == {COMPLIANCE}
    assert {held(stores, copy).lock_mode for copy in copies(young)} == {GOVERNANCE}
    assert done.raised == len(copies(old))
    assert renewal.order(fonds) == len(copies(young))
    before = {copy.lock_until for copy in copies(young)}
    assert renewal.renew(actor=actor).raised == len(copies(young))
    assert {held(stores, copy).lock_mode for copy in copies(young)} == {COMPLIANCE}
    assert {copy.lock_until for copy in copies(young)} == before
    assert renewal.order(fonds) == 0


class RefusesTheStricterMode(LocalStore):
    """As Ceph does: the mode of an existing lock may only be changed by who may bypass it."""

    def extend_lock(self, key, version, until, mode=None):
        if mode not in (None, self.head(key, version).lock_mode):
            raise StorageFailed(store=self.name, kind="locked", reason="已锁定，存储拒绝了这个操作。")
        return super().extend_lock(key, version, until, mode)


def test_a_store_that_refuses_the_stricter_mode_is_counted_and_said_and_the_date_is_lengthened(stores, actor):
    fonds, record = filed.a_fonds(), a_record(stores, locked=years(1))
    confirmed(fonds)
    stores["local"].__class__ = RefusesTheStricterMode
    done = renewal.renew(actor=actor)
    count = len(copies(record))
    assert (done.copies, done.raised, done.unraised, done.damaged, done.failed) == (count, 0, count, 0, 0)
    assert "GOVERNANCE" in str(done)
    assert {(copy.lock_mode, copy.state) for copy in copies(record)} == {(GOVERNANCE, "stored")}
    assert all(held(stores, copy).lock_until == copy.lock_until > years(9) for copy in copies(record))
    assert renewal.renew(actor=actor).unraised == 0  # not asked again every night


def test_compliance_is_never_loosened(stores, actor):
    record = a_record(stores, locked=years(1))
    for copy in copies(record):
        stores["local"].extend_lock(copy.key, copy.version, years(1), COMPLIANCE)
    done = renewal.renew(actor=actor)
    assert done.copies == len(copies(record)) and not done.failed
    assert {held(stores, copy).lock_mode for copy in copies(record)} == {COMPLIANCE}
