"""Every fault of a network or a server, met by everything that asks a store: the faulty proxy stands before a real S3.

Each case: while the fault lasts nothing is half recorded and what is wrong is said in a Chinese sentence; when it is
over, the work is done by nothing but asking again, and equals work that was never disturbed.
"""

import hashlib
import io
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.module_loading import import_string

from archive import changes, contents, extension, fixity, keeping, records, renditions, stores
from archive.errors import ArchiveError, StorageFailed
from archive.models import Change, Copy, Damage, Event, Record
from archive.storage.s3 import S3Store
from retention import execution
from search.engine import engine
from tests import bags, filed
from tests.pages import reader, text
from tests.registers import SYSTEM, House, fresh
from tests.services.faulty_proxy import FAULTS, FaultyProxy

pytestmark = [pytest.mark.services, pytest.mark.django_db(databases="__all__")]

HARMLESS = {"slow", "narrow"}
"""Only late: everything is done, and right."""
OF_BODIES = {"trickle": "versionId", "cut": "versionId", "hang-inside": "versionId", "flip-read": "versionId"}
"""Faults of an answer's body, met where objects are read: their address names a version."""
WAITED_FOR = {"hang", "hang-inside", "trickle"}
"""Ended by our own patience alone: a second here, a minute by default."""


@pytest.fixture
def site(s3_config, monkeypatch):
    """(proxy, the store behind it, the same bucket without it)."""
    monkeypatch.setenv("ARCHIVE_STORES", "main")
    with FaultyProxy(s3_config.endpoint_url) as proxy:
        for name in ("bucket", "access_key_id", "secret_access_key"):
            monkeypatch.setenv(f"MAIN_S3_{name.upper()}", getattr(s3_config, name))
        monkeypatch.setenv("MAIN_S3_ENDPOINT_URL", proxy.url)
        stores.forget()
        store = stores.configured()["main"]
        store.config = replace(store.config, attempts=2)
        engine().ensure()
        yield proxy, store, S3Store(replace(s3_config, name="main"))
        stores.forget()


@contextmanager
def meeting(proxy, name: str, **where):
    """The fault, met with little patience where nothing else would end it."""
    store = stores.configured()["main"]
    usual = store.config
    if name in WAITED_FOR:
        store.config, store._client = replace(usual, read_timeout=1), None
    with proxy.fault(name, **({"path": OF_BODIES.get(name, "")} | where)):
        yield
    if name in WAITED_FOR:
        store.config, store._client = usual, None


def is_a_sentence(words: str) -> bool:
    return words.endswith("。") and any("一" <= letter <= "龥" for letter in words)


def whole(direct, record) -> None:
    """Every copy is booked as stored, and is there, locked as its row says; no version is left unbooked."""
    copies = Copy.objects.filter(object__record=record).select_related("object")
    assert copies and {copy.state for copy in copies} == {"stored"}
    for copy in copies:
        held = direct.head(copy.key, copy.version)
        assert (held.bytes, held.lock_until) == (copy.stored_bytes, copy.lock_until)
        with contents.open_object(copy.object) as stream:
            assert len(stream.read()) == copy.object.bytes


def a_filed_record():
    """(record, its source), not yet kept anywhere."""
    content = bags.pdf("one", "two")
    new = filed.a_new_record(objects=(filed.an_object(content, pages=2),))
    record = records.create(new, actor=SYSTEM, store_names=["main"])
    return record, lambda item: io.BytesIO(content)


@pytest.mark.parametrize("name", FAULTS)
def test_keeping_meets(site, name):
    proxy, store, direct = site
    record, source = a_filed_record()
    with meeting(proxy, name):
        done = keeping.keep(record.id, source, actor=SYSTEM)
        faults = [copy.fault for copy in Copy.objects.filter(object__record=record).exclude(state="stored")]
    assert done == (not faults) and done == (name in HARMLESS)
    assert all(is_a_sentence(fault) for fault in faults), faults
    for copy in Copy.objects.filter(object__record=record, state="failed"):
        assert (copy.version, copy.written_at) == ("", None) and copy.try_after > timezone.now()
    assert Event.objects.filter(action="record.kept").exists() is done
    if faults:
        page = text(reader("archivist").get(reverse("record", args=[record.pk]) + "?tab=copies"))
        assert faults[0][:20] in page
    Copy.objects.update(try_after=None)
    assert done or keeping.keep(record.id, source, actor=SYSTEM)
    whole(direct, record)
    assert Event.objects.filter(action="record.kept").count() == 1
    lost = name in ("cut-answer", "cut-sending")  # written unheard of, and again when the client asked again
    for copy in Copy.objects.filter(object__record=record):
        assert len(direct.versions(copy.key)) <= (2 if lost else 1), "adopted, not written twice"


@pytest.mark.parametrize("name", FAULTS)
def test_reading_a_page_meets(site, name):
    proxy, store, direct = site
    record = filed.a_record(stores.configured(), contents=(bags.pdf("one", "two"),))
    item = record.digital_objects.order_by("position").first()
    page = reverse("reading:page", args=[record.pk, item.pk, 1, renditions.PAGE])
    client = reader("clerk")
    with meeting(proxy, name):
        response = client.get(page)
    if name in HARMLESS or (name == "flip-write"):
        assert response.status_code == 200
    else:
        assert response.status_code in (422, 503), response.status_code
        assert "存储“main”" in text(response)
    assert client.get(page).status_code == 200
    assert not Damage.objects.exists()


@pytest.mark.parametrize("name", FAULTS)
def test_a_fixity_sweep_meets(site, name):
    proxy, store, direct = site
    record = filed.a_record(stores.configured(), contents=(b"a" * 5000, b"b" * 5000))
    copies = Copy.objects.filter(object__record=record)
    with meeting(proxy, name):
        found, fault = None, ""
        try:
            found = fixity.sweep(actor=SYSTEM, everything=True)
        except StorageFailed as error:
            fault = str(error)
    if name in HARMLESS:
        assert found.damaged == 0
    elif name in ("flip-read", "flip-write"):  # bytes that read wrong are damage, as far as anybody can know
        assert found is None or found.damaged == (copies.count() if name == "flip-read" else 0)
    else:
        assert found is None and is_a_sentence(fault)
    if name != "flip-read":
        assert not Damage.objects.exists() and {copy.state for copy in copies} == {"stored"}
    again = fixity.sweep(actor=SYSTEM, everything=True)
    assert again.damaged in (0, copies.count() if name == "flip-read" else 0)
    fixity.sweep(actor=SYSTEM, everything=True)
    whole(direct, record)


@pytest.mark.parametrize("name", ["denied", "skewed", "full", "error-500"])
def test_a_store_that_lists_and_does_not_let_read_damages_nothing(site, name):
    proxy, store, direct = site
    record = filed.a_record(stores.configured(), contents=(b"a" * 5000,))
    with proxy.fault(name, path="versionId"), pytest.raises(StorageFailed) as fault:
        fixity.sweep(actor=SYSTEM, everything=True)
    assert is_a_sentence(str(fault.value))
    assert not Damage.objects.exists()
    fixity.sweep(actor=SYSTEM, everything=True)
    whole(direct, record)


@pytest.mark.parametrize("name", FAULTS)
def test_extending_locks_meets(site, name):
    proxy, store, direct = site
    record = filed.a_record(
        stores.configured(), retention="10", formed_on=date.today() - timedelta(days=3000)
    )
    old = {copy.pk: copy.lock_until for copy in Copy.objects.filter(object__record=record)}
    extension.extend(record.pk, "30", basis="续存", decided_on=date.today(), actor=SYSTEM)
    follow = import_string(settings.CHANGE_TOPICS[extension.TOPIC])
    with meeting(proxy, name):
        fault = ""
        try:
            changes.follow(extension.TOPIC, follow)
        except StorageFailed as error:
            fault = str(error)
    assert bool(fault) == (changes.waiting(extension.TOPIC) > 0)
    for copy in Copy.objects.filter(pk__in=old):
        held = direct.head(copy.key, copy.version)
        assert held.lock_until >= copy.lock_until >= old[copy.pk], (
            "the row never promises more than the store keeps"
        )
    if name in HARMLESS:
        assert not fault
    else:
        assert not fault or is_a_sentence(fault)
    Change.objects.update(try_after=None)
    changes.follow(extension.TOPIC, follow)
    assert changes.waiting(extension.TOPIC) == 0
    for copy in Copy.objects.filter(pk__in=old, state="stored"):
        wanted = stores.lock_until(Record.objects.get(pk=record.pk), today=timezone.localdate())
        assert copy.lock_until == direct.head(copy.key, copy.version).lock_until == wanted > old[copy.pk]
    assert not Copy.objects.filter(pk__in=old).exclude(state="stored").exists()


@pytest.mark.parametrize("name", FAULTS)
def test_a_destruction_meets(site, name):
    proxy, store, direct = site
    house = House(stores.configured())
    (record,) = house.due()
    register = house.executing([record])
    before = list(direct.iterate(f"D019/{record.pk}/"))
    proxy.requests.clear()
    with meeting(proxy, name), suppress(ArchiveError):
        execution.work(actor=SYSTEM)
    row = register.rows.get()
    record.refresh_from_db()
    if row.state == "destroyed":
        assert record.state == "destroyed" and not list(direct.iterate(f"D019/{record.pk}/"))
    elif row.state == "removing":
        assert record.state == "disposing" and is_a_sentence(row.fault)
    else:
        assert record.state == "archived" and list(direct.iterate(f"D019/{record.pk}/")) == before
        assert is_a_sentence(row.fault)
    register.rows.exclude(state="destroyed").update(locked_until=None)
    for _ in range(3):
        execution.work(actor=SYSTEM)
    assert fresh(register).state == "executed" and register.rows.get().state == "destroyed"
    assert not list(direct.iterate(f"D019/{record.pk}/"))


@pytest.mark.parametrize("name", [name for name in FAULTS if name != "down"])
def test_a_destruction_that_has_begun_meets(site, name):
    """The fault comes when the point of no return is passed: from the first deletion on."""
    proxy, store, direct = site
    house = House(stores.configured())
    (record,) = house.due()
    register = house.executing([record])
    with meeting(proxy, name, methods={"DELETE"}, times=2), suppress(ArchiveError):
        execution.work(actor=SYSTEM)
    row = register.rows.get()
    record.refresh_from_db()
    assert (row.state, record.state) in {("destroyed", "destroyed"), ("removing", "disposing")}
    assert row.state == "destroyed" or is_a_sentence(row.fault)
    assert (row.state == "destroyed") == (not list(direct.iterate(f"D019/{record.pk}/")))
    register.rows.exclude(state="destroyed").update(locked_until=None)
    for _ in range(3):
        execution.work(actor=SYSTEM)
    assert fresh(register).state == "executed" and not list(direct.iterate(f"D019/{record.pk}/"))


def test_a_clock_that_is_off_is_told_by_the_server_itself_and_named(site, monkeypatch):
    """Not the proxy: our own requests are dated half an hour ago, and the gateway refuses them."""
    from botocore import auth

    proxy, store, direct = site
    record, source = a_filed_record()
    real = auth.get_current_datetime
    monkeypatch.setattr(auth, "get_current_datetime", lambda: real() - timedelta(minutes=30))
    assert not keeping.keep(record.id, source, actor=SYSTEM)
    assert all("校时" in copy.fault for copy in Copy.objects.filter(object__record=record))
    with pytest.raises(StorageFailed, match="校时"):
        store.head("D019/x", "version")
    monkeypatch.setattr(auth, "get_current_datetime", real)
    Copy.objects.update(try_after=None)
    assert keeping.keep(record.id, source, actor=SYSTEM)
    whole(direct, record)


def test_uploads_cut_in_the_middle_leave_parts_that_the_sweep_takes(site, monkeypatch):
    from archive.storage import s3

    proxy, store, direct = site
    monkeypatch.setattr(s3, "SINGLE_PUT", 6 * 1024 * 1024)
    monkeypatch.setattr(s3, "PART_SIZE", 5 * 1024 * 1024)
    content = bytes(16 * 1024 * 1024)
    digest = hashlib.sha256(content).hexdigest()
    with proxy.fault("cut-sending", methods={"PUT"}, after=1), pytest.raises(StorageFailed) as fault:
        monkeypatch.setattr(store, "_abort", lambda part: None)  # as a kill leaves it
        store.put(
            "parts",
            io.BytesIO(content),
            size=len(content),
            sha256=digest,
            content_type="x/y",
            lock_until=None,
        )
    assert fault.value.kind == "unreachable"
    left = len(direct.client.list_multipart_uploads(Bucket=direct.bucket)["Uploads"])
    assert left >= 1
    assert direct.versions("parts") == []
    assert store.sweep() == 0, "younger than a day"
    assert store.sweep(older_than=timedelta(0)) == left
    assert not direct.client.list_multipart_uploads(Bucket=direct.bucket).get("Uploads")
