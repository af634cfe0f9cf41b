"""固化信息核验: every kind of damage is found in the place where it is, and nothing sound is called damaged."""

import gzip
import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from archive import contents, fixity, records
from archive.errors import NotAllowed, StorageFailed
from archive.fixity import sweep
from archive.locks import alone
from archive.models import Change, Copy, Damage, Event, FixityRun, Record
from tests import filed
from tests.damaged import KINDS, content_of, copies, damage

pytestmark = pytest.mark.django_db


@pytest.fixture
def record(stores) -> Record:
    return filed.a_record(stores, contents=(b"first file", b"second file"))


def test_sound_copies_are_sound(stores, record, actor):
    found = sweep(actor=actor, everything=True)
    assert (found.checked, found.damaged) == (4, 0)
    assert found.bytes == sum(copy.stored_bytes for copy in copies(record))
    assert not Damage.objects.exists()
    assert set(Copy.objects.values_list("state", flat=True)) == {"stored"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_damage_is_found_in_its_copy_alone(stores, record, actor, kind):
    bad, *good = copies(record)
    damage(stores, bad, kind)
    heard = []
    found = sweep(actor=actor, everything=True, report=lambda target, fault: heard.append((target.id, fault)))
    assert (found.checked, found.damaged) == (4, 1)
    assert heard == [(bad.id, KINDS[kind])]
    bad.refresh_from_db()
    assert (bad.state, bad.fault) == ("damaged", KINDS[kind])
    assert Damage.objects.get().copy_id == bad.id
    assert {copy.state for copy in copies(record)} == {"damaged", "stored"}
    event = Event.objects.get(action="copy.damaged")
    assert (event.subject, event.data["object"]) == (str(record.pk), str(bad.object_id))
    assert Change.objects.filter(topic="search", subject=record.pk).count() == 2


def test_every_flipped_byte_is_found(stores, actor):
    content = bytes(range(40))
    record = filed.a_record(stores, contents=(content,))
    copy = copies(record)[0]
    path = content_of(stores, copy)
    path.chmod(0o600)
    target = fixity.Target(*Copy.objects.filter(pk=copy.pk).values_list(*fixity.FIELDS).get())
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 0x40
        path.write_bytes(flipped)
        assert fixity.examine(target, bytearray(7)).fault == "changed", place
    path.write_bytes(content)
    assert fixity.examine(target, bytearray(7)).fault == ""


def test_damage_is_found_in_the_one_store_that_has_it(two_stores, actor):
    record = filed.a_record(two_stores)
    damage(two_stores, copies(record, "second")[0], "changed")
    heard = []
    assert sweep(actor=actor, everything=True, report=lambda t, f: heard.append((t.store, f))).checked == 6
    assert heard == [("second", "changed")]
    with contents.open_object(record.digital_objects.get(position=0)) as stream:
        assert stream.read() == b"%PDF-1.7 a form"


def test_an_encrypted_copy_is_checked_without_its_key(stores, actor):
    import io

    from archive import keeping

    content = b'{"id_no": "441900199001011231"}'
    new = filed.a_new_record(objects=(filed.an_object(content, encrypted=True),))
    filed_record = records.create(new, actor=actor, store_names=["local"])
    keeping.keep(filed_record.id, lambda item: io.BytesIO(content), actor=actor)
    assert sweep(actor=actor, everything=True).damaged == 0
    damage(stores, copies(filed_record)[0], "changed")
    assert sweep(actor=actor, everything=True).damaged == 1


def test_a_copy_with_a_wrong_lock_can_still_be_read(stores, record, actor):
    damage(stores, copies(record)[0], "lock")
    sweep(actor=actor, everything=True)
    with contents.open_object(record.digital_objects.get(position=0)) as stream:
        assert stream.read() == b"first file"


def test_a_lock_that_has_ended_may_be_forgotten_by_the_store(stores, record, actor):
    copy = copies(record)[0]
    damage(stores, copy, "no lock")
    Copy.objects.filter(pk=copy.pk).update(lock_until=timezone.now() - timedelta(days=1))
    assert sweep(actor=actor, everything=True).damaged == 0


def test_a_compliance_lock_that_is_only_governance_is_damage(stores, record, actor):
    copy = copies(record)[0]
    Copy.objects.filter(pk=copy.pk).update(lock_mode="COMPLIANCE")
    sweep(actor=actor, everything=True)
    assert Damage.objects.get().copy_id == copy.pk and "COMPLIANCE" in Damage.objects.get().detail


def test_a_copy_that_checks_out_again_returns_to_stored_and_its_damage_stays(stores, record, actor):
    copy = copies(record)[0]
    path = content_of(stores, copy)
    sound = path.read_bytes()
    damage(stores, copy, "changed")
    sweep(actor=actor, everything=True)
    sweep(actor=actor, everything=True)  # still damaged: a row more, no second event
    assert (Damage.objects.count(), Event.objects.filter(action="copy.damaged").count()) == (2, 1)
    path.write_bytes(sound)
    assert sweep(actor=actor, everything=True).damaged == 0
    copy.refresh_from_db()
    assert (copy.state, copy.fault) == ("stored", "")
    assert Event.objects.filter(action="copy.recovered").count() == 1
    assert Damage.objects.count() == 2


def test_the_longest_unchecked_come_first_and_the_limit_holds(stores, actor):
    for _ in range(3):
        filed.a_record(stores)
    now = timezone.now()
    old, older, oldest, *rest = Copy.objects.order_by("id")
    for days, copy in ((10, old), (20, older), (30, oldest)):
        Copy.objects.filter(pk=copy.pk).update(checked_at=now - timedelta(days=days))
    assert sweep(actor=actor, limit=2).checked == 2
    checked = set(Copy.objects.filter(checked_at__gte=now).values_list("pk", flat=True))
    assert checked == {older.pk, oldest.pk}


def test_one_record_is_checked_alone(stores, record, actor):
    other = filed.a_record(stores)
    damage(stores, copies(other)[0], "changed")
    assert sweep(actor=actor, record=record).checked == 4
    assert sweep(actor=actor, record=record).damaged == 0
    assert sweep(actor=actor, record=other).damaged == 1


@pytest.mark.skipif(connection.vendor != "sqlite", reason="reads the plan of SQLite")
def test_the_next_copies_come_from_a_range_of_the_index(stores, actor):
    query = Copy.objects.exclude(state__in=fixity.UNWRITTEN).filter(checked_at__lt=timezone.now())
    plan = query.order_by("checked_at", "id").explain()
    assert "copy_fixity_due" in plan and "TEMP B-TREE" not in plan


class Kill(BaseException):
    pass


def test_a_killed_sweep_goes_on_where_it_was_and_forgets_no_damage(stores, actor, monkeypatch):
    monkeypatch.setattr(fixity, "BATCH", 2)
    made = [filed.a_record(stores) for _ in range(4)]  # twelve copies
    first = Copy.objects.order_by("checked_at", "id").first()
    damage(stores, first, "changed")
    seen = []

    def killed(checked):
        seen.append(checked)
        if checked == 4:
            raise Kill

    with pytest.raises(Kill):
        sweep(actor=actor, everything=True, progress=killed)
    run = FixityRun.objects.get()
    assert (run.checked, run.finished_at) == (4, None)
    heard = []
    found = sweep(actor=actor, everything=True, report=lambda target, fault: heard.append(target.id))
    assert (found.checked, found.damaged, heard) == (12, 1, [first.id])
    assert FixityRun.objects.get().finished_at
    results = results_of(stores, FixityRun.objects.get())
    assert len(results) == 13 and {line["record"] for line in results[1:]} == {r.reference_code for r in made}
    # The next sweep is a new run.
    assert sweep(actor=actor, everything=True).checked == 12
    assert FixityRun.objects.count() == 2


def test_a_sweep_killed_while_it_lays_down_its_results_lays_them_down_once(two_stores, actor, monkeypatch):
    filed.a_record(two_stores)
    second = two_stores["second"]
    with monkeypatch.context() as patched:
        patched.setattr(second, "put", lambda *_, **__: (_ for _ in ()).throw(Kill))
        with pytest.raises(Kill):
            sweep(actor=actor, everything=True)
    sweep(actor=actor, everything=True)
    run = FixityRun.objects.get()
    for store in two_stores.values():
        assert len(store.versions(f"fixity/{run.pk}.json.gz")) == 1


def results_of(stores, run, name="local"):
    store = stores[name]
    (version,) = store.versions(f"fixity/{run.pk}.json.gz")
    assert store.head(version.key, version.version).lock_until > datetime.now(UTC) + timedelta(days=3000)
    with store.open(version.key, version.version) as stream:
        header, *lines = [json.loads(line) for line in gzip.decompress(stream.read()).splitlines()]
    return [header, *(dict(zip(header["columns"], line, strict=True)) for line in lines)]


def test_each_run_leaves_a_locked_file_whose_digest_is_in_the_ledger(stores, record, actor):
    bad = copies(record)[0]
    damage(stores, bad, "truncated")
    sweep(actor=actor, everything=True)
    run = FixityRun.objects.get()
    header, *lines = results_of(stores, run)
    assert (header["checked"], header["damaged"], len(lines)) == (4, 1, 4)
    assert {line["copy"]: line["fault"] for line in lines}[str(bad.id)] == "truncated"
    event = Event.objects.get(action="fixity.run")
    store = stores["local"]
    (version,) = store.versions(event.data["file"])
    assert store.head(version.key, version.version).sha256 == event.data["sha256"]


def test_a_store_that_does_not_answer_is_no_damage(stores, record, actor, monkeypatch):
    def unreachable(*_, **__):
        raise StorageFailed(store="local", kind="unreachable", reason="连不上。")

    monkeypatch.setattr(stores["local"], "head", unreachable)
    with pytest.raises(StorageFailed):
        sweep(actor=actor, everything=True)
    assert not Damage.objects.exists()
    assert set(Copy.objects.values_list("state", flat=True)) == {"stored"}


def test_a_copy_that_the_disk_cannot_give_is_unreadable(stores, record, actor, monkeypatch):
    bad, whole = copies(record)[0], stores["local"].open

    def broken(key, version, **part):
        if key == bad.key:
            raise StorageFailed(store="local", kind="failed", reason="磁盘读写出错，请检查磁盘。")
        return whole(key, version, **part)

    monkeypatch.setattr(stores["local"], "open", broken)
    assert sweep(actor=actor, everything=True).damaged == 1
    damage_row = Damage.objects.get()
    assert (damage_row.copy_id, damage_row.fault) == (bad.pk, "unreadable") and "磁盘" in damage_row.detail


@pytest.mark.parametrize("left", ["", "objects/seals"])
def test_a_disk_that_is_not_mounted_is_no_damage(stores, record, actor, tmp_path, left):
    root = stores["local"].root
    root.rename(tmp_path / "unplugged")
    (root / left).mkdir(parents=True)
    with pytest.raises(StorageFailed, match="没有挂载"):
        sweep(actor=actor, everything=True)
    assert not Damage.objects.exists()


@pytest.mark.parametrize("why", ["does not answer", "is no longer configured"])
def test_a_store_that_cannot_be_asked_is_named_and_keeps_no_other_one_from_being_checked(
    two_stores, actor, monkeypatch, why
):
    record = filed.a_record(two_stores)
    damage(two_stores, copies(record, "second")[0], "changed")
    if why == "does not answer":
        two_stores["local"].root.rename(two_stores["local"].root.with_name("unplugged"))
    else:
        Copy.objects.filter(store="local").update(store="elsewhere")
    name = "local" if why == "does not answer" else "elsewhere"
    before = Copy.objects.filter(store=name).order_by("pk").values("state", "checked_at")
    known = list(before)
    with pytest.raises(StorageFailed, match=f"{name}.*其余.*核验了 3 个，受损 1 个"):
        sweep(actor=actor, everything=True)
    assert Damage.objects.get().copy.store == "second" and list(before.all()) == known
    run = FixityRun.objects.get()
    assert run.finished_at and (run.checked, run.damaged) == (3, 1)
    assert Event.objects.get(action="fixity.run").data["left"] == [name]
    assert results_of(two_stores, run, "second")[0]["left"] == [name]


@pytest.mark.parametrize("state", ["removed", "disposing"])
def test_what_disposal_takes_away_meanwhile_is_no_damage(stores, record, actor, monkeypatch, state):
    gone = copies(record)[0]
    damage(stores, gone, "all missing")
    book = fixity._book

    def meanwhile(run, outcomes, *, actor):
        if state == "removed":
            Copy.objects.filter(pk=gone.pk).update(state="removed")
        else:
            Record.objects.filter(pk=record.pk).update(state="disposing")
        return book(run, outcomes, actor=actor)

    monkeypatch.setattr(fixity, "_book", meanwhile)
    heard = []
    assert sweep(actor=actor, everything=True, report=lambda *damaged: heard.append(damaged)).damaged == 0
    assert heard == [] and not Damage.objects.exists()
    assert Copy.objects.get(pk=gone.pk).state == ("removed" if state == "removed" else "stored")


def test_who_may_not_run_it_is_refused(stores, record, actor):
    with pytest.raises(NotAllowed):
        sweep(actor=filed.an_actor("clerk"), everything=True)
    assert sweep(actor=filed.an_actor("archivist"), record=record).checked == 4


def test_a_second_sweep_at_the_same_time_is_refused(committed, stores, actor):
    filed.a_record(stores)
    refused = []

    def other():
        try:
            sweep(actor=actor, everything=True)
        except fixity.Busy as fault:
            refused.append(fault)
        connection.close()

    with alone("fixity"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(refused) == 1


def command(capsys, *words):
    try:
        call_command("fixity", *words)
        status = 0
    except SystemExit as ended:
        status = ended.code
    return status, capsys.readouterr().out


def test_the_command_speaks_as_the_contract_says(stores, record, capsys):
    status, out = command(capsys, "--all", "--json")
    (totals,) = map(json.loads, out.splitlines())
    assert status == 0 and list(totals) == ["checked", "bytes", "damaged", "seconds"]
    assert (totals["checked"], totals["damaged"]) == (4, 0)

    bad = copies(record)[1]
    damage(stores, bad, "changed")
    status, out = command(capsys, "--record", record.reference_code, "--json")
    line, totals = map(json.loads, out.splitlines())
    assert status == 1 and totals["damaged"] == 1
    assert line == {
        "reference_code": record.reference_code, "object": str(bad.object_id), "store": "local", "key": bad.key,
        "version": bad.version, "fault": "changed",
    }  # fmt: skip
    status, out = command(capsys, "--limit", "1")
    assert status in (0, 1) and "核验 1 个副本" in out


def test_the_command_stops_with_3_when_a_store_cannot_be_asked(stores, record, capsys, tmp_path):
    stores["local"].root.rename(tmp_path / "unplugged")
    assert command(capsys, "--all", "--json") == (3, "")


def test_an_unknown_record_and_a_wrong_limit_are_refused_with_a_sentence(stores, capsys):
    assert command(capsys, "--record", "D019-nothing", "--json") == (1, "")
    assert command(capsys, "--limit", "0", "--json") == (2, "")
    assert command(capsys, "--fonds", "X999", "--json") == (2, "")


def test_the_command_checks_one_fonds(stores, record, capsys):
    damage(stores, copies(filed.a_record(stores, fonds=filed.a_fonds("L010")))[0], "changed")
    status, out = command(capsys, "--fonds", "D019", "--json")
    assert status == 0 and json.loads(out)["checked"] == 4
    assert command(capsys, "--fonds", "L010")[0] == 1
