"""Renewal against a real S3 server: dates are lengthened, COMPLIANCE is put and kept, a refused change of mode is said;
and the policy that docs/stores.md recommends lets the archive work and nobody bypass."""

import json
import re
from datetime import date, timedelta

import pytest
from botocore.exceptions import ClientError
from django.utils import timezone

from archive import lock_modes, renewal, stores
from archive.models import Copy
from archive.storage import COMPLIANCE, GOVERNANCE
from archive.storage.s3 import S3Store
from tests import filed
from tests.services.test_destruction_services import bucket  # noqa: F401  (a fixture)
from tests.source import ROOT

pytestmark = [pytest.mark.services, pytest.mark.django_db(databases="__all__")]


def soon():
    return (timezone.now() + timedelta(days=90)).replace(microsecond=0)


@pytest.fixture
def short(monkeypatch):
    """Makes a record whose locks are as they are when years have passed: they end in three months."""

    def made():
        with monkeypatch.context() as early:
            early.setattr(stores, "lock_until", lambda record, *, today: soon())
            return filed.a_record(stores.configured(), retention="永久", formed_on=timezone.localdate())

    return made


def due(record):
    Copy.objects.filter(object__record=record).update(renew_on=date.min)
    return list(Copy.objects.filter(object__record=record))


def test_what_is_due_is_locked_on_and_read_back(bucket, short, actor):  # noqa: F811
    copies = due(short())
    done = renewal.renew(actor=actor)
    assert (done.copies, done.failed, done.damaged) == (len(copies), 0, 0)
    for copy in copies:
        copy.refresh_from_db()
        assert (
            bucket.head(copy.key, copy.version).lock_until
            == copy.lock_until
            > timezone.now() + timedelta(3000)
        )
    assert renewal.renew(actor=actor).copies == 0


def test_a_lock_that_was_made_longer_meanwhile_is_no_fault(bucket, short):  # noqa: F811
    """The period was extended when the nightly renewal had asked for less and not yet read it back."""
    copy, longer = due(short())[0], soon() + timedelta(days=9000)

    def overtaken(**_):
        S3Store(bucket.config).extend_lock(copy.key, copy.version, longer)

    bucket.client.meta.events.register("after-call.s3.PutObjectRetention", overtaken)
    held = bucket.extend_lock(copy.key, copy.version, soon() + timedelta(days=900))
    assert (held.lock_until, held.lock_mode) == (longer, GOVERNANCE)


def test_compliance_is_put_for_new_objects_and_a_refused_change_of_the_old_is_no_damage(
    bucket, short, actor  # noqa: F811
):  # fmt: skip
    old = due(short())
    fonds = filed.a_fonds()
    change = lock_modes.ask(fonds, reason="上级要求", actor=filed.an_actor("manager"))
    lock_modes.confirm(
        change.pk, understood=True, actor=filed.an_actor("approver"), today=change.confirm_from
    )
    new = due(short())
    assert {bucket.head(copy.key, copy.version).lock_mode for copy in new} == {COMPLIANCE}
    done = renewal.renew(actor=actor)
    assert (done.copies, done.damaged, done.failed) == (len(old) + len(new), 0, 0)
    assert done.raised + done.unraised == len(old)  # Ceph 16 refuses; a server that allows it raises
    for copy in [*old, *new]:
        copy.refresh_from_db()
        held = bucket.head(copy.key, copy.version)
        assert (held.lock_until, held.lock_mode) == (copy.lock_until, copy.lock_mode)
        assert copy.state == "stored" and copy.lock_until > timezone.now() + timedelta(3000)
    assert {copy.lock_mode for copy in old} == {COMPLIANCE if done.raised else GOVERNANCE}
    for copy in new:
        with pytest.raises(ClientError):
            bucket.client.delete_object(
                Bucket=bucket.bucket, Key=copy.key, VersionId=copy.version, BypassGovernanceRetention=True
            )


def policy_of_the_handbook(name: str) -> dict:
    text = (ROOT / "docs/stores.md").read_text()
    (block,) = [
        one for one in re.findall(r"```json\n(.*?)```", text, re.S) if "BypassGovernanceRetention" in one
    ]
    policy = json.loads(block.replace("桶名", name))
    for statement in policy["Statement"]:
        if statement["Principal"] != "*":
            statement["Principal"] = {"AWS": ["arn:aws:iam:::user/archive"]}
    return policy


def test_under_the_policy_of_the_handbook_every_promise_is_kept(s3_config):
    store = S3Store(s3_config)
    store.client.put_bucket_policy(
        Bucket=store.bucket, Policy=json.dumps(policy_of_the_handbook(store.bucket))
    )
    found = {result.name: result.state for result in store.probe()}
    assert {name for name, state in found.items() if state != "ok"} <= {"far-date"}
    assert found["bypass"] == found["remove"] == "ok"


def test_without_that_policy_the_owner_of_a_bucket_may_bypass_and_the_probe_says_so(s3_config):
    store = S3Store(s3_config)
    store.client.delete_bucket_policy(Bucket=store.bucket)
    for _ in range(2):
        found = {result.name: result for result in store.probe()}
        assert found["bypass"].state == "failed" and "stores.md" in found["bypass"].remedy
        assert {name for name, result in found.items() if result.state == "failed"} == {"bypass"}
