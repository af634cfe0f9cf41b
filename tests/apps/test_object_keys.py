"""The data keys of encrypted objects: in both places before they are used, and destroyed for good."""

import base64
import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from archive import contents, keeping, keks, key_care, object_keys
from archive.errors import KeyFailed, StorageFailed
from archive.models import Backup, Copy, Event, ObjectKey, Record
from tests import filed
from tests.encrypted import CONTENT, a_secret_record, first, in_key_store, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("key_store")]


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
    key_store.root.write_text("not a folder")
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


def test_a_key_store_that_is_not_mounted_is_no_proof_that_a_key_is_gone(stores, actor, key_store, tmp_path):
    record = a_secret_record(stores, actor)
    key_store.root.rename(tmp_path / "unplugged")
    with pytest.raises(StorageFailed, match="没有挂载"):
        object_keys.destroy(record, actor=actor)
    assert ObjectKey.objects.get(object=first(record)).wrapped


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
    gone = Record.objects.filter(pk__in=[back.pk, late.pk])
    gone.update(state="disposing")
    gone.update(state="destroyed", destroyed_at=now)
    content = object_keys._file(late.pk, object_keys.of_record(late.pk))
    object_keys.destroy(late, actor=actor)
    object_keys._put(key_store, object_keys.place("D019", late.pk), content)
    assert key_care.finish_destroyed(actor=actor) == 2
    for record in (back, late):
        assert object_keys.Traces.prove_absent(record) == []
    assert text_of(sound) == CONTENT
    assert key_care.finish_destroyed(actor=actor) == 0
