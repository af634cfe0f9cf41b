"""Nothing that was archived or decided can be deleted but by an approved register: ORM, raw SQL and cascades are tried
on every table of records, objects, parties, copies, registers, approvals and ledgers, and a store's own `remove`.
"""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, models, transaction
from django.db.models import ProtectedError
from django.utils import timezone

from archive import audit, records
from archive.errors import StorageFailed
from archive.identifiers import new_id
from archive.models import (
    Copy,
    Event,
    Paper,
    Record,
    Seal,
    User,
)
from retention import holds, persons
from retention.models import (
    Edition,
    Register,
    RegisterRow,
    Signature,
    Supervision,
)
from search.engine import engine
from tests import filed
from tests.registers import KEPT, SYSTEM, House

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def house(stores):
    """A finished destruction, a register under way and a hold: one row at least in every table."""
    engine().ensure()
    house = House(stores)
    house.execute(house.supervised(house.due()))
    record, held = house.due(
        2, parties=(records.NewParty(kind="unit", name="某公司"),), relates=(("DG0", "更正"),)
    )
    house.supervised([record])
    holds.place(
        house.fonds, "record", records=[held.pk], reason="诉讼", authority="法院", actor=house.manager
    )
    audit.access(actor=SYSTEM, action="record.viewed", record=record)
    Seal.objects.create(
        number=1, sealed_at=timezone.now(), events=1, accesses=1, root="r", digest="d", key="s"
    )
    return house


def refused(work, *more):
    with pytest.raises((DatabaseError, ProtectedError, *more)), transaction.atomic():
        work()


def sql(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_no_way_leads_to_deleting_a_row(house):
    for model in KEPT:
        table, before = model._meta.db_table, model.objects.count()
        assert before, f"{table}: without a row nothing is proven"
        refused(lambda model=model: model.objects.all().delete())
        refused(lambda model=model: model.objects.first().delete())
        refused(lambda model=model: model.objects.all()._raw_delete("default"))
        refused(lambda table=table: sql(f"DELETE FROM {table}"))
        refused(lambda table=table: sql(f"DELETE FROM {table} WHERE 1 = 1"))
        if connection.vendor == "postgresql":
            refused(lambda table=table: sql(f"TRUNCATE {table} CASCADE"))
            refused(lambda table=table: sql(f"TRUNCATE {table} RESTART IDENTITY CASCADE"))
        else:
            refused(lambda table=table: sql(f"REPLACE INTO {table} SELECT * FROM {table}"))
        assert model.objects.count() == before, table


def test_nothing_is_deleted_along_with_something_else(house):
    """No foreign key in the house cascades onto what is kept, and deleting a person or a user takes nothing along."""
    for model in KEPT:
        for field in model._meta.get_fields():
            if isinstance(field, models.ForeignKey):
                assert field.remote_field.on_delete is models.PROTECT, f"{model.__name__}.{field.name}"
    refused(lambda: User.objects.get(pk=house.manager.id).delete())
    refused(lambda: (User.objects.all()._raw_delete("default"), connection.check_constraints()))


REWRITES = [
    (Record, {"state": "archived", "destroyed_at": None}), (RegisterRow, {"state": "listed"}),
    (RegisterRow, {"evidence": {}}), (RegisterRow, {"record_id": new_id()}), (Register, {"certificate": None}),
    (Register, {"state": "executing"}), (Edition, {"digest": "0" * 64}), (Edition, {"printed": None}),
    (Edition, {"filing_no": "别的"}), (Supervision, {"person_id": new_id()}), (Signature, {"digest": "0" * 64}),
    (Paper, {"sha256": "0" * 64}), (Event, {"action": "x"}),
]  # fmt: skip


def test_a_finished_destruction_cannot_be_rewritten(house):
    finished = Register.objects.get(state="executed")
    particular = {
        Record: Record.objects.filter(state="destroyed"),
        Register: Register.objects.filter(pk=finished.pk),
        Signature: Signature.objects.filter(pk=finished.approval_id),
        Paper: Paper.objects.filter(pk=finished.certificate_id),
        Event: Event.objects.filter(subject=str(finished.pk)),
    }
    for model, values in REWRITES:
        rows = particular[model] if model in particular else model.objects.filter(register=finished)
        assert rows.exists()
        refused(lambda rows=rows, values=values: rows.update(**values))


def test_what_a_destruction_began_with_stays_while_it_runs(house):
    register = house.start(Register.objects.get(state="supervised"))
    other = persons.outsider("别人", "别处")
    mine = Register.objects.filter(pk=register.pk)
    for values in (
        {"supervisor_one": other}, {"supervisor_two": None}, {"executed_by": other}, {"manner": "别的"}, {"place": "别处"},
        {"edition": 0},
    ):  # fmt: skip
        refused(lambda values=values: mine.update(**values))
    mine.update(stopped=True)


def test_nothing_is_called_destroyed_that_was_not_begun_and_what_was_begun_never_comes_back(house):
    record = Record.objects.filter(state="archived").first()
    gone = {"state": "destroyed", "destroyed_at": timezone.now()}
    refused(lambda: Record.objects.filter(pk=record.pk).update(**gone))
    Record.objects.filter(pk=record.pk).update(state="disposing")
    for state in ("archived", "transferred"):
        refused(lambda state=state: Record.objects.filter(pk=record.pk).update(state=state))


def test_the_store_refuses_whatever_is_locked_or_held(house, stores):
    store = stores["local"]
    kept = filed.a_record(stores, formed_on=timezone.localdate())
    copy = Copy.objects.filter(object__record=kept).first()
    with pytest.raises(StorageFailed, match="锁定"):
        store.remove(copy.key, copy.version)
    with pytest.raises(StorageFailed):
        store.extend_lock(copy.key, copy.version, timezone.now() + timedelta(seconds=5))
    for paper in Paper.objects.all():
        for one in paper.copies:
            with pytest.raises(StorageFailed, match="锁定"):
                store.remove(one["key"], one["version"])
    holds.drain()
    held = Copy.objects.filter(
        object__record__blocks__lifted_at=None, object__record__blocks__isnull=False
    ).first()
    assert held.legal_hold
    with pytest.raises(StorageFailed, match="冻结"):
        store.remove(held.key, held.version)
    assert all(store.versions(one.key) for one in (copy, held))
