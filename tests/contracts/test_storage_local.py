"""What only the local store has to prove: its files say what they are, and nothing half is left in its folders."""

import errno
import hashlib
import io
import json
import os
import stat
import subprocess
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from archive.errors import StorageFailed
from archive.storage import StoreConfig, files
from archive.storage.local import LocalStore
from tests.damaged import files_of, mounted

FAR = datetime(2150, 1, 1, tzinfo=UTC)


@pytest.fixture
def config(tmp_path):
    return StoreConfig(name="local", path=str(tmp_path / "store"))


@pytest.fixture
def store(config):
    return LocalStore(config)


def put(store, key, content=b"content", lock_until=None):
    return store.put(
        key,
        io.BytesIO(content),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        content_type="text/plain",
        lock_until=lock_until,
    )


def test_a_sweep_leaves_a_living_writer_alone(config, store):
    class Paused(io.BytesIO):
        def read(self, amount=-1):
            block = super().read(3)
            if not block:
                return block
            LocalStore(config)  # another process opens the store in the middle of the put
            return block

    content = b"slowly written"
    held = store.put(
        "slow",
        Paused(content),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        content_type="x/y",
        lock_until=None,
    )
    assert store.open("slow", held.version).read() == content
    assert files_of(store, "incoming") == []


def test_a_sweep_takes_what_a_dead_writer_left(config, store):
    store.incoming.mkdir(parents=True)
    (store.incoming / "dead").write_bytes(b"half")
    (store.incoming / "dead.json").write_text('{"key": "D0')
    assert LocalStore(config).sweep() == 0
    assert files_of(store, "incoming") == []


def test_bytes_and_description_are_read_only_files(store):
    put(store, "D019/0193abcd-1111-7aaa-8bbb-123456789012/o")
    kept = files_of(store)
    assert [stat.S_IMODE(path.stat().st_mode) for path in kept] == [0o440, 0o440]
    assert kept[0].relative_to(store.objects).parts[:-1] == (
        "D019",
        "+0193ab",
        "+cd",
        "0193abcd-1111-7aaa-8bbb-123456789012",
    )


def test_a_lock_after_2106_is_kept(store):
    held = put(store, "far", lock_until=FAR)
    assert store.head("far", held.version).lock_until == FAR


def test_a_disk_that_keeps_another_lock_is_found_out_at_the_put(config):
    class Forgetful(LocalStore):
        def _described(self, key, version):
            return replace(super()._described(key, version), lock_until=None)

    with pytest.raises(StorageFailed) as failure:
        put(Forgetful(config), "forgotten", lock_until=FAR)
    (written,) = LocalStore(config).versions("forgotten")
    assert (failure.value.kind, failure.value.fields["version"]) == ("lock", written.version)


def test_a_put_that_cannot_take_its_place_leaves_nothing(config, store, monkeypatch):
    def fail(source, target):
        raise OSError(errno.EIO, "the disk fails at the last step")

    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(StorageFailed):
        put(store, "D019/nearly")
    assert files_of(store) == [] and files_of(store, "incoming") == []


def test_a_version_is_removed_once_its_lock_has_ended(config):
    held = put(LocalStore(config), "ended", lock_until=FAR)
    later = LocalStore(config, clock=lambda: FAR + timedelta(seconds=1))
    later.remove("ended", held.version)
    assert later.versions("ended") == [] and files_of(later) == []


def test_removing_the_last_object_leaves_no_folder_behind(store):
    held = put(store, "D019/0193abcd-1111-7aaa-8bbb-123456789012/o")
    store.remove(held.key, held.version)
    assert list(store.objects.iterdir()) == []


def test_a_removal_cut_short_can_be_repeated(store):
    held = put(store, "cut")
    next(path for path in files_of(store) if path.suffix != ".json").unlink()  # killed after the bytes went
    assert [one.bytes for one in store.versions("cut")] == [0]
    with pytest.raises(StorageFailed) as failure:
        store.head("cut", held.version)
    assert failure.value.kind == "missing"
    store.remove("cut", held.version)
    assert store.versions("cut") == [] and files_of(store) == []


def test_a_truncated_file_shows_its_real_size(store):
    held = put(store, "short", b"twelve bytes")
    content = next(path for path in files_of(store) if path.suffix != ".json")
    content.chmod(0o600)
    os.truncate(content, 5)
    assert store.head("short", held.version).bytes == 5
    assert store.head("short", held.version).sha256 == held.sha256


@pytest.mark.parametrize("damage", ["{", "[]", "{}", '{"key": 1}'])
def test_a_damaged_description_is_a_change_and_opens_no_way_to_remove(store, damage):
    held = put(store, "damaged", lock_until=FAR)
    description = next(path for path in files_of(store) if path.suffix == ".json")
    description.chmod(0o600)
    description.write_text(damage)
    for verb in (store.head, store.remove):
        with pytest.raises(StorageFailed) as failure:
            verb("damaged", held.version)
        assert failure.value.kind == "changed"
    assert len(files_of(store)) == 2


def test_a_description_moved_to_another_object_is_noticed(store):
    one, other = put(store, "one"), put(store, "other", lock_until=FAR)
    folder = store.objects
    os.replace(folder / f"one@{one.version}.json", folder / f"other@{other.version}.json")
    with pytest.raises(StorageFailed) as failure:
        store.remove("other", other.version)
    assert failure.value.kind == "changed"


def test_the_description_can_be_read_without_the_system(store):
    held = put(store, "D019/x", b"content", lock_until=FAR)
    state = json.loads((store.objects / f"D019/x@{held.version}.json").read_text())
    assert (state["key"], state["sha256"], state["lock_until"]) == ("D019/x", held.sha256, FAR.isoformat())


def test_many_writers_and_removers_in_one_folder_do_not_disturb_each_other(store):
    troubles = []

    def work(number):
        try:
            for turn in range(40):
                held = put(store, f"D019/same/{number}", f"{number} {turn}".encode())
                assert store.open(held.key, held.version).read() == f"{number} {turn}".encode()
                store.remove(held.key, held.version)
                assert store.versions(held.key) == [], "another removal may just clear the folder away"
        except Exception as trouble:
            troubles.append(trouble)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == [] and files_of(store) == []


def test_two_extensions_at_once_end_with_the_later_one(store):
    held = put(store, "raced", lock_until=FAR)
    dates = [FAR + timedelta(days=days) for days in range(1, 13)]

    def extend(date):
        try:
            store.extend_lock("raced", held.version, date)
        except StorageFailed as refusal:
            assert refusal.kind == "locked"

    threads = [threading.Thread(target=extend, args=(date,)) for date in dates]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.head("raced", held.version).lock_until == dates[-1]


def test_a_folder_that_cannot_be_written_opens_and_is_said_in_plain_words(tmp_path):
    (tmp_path / "file").write_text("")
    store = LocalStore(StoreConfig(name="local", path=str(tmp_path / "file")))
    with pytest.raises(StorageFailed) as failure:
        put(store, "form")
    assert failure.value.kind == "failed" and "操作系统" in str(failure.value)
    (connection,) = [result for result in store.probe() if result.state == "failed"]
    assert connection.name == "connection"


def test_a_disk_that_is_not_mounted_proves_nothing_absent_and_takes_nothing(config, store, tmp_path):
    held = put(store, "form")
    store.root.rename(tmp_path / "unplugged")
    store.root.mkdir()
    again = LocalStore(config, is_new=lambda: False)
    for asked in (
        lambda: again.versions("form"),
        lambda: list(again.iterate()),
        lambda: again.head("form", held.version),
        lambda: again.open("form", held.version),
        lambda: put(again, "other"),
    ):
        with pytest.raises(StorageFailed, match="没有挂载") as failure:
            asked()
        assert failure.value.kind == "unreachable"
    assert list(store.root.iterdir()) == []
    store.root.rmdir()
    (tmp_path / "unplugged").rename(store.root)
    assert again.head("form", held.version) == held
    assert put(again, "other").bytes == 7


def test_from_a_disk_mounted_read_only_everything_is_read_and_nothing_written(tmp_path):
    with mounted(tmp_path / "disk") as folder:
        config = StoreConfig(name="local", path=str(folder / "store"))
        held = put(LocalStore(config), "form")
        (LocalStore(config).incoming / "dead").write_bytes(b"half")
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        store = LocalStore(config)
        assert store.open("form", held.version).read() == b"content" and store.versions("form")
        for asked in (
            lambda: put(store, "other"),
            lambda: store.set_legal_hold("form", held.version, True),
            lambda: store.remove("form", held.version),
            store.sweep,
        ):
            with pytest.raises(StorageFailed, match="只读") as failure:
                asked()
            assert failure.value.kind == "denied"


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path):
    with mounted(tmp_path / "disk") as folder:
        store = LocalStore(StoreConfig(name="local", path=str(folder / "store")))
        with pytest.raises(StorageFailed) as failure:
            put(store, "big", bytes(3_000_000))
        assert failure.value.kind == "full"
        assert files_of(store) == [] and files_of(store, "incoming") == []
        assert put(store, "small").bytes == 7


def test_the_immutable_flag_keeps_even_root_from_deleting(tmp_path):
    store = LocalStore(StoreConfig(name="local", path=str(tmp_path / "store"), immutable=True))
    try:
        held = put(store, "flagged")
    except StorageFailed as failure:
        pytest.skip(f"no immutable flag here: {failure}")
    try:
        for name in (f"flagged@{held.version}", f"flagged@{held.version}.json"):
            with pytest.raises(PermissionError):
                (store.objects / name).unlink()
            with pytest.raises(PermissionError):
                (store.objects / name).write_bytes(b"other")
        store.set_legal_hold("flagged", held.version, True)
        store.set_legal_hold("flagged", held.version, False)
    finally:
        store.remove("flagged", held.version)
    assert store.versions("flagged") == []


def test_a_flagged_object_is_locked_longer_held_and_read_like_any_other(tmp_path):
    store = LocalStore(StoreConfig(name="local", path=str(tmp_path / "store"), immutable=True))
    try:
        held = put(store, "flagged", lock_until=FAR)
    except StorageFailed as failure:
        pytest.skip(f"no immutable flag here: {failure}")
    later = FAR + timedelta(seconds=1)
    assert store.extend_lock("flagged", held.version, later).lock_until == later
    assert store.open("flagged", held.version).read() == b"content"
    store.clock = lambda: later + timedelta(seconds=1)
    store.remove("flagged", held.version)
    assert files_of(store) == []


def test_the_store_says_what_holds_on_this_file_system(tmp_path, monkeypatch):
    def told(immutable, kind="ext4", config=False):
        monkeypatch.setattr(files, "abilities", lambda folder: files.Abilities(kind, immutable))
        store = LocalStore(StoreConfig(name="local", path=str(tmp_path / "store"), immutable=config))
        return store.describe(), store.medium()

    described, medium = told("allowed", config=True)
    assert described["immutable"] and medium.state == "warning" and "不可变标志" in medium.message
    described, medium = told("allowed")
    assert not described["immutable"] and "没有加" in medium.message
    for immutable in ("denied", "unsupported"):
        described, medium = told(immutable)
        assert not described["immutable"] and medium.state == "warning"
        described, medium = told(immutable, config=True)  # the settings promise what the system does not keep
        assert not described["immutable"] and medium.state == "failed" and medium.remedy
    assert any("关机即丢" in limit for limit in told("unsupported", "tmpfs")[0]["limits"])
    assert any("文件服务器" in limit for limit in told("unsupported", "nfs4")[0]["limits"])


def test_what_is_told_of_this_file_system_is_what_happens_on_it(tmp_path):
    found = files.abilities(tmp_path)
    path = tmp_path / "flagged"
    path.write_bytes(b"content")
    try:
        files.set_immutable(path, True)
        files.set_immutable(path, False)
        happened = "allowed"
    except OSError as error:
        happened = "denied" if error.errno == errno.EPERM else "unsupported"
    assert found.immutable == happened and found.kind != "未知"
    assert list(tmp_path.iterdir()) == [path]
