"""An encrypted fonds from filing to destruction: nothing of a file lies in clear anywhere, and nobody notices."""

import hashlib
import io
import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from archive import contents, copying, fixity, holdings, keeping, keks, object_keys, records
from archive.errors import KeyFailed, NotAllowed, NotConfigured, NotFound, StorageFailed
from archive.models import Backup, Copy, Event, Fonds, ObjectKey, Record
from archive.segments import SEGMENT, stored_size
from search import indexing
from search.engine import engine
from tests import bags, filed
from tests.pages import reader, text
from tests.registers import SYSTEM, House

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.usefixtures("key_store")]
MARK = b"%secret words of a form "


@pytest.fixture
def fonds(db):
    return holdings.set_encryption(filed.a_fonds().code, True, actor=SYSTEM)


def form(number: int = 1) -> bytes:
    """A real PDF with words that can be looked for in the raw bytes."""
    return bags.pdf("one", f"two {number}") + MARK + b"\n%%EOF\n"


def everywhere(*folders) -> bytes:
    """All the bytes of all the files in these folders."""
    found = []
    for top in folders:
        for folder, _, names in os.walk(top):
            found += [(Path(folder) / name).read_bytes() for name in names]
    return b"\0".join(found)


def item_of(record):
    return record.digital_objects.get(position=0)


# What is encrypted


def test_every_file_of_an_encrypted_fonds_is_and_none_lies_in_clear(fonds, two_stores, key_store):
    record = filed.a_record(two_stores, contents=(form(), MARK * 5000))
    originals = record.digital_objects.filter(role="original")
    assert all(item.encrypted for item in originals)
    assert MARK not in everywhere(*(store.root for store in two_stores.values()), key_store.root)
    for item, content in zip(originals.order_by("position"), (form(), MARK * 5000), strict=True):
        for copy in item.copies.all():
            assert copy.stored_bytes == stored_size(len(content)) != item.bytes
            assert copy.stored_sha256 != item.sha256 == hashlib.sha256(content).hexdigest()
            with contents.open_copy(copy) as stream:
                assert stream.read() == content


def test_no_two_copies_are_the_same_bytes(fonds, two_stores):
    record = filed.a_record(two_stores, contents=(form(), form()))
    originals = Copy.objects.filter(object__record=record, object__role="original")
    assert len(set(originals.values_list("stored_sha256", flat=True))) == 4


def test_what_was_filed_before_the_decision_stays_as_it_is_and_what_comes_after_a_withdrawal_is_clear(
    stores, actor
):
    before = filed.a_record(stores)
    holdings.set_encryption("D019", True, actor=actor)
    within = filed.a_record(stores)
    holdings.set_encryption("D019", False, actor=actor)
    after = filed.a_record(stores)
    assert [item_of(record).encrypted for record in (before, within, after)] == [False, True, False]
    for record in (before, within, after):
        with contents.open_object(item_of(record)) as stream:
            assert stream.read() == b"%PDF-1.7 a form"
    states = [
        event.data["state"] for event in Event.objects.filter(action="fonds.encryption_set").order_by("at")
    ]
    assert states == ["加密存放", "不加密存放"]


def test_only_the_security_administrator_decides_it(stores):
    filed.a_fonds()
    for role in ("archivist", "manager", "sysadmin", "auditor"):
        with pytest.raises(NotAllowed):
            holdings.set_encryption("D019", True, actor=filed.an_actor(role))
    assert holdings.set_encryption(
        "D019", True, actor=reader("secadmin").user and an_administrator()
    ).encrypted
    with pytest.raises(NotFound):
        holdings.set_encryption("NONE", True, actor=SYSTEM)


def an_administrator():
    from archive.models import Assignment
    from archive.permissions import Actor

    user = filed.a_user()
    Assignment.objects.create(user=user, role="secadmin", fonds=None)
    return Actor.of(user)


def test_a_fonds_is_not_encrypted_where_there_is_no_key_to_do_it(tmp_path, settings, actor):
    filed.a_fonds()
    settings.ARCHIVE_KEYS = str(tmp_path / "none.json")
    keks.forget()
    with pytest.raises(NotConfigured):
        holdings.set_encryption("D019", True, actor=actor)
    assert not Fonds.objects.get().encrypted
    keks.forget()


def test_setup_encrypts_a_fonds_and_says_what_that_means(actor, capsys):
    call_command("setup", "--fonds", "D021=加密的全宗", "--encrypt", "D021")
    assert Fonds.objects.get(code="D021").encrypted
    assert "再也不能读出" in capsys.readouterr().out


# Reading


def test_a_part_of_a_stored_object_is_a_slice_of_it_clear_or_encrypted(stores, actor):
    content = os.urandom(5 * SEGMENT + 33)
    clear = filed.a_record(stores, contents=(content,))
    holdings.set_encryption("D019", True, actor=actor)
    sealed = filed.a_record(stores, contents=(content,))
    for start in (
        0,
        1,
        SEGMENT - 1,
        SEGMENT,
        3 * SEGMENT + 5,
        len(content) - 1,
        len(content),
        len(content) + 9,
    ):
        for length in (0, 1, 100, SEGMENT, 2 * SEGMENT + 1, None):
            wanted = content[start : None if length is None else start + length]
            for record in (clear, sealed):
                with contents.open_range(item_of(record), start, length) as stream:
                    assert stream.read() == wanted, (start, length)


def test_a_damaged_copy_is_passed_over_for_the_next_and_never_given(fonds, two_stores):
    record = filed.a_record(two_stores, contents=(form(),))
    item = item_of(record)
    copies = {copy.store: copy for copy in item.copies.all()}
    spoil(two_stores["local"], copies["local"])
    with contents.open_object(item) as stream:
        assert stream.read() == form()
    spoil(two_stores["second"], copies["second"])
    with pytest.raises(StorageFailed) as fault:
        contents.open_object(item)
    assert fault.value.kind == "changed"


def spoil(store, copy, at=100):
    path = store._paths(copy.key, copy.version)[0]
    os.chmod(path, 0o600)
    content = bytearray(Path(path).read_bytes())
    content[at] ^= 1
    Path(path).write_bytes(content)


def test_every_single_flipped_bit_of_a_stored_copy_is_refused(fonds, stores):
    record = filed.a_record(stores, contents=(b"a small file",))
    item = item_of(record)
    copy = item.copies.get()
    path = stores["local"]._paths(copy.key, copy.version)[0]
    os.chmod(path, 0o600)
    sound = Path(path).read_bytes()
    for place in range(len(sound)):
        for bit in range(8):
            flipped = bytearray(sound)
            flipped[place] ^= 1 << bit
            Path(path).write_bytes(flipped)
            with pytest.raises(StorageFailed):
                contents.open_object(item)
    for cut in (sound[:-1], sound + b"x", b""):
        Path(path).write_bytes(cut)
        with pytest.raises(StorageFailed):
            contents.open_object(item).read()
    Path(path).write_bytes(sound)
    assert contents.open_object(item).read() == b"a small file"


def test_the_bytes_of_another_object_under_the_same_name_are_refused(fonds, stores):
    one, two = filed.a_record(stores, contents=(form(1),)), filed.a_record(stores, contents=(form(2),))
    copies = [item_of(record).copies.get() for record in (one, two)]
    paths = [stores["local"]._paths(copy.key, copy.version)[0] for copy in copies]
    for path in paths:
        os.chmod(path, 0o600)
    Path(paths[0]).write_bytes(Path(paths[1]).read_bytes())
    with pytest.raises(StorageFailed):
        contents.open_object(item_of(one))


# Keeping


def a_filed_record(content, stores, actor):
    item = filed.an_object(content)
    return records.create(filed.a_new_record(objects=(item,)), actor=actor, store_names=list(stores))


def test_a_source_that_is_not_what_was_filed_leaves_nothing_in_the_store(fonds, stores, actor):
    record = a_filed_record(MARK * 3000, stores, actor)
    for wrong in (MARK * 3000 + b"x", MARK * 2999, MARK[:-1] + b"X" + MARK * 2999, b""):
        Copy.objects.update(try_after=None)
        assert not keeping.keep(record.id, lambda item, wrong=wrong: io.BytesIO(wrong), actor=actor)
        copy = item_of(record).copies.get()
        assert copy.state == "failed" and not list(stores["local"].iterate(copy.key))


def test_a_copy_that_does_not_decrypt_after_the_write_is_not_stored(fonds, stores, actor, monkeypatch):
    record = a_filed_record(MARK, stores, actor)
    put = type(stores["local"]).put

    def spoiling(store, key, stream, **words):
        stored = put(store, key, stream, **words)
        if words.get("metadata", {}).get("role") == "original":
            path = store._paths(key, stored.version)[0]
            os.chmod(path, 0o600)
            content = Path(path).read_bytes()
            Path(path).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        return stored

    monkeypatch.setattr(type(stores["local"]), "put", spoiling)
    assert not keeping.keep(record.id, lambda item: io.BytesIO(MARK), actor=actor)
    assert item_of(record).copies.get().state == "failed"
    monkeypatch.undo()
    Copy.objects.update(try_after=None)
    assert keeping.keep(record.id, lambda item: io.BytesIO(MARK), actor=actor)  # beside the spoilt version
    assert contents.open_object(item_of(record)).read() == MARK


def test_an_interrupted_attempt_is_adopted_when_it_decrypts(fonds, stores, actor):
    record = a_filed_record(MARK * 9000, stores, actor)
    item = item_of(record)
    copy = item.copies.select_related("object").get()
    record = Record.objects.select_related("fonds").get(pk=record.pk)
    keys = object_keys.ready(record, [item])
    stored, digest, size = copying.write(
        copy, record, None, lambda item: io.BytesIO(MARK * 9000), keys[item.pk]
    )
    Copy.objects.update(attempts=1)  # it died before it was written down
    assert keeping.keep(record.id, lambda item: pytest.fail("read again"), actor=actor)
    copy.refresh_from_db()
    assert (copy.version, copy.stored_sha256, copy.stored_bytes) == (stored.version, digest, size)
    assert fixity.sweep(actor=actor, everything=True).damaged == 0


def test_a_copy_is_made_from_a_good_one_in_another_store(fonds, two_stores, actor):
    record = filed.a_record(["local"], contents=(form(),))
    item = item_of(record)
    Copy.objects.create(object=item, store="second", key=item.copies.get().key)
    assert keeping.keep(record.id, lambda item: pytest.fail("nothing is staged"), actor=actor)
    assert {copy.state for copy in item.copies.all()} == {"stored"}
    spoil(two_stores["local"], item.copies.get(store="local"))
    assert contents.open_object(item).read() == form()


def test_a_large_file_is_stored_and_read_without_being_held(fonds, stores, actor):
    import tracemalloc

    content = os.urandom(24 * 1024 * 1024)
    record = a_filed_record(content, stores, actor)
    tracemalloc.start()
    assert keeping.keep(record.id, lambda item: io.BytesIO(content), actor=actor)
    with contents.open_object(item_of(record)) as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert digest == item_of(record).sha256
    assert peak < 12 * 1024 * 1024


# Fixity needs no key


def test_copies_are_checked_without_any_key(fonds, stores, actor):
    record = filed.a_record(stores, contents=(form(),))
    copy = item_of(record).copies.get()
    ObjectKey.objects.update(wrapped="", destroyed_at=timezone.now())
    assert fixity.sweep(actor=actor, everything=True).damaged == 0
    spoil(stores["local"], copy)
    assert fixity.sweep(actor=actor, everything=True).damaged == 1


# From filing to destruction


def test_an_encrypted_record_is_found_viewed_checked_and_destroyed(fonds, two_stores, key_store, actor):
    engine().ensure()
    house = House(two_stores)
    (record,) = house.due(contents=(form(), MARK * 9000))
    indexing.follow([record.pk])

    clerk, item = reader("clerk"), item_of(record)
    page = clerk.get(reverse("record", args=[record.pk]))
    assert page.status_code == 200
    assert clerk.get(reverse("record", args=[record.pk]), {"tab": "copies"}).status_code == 200
    image = reverse("reading:page", args=[record.pk, item.pk, 1, 1240])
    assert clerk.get(image)["Content-Type"] == "image/jpeg"
    assert clerk.get(image)["Content-Type"] == "image/jpeg"  # as it was kept
    kept = everywhere(Path(django_settings.STORAGES["renditions"]["OPTIONS"]["location"]) / str(record.pk))
    assert kept and b"JFIF" not in kept
    download = reader("archivist").get(reverse("reading:original", args=[record.pk, item.pk]))
    assert b"".join(download.streaming_content) == form()
    assert fixity.sweep(actor=actor, everything=True).damaged == 0

    Backup.objects.create(
        taken_at=timezone.now(), name="b", bytes=1, sha256="0" * 64, made_by_name="李四",
        expires_on=timezone.localdate() + timedelta(30),
    )  # fmt: skip
    files = {copy.pk: everywhere_of(two_stores, copy) for copy in Copy.objects.filter(object__record=record)}
    register = house.execute(house.supervised([record]))
    assert register.state == "executed", register.rows.get().fault
    assert all(files.values())  # somebody kept a copy of the bytes …
    row = ObjectKey.objects.get(object=item)
    assert row.wrapped == "" and not list(key_store.iterate(f"D019/{record.pk}/"))
    with pytest.raises(KeyFailed):  # … and can do nothing with it
        object_keys.data_key(item)
    assert "数据密钥" in register.rows.get().evidence["traces"]
    order = list(Event.objects.filter(kind="record", subject=str(record.pk)).order_by("sequence").values_list("action", flat=True))  # fmt: skip
    assert (
        order.index("record.disposal_begun")
        < order.index("record.keys_destroyed")
        < order.index("record.destroyed")
    )
    stub = text(reader("archivist").get(reverse("record", args=[record.pk])))
    assert "数据密钥" in stub and f"{timezone.localdate() + timedelta(30)}" in stub


def test_an_encrypted_file_is_read_with_no_more_queries_than_a_clear_one(fonds, stores, actor):
    sealed = filed.a_record(stores, contents=(form(1),))
    holdings.set_encryption(fonds.code, False, actor=SYSTEM)
    clear = filed.a_record(stores, contents=(form(2),))
    archivist = reader("archivist")

    def queries_of(record):
        address = reverse("reading:original", args=[record.pk, item_of(record).pk])
        with CaptureQueriesContext(connection) as captured:
            assert b"".join(archivist.get(address).streaming_content).startswith(b"%PDF")
        return len(captured)

    queries_of(clear)  # what is asked once
    assert queries_of(sealed) == queries_of(clear)


def everywhere_of(stores, copy) -> bytes:
    with stores[copy.store].open(copy.key, copy.version) as stream:
        return stream.read()


def test_a_key_that_cannot_be_destroyed_keeps_the_register_open_until_it_can(
    fonds, stores, key_store, monkeypatch
):
    from retention import execution

    engine().ensure()
    house = House(stores)
    (record,) = house.due()
    remove = type(key_store).remove

    def refusing(store, key, version):
        if store is key_store:
            raise StorageFailed(store="密钥库", kind="unreachable", reason="没有应答")
        return remove(store, key, version)

    monkeypatch.setattr(type(key_store), "remove", refusing)
    register = house.execute(house.supervised([record]))
    assert register.state == "executing"
    assert "数据密钥" in register.rows.get().fault
    assert Record.objects.get(pk=record.pk).state == "disposing"
    monkeypatch.undo()
    register.rows.update(locked_until=timezone.now())
    execution.work(actor=SYSTEM)
    register.refresh_from_db()
    assert register.state == "executed" and object_keys.Traces.prove_absent(record) == []
