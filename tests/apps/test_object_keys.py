"""The data keys of encrypted objects: in both places before they are used, wrapped anew, destroyed for good."""

import base64
import json
import os
import secrets
import signal
import stat
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connections
from django.utils import timezone

from archive import contents, keeping, keks, key_care, object_keys, privacy, records
from archive.errors import KeyFailed, NotConfigured, StorageFailed
from archive.models import Backup, Copy, DigitalObject, Event, ObjectKey, Record
from config import doctor
from tests import filed

pytestmark = pytest.mark.django_db
CONTENT = b'{"id_no": "441900199001011231"}' * 40


@pytest.fixture(autouse=True)
def key_store(tmp_path, monkeypatch):
    """An empty key store for this test alone."""
    monkeypatch.setenv("ARCHIVE_KEY_STORE_PATH", str(tmp_path / "key-store"))
    object_keys.forget()
    yield object_keys.key_store()
    object_keys.forget()


@pytest.fixture
def key_file(tmp_path, settings):
    """A key file for this test alone."""
    path = tmp_path / "keys" / "keys.json"
    privacy.make_key_file(path)
    settings.ARCHIVE_KEYS = str(path)
    keks.forget()
    privacy.key_ring.cache_clear()
    yield path
    keks.forget()
    privacy.key_ring.cache_clear()


def a_secret_record(stores, actor, contents=(CONTENT,), keep=True) -> Record:
    import io

    files = {filed.an_object(one, f"data/{n}.pdf", encrypted=True): one for n, one in enumerate(contents)}
    new = filed.a_new_record(objects=tuple(files))
    record = records.create(new, actor=actor, store_names=list(stores))
    if keep:
        by_id = {item.id: one for item, one in files.items()}
        assert keeping.keep(record.id, lambda item: io.BytesIO(by_id[item.id]), actor=actor)
    return record


def first(record) -> DigitalObject:
    return record.digital_objects.get(position=0)


def text_of(record) -> bytes:
    with contents.open_object(first(record)) as stream:
        return stream.read()


def in_key_store(key_store, record) -> list[dict]:
    (one,) = key_store.versions(object_keys.place("D019", record.pk))
    return json.loads(key_store.open(one.key, one.version).read())["keys"]


# Making


def test_a_key_lies_wrapped_in_both_places_and_in_clear_in_none(stores, actor, key_store):
    record = a_secret_record(stores, actor)
    row = ObjectKey.objects.get()
    key = object_keys.data_key(first(record))
    assert row.kek == keks.current() and len(key) == 32
    assert in_key_store(key_store, record) == [
        {"object": str(row.pk), "kek": row.kek, "wrapped": row.wrapped, "made_at": row.made_at.isoformat()}
    ]
    assert key not in base64.b64decode(row.wrapped)
    for folder, _, names in os.walk(key_store.root):
        for name in names:
            content = (Path(folder) / name).read_bytes()
            assert key not in content and base64.b64encode(key) not in content


def test_every_object_has_a_key_of_its_own_and_one_file_holds_those_of_a_record(stores, actor, key_store):
    record = a_secret_record(stores, actor, (b"one", b"two", b"three"))
    keys = {object_keys.data_key(item) for item in record.digital_objects.filter(encrypted=True)}
    assert len(keys) == 3
    assert len(in_key_store(key_store, record)) == 3


def test_the_key_is_in_both_places_before_a_byte_is_written(stores, actor, key_store, monkeypatch):
    seen = []
    put = type(stores["local"]).put

    def watched(store, key, stream, **words):
        if store is stores["local"] and words["metadata"]["role"] == "original":
            seen.append((ObjectKey.objects.count(), len(list(key_store.iterate()))))
        return put(store, key, stream, **words)

    monkeypatch.setattr(type(stores["local"]), "put", watched)
    a_secret_record(stores, actor)
    assert seen == [(1, 1)]


def test_a_clear_object_has_no_key_and_no_key_store_is_asked(stores, actor, key_store, monkeypatch):
    monkeypatch.setattr(object_keys, "publish", lambda record: pytest.fail("asked"))
    record = filed.a_record(stores)
    assert not ObjectKey.objects.exists()
    assert [object_keys.key_id(item) for item in record.digital_objects.all()][0] == ""


def test_without_its_key_store_nothing_encrypted_is_written_and_the_rest_is(stores, actor, key_store):
    record = a_secret_record(stores, actor, keep=False)
    key_store.objects.rmdir()
    key_store.objects.write_text("not a folder")
    assert not keeping.keep(record.id, lambda item: pytest.fail("read"), actor=actor)
    copy = Copy.objects.get(object=first(record))
    assert copy.state == "failed" and copy.fault
    assert not list(stores["local"].iterate(copy.key))
    assert Copy.objects.filter(object__role="manifest", state="stored").exists()


def test_without_a_key_encryption_key_the_copy_says_so_and_waits(stores, actor, key_file):
    record = a_secret_record(stores, actor, keep=False)
    data = json.loads(key_file.read_text())
    key_file.write_text(json.dumps({name: value for name, value in data.items() if name != "kek"}))
    keks.forget()
    assert not keeping.keep(record.id, lambda item: pytest.fail("read"), actor=actor)
    assert "没有加密数据密钥用的密钥" in Copy.objects.get(object=first(record)).fault
    assert not ObjectKey.objects.exists()


def test_a_key_that_only_the_key_store_still_has_is_found_there(stores, actor, without_triggers):
    record = a_secret_record(stores, actor)
    ObjectKey.objects.all()._raw_delete("default")
    assert text_of(record) == CONTENT
    assert object_keys.take_back(record) == 1
    assert ObjectKey.objects.get().object_id == first(record).pk


def test_a_wrapped_key_opens_for_its_own_object_only(stores, actor):
    one, two = a_secret_record(stores, actor), a_secret_record(stores, actor)
    stolen = ObjectKey.objects.get(object=first(two))
    ObjectKey.objects.filter(object=first(one)).update(wrapped=stolen.wrapped)
    with pytest.raises(KeyFailed, match="不符"):
        text_of(one)


@pytest.mark.parametrize("wrapped", ["x", "AAAA", "", "A" * 80, "不是", "====", "A" * 1000])
def test_a_changed_wrapped_key_is_a_plain_refusal(stores, actor, wrapped):
    record = a_secret_record(stores, actor)
    destroyed = None if wrapped else timezone.now()
    ObjectKey.objects.update(wrapped=wrapped, destroyed_at=destroyed)
    with pytest.raises(KeyFailed):
        text_of(record)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"format": "x"}', b"\xff\xff", b'{"format":"archive-object-keys/1","record":"%s","keys":[{"object":3}]}'])  # fmt: skip
def test_a_spoilt_file_in_the_key_store_is_a_plain_refusal_and_mended_from_the_rows(
    stores, actor, key_store, content
):
    record = a_secret_record(stores, actor)
    (one,) = key_store.versions(object_keys.place("D019", record.pk))
    path = key_store._paths(one.key, one.version)[0]
    os.chmod(path, 0o600)
    Path(path).write_bytes(content.replace(b"%s", str(record.pk).encode()))
    with pytest.raises(StorageFailed):
        object_keys.read("D019", record.pk)
    assert len(key_care.faults(record)) == 1
    object_keys.publish(record)
    assert key_care.faults(record) == []


# Where key-encryption keys come from


def test_the_key_file_has_one_from_the_beginning_and_a_new_one_keeps_the_old(stores, actor, key_file):
    record = a_secret_record(stores, actor)
    assert (keks.current(), stat.S_IMODE(key_file.stat().st_mode)) == ("kek1", 0o600)
    before = json.loads(key_file.read_text())
    assert keks.add_to_file(key_file) == "kek2"
    after = json.loads(key_file.read_text())
    assert (keks.current(), keks.known()) == ("kek2", ["kek2", "kek1"])
    assert after["kek"]["keys"]["kek1"] == before["kek"]["keys"]["kek1"]
    assert (after["keys"], after["hash_key"]) == (before["keys"], before["hash_key"])
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert text_of(record) == CONTENT


def test_keys_of_the_environment_come_first_and_move_there_from_the_file(stores, actor, key_file, settings):
    record = a_secret_record(stores, actor)
    new, older = (base64.b64encode(secrets.token_bytes(32)).decode() for _ in range(2))
    settings.ARCHIVE_KEKS = f"env2:{new} env1:{older}"
    keks.forget()
    assert keks.known() == ["env2", "env1", "kek1"]
    assert text_of(record) == CONTENT  # still wrapped by the file's
    assert key_care.rotate(actor=actor).done == 1
    assert ObjectKey.objects.get().kek == "env2"
    key_file.unlink()
    keks.forget()
    assert text_of(record) == CONTENT


class Service:
    """A key management service as a hook sees it: it holds the keys, and binds them to the context."""

    secret = secrets.token_bytes(32)
    away = False

    def __init__(self):
        self.keks = ["service-1"]
        self.inner = keks.Held({"service-1": self.secret}, "服务")

    def wrap(self, key, context):
        self._answer()
        return b"v1" + bytes(300) + self.inner.wrap(key, context)

    def unwrap(self, kek, wrapped, context):
        self._answer()
        return self.inner.unwrap(kek, wrapped[302:], context)

    def _answer(self):
        if self.away:
            raise KeyFailed(kind="unreachable", reason="密钥服务没有应答。")


def test_a_key_management_service_wraps_by_a_hook(stores, actor, settings, monkeypatch):
    settings.ARCHIVE_KMS = f"{__name__}.Service"
    keks.forget()
    record = a_secret_record(stores, actor)
    assert ObjectKey.objects.get().kek == "service-1"
    assert text_of(record) == CONTENT
    monkeypatch.setattr(Service, "away", True)
    with pytest.raises(KeyFailed, match="没有应答"):
        text_of(record)
    other = a_secret_record(stores, actor, keep=False)
    assert not keeping.keep(other.id, lambda item: pytest.fail("read"), actor=actor)
    assert "没有应答" in Copy.objects.get(object=first(other)).fault
    keks.forget()


@pytest.mark.parametrize(
    "text",
    [
        "k",
        "k:",
        "k:not base64!",
        "k:AAAA",
        "bad name:" + "A" * 44,
        "名:" + base64.b64encode(bytes(32)).decode(),
    ],
)
def test_wrong_keys_in_the_environment_are_named_and_no_secret_is_said(settings, text):
    settings.ARCHIVE_KEKS = text
    keks.forget()
    with pytest.raises(NotConfigured) as fault:
        keks.current()
    assert "AAAA" not in str(fault.value)
    keks.forget()


@pytest.mark.parametrize("path", ["nowhere.Class", "archive.keks.NoSuchClass", "x"])
def test_a_hook_that_cannot_be_loaded_is_named(settings, path):
    settings.ARCHIVE_KMS = path
    keks.forget()
    with pytest.raises(NotConfigured, match="ARCHIVE_KMS"):
        keks.current()
    keks.forget()


# Wrapping again


def test_rotation_wraps_every_key_anew_and_encrypts_nothing_anew(stores, actor, key_store, key_file):
    made = [a_secret_record(stores, actor, (b"a%d" % n, b"b")) for n in range(3)]
    before = {copy.pk: (copy.version, copy.stored_sha256) for copy in Copy.objects.all()}
    wraps = set(ObjectKey.objects.values_list("wrapped", flat=True))
    keks.add_to_file(key_file)
    assert key_care.waiting() == 6
    heard = []
    rotated = key_care.rotate(actor=actor, progress=lambda done, left: heard.append((done, left)))
    assert (rotated.done, rotated.left, rotated.fault) == (6, 0, "")
    assert heard == [(6, 0)]
    assert set(ObjectKey.objects.values_list("kek", flat=True)) == {"kek2"}
    assert wraps.isdisjoint(ObjectKey.objects.values_list("wrapped", flat=True))
    assert {copy.pk: (copy.version, copy.stored_sha256) for copy in Copy.objects.all()} == before
    for record in made:
        assert {entry["kek"] for entry in in_key_store(key_store, record)} == {"kek2"}  # and no older version
        assert key_care.faults(record) == []
    assert text_of(made[1]) == b"a1"
    assert Event.objects.get(action="keys.rotated").data == {"count": 6, "kek": "kek2"}
    assert key_care.rotate(actor=actor).done == 0


def test_rotation_passes_over_what_cannot_be_unwrapped_and_says_why(stores, actor, key_file):
    lost, good = a_secret_record(stores, actor), a_secret_record(stores, actor)
    ObjectKey.objects.filter(object=first(lost)).update(kek="gone")
    keks.add_to_file(key_file)
    rotated = key_care.rotate(actor=actor)
    assert (rotated.done, rotated.left) == (1, 1) and "gone" in rotated.fault
    assert ObjectKey.objects.get(object=first(good)).kek == "kek2"


def test_rotation_stops_when_told_and_goes_on(stores, actor, key_file):
    for _ in range(3):
        a_secret_record(stores, actor)
    keks.add_to_file(key_file)
    asked = iter([False, False, True])
    assert key_care.rotate(actor=actor, stop=lambda: next(asked, True)).left == 2
    assert key_care.rotate(actor=actor).left == 0


# Destroying


def test_a_destroyed_key_makes_every_copy_unreadable_wherever_it_lies(two_stores, actor, key_store):
    record = a_secret_record(two_stores, actor)
    other = a_secret_record(two_stores, actor)
    item = first(record)
    kept = {copy.store: copy for copy in item.copies.all()}
    assert len(kept) == 2
    object_keys.destroy(record, actor=actor)
    for copy in kept.values():  # the bytes are all still there
        assert two_stores[copy.store].head(copy.key, copy.version).bytes == copy.stored_bytes
        with pytest.raises(KeyFailed, match="已随档案销毁"):
            contents.open_copy(copy)
    row = ObjectKey.objects.get(object=item)
    assert row.wrapped == "" and row.destroyed_at
    assert not list(key_store.iterate(f"D019/{record.pk}/"))
    assert object_keys.Traces.prove_absent(record) == []
    assert text_of(other) == CONTENT
    event = Event.objects.get(action="record.keys_destroyed")
    assert event.subject == str(record.pk) and event.data["count"] == 1
    object_keys.destroy(record, actor=actor)  # again: nothing happens
    assert Event.objects.filter(action="record.keys_destroyed").count() == 1


def test_a_key_that_cannot_be_destroyed_everywhere_is_not_called_destroyed(
    stores, actor, key_store, monkeypatch
):
    record = a_secret_record(stores, actor)

    def refuse(self, key, version):
        raise StorageFailed(store="x", kind="unreachable", reason="没有应答")

    monkeypatch.setattr(type(key_store), "remove", refuse)
    with pytest.raises(StorageFailed):
        object_keys.destroy(record, actor=actor)
    assert ObjectKey.objects.get().wrapped
    assert object_keys.Traces.prove_absent(record)


def test_the_fate_says_until_when_a_backup_may_still_hold_the_key(stores, actor):
    record = a_secret_record(stores, actor)
    now, today = timezone.now(), timezone.localdate()

    def backup(days, expires, **changed):
        values = {"name": "b", "bytes": 1, "sha256": "0" * 64, "made_by_name": "李四"} | changed
        Backup.objects.create(
            taken_at=now + timedelta(days=days), expires_on=today + timedelta(expires), **values
        )

    backup(-9, 900)  # before the key was made
    backup(0, 30)
    backup(0, 60)
    backup(0, 400, gone_at=now)
    ObjectKey.objects.update(made_at=now - timedelta(minutes=1))
    assert str(object_keys.fate([record.pk])) == ""
    object_keys.destroy(record, actor=actor)
    backup(1, 800)  # afterwards
    fate = object_keys.fate([record.pk])
    assert (fate.count, fate.backups_until) == (1, today + timedelta(60))
    assert f"最晚保存到 {today + timedelta(60)}" in str(fate)
    Backup.objects.update(gone_at=now)
    assert "都没有它" in str(object_keys.fate([record.pk]))


def test_what_a_destroyed_record_still_has_is_finished_by_the_next_run(stores, actor, key_store):
    """A row put back from a backup; a file written at the very moment of its removal."""
    back, late, sound = (a_secret_record(stores, actor) for _ in range(3))
    now = timezone.now()
    Record.objects.filter(pk__in=[back.pk, late.pk]).update(state="destroyed", destroyed_at=now)
    content = object_keys._file(late.pk, object_keys.of_record(late.pk))
    object_keys.destroy(late, actor=actor)
    object_keys._put(key_store, object_keys.place("D019", late.pk), content)
    assert key_care.finish_destroyed(actor=actor) == 2
    for record in (back, late):
        assert object_keys.Traces.prove_absent(record) == []
    assert text_of(sound) == CONTENT
    assert key_care.finish_destroyed(actor=actor) == 0


# kill −9


def dying(step: int, work) -> bool:
    """Does `work` in a child that dies at its STEP-th step on the disk. Whether it died."""
    connections.close_all()
    child = os.fork()
    if child == 0:
        counted = 0

        def hear(event, words):
            nonlocal counted
            if event in ("os.rename", "os.link", "os.remove"):
                counted += 1
                if counted == step:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hear)
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    ended = os.waitpid(child, 0)[1]
    assert ended == 0 or os.WIFSIGNALED(ended), "the child failed by itself"
    return ended != 0


def kept(record, actor) -> bool:
    import io

    Copy.objects.update(try_after=None)
    return keeping.keep(record.pk, lambda item: io.BytesIO(CONTENT), actor=actor)


@pytest.mark.django_db(transaction=True)
def test_a_kill_anywhere_between_making_the_key_and_writing_the_copy_does_no_harm(
    committed, stores, actor, key_store
):
    for step in range(1, 60):
        record = a_secret_record(stores, actor, keep=False)
        died = dying(step, lambda record=record: kept(record, actor))
        assert kept(record, actor) and text_of(record) == CONTENT, step
        assert key_care.faults(record) == [], step
        assert len(object_keys.of_record(record.pk)) == 1
        if not died:
            break
    assert step > 8 and not died


@pytest.mark.django_db(transaction=True)
def test_a_rotation_killed_anywhere_goes_on_and_every_key_opens_all_the_while(
    committed, stores, actor, key_store, key_file
):
    made = [a_secret_record(stores, actor, (CONTENT, b"b")) for _ in range(2)]
    for step in range(1, 60):
        keks.add_to_file(key_file)
        died = dying(step, lambda: key_care.rotate(actor=actor))
        assert [text_of(record) for record in made] == [CONTENT, CONTENT], step
        assert key_care.rotate(actor=actor).left == 0
        for record in made:
            assert key_care.faults(record) == [], step
            assert {entry["kek"] for entry in in_key_store(key_store, record)} == {keks.current()}, step
        if not died:
            break
    assert step > 6 and not died


@pytest.mark.django_db(transaction=True)
def test_a_destruction_killed_anywhere_is_finished_by_the_next(committed, stores, actor, key_store):
    for step in range(1, 20):
        record = a_secret_record(stores, actor)
        died = dying(step, lambda record=record: object_keys.destroy(record, actor=actor))
        object_keys.destroy(record, actor=actor)
        assert object_keys.Traces.prove_absent(record) == []
        assert Event.objects.filter(action="record.keys_destroyed", subject=str(record.pk)).count() == 1
        if not died:
            break
    assert step > 2 and not died


# The command and the doctor


def run(*arguments, status=0):
    try:
        call_command("object_keys", *arguments)
        ended = 0
    except SystemExit as end:
        ended = end.code
    assert ended == status


def test_the_command_shows_rotates_checks_and_mends(stores, actor, key_store, key_file, capsys):
    record = a_secret_record(stores, actor)
    run("--new-kek")
    assert "kek2" in capsys.readouterr().out
    run("--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["current"], told["waiting"], told["keys"], told["missing"]) == ("kek2", 1, 1, [])
    run("--rotate", "--json")
    assert json.loads(capsys.readouterr().out) == {"done": 1, "left": 0, "fault": ""}
    run("--check")
    (one,) = key_store.versions(object_keys.place("D019", record.pk))
    key_store.remove(one.key, one.version)
    run("--check", status=1)
    assert "不一致" in capsys.readouterr().out
    run("--mend")
    run("--check")
    assert Event.objects.get(action="keys.kek_added").data == {"kek": "kek2"}


def parts():
    return [part for part in doctor.keys.object_key_parts()]


def test_the_doctor_is_content_with_sound_keys(stores, actor, key_file):
    assert [part.state for part in parts()] == ["ok"]
    a_secret_record(stores, actor)
    assert [part.state for part in parts()] == ["ok"]


def test_the_doctor_names_a_missing_key_encryption_key(stores, actor, key_file):
    a_secret_record(stores, actor)
    ObjectKey.objects.update(kek="lost")
    said = [part for part in parts() if part.state == "failed"]
    assert "lost" in said[0].message and "备份" in said[0].remedy


def test_the_doctor_finds_keys_that_wait_and_places_that_disagree(stores, actor, key_store, key_file):
    record = a_secret_record(stores, actor)
    keks.add_to_file(key_file)
    (one,) = key_store.versions(object_keys.place("D019", record.pk))
    key_store.remove(one.key, one.version)
    assert [part.state for part in parts()] == ["warning", "failed"]


def test_the_doctor_refuses_a_key_store_inside_a_locked_store(stores, actor, key_file, monkeypatch):
    monkeypatch.setenv("ARCHIVE_KEY_STORE_PATH", str(stores["local"].root / "keys"))
    object_keys.forget()
    assert "同一处" in next(part.message for part in parts() if part.state == "failed")


def test_the_doctor_says_when_there_is_no_key_encryption_key(key_file):
    key_file.write_text("{}")
    keks.forget()
    (part,) = parts()
    assert part.state == "failed" and "--new-kek" in part.message
