"""What only the S3 engine has to prove, against a real gateway: parts, bounded memory, and honest failures.

A server that lies is made from the honest one by taking the lock headers out of the requests on their way.
"""

import hashlib
import io
import json
import os
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from botocore.awsrequest import AWSResponse

from archive.errors import StorageFailed
from archive.storage import StoreConfig
from archive.storage.s3 import PART_SIZE, SINGLE_PUT, S3Store
from archive.storage.s3_client import make_client

pytestmark = pytest.mark.services
PROJECT = Path(__file__).resolve().parents[2]
NEXT_YEAR = datetime.now(UTC).replace(microsecond=0) + timedelta(days=365)


@pytest.fixture
def store(s3_config):
    return S3Store(s3_config)


def put(store, key, content=b"content", **changes):
    wanted = {
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "content_type": "application/pdf",
        "lock_until": None,
    }
    return store.put(key, io.BytesIO(content), **(wanted | changes))


def refused(kind):
    return pytest.raises(StorageFailed, check=lambda error: error.kind == kind)


def calls_of(store):
    """The names of the requests that `store` sends from now on."""
    seen = []
    store.client.meta.events.register("before-call.s3", lambda model, **_: seen.append(model.name))
    return seen


def unfinished(store):
    return store.client.list_multipart_uploads(Bucket=store.bucket).get("Uploads", [])


def test_a_put_of_ordinary_size_costs_two_calls(store):
    seen = calls_of(store)
    put(store, "cheap", bytes(200_000), lock_until=NEXT_YEAR)
    assert seen == ["PutObject", "HeadObject"]


def test_a_large_object_goes_in_parts_with_its_lock(store):
    content = bytes(range(256)) * ((SINGLE_PUT + PART_SIZE) // 256) + b"tail"
    seen = calls_of(store)

    held = put(store, "large", content, lock_until=NEXT_YEAR, metadata={"material": "扫描件"})

    assert seen.count("UploadPart") == SINGLE_PUT // PART_SIZE + 2 and "PutObject" not in seen
    assert (held.bytes, held.lock_until, held.lock_mode) == (len(content), NEXT_YEAR, "GOVERNANCE")
    assert held.metadata == {"material": "扫描件"} and held.md5 is None
    digest = hashlib.sha256()
    with store.open("large", held.version) as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    assert digest.hexdigest() == held.sha256
    with store.open("large", held.version, start=SINGLE_PUT - 2, length=8) as stream:
        assert stream.read() == content[SINGLE_PUT - 2 : SINGLE_PUT + 6]
    with refused("locked"):
        store.remove("large", held.version)


def test_a_large_stream_other_than_declared_leaves_neither_object_nor_parts(store):
    content = bytes(SINGLE_PUT + 1)
    for wrong in ({"sha256": "0" * 64}, {"size": len(content) + 1}, {"size": len(content) - 1}):
        with refused("changed"):
            put(store, "wrong", content, **({"size": SINGLE_PUT + 1} | wrong))
    assert list(store.iterate()) == [] and unfinished(store) == []


def test_a_large_stream_that_breaks_is_aborted(store):
    class Broken(io.RawIOBase):
        left = PART_SIZE + 5

        def read(self, amount=-1):
            if self.left <= 0:
                raise RuntimeError("the sender has gone")
            taken = min(amount, self.left)
            self.left -= taken
            return bytes(taken)

    with pytest.raises(RuntimeError):
        store.put("b", Broken(), size=SINGLE_PUT * 2, sha256="0" * 64, content_type="x/y", lock_until=None)
    assert list(store.iterate()) == [] and unfinished(store) == []


def test_a_large_object_passes_within_bounded_memory(s3_config):
    script = """
import hashlib, io, re, sys
from archive.storage import StoreConfig
from archive.storage.s3 import S3Store
size = 300 * 1024 * 1024
class Zeros(io.RawIOBase):
    left = size
    def read(self, amount=-1):
        taken = min(amount, self.left)
        self.left -= taken
        return bytes(taken)
digest = hashlib.sha256()
for _ in range(300):
    digest.update(bytes(1024 * 1024))
store = S3Store(StoreConfig(name="s3", endpoint_url=sys.argv[1], bucket=sys.argv[2],
                            access_key_id=sys.argv[3], secret_access_key=sys.argv[4]))
held = store.put("big", Zeros(), size=size, sha256=digest.hexdigest(), content_type="x/y", lock_until=None)
with store.open("big", held.version) as stream:
    count = sum(iter(lambda: len(stream.read(1024 * 1024)), 0))
store.remove("big", held.version)
assert count == size, count
print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
"""
    place = [s3_config.endpoint_url, s3_config.bucket, s3_config.access_key_id, s3_config.secret_access_key]
    ended = subprocess.run(
        [sys.executable, "-c", script, *place], cwd=PROJECT, check=True, stdout=subprocess.PIPE
    )
    assert int(ended.stdout) < 150_000  # kB; the object has 300 MB


def test_one_store_serves_many_threads(store):
    troubles = []

    def work(number):
        try:
            for turn in range(5):
                held = put(store, f"threads/{number}/{turn}", f"{number} {turn}".encode())
                assert store.open(held.key, held.version).read() == f"{number} {turn}".encode()
        except Exception as trouble:
            troubles.append(trouble)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == [] and len(list(store.iterate("threads/"))) == 40


def test_a_delete_marker_made_by_others_is_listed_and_can_be_removed(store):
    held = put(store, "marked")
    store.client.delete_object(Bucket=store.bucket, Key="marked")
    marker, version = store.versions("marked")
    assert (marker.marker, marker.latest, version.marker, version.version) == (
        True,
        True,
        False,
        held.version,
    )
    assert store.open("marked", held.version).read() == b"content"
    store.remove("marked", marker.version)
    store.remove("marked", held.version)
    assert store.versions("marked") == []


def test_our_own_name_in_the_metadata_is_closed(store):
    with refused("unsupported"):
        put(store, "k", metadata={"sha256": "0" * 64})


# Failures

DROPPED = ("x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date")


def drop_lock(params, **_):
    for header in DROPPED:
        params["headers"].pop(header, None)


def test_a_server_that_ignores_the_lock_is_found_out_at_the_put(store):
    store.client.meta.events.register("before-call.s3.PutObject", drop_lock)
    with refused("lock") as failure:
        put(store, "unlocked", lock_until=NEXT_YEAR)
    (written,) = store.versions("unlocked")
    assert failure.value.fields["version"] == written.version


def test_a_server_that_ignores_the_lock_fails_the_probe(store):
    store.client.meta.events.register("before-call.s3.PutObject", drop_lock)
    found = {result.name: result.state for result in store.probe()}
    assert found["lock"] == "failed" and found["versioning"] == "ok"


def test_a_server_that_ignores_an_extension_is_found_out(store):
    held = put(store, "longer", lock_until=NEXT_YEAR)

    class Empty(io.BytesIO):
        def stream(self, **_):
            return iter([b""])

    def answer_without_asking(request, **_):
        return AWSResponse(request.url, 200, {}, Empty())

    store.client.meta.events.register("before-send.s3.PutObjectRetention", answer_without_asking)
    with refused("lock"):
        store.extend_lock("longer", held.version, NEXT_YEAR + timedelta(days=9))
    store.client.meta.events.register("before-send.s3.PutObjectLegalHold", answer_without_asking)
    with refused("lock"):
        store.set_legal_hold("longer", held.version, True)


def test_a_lock_the_gateway_stores_wrongly_is_refused_at_the_put(store):
    """Ceph 16 wraps dates beyond 2106. A server that keeps them passes as well."""
    far = datetime(2120, 12, 31, tzinfo=UTC)
    try:
        assert put(store, "far", lock_until=far).lock_until == far
    except StorageFailed as failure:
        assert failure.kind == "lock"


def test_a_server_that_keeps_only_part_of_the_bytes_is_found_out(store):
    def truncate(params, **_):
        params["body"] = b"cont"
        params["headers"].pop("Content-MD5")

    store.client.meta.events.register("before-call.s3.PutObject", truncate)
    with refused("changed"):
        put(store, "part", b"content")


def test_a_shorter_lock_is_refused_before_the_server_is_asked(store):
    """So that it is refused even by a server, or for an account, that would allow it."""
    held = put(store, "shorter", lock_until=NEXT_YEAR)
    seen = calls_of(store)
    with refused("locked"):
        store.extend_lock("shorter", held.version, NEXT_YEAR - timedelta(days=1))
    assert seen == ["HeadObject"]


def test_bytes_damaged_on_the_way_are_refused(store):
    def damage(params, **_):
        params["body"] = b"damaged"

    store.client.meta.events.register("before-call.s3.PutObject", damage)
    with refused("changed"):
        put(store, "damaged", b"content")
    assert store.versions("damaged") == []


def test_wrong_keys_are_denied_not_missing(s3_config):
    for wrong in ({"secret_access_key": "wrong"}, {"access_key_id": "nobody"}):
        store = S3Store(replace(s3_config, **wrong))
        with refused("denied"):
            store.head("k", "v")
        with refused("denied"):
            store.versions("k")
        with refused("denied"):
            put(store, "k")


def test_an_absent_bucket_does_not_make_objects_look_lost(s3_config):
    store = S3Store(replace(s3_config, bucket="no-such-bucket"))
    verbs = (
        lambda: store.head("k", "v"),
        lambda: store.open("k", "v"),
        lambda: store.versions("k"),
        lambda: store.remove("k", "v"),
        lambda: put(store, "k"),
    )
    for verb in verbs:
        with refused("failed") as failure:
            verb()
        assert "no-such-bucket" in str(failure.value)
    (result,) = store.probe()
    assert (result.name, result.state) == ("connection", "failed")
    names = {bucket["Name"] for bucket in make_client(s3_config).list_buckets()["Buckets"]}
    assert "no-such-bucket" not in names


def test_a_server_that_is_down_is_unreachable(s3_config):
    down = S3Store(replace(s3_config, endpoint_url="http://127.0.0.1:1", attempts=1))
    for verb in (lambda: down.head("k", "v"), lambda: put(down, "k"), lambda: list(down.iterate())):
        with refused("unreachable"):
            verb()


def test_a_plain_bucket_fails_the_probe_and_takes_no_locked_object(s3_config):
    plain = replace(s3_config, bucket=f"{s3_config.bucket}-plain")
    make_client(plain).create_bucket(Bucket=plain.bucket)
    store = S3Store(plain)
    found = {result.name: result.state for result in store.probe()}
    assert found == {"versioning": "failed", "write": "failed"}
    with refused("unsupported"):
        put(store, "k", lock_until=NEXT_YEAR)
    with refused("unsupported"):  # no versions either: nothing may be kept here
        put(store, "k")


def test_rights_taken_away_are_denied_and_a_lock_is_told_apart_from_them(store):
    free = put(store, "free")
    locked = put(store, "locked", lock_until=NEXT_YEAR)
    arn = f"arn:aws:s3:::{store.bucket}/*"
    rule = {"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObjectVersion", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [rule]})
    store.client.put_bucket_policy(Bucket=store.bucket, Policy=policy)
    with refused("denied"):
        store.remove("free", free.version)
    with refused("locked"):
        store.remove("locked", locked.version)


def test_a_lock_that_a_server_names_otherwise_is_told_apart_from_a_request_that_it_does_not_know(store):
    """MinIO refuses with 400 InvalidRequest what others refuse with 403."""
    free, locked = put(store, "free"), put(store, "locked", lock_until=NEXT_YEAR)

    class Refusal(io.BytesIO):
        def stream(self, **_):
            return iter(
                [b"<Error><Code>InvalidRequest</Code><Message>Object is WORM protected</Message></Error>"]
            )

    def as_minio(request, **_):
        return AWSResponse(request.url, 400, {}, Refusal())

    for verb in ("DeleteObject", "PutObjectRetention"):
        store.client.meta.events.register(f"before-send.s3.{verb}", as_minio)
    with refused("locked"):
        store.remove("locked", locked.version)
    with refused("locked"):
        store.attempt_shorten("locked", locked.version, NEXT_YEAR - timedelta(days=1))
    with refused("locked"):
        store.attempt_bypass("locked", locked.version)
    with refused("unsupported"):
        store.remove("free", free.version)


def test_a_connection_cut_while_reading_is_unreachable(s3_config):
    """A small proxy in front of the gateway that hangs up in the middle of a body."""
    whole = S3Store(s3_config)
    held = put(whole, "cut", bytes(4_000_000))
    place = urlsplit(s3_config.endpoint_url)
    listener = socket.create_server(("127.0.0.1", 0))

    def relay():
        client, _ = listener.accept()
        server = socket.create_connection((place.hostname, place.port))
        server.sendall(client.recv(65536))
        passed = 0
        while passed < 1_000_000 and (block := server.recv(65536)):
            client.sendall(block)
            passed += len(block)
        client.close()
        server.close()

    thread = threading.Thread(target=relay, daemon=True)
    thread.start()
    try:
        port = listener.getsockname()[1]
        cut = S3Store(replace(s3_config, endpoint_url=f"http://127.0.0.1:{port}", attempts=1))
        with refused("unreachable"), cut.open("cut", held.version) as stream:
            while stream.read(100_000):
                pass
    finally:
        thread.join(timeout=10)
        listener.close()


def test_a_store_used_before_a_fork_makes_its_own_connections_after_it(store):
    before = store.client
    child = os.fork()
    if child == 0:
        fresh = store.client is not before and put(store, "child").bytes == 7
        os._exit(0 if fresh else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert store.client is before and len(store.versions("child")) == 1


def test_opening_a_store_asks_nothing_of_the_server():
    config = StoreConfig(name="s3", bucket="b", endpoint_url="http://127.0.0.1:1")
    assert S3Store(config).describe()["where"] == "http://127.0.0.1:1 b"
