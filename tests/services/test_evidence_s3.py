"""Seals and fixity on a real S3 server with Object Lock: what the local store proves holds there too."""

from datetime import UTC, datetime, timedelta

import pytest

from archive import seals, stores
from archive.fixity import sweep
from archive.models import Copy, Damage, Seal
from archive.seals import seal_ledgers
from archive.verification import verify_audit
from tests import filed

pytestmark = [pytest.mark.services, pytest.mark.django_db]


@pytest.fixture
def bucket(s3_config, monkeypatch):
    monkeypatch.setenv("ARCHIVE_STORES", "main")
    for name in ("bucket", "endpoint_url", "access_key_id", "secret_access_key"):
        monkeypatch.setenv(f"MAIN_S3_{name.upper()}", getattr(s3_config, name))
    stores.forget()
    yield stores.configured()["main"]
    stores.forget()


def test_seals_lie_locked_in_the_bucket_and_a_delete_marker_hides_nothing(bucket, actor):
    filed.a_record(stores.configured())
    seal_ledgers(actor=actor)
    filed.a_record(stores.configured())
    seal = seal_ledgers(actor=actor)
    held = bucket.head(seal.key, seal.copies["main"])
    assert held.lock_until > datetime.now(UTC) + timedelta(days=3640) and held.lock_mode
    assert verify_audit().faults == []
    bucket.client.delete_object(Bucket=bucket.bucket, Key=seal.key)  # makes a delete marker
    found = verify_audit()
    assert (found.faults, found.seals) == ([], 2)


def test_a_seal_cut_from_the_database_is_found_in_the_bucket(bucket, actor, without_triggers):
    filed.a_record(stores.configured())
    seal_ledgers(actor=actor)
    Seal.objects.all().delete()
    assert [(fault.sequence, fault.fault) for fault in verify_audit().faults] == [(1, "seal-unregistered")]
    with pytest.raises(seals.SealRefused):
        filed.a_record(stores.configured())
        seal_ledgers(actor=actor)


def test_copies_in_the_bucket_are_checked_with_several_readers(bucket, actor):
    records = [filed.a_record(stores.configured(), contents=(b"x" * 3000, b"y" * 10)) for _ in range(3)]
    assert (swept := sweep(actor=actor, everything=True)).checked == 12 and swept.damaged == 0
    lost = Copy.objects.filter(object__record=records[0]).first()
    Copy.objects.filter(pk=lost.pk).update(version="no-such-version")
    longer = Copy.objects.filter(object__record=records[1]).first()
    Copy.objects.filter(pk=longer.pk).update(lock_until=longer.lock_until + timedelta(days=1))
    heard = {}
    sweep(actor=actor, everything=True, report=lambda target, fault: heard.update({target.id: fault}))
    assert heard == {lost.pk: "missing", longer.pk: "lock"}
    assert Damage.objects.count() == 2
