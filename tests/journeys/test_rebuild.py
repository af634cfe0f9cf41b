"""The database and every backup of it are lost; the stores and the key file are there. The catalogue comes back."""

import hashlib
import io
import shutil
from datetime import date

import pytest
from django.db import transaction
from django.utils import timezone

from archive import (
    contents,
    extension,
    fixity,
    keeping,
    object_keys,
    privacy,
    rebuilding,
    records,
    snapshots,
)
from archive.errors import WrongState
from archive.models import Copy, Event, Fonds, Record
from archive.records import NewParty
from archive.verification import verify_audit
from retention import execution, recovery, stubs
from tests import filed
from tests.aged import SYSTEM, Aged
from tests.lost import LISTED, LOST, differences, lose_the_database, rows

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)


def rebuild(**how):
    before = rows()
    lose_the_database()
    report = rebuilding.rebuild(actor=SYSTEM, **how)
    recovery.recover_holds()
    after = rows()
    our = Event.objects.get(action="catalogue.rebuilt")
    del after["archive.event"][(str(our.pk),)], after["archive.chainhead"]["site", "catalogue"]
    before["archive.chainhead"].pop(("site", "catalogue"), None)
    return report, differences(before, after)


def the_archive_goes_on(life):
    """Numbers continue, both ledgers are proven, every copy is whole, personal numbers can be read."""
    ours = Record.objects.filter(fonds__code="D019", formed_on__year=2019, retention="100")
    last = max(ours.values_list("number", flat=True))
    life.seal()
    assert verify_audit().faults == []
    swept = fixity.sweep(actor=SYSTEM, everything=True)
    assert swept.checked and not swept.damaged
    party = life.young[0].parties.get(kind="person")
    assert privacy.decrypt(party.id_no).startswith("4419")
    life.fonds = Fonds.objects.get(code="D019")
    life.house.executor = filed.an_actor("archivist")
    filed_next = life.record(formed_on=date(2019, 12, 10), retention="100")
    assert filed_next.number == last + 1


def test_everything_comes_back_from_a_fresh_snapshot(two_stores):
    life = Aged(two_stores)
    snapshots.take(actor=SYSTEM)
    life.seal()
    report, found = rebuild()
    assert report.problems == [] and len(report.snapshots) == 3
    assert found == {}
    the_archive_goes_on(life)


def test_what_happened_after_the_snapshot_comes_back_from_manifests_and_ledger(two_stores):
    life = Aged(two_stores)
    snapshots.take(actor=SYSTEM)
    life.later()
    report, found = rebuild()
    assert report.problems == []
    assert set(found.pop("archive.copy")) <= LISTED
    assert set(found.pop("archive.user")) <= {"username", "date_joined"}, "whoever joined after the snapshot"
    assert set(found.pop("retention.hold")) <= {"ended_at", "settled_at"}, "to the millisecond"
    assert found == {}
    the_archive_goes_on(life)


def test_without_any_snapshot_manifests_stubs_and_ledger_are_enough_for_the_records(two_stores):
    life = Aged(two_stores)
    report, found = rebuild()
    assert report.problems == [] and report.snapshots == []
    assert {label for label in found if label.startswith("retention.")} == LOST | {"retention.hold"}
    assert found.pop("retention.hold") <= {"placed_at", "ended_at", "settled_at"}
    found = {label: said for label, said in found.items() if label not in LOST}
    assert found.pop("archive.paper") == {"made_at"}
    assert found.pop("archive.record") == {"destroyed_at"}
    assert set(found.pop("archive.copy")) <= LISTED | {"stored_sha256", "stored_bytes"}, (
        "the last two: of stubs"
    )
    gaps = found.pop("archive.counter")
    assert not any(one.startswith("-") and "销毁清册" not in one and "appraisal" not in one for one in gaps)
    people = found.pop("archive.user")
    assert {one for one in people if not one.startswith("-")} <= {"username", "date_joined"}
    assert found == {}
    assert Record.objects.filter(state="destroyed").count() == 3
    the_archive_goes_on(life)


# What is damaged is named, and stops nothing else


def spoil(folder, key):
    """Flip a byte of every copy of that object, behind the store's back."""
    found = list(folder.rglob(f"{key.rpartition('/')[2]}@*-????????"))
    assert found
    for path in found:
        path.chmod(0o600)
        content = path.read_bytes()
        path.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])


def test_a_damaged_manifest_costs_its_edition_and_is_named(stores, tmp_path):
    records = [filed.a_record(stores, formed_on=date(2008, 5, 4), retention="10") for _ in range(3)]
    extension.extend(records[0].pk, "30", basis="鉴定", decided_on=date(2026, 1, 5), actor=SYSTEM)
    keeping.drain(actor=SYSTEM)
    keeping.drain(actor=SYSTEM)
    newest = records[0].digital_objects.filter(role="manifest").last()
    only = records[1].digital_objects.get(role="manifest")
    for item in (newest, only):
        spoil(tmp_path / "stores", item.copies.get().key)
    report, _ = rebuild()
    named = {key for key, _ in report.problems}
    assert {one for one in named if str(newest.pk) in one} and {one for one in named if str(only.pk) in one}
    assert Record.objects.get(pk=records[0].pk).retention == "10", "the edition before"
    assert not Record.objects.filter(pk=records[1].pk).exists(), "no manifest and no snapshot"
    assert Record.objects.filter(pk=records[2].pk).exists()


def test_with_a_snapshot_a_record_without_manifest_loses_only_its_cipher_text(stores, tmp_path):
    party = NewParty(kind="person", name="张三", id_no="441900199003071234")
    record = filed.a_record(stores, parties=(party,))
    snapshots.take(actor=SYSTEM)
    spoil(tmp_path / "stores", record.digital_objects.get(role="manifest").copies.get().key)
    report, found = rebuild()
    assert found.pop("archive.recordparty") == {"id_no"}
    assert any("密文没有恢复" in reason for _, reason in report.problems)
    assert Record.objects.get(pk=record.pk).parties.get().id_token, "it is still found by the whole number"


def test_bytes_that_are_lost_make_a_damaged_copy(two_stores, tmp_path):
    record = filed.a_record(two_stores)
    copies = list(record.digital_objects.get(role="original").copies.order_by("store"))
    for path in (tmp_path / "stores" / "local").rglob(f"{copies[0].key.rpartition('/')[2]}@*"):
        path.unlink()
    report, _ = rebuild()
    found = dict(Copy.objects.filter(object=copies[0].object).values_list("store", "state"))
    assert found == {"local": "pending", "second": "stored"}, "it is written again from the good one"
    assert any("没有副本" in reason for _, reason in report.problems)


def test_a_record_of_which_nothing_is_there_is_named(stores, tmp_path):
    record = filed.a_record(stores)
    snapshots.take(actor=SYSTEM)
    shutil.rmtree(next((tmp_path / "stores").rglob(str(record.pk))))
    report, _ = rebuild()
    assert (record.reference_code in dict(report.problems)) and Record.objects.get(
        pk=record.pk
    ).state == "archived"


def test_a_period_extended_since_the_snapshot_has_its_locks_renewed(stores, tmp_path):
    """The snapshot says that nothing is left to renew: the locks reached the end of the period as it was then."""
    year = timezone.localdate().year
    record = filed.a_record(stores, retention="10", formed_on=date(year - 7, 5, 4))
    snapshots.take(actor=SYSTEM)
    assert {copy.renew_on for copy in Copy.objects.filter(object__record=record)} == {None}
    extension.extend(record.pk, "永久", basis="鉴定", decided_on=timezone.localdate(), actor=SYSTEM)
    extension.drain()
    keeping.drain(actor=SYSTEM)
    rebuild()
    found = Copy.objects.filter(object__record=record)
    assert found.filter(lock_until__year__gt=year + 8).exists() and not found.filter(renew_on=None).exists()


def test_only_an_empty_database_is_filled(stores):
    filed.a_record(stores)
    with pytest.raises(WrongState, match="空库"):
        rebuilding.rebuild(actor=SYSTEM)


@pytest.mark.parametrize("phase", ["journals.load", "load_records", "_finish"])
def test_a_rebuild_that_was_killed_is_started_again_and_goes_on(stores, monkeypatch, phase):
    life = Aged(stores, count=12)
    snapshots.take(actor=SYSTEM)
    life.later()
    before = rows()
    lose_the_database()

    class Killed(BaseException):
        pass

    def die(*_, **__):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(f"archive.rebuilding.order.{phase}", die)
        with pytest.raises(Killed):
            rebuilding.rebuild(actor=SYSTEM)
    assert rebuilding.under_way()
    report = rebuilding.rebuild(actor=SYSTEM)
    recovery.recover_holds()
    assert not rebuilding.under_way() and report.problems == []
    after = rows()
    for label in (
        "archive.record",
        "archive.recordparty",
        "archive.block",
        "archive.relation",
        "archive.counter",
    ):
        assert after[label] == before[label]
    assert set(before["archive.event"]) < set(after["archive.event"])


def test_an_encrypted_fonds_comes_back_with_its_keys(stores):
    fonds = filed.a_fonds()
    Fonds.objects.update(encrypted=True)
    record = filed.a_record(stores, fonds=Fonds.objects.get(pk=fonds.pk))
    for item in record.digital_objects.all():
        assert item.encrypted, "the manifest, too"
    report, _ = rebuild()
    assert report.problems == []
    for item in Record.objects.get(pk=record.pk).digital_objects.all():
        with contents.open_object(item) as stream:
            assert hashlib.sha256(stream.read()).hexdigest() == item.sha256


def test_a_file_whose_key_is_nowhere_is_named(stores):
    item = filed.an_object(b"{}", "submission.json", role="submission", encrypted=True)
    record = records.create(filed.a_new_record(objects=(item,)), actor=SYSTEM, store_names=list(stores))
    assert keeping.keep(record.pk, lambda _: io.BytesIO(b"{}"), actor=SYSTEM)
    place = object_keys.place("D019", record.pk)
    for one in object_keys.key_store().versions(place):
        object_keys.key_store().remove(place, one.version)
    report, _ = rebuild()
    assert [(key, "密钥库" in reason) for key, reason in report.problems] == [(f"D019/{record.pk}", True)]


def test_a_stub_is_not_believed_while_the_record_is_there(stores, tmp_path):
    """A hold came between the stubs and the destruction: the record was taken out and kept."""
    life = Aged(stores, count=8, destroyed=1)
    with transaction.atomic():
        kept = life.house.due(2)
    register = life.house.supervised(kept)
    life.house.start(register)
    execution.stop(register.pk, actor=life.house.executor)
    stubs.write(register.pk, actor=SYSTEM)
    life.seal()
    report, _ = rebuild()
    assert report.problems == []
    assert set(Record.objects.filter(pk__in=[one.pk for one in kept]).values_list("state", flat=True)) == {
        "archived"
    }
    # Half of one is gone: its destruction may have begun.
    half = kept[0].digital_objects.filter(role="original").first()
    for path in (tmp_path / "stores").rglob(f"{half.pk}@*"):
        path.unlink()
    report, _ = rebuild()
    assert [key for key, reason in report.problems if "做了一半" in reason] == [f"D019/{kept[0].pk}"]
