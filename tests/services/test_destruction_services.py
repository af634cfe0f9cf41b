"""Destruction against a real S3 server and a real PostgreSQL: delete markers, locks, kills, and no other way."""

import os
import subprocess
import sys
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError
from django.utils import timezone

from archive import stores
from archive.errors import StorageFailed
from archive.models import Copy, Paper, Record
from retention import execution, holds
from search.engine import engine
from tests import filed
from tests.registers import KEPT, SYSTEM, House, fresh, rows
from tests.services.test_grants import ATTEMPT, shell
from tests.services.test_migrate_postgres import owner_url  # noqa: F401  (a fixture)
from tests.source import ROOT

pytestmark = [pytest.mark.services, pytest.mark.django_db(databases="__all__")]


@pytest.fixture
def bucket(s3_config, monkeypatch):
    monkeypatch.setenv("ARCHIVE_STORES", "main")
    for name in ("bucket", "endpoint_url", "access_key_id", "secret_access_key"):
        monkeypatch.setenv(f"MAIN_S3_{name.upper()}", getattr(s3_config, name))
    stores.forget()
    engine().ensure()
    yield stores.configured()["main"]
    stores.forget()


@pytest.fixture
def house(bucket):
    return House(stores.configured())


def test_versions_and_delete_markers_go_and_neighbours_stay(house, bucket):
    (record,) = house.due()
    neighbour = filed.a_record(house.stores)
    copy = Copy.objects.filter(object__record=record).first()
    bucket.client.put_object(Bucket=bucket.bucket, Key=copy.key, Body=b"another version")
    bucket.client.delete_object(Bucket=bucket.bucket, Key=copy.key)  # a delete marker hides both
    near = bucket.client.put_object(Bucket=bucket.bucket, Key=copy.key + "0", Body=b"near")
    beside = list(bucket.iterate(f"D019/{neighbour.pk}/"))
    register = house.execute(house.supervised([record]))
    assert register.state == "executed", register.rows.get().fault
    assert len([line for line in register.rows.get().evidence["removed"] if line[1] == copy.key]) == 3
    assert [one.version for one in bucket.iterate(f"D019/{record.pk}/")] == [near["VersionId"]]
    assert list(bucket.iterate(f"D019/{neighbour.pk}/")) == beside


def test_a_lock_in_the_bucket_is_waited_for_and_nothing_is_half(house, bucket):
    locked, free = house.due(2)
    register = house.supervised([locked, free])
    copy = Copy.objects.filter(object__record=locked).last()
    bucket.extend_lock(copy.key, copy.version, timezone.now() + timedelta(seconds=20), "COMPLIANCE")
    before = list(bucket.iterate(f"D019/{locked.pk}/"))
    register = house.execute(register)
    assert rows(register) == {1: "locked", 2: "destroyed"}
    assert list(bucket.iterate(f"D019/{locked.pk}/")) == before
    assert Record.objects.get(pk=locked.pk).state == "archived"
    wait = register.rows.get(position=1).locked_until
    while timezone.now() < wait + timedelta(seconds=1):
        execution.work(actor=SYSTEM)
    execution.work(actor=SYSTEM)
    assert fresh(register).state == "executed" and not list(bucket.iterate(f"D019/{locked.pk}/"))


def refused(call, **arguments):
    with pytest.raises(ClientError) as answer:
        call(**arguments)
    return answer.value.response["Error"]["Code"]


def test_with_the_applications_keys_nothing_locked_leaves_the_bucket(house, bucket):
    kept, held = filed.a_record(house.stores, formed_on=timezone.localdate()), house.due()[0]
    house.filed()
    holds.place(
        house.fonds, "record", records=[held.pk], reason="诉讼", authority="法院", actor=house.manager
    )
    holds.drain()
    locked = [(c.key, c.version) for c in Copy.objects.filter(object__record__in=[kept, held])]
    locked += [(one["key"], one["version"]) for paper in Paper.objects.all() for one in paper.copies]
    assert len(locked) > 6
    for key, version in locked:
        with pytest.raises(StorageFailed) as fault:
            bucket.remove(key, version)
        assert fault.value.kind == "locked"
        assert refused(bucket.client.delete_object, Bucket=bucket.bucket, Key=key, VersionId=version)
    wanted = {"Objects": [{"Key": key, "VersionId": version} for key, version in locked]}
    answer = bucket.client.delete_objects(Bucket=bucket.bucket, Delete=wanted)
    assert len(answer["Errors"]) == len(locked) and not answer.get("Deleted")
    assert refused(bucket.client.delete_bucket, Bucket=bucket.bucket)
    assert all(bucket.head(key, version) for key, version in locked)


def test_the_applications_role_deletes_nothing_that_is_kept(owner_url, tmp_path):  # noqa: F811
    environment = {n: v for n, v in os.environ.items() if not n.startswith(("ARCHIVE_", "DJANGO_"))}
    environment |= {
        "DATABASE_URL": owner_url, "ARCHIVE_DATA": str(tmp_path), "DATABASE_APPLICATION_ROLE": "archive_app",
    }  # fmt: skip
    setup = [sys.executable, "manage.py", "setup", "--fonds", "D019=东莞市社会保险基金管理中心"]
    done = subprocess.run(setup, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    tables = [model._meta.db_table for model in KEPT]
    attempts = [f"{verb} {table}" for table in tables for verb in ("DELETE FROM", "TRUNCATE", "DROP TABLE")]
    attempts += [f"ALTER TABLE {table} DISABLE TRIGGER ALL" for table in tables]
    answers = shell(owner_url.replace("archive_owner:", "archive_app:"), tmp_path, ATTEMPT % (attempts,))
    assert {sql for sql, answer in answers.items() if answer == "done"} == set()


def test_killed_on_postgresql_and_s3_nothing_is_half(owner_url, s3_config):  # noqa: F811
    """The same file as for the embedded installation (tests/journeys), against the real servers."""
    environment = os.environ | {
        "DATABASE_URL": owner_url, "TEST_S3_URL": s3_config.endpoint_url, "TEST_S3_BUCKET": s3_config.bucket,
    }  # fmt: skip
    run = [
        sys.executable,
        "-m",
        "pytest",
        "tests/journeys/test_destruction_kills.py",
        "-q",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(run, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert "1 passed" in done.stdout
