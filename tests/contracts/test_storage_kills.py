"""kill −9 of whoever writes to a local store: each object is whole afterwards, or not there."""

import hashlib
import random
import signal
import subprocess
import sys
import time

from archive.storage import StoreConfig
from archive.storage.local import LocalStore
from tests.damaged import files_of
from tests.source import ROOT

WRITER = """
import hashlib, io, sys
from archive.storage import StoreConfig, files
from archive.storage.local import LocalStore
store = LocalStore(StoreConfig(name="local", path=sys.argv[1]))
print("ready", flush=True)
number = 0
while True:
    content = bytes([number % 256]) * 300_000
    number += 1
    held = store.put(f"D019/rec-{number % 5}/a", io.BytesIO(content), size=len(content),
                     sha256=hashlib.sha256(content).hexdigest(), content_type="x/y", lock_until=None)
    print(held.key, held.version, flush=True)
    if number % 3 == 0:
        store.set_legal_hold(held.key, held.version, True)
    elif number % 4 == 0:
        store.remove(held.key, held.version)
"""


def test_a_writer_killed_at_any_moment_leaves_whole_objects_or_none(tmp_path):
    config = StoreConfig(name="local", path=str(tmp_path / "store"))
    chance = random.Random(7)
    for _ in range(12):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, config.path], cwd=ROOT, stdout=subprocess.PIPE
        )
        for _ in range(1 + chance.randrange(6)):
            assert writer.stdout.readline()
        time.sleep(chance.uniform(0, 0.01))
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        store = LocalStore(config)  # opening sweeps
        assert files_of(store, "incoming") == []
        for one in store.iterate():
            if one.bytes == 0:  # killed while removing: known still, until the removal is repeated
                store.remove(one.key, one.version)
        listed = list(store.iterate())
        for one in listed:
            held = store.head(one.key, one.version)
            with store.open(one.key, one.version) as stream:
                content = stream.read()
            assert len(content) == held.bytes == one.bytes
            assert hashlib.sha256(content).hexdigest() == held.sha256
        assert len(files_of(store)) == 2 * len(
            listed
        )  # no bytes without a description, and none the other way
    assert listed


# The calls of the operating system that a put makes, in their order; the writer dies just before the n-th.
DYING = """
import os, signal, sys
sys.argv, step = sys.argv[:2], int(sys.argv[2])
import hashlib, io
from archive.storage import StoreConfig, files
from archive.storage.local import LocalStore
store = LocalStore(StoreConfig(name="local", path=sys.argv[1]))
seen = 0
def watch(event, args):
    global seen
    if event in ("os.link", "os.rename", "os.mkdir", "os.remove", "open", "os.chmod") and "store" in str(args):
        seen += 1
        if seen == step:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(watch)
store.put("D019/x/a", io.BytesIO(b"whole"), size=5, sha256=hashlib.sha256(b"whole").hexdigest(),
          content_type="x/y", lock_until=None)
"""


def test_a_put_killed_before_each_of_its_steps_is_whole_or_absent(tmp_path):
    outcomes = []
    for step in range(1, 40):
        fresh = StoreConfig(name="local", path=str(tmp_path / f"store-{step}"))
        ended = subprocess.run([sys.executable, "-c", DYING, fresh.path, str(step)], cwd=ROOT, check=False)
        store = LocalStore(fresh)  # opening sweeps
        listed = list(store.iterate())
        outcomes.append(len(listed))
        assert len(files_of(store)) == 2 * len(listed) and files_of(store, "incoming") == []
        for one in listed:
            assert store.open(one.key, one.version).read() == b"whole"
            store.remove(one.key, one.version)
        assert files_of(store) == []
        if ended.returncode == 0:
            break
    assert ended.returncode == 0
    assert outcomes == sorted(outcomes) and outcomes.count(0) >= 8 and outcomes.count(1) >= 4
