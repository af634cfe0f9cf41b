"""What somebody can do who has the whole database (no triggers, the code of the digests), and how it shows.

Every manipulation is raw SQL; `verify_audit` must name subject and place. Without any manipulation it finds nothing.
"""

import json
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from archive import audit, seals
from archive.identifiers import new_id
from archive.models import Access, ChainHead, Change, Event, Record, Seal
from archive.permissions import system_actor
from archive.seals import seal_ledgers
from archive.verification import FAULTS, Fault, verify_audit
from tests import filed

pytestmark = pytest.mark.django_db


@pytest.fixture
def record(stores, actor, without_triggers) -> Record:
    """A record with five events and two readings, sealed; then one event and one reading more, still announced."""
    record = filed.a_record(stores)
    filed.a_record(stores)
    for number in range(3):
        write(record, number)
    for _ in range(2):
        audit.access(actor=actor, action="record.viewed", record=record, purpose="办理业务")
    seal_ledgers(actor=actor)
    write(record, 3)
    audit.access(actor=actor, action="record.viewed", record=record)
    assert verify_audit().faults == []
    return record


@transaction.atomic
def write(record, number):
    audit.record(
        actor=system_actor(),
        action="record.described",
        kind="record",
        subject=record.pk,
        data={"changes": f"第{number}次"},
    )


def run(sql, *values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        assert cursor.rowcount, "the manipulation must hit something"


def event(record, sequence) -> Event:
    return Event.objects.get(kind="record", subject=record.pk, sequence=sequence)


def change(model, pk, **values):
    columns = ", ".join(f"{name} = %s" for name in values)
    run(f"UPDATE {model._meta.db_table} SET {columns} WHERE id = %s", *values.values(), key(pk))


def key(pk: UUID):
    return pk if connection.vendor == "postgresql" else pk.hex


def remove(model, pk):
    run(f"DELETE FROM {model._meta.db_table} WHERE id = %s", key(pk))


def found(record=None) -> set:
    faults = verify_audit().faults
    if record is None:
        return {(fault.subject, fault.sequence, fault.fault) for fault in faults}
    assert {fault.subject for fault in faults} <= {f"record:{record.pk}"}
    return {(fault.sequence, fault.fault) for fault in faults}


def recompute(record, start=1):
    """Rewrite the chain so that it agrees with itself again, head included."""
    previous = event(record, start - 1).digest if start > 1 else ""
    events = Event.objects.filter(kind="record", subject=record.pk, sequence__gte=start).order_by("sequence")
    for item in events:
        item.previous = previous
        previous = audit.digest_of(item)
        change(Event, item.pk, previous=item.previous, digest=previous)
    last = events.last()
    ChainHead.objects.filter(kind="record", subject=record.pk).update(count=last.sequence, digest=previous)


def test_every_fault_has_words():
    assert all(FAULTS.values())


def test_a_changed_event_is_found(record):
    change(Event, event(record, 4).pk, actor_name="别人")
    assert found(record) == {(4, "changed")}


def test_a_change_of_any_column_is_found(record):
    target = event(record, 4)
    values = {
        "action": "record.kept", "address": "10.0.0.1", "subject_name": "x", "actor_role": "x", "at": "2020-01-01 00:00:00+00",
        "data": json.dumps({"changes": "别的"}), "actor": key(new_id()),
    }  # fmt: skip
    for name, value in values.items():
        with transaction.atomic():
            change(Event, target.pk, **{name: value})
            assert found(record) == {(4, "changed")}, name
            transaction.set_rollback(True)


def test_a_changed_event_with_its_own_digest_renewed_breaks_the_chain_and_the_seal(record):
    target = event(record, 4)
    target.actor_name = "别人"
    change(Event, target.pk, actor_name="别人", digest=audit.digest_of(target))
    assert found(record) == {(4, "recomputed"), (5, "broken")}


def test_a_chain_recomputed_from_a_change_on_is_told_by_the_seals(record):
    change(Event, event(record, 4).pk, actor_name="别人")
    recompute(record, 4)
    assert found(record) == {(4, "recomputed"), (5, "recomputed")}


def test_a_removed_event_is_found(record):
    remove(Event, event(record, 3).pk)
    assert found(record) == {(3, "removed")}


def test_a_removed_event_is_found_though_the_rest_moved_up_and_was_recomputed(record):
    remove(Event, event(record, 3).pk)
    for item in list(
        Event.objects.filter(kind="record", subject=record.pk, sequence__gt=3).order_by("sequence")
    ):
        change(Event, item.pk, sequence=item.sequence - 1)
    recompute(record, 3)
    assert (3, "removed") in found(record)


def test_an_event_inserted_between_two_is_found(record):
    for item in list(
        Event.objects.filter(kind="record", subject=record.pk, sequence__gte=3).order_by("-sequence")
    ):
        change(Event, item.pk, sequence=item.sequence + 1)
    forged = event(record, 2)
    forged.pk, forged.sequence, forged.previous = new_id(), 3, forged.digest
    forged.digest = audit.digest_of(forged)
    forged.save(force_insert=True)
    faults = found(record)
    assert {(3, "unsealed"), (4, "broken"), (4, "changed"), (7, "inserted")} <= faults


def test_an_event_added_at_the_end_with_its_head_was_never_announced(record):
    last = event(record, 6)
    forged = event(record, 6)
    forged.pk, forged.sequence, forged.previous = new_id(), 7, last.digest
    forged.digest = audit.digest_of(forged)
    forged.save(force_insert=True)
    assert found(record) == {(7, "unsealed"), (7, "inserted")}
    ChainHead.objects.filter(kind="record", subject=record.pk).update(count=7, digest=forged.digest)
    assert found(record) == {(7, "unsealed")}


def test_an_announcement_struck_out_is_found_also_when_another_is_put_in_its_place(record):
    Change.objects.filter(topic="seal-event", subject=event(record, 6).pk).update(subject=event(record, 1).pk)
    assert found(record) == {(6, "unsealed")}


def test_a_cut_tail_is_found(record):
    remove(Event, event(record, 6).pk)
    faults = verify_audit().faults
    assert Fault(f"record:{record.pk}", 6, "tail") in faults


def test_a_cut_tail_is_found_though_the_head_was_turned_back(record):
    for sequence in (6, 5, 4):
        remove(Event, event(record, sequence).pk)
    ChainHead.objects.filter(subject=record.pk).update(count=3, digest=event(record, 3).digest)
    sealed = {fault for fault in verify_audit().faults if fault.subject == f"record:{record.pk}"}
    assert sealed == {Fault(f"record:{record.pk}", n, "removed") for n in (4, 5)}
    # The sixth was not sealed yet, but announced.
    assert any(fault.subject.startswith("event:") for fault in verify_audit().faults)


def test_a_subject_removed_with_its_head_is_told_by_the_seals(record):
    run("DELETE FROM archive_event WHERE subject = %s", str(record.pk))
    run("DELETE FROM archive_chainhead WHERE subject = %s", str(record.pk))
    Change.objects.all().delete()
    faults = {fault for fault in verify_audit().faults if fault.subject == f"record:{record.pk}"}
    assert faults == {Fault(f"record:{record.pk}", n, "removed") for n in range(1, 6)}


def test_a_head_without_its_events_and_events_without_their_head_are_found(record):
    run("DELETE FROM archive_chainhead WHERE subject = %s", str(record.pk))
    assert found(record) == {(None, "headless")}
    ChainHead.objects.create(kind="record", subject="gone", count=2, digest="d")
    assert ("record:gone", 1, "tail") in found()


def test_a_head_that_names_another_digest_is_found(record):
    ChainHead.objects.filter(subject=record.pk).update(digest="0" * 64)
    assert found(record) == {(6, "head")}


def test_a_changed_a_removed_and_a_recomputed_access_are_found(record):
    first, second, third = Access.objects.order_by("id")
    change(Access, first.pk, actor_name="别人")
    second.purpose = "别的"
    change(Access, second.pk, purpose="别的", digest=audit.digest_of_access(second))
    assert found() == {(f"access:{first.pk}", None, "changed"), (f"access:{second.pk}", None, "recomputed")}
    remove(Access, first.pk)
    remove(Access, third.pk)
    assert found() >= {(f"access:{first.pk}", None, "removed"), (f"access:{third.pk}", None, "removed")}


def test_a_forged_access_is_found(record):
    forged = Access.objects.first()
    forged.pk = new_id()
    forged.digest = audit.digest_of_access(forged)
    forged.save(force_insert=True)
    assert found() == {(f"access:{forged.pk}", None, "unsealed")}


def test_a_missing_seal_row_is_found_and_its_leaves_still_bear_witness(record, actor):
    seal_ledgers(actor=actor)
    run("DELETE FROM archive_seal WHERE number = 1")
    remove(Event, event(record, 3).pk)
    assert found() == {("seal", 1, "seal-missing"), (f"record:{record.pk}", 3, "removed")}


def test_cut_seals_are_found_in_the_store(record):
    run("DELETE FROM archive_seal")
    assert found() == {("seal", 1, "seal-unregistered")}


@pytest.mark.parametrize("column", ["root", "previous", "digest", "events", "sealed_at"])
def test_a_changed_seal_row_is_found(record, column):
    values = {"events": 99, "sealed_at": "2020-01-01 00:00:00+00"}
    run(f"UPDATE archive_seal SET {column} = %s WHERE number = 1", values.get(column, "0" * 64))
    assert found() == {("seal", 1, "seal-changed")}


def test_a_recomputed_seal_row_does_not_hide_a_recomputed_chain(record):
    change(Event, event(record, 4).pk, actor_name="别人")
    recompute(record, 4)
    seal = Seal.objects.get()
    seal.root = "1" * 64
    run("UPDATE archive_seal SET root = %s, digest = %s", seal.root, seals.digest_of(seal))
    assert found() == {("seal", 1, "seal-changed")} | {
        (f"record:{record.pk}", n, "recomputed") for n in (4, 5)
    }


def test_a_forged_seal_file_beside_the_locked_one_is_found_and_not_believed(record, stores):
    change(Event, event(record, 4).pk, actor_name="别人")
    recompute(record, 4)
    store, seal = stores["local"], Seal.objects.get()
    told = seals.parse(seals.read_file(store, seal.key, seal.copies["local"]))
    ids = [leaf.id for leaf in told.leaves if leaf.ledger == seals.EVENT]
    accesses = [leaf for leaf in told.leaves if leaf.ledger == seals.ACCESS]
    leaves = (*seals.current_leaves(seals.EVENT, ids), *accesses)
    forged = seals.Sealed(1, told.sealed_at, "", told.locked_until, leaves)
    version = seals._put(store, seal.key, seals.write(forged), forged)
    run(
        "UPDATE archive_seal SET root = %s, digest = %s, copies = %s",
        forged.root, seals.digest_of(forged), json.dumps({"local": version}),
    )  # fmt: skip
    assert found() == {("seal", 1, "seal-doubled"), ("seal", 1, "seal-changed")} | {
        (f"record:{record.pk}", n, "recomputed") for n in (4, 5)
    }


def seal_file(stores):
    (path,) = (stores["local"].root / "objects" / "seals").glob("*.gz@*[0-9a-f]")
    return path


def test_a_missing_seal_file_is_found(record, stores):
    path = seal_file(stores)
    path.unlink()
    path.with_name(path.name + ".json").unlink()
    assert found() == {("seal", 1, "seal-file-missing")}


@pytest.mark.parametrize("change_file", [lambda b: b[:-9], lambda b: b[:40] + b"x" + b[41:], lambda b: b""])
def test_a_changed_seal_file_is_found(record, stores, change_file):
    path = seal_file(stores)
    content = change_file(path.read_bytes())
    path.chmod(0o600)
    path.write_bytes(content)
    assert ("seal", 1, "seal-file-changed") in found()


def test_a_seal_file_that_is_no_longer_locked_is_found(record, stores):
    path = seal_file(stores)
    described = path.with_name(path.name + ".json")
    state = json.loads(described.read_text()) | {"lock_until": None, "lock_mode": None}
    described.chmod(0o600)
    described.write_text(json.dumps(state))
    assert found() == {("seal", 1, "seal-unlocked")}


def test_a_store_that_came_later_need_not_hold_the_earlier_seals(record, stores, tmp_path, monkeypatch):
    from archive import stores as configured

    monkeypatch.setenv("ARCHIVE_STORES", "local,later")
    monkeypatch.setenv("LATER_PATH", str(tmp_path / "later"))
    configured.forget()
    assert found() == set()


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL keeps the types of its columns itself")
@pytest.mark.parametrize(
    ("column", "value"),
    [("data", "{not json"), ("at", "yesterday"), ("at", "2020-13-45 00:00:00"), ("actor", "nobody")],
)
def test_a_row_that_cannot_be_decoded_is_a_changed_row(record, column, value):
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA ignore_check_constraints = ON")
    change(Event, event(record, 4).pk, **{column: value})
    access = Access.objects.first().pk
    change(Access, access, **{column: value})
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA ignore_check_constraints = OFF")
    assert found() == {(f"record:{record.pk}", 4, "changed"), (f"access:{access}", None, "changed")}


def test_the_command_prints_a_line_per_fault_and_the_totals(record, capsys):
    call_command("verify_audit", json=True)
    totals = {"events": Event.objects.count(), "accesses": 3, "seals": 1, "faults": 0}
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [totals]
    change(Event, event(record, 4).pk, actor_name="别人")
    with pytest.raises(SystemExit) as ended:
        call_command("verify_audit", json=True)
    assert ended.value.code == 1
    fault = {"subject": f"record:{record.pk}", "sequence": 4, "fault": "changed"}
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        fault,
        totals | {"faults": 1},
    ]
    with pytest.raises(SystemExit):
        call_command("verify_audit")
    assert f"record:{record.pk} 第 4 条：内容被改动（{record.reference_code}）" in capsys.readouterr().out


def test_an_unreachable_store_is_no_fault_of_the_ledger(record, stores, monkeypatch, capsys):
    from archive.errors import StorageFailed

    def unreachable(*_, **__):
        raise StorageFailed(store="local", kind="unreachable", reason="连不上。")

    monkeypatch.setattr(stores["local"], "open", unreachable)
    with pytest.raises(SystemExit) as ended:
        call_command("verify_audit", json=True)
    assert ended.value.code == 3
    assert capsys.readouterr().out == ""


def test_verification_reads_one_moment_while_others_write(committed, stores, actor):
    """Outside the test's transaction: the snapshot is taken and given back, and nobody is kept from writing."""
    for _ in range(3):
        filed.a_record(stores)
        seal_ledgers(actor=actor)
    writes = []

    def progress(what, count):
        if not writes:
            writes.append(write_elsewhere())

    found = verify_audit(progress)
    assert found.faults == [] and found.seals == 3
    assert found.events == Event.objects.count() - 1
    assert verify_audit().events == Event.objects.count()


def write_elsewhere():
    import threading

    def work():
        with transaction.atomic():
            audit.record(actor=system_actor(), action="user.signed_in", kind="site", subject="x")
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
