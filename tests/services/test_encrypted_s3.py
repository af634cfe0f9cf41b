"""An encrypted fonds on a real S3 server: copies in a bucket with Object Lock, keys in a versioned one without."""

import hashlib
import os

import boto3
import pytest

from archive import contents, fixity, holdings, object_keys
from archive import stores as archive_stores
from archive.segments import stored_size
from search.engine import engine
from tests import bags, filed
from tests.registers import SYSTEM, House

pytestmark = [pytest.mark.services, pytest.mark.django_db(databases="__all__")]


def form() -> bytes:
    return bags.pdf("one", "two")


def test_an_encrypted_record_lives_and_dies_in_real_buckets(s3_config, monkeypatch):
    client = boto3.client(
        "s3", endpoint_url=s3_config.endpoint_url, aws_access_key_id=s3_config.access_key_id,
        aws_secret_access_key=s3_config.secret_access_key, region_name=s3_config.region,
    )  # fmt: skip
    keys = f"{s3_config.bucket}-keys"
    client.create_bucket(Bucket=keys)
    client.put_bucket_versioning(Bucket=keys, VersioningConfiguration={"Status": "Enabled"})
    monkeypatch.setenv("ARCHIVE_STORES", "main")
    for prefix, bucket in (("MAIN", s3_config.bucket), ("ARCHIVE_KEY_STORE", keys)):
        for name in ("endpoint_url", "access_key_id", "secret_access_key"):
            monkeypatch.setenv(f"{prefix}_S3_{name.upper()}", getattr(s3_config, name))
        monkeypatch.setenv(f"{prefix}_S3_BUCKET", bucket)
    archive_stores.forget()
    object_keys.forget()
    try:
        object_keys.probe()
        engine().ensure()
        holdings.set_encryption(filed.a_fonds().code, True, actor=SYSTEM)
        stores = archive_stores.configured()
        house = House(stores)
        content = os.urandom(70 * 1024 * 1024)  # above what is one put
        (record,) = house.due(contents=(content, form()))
        large, small = record.digital_objects.filter(role="original").order_by("position")
        copy = large.copies.get()
        assert stores["main"].head(copy.key, copy.version).bytes == stored_size(len(content))
        with contents.open_object(large) as stream:
            assert hashlib.file_digest(stream, "sha256").hexdigest() == large.sha256
        with contents.open_range(large, 50_000_000, 100) as stream:
            assert stream.read() == content[50_000_000:50_000_100]
        assert contents.open_object(small).read() == form()
        assert fixity.sweep(actor=SYSTEM, everything=True).damaged == 0
        assert object_keys.key_store().versions(object_keys.place("D019", record.pk))
        register = house.execute(house.supervised([record]))
        assert register.state == "executed", register.rows.get().fault
        assert client.list_object_versions(Bucket=keys).get("Versions", []) == []
        assert client.list_object_versions(Bucket=keys).get("DeleteMarkers", []) == []
    finally:
        archive_stores.forget()
