"""One suite for every store engine: what `archive.storage.base` promises, each promise tried out."""

import hashlib
import io
import itertools
from datetime import UTC, datetime, timedelta

import pytest

from archive.errors import StorageFailed
from archive.storage import COMPLIANCE, GOVERNANCE, StoreConfig, open_stores

ENGINES = [pytest.param("local"), pytest.param("s3", marks=pytest.mark.services)]
NEXT_YEAR = datetime.now(UTC).replace(microsecond=0) + timedelta(days=365)
RECORD = "D019/0193abcd-1111-7aaa-8bbb-123456789012"


@pytest.fixture(params=ENGINES)
def store(request, tmp_path):
    if request.param == "s3":
        config = request.getfixturevalue("s3_config")
    else:
        config = StoreConfig(name="local", path=str(tmp_path / "store"))
    (opened,) = open_stores([config]).values()
    return opened


def put(store, key, content=b"content", **changes):
    wanted = {
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "content_type": "application/pdf",
        "lock_until": None,
        "metadata": {},
    } | changes
    return store.put(key, io.BytesIO(content), **wanted)


def read(store, key, version, **window):
    with store.open(key, version, **window) as stream:
        return stream.read()


def refused(kind):
    return pytest.raises(StorageFailed, check=lambda error: error.kind == kind)


class Dribble(io.RawIOBase):
    """A stream that gives a few bytes at a time, as a socket does."""

    def __init__(self, content):
        self.content = content

    def read(self, amount=-1):
        taken, self.content = self.content[:7], self.content[7:]
        return taken


def test_what_was_put_is_read_back_with_its_description(store):
    content = bytes(range(256)) * 1000
    put_ = put(store, f"{RECORD}/a.pdf", content, lock_until=NEXT_YEAR, metadata={"material": "x1"})

    held = store.head(put_.key, put_.version)

    assert read(store, put_.key, put_.version) == content
    assert held == put_
    assert held.store == store.name and held.key == f"{RECORD}/a.pdf" and held.version
    assert held.bytes == len(content)
    assert held.sha256 == hashlib.sha256(content).hexdigest()
    assert held.content_type == "application/pdf"
    assert held.metadata == {"material": "x1"}
    assert (held.lock_until, held.lock_mode, held.legal_hold) == (NEXT_YEAR, GOVERNANCE, False)
    assert abs(held.written_at - datetime.now(UTC)) < timedelta(minutes=10)


@pytest.mark.parametrize("lock", [None, NEXT_YEAR])
def test_one_look_tells_what_two_questions_tell(store, lock):
    put_ = put(store, f"{RECORD}/a.pdf", b"looked at once", lock_until=lock, metadata={"material": "x1"})

    held, stream = store.look(put_.key, put_.version)

    with stream:
        assert (held, stream.read()) == (store.head(put_.key, put_.version), b"looked at once")


def test_an_empty_object_is_an_object(store):
    held = put(store, "empty", b"")
    assert (held.bytes, read(store, "empty", held.version)) == (0, b"")
    assert read(store, "empty", held.version, start=0, length=10) == b""


def test_a_stream_may_give_its_bytes_in_drops(store):
    content = b"drop by drop, never all at once"
    digest = hashlib.sha256(content).hexdigest()
    held = store.put(
        "drops", Dribble(content), size=len(content), sha256=digest, content_type="x/y", lock_until=None
    )
    assert read(store, "drops", held.version) == content


def test_metadata_and_keys_may_be_chinese(store):
    metadata = {"material": "参加社会保险人员增减表 — 100 % 正确", "blank": " both ends ", "empty": ""}
    held = put(store, "社保01/卷-1/增减表.pdf", metadata=metadata)
    assert store.head(held.key, held.version).metadata == metadata
    assert [one.key for one in store.iterate("社保01/")] == ["社保01/卷-1/增减表.pdf"]


def test_a_range_is_the_same_slice_of_the_bytes(store):
    content = bytes(range(200))
    held = put(store, "ranges", content)
    for start, length in itertools.product((0, 1, 150, 199, 200, 500), (None, 0, 1, 50, 1000)):
        end = None if length is None else start + length
        assert read(store, "ranges", held.version, start=start, length=length) == content[start:end], (
            start,
            length,
        )


def test_a_reader_gives_blocks_of_the_size_asked_for(store):
    held = put(store, "blocks", b"0123456789")
    with store.open("blocks", held.version) as stream:
        assert [stream.read(4), stream.read(4), stream.read(4), stream.read(4)] == [
            b"0123",
            b"4567",
            b"89",
            b"",
        ]


def test_a_second_put_makes_a_new_version_and_leaves_the_old_one_intact(store):
    first = put(store, "twice", b"first", lock_until=NEXT_YEAR)
    second = put(store, "twice", b"second, longer")
    assert first.version != second.version
    assert read(store, "twice", first.version) == b"first"
    assert read(store, "twice", second.version) == b"second, longer"
    assert store.head("twice", first.version) == first
    listed = store.versions("twice")
    assert [(one.version, one.bytes, one.latest, one.marker) for one in listed] == [
        (second.version, 14, True, False),
        (first.version, 5, False, False),
    ]


def test_versions_are_those_of_exactly_this_key(store):
    keys = ["box-1", "box-10", "box-1/a", "box", "box-1.xml", "box-1-a"]
    held = {key: put(store, key, key.encode()) for key in keys}
    for key in keys:
        assert [(one.key, one.version) for one in store.versions(key)] == [(key, held[key].version)]
    assert store.versions("box-2") == []


def test_removing_one_key_leaves_its_prefix_neighbours_alone(store):
    keys = ["box-1", "box-10", "box-1/a", "box-1.xml"]
    held = {key: put(store, key, key.encode()) for key in keys}
    store.remove("box-1", held["box-1"].version)
    assert store.versions("box-1") == []
    assert {one.key for one in store.iterate()} == {"box-10", "box-1/a", "box-1.xml"}
    for key in keys[1:]:
        assert read(store, key, held[key].version) == key.encode()


def test_a_listing_gives_every_version_under_a_prefix_and_nothing_else(store):
    if hasattr(store, "page_size"):
        store.page_size = 3
    other = RECORD.replace("D019", "D0190")
    wanted = {
        (key, put(store, key).version) for key in [f"{RECORD}/o-{n}" for n in range(4)] for _ in range(2)
    }
    outside = {(key, put(store, key).version) for key in [f"{other}/o-0", "D019", "seals/1"]}

    listed = [(one.key, one.version) for one in store.iterate("D019/")]

    assert len(listed) == len(set(listed)) and set(listed) == wanted
    assert {(one.key, one.version) for one in store.iterate()} == wanted | outside
    assert {one.key for one in store.iterate(f"{RECORD}/o-1")} == {f"{RECORD}/o-1"}
    assert len(list(store.iterate("D019"))) == len(wanted) + 2
    assert [key for key, _ in itertools.groupby(key for key, _ in listed)] == list(dict(listed))
    assert list(store.iterate("nothing/here")) == []


def test_many_versions_of_one_key_are_all_listed_newest_first(store):
    if hasattr(store, "page_size"):
        store.page_size = 2
    made = [put(store, "many", str(number).encode()).version for number in range(7)]
    put(store, "many-more")
    listed = store.versions("many")
    assert {one.version for one in listed} == set(made) and len(listed) == 7
    assert (listed[0].version, [one.latest for one in listed]) == (made[-1], [True] + [False] * 6)


@pytest.mark.parametrize("ask", ["head", "open", "look"])
def test_what_is_not_there_is_missing(store, ask):
    held = put(store, "here")
    for key, version in [("nowhere", held.version), ("here", "no-such-version"), ("here", "")]:
        with refused("missing"):
            getattr(store, ask)(key, version)
    gone = put(store, "here", b"other")
    store.remove("here", gone.version)
    with refused("missing"):
        getattr(store, ask)("here", gone.version)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        "../a",
        "a/../b",
        "a/.",
        ".hidden",
        "a b",
        "a@b",
        "a\0b",
        "a\nb",
        "e\u0301",
        "\u212b",
        "x" * 201,
    ],
)
def test_a_key_that_could_mean_another_place_is_refused(store, key):
    with refused("unsupported"):
        put(store, key)
    with refused("unsupported"):
        store.remove(key, "v")


@pytest.mark.parametrize(
    "wrong",
    [
        {"sha256": "0" * 64},
        {"size": 6},
        {"size": 8},
        {"size": 0},
    ],
)
def test_a_stream_other_than_declared_is_refused_and_leaves_nothing(store, wrong):
    with refused("changed"):
        put(store, "declared", b"content", **wrong)
    assert list(store.iterate()) == []
    assert put(store, "declared", b"content").bytes == 7


def test_a_stream_without_end_is_not_read_for_ever(store):
    class Endless(io.RawIOBase):
        given = 0

        def read(self, amount=-1):
            self.given += 1
            assert self.given < 20
            return b"x"

    with refused("changed"):
        store.put("e", Endless(), size=3, sha256="0" * 64, content_type="x/y", lock_until=None)


def test_a_stream_that_breaks_leaves_nothing(store):
    class Broken(io.RawIOBase):
        def read(self, amount=-1):
            raise RuntimeError("the sender has gone")

    with pytest.raises(RuntimeError):
        store.put("broken", Broken(), size=9, sha256="0" * 64, content_type="x/y", lock_until=None)
    assert list(store.iterate()) == []


@pytest.mark.parametrize("mode", [GOVERNANCE, COMPLIANCE])
def test_a_locked_version_is_not_removed(store, mode):
    held = put(store, "locked", lock_until=NEXT_YEAR, mode=mode)
    with refused("locked"):
        store.remove("locked", held.version)
    assert store.head("locked", held.version) == held
    assert len(store.versions("locked")) == 1 and read(store, "locked", held.version) == b"content"


def test_a_version_without_a_lock_is_removed_for_good_and_removing_again_is_no_error(store):
    held = put(store, "free")
    store.remove("free", held.version)
    assert store.versions("free") == [] and list(store.iterate()) == []
    store.remove("free", held.version)


def test_removing_without_a_version_is_refused(store):
    put(store, "kept")
    with refused("missing"):
        store.remove("kept", "")
    assert [one.marker for one in store.versions("kept")] == [False]


def test_a_held_version_is_not_removed_until_the_hold_is_lifted(store):
    held = put(store, "held")
    assert store.set_legal_hold("held", held.version, True).legal_hold
    assert store.head("held", held.version).legal_hold
    with refused("locked"):
        store.remove("held", held.version)
    assert not store.set_legal_hold("held", held.version, False).legal_hold
    store.remove("held", held.version)
    assert store.versions("held") == []


def test_a_hold_stands_beside_a_lock(store):
    held = put(store, "both", lock_until=NEXT_YEAR)
    store.set_legal_hold("both", held.version, True)
    looked, stream = store.look("both", held.version)
    stream.close()
    assert looked.legal_hold and looked.lock_until == NEXT_YEAR
    lifted = store.set_legal_hold("both", held.version, False)
    assert (lifted.lock_until, lifted.lock_mode) == (NEXT_YEAR, GOVERNANCE)
    with refused("locked"):
        store.remove("both", held.version)


@pytest.mark.parametrize("mode", [GOVERNANCE, COMPLIANCE])
def test_a_lock_is_made_longer_but_never_shorter(store, mode):
    held = put(store, "longer", lock_until=NEXT_YEAR, mode=mode)
    later = NEXT_YEAR + timedelta(days=400)

    extended = store.extend_lock("longer", held.version, later)

    assert (extended.lock_until, extended.lock_mode) == (later, mode)
    assert store.head("longer", held.version) == extended
    with refused("locked"):
        store.extend_lock("longer", held.version, NEXT_YEAR)
    assert store.extend_lock("longer", held.version, later) == extended
    assert store.head("longer", held.version).lock_until == later


def test_the_engine_itself_refuses_a_shorter_lock(store):
    held = put(store, "shorter", lock_until=NEXT_YEAR)
    with refused("locked"):
        store.attempt_shorten("shorter", held.version, NEXT_YEAR - timedelta(days=100))
    assert store.head("shorter", held.version).lock_until == NEXT_YEAR


def test_a_compliance_lock_is_not_loosened(store):
    held = put(store, "strict", lock_until=NEXT_YEAR, mode=COMPLIANCE)
    with refused("locked"):
        store.extend_lock("strict", held.version, NEXT_YEAR + timedelta(days=1), GOVERNANCE)


def test_what_has_no_lock_can_be_locked_later(store):
    held = put(store, "later")
    locked = store.extend_lock("later", held.version, NEXT_YEAR)
    assert (locked.lock_until, locked.lock_mode) == (NEXT_YEAR, GOVERNANCE)
    with refused("locked"):
        store.remove("later", held.version)


def test_a_lock_is_never_shorter_than_asked_by_a_fraction_of_a_second(store):
    asked = NEXT_YEAR + timedelta(microseconds=300)
    assert put(store, "fraction", lock_until=asked).lock_until == NEXT_YEAR + timedelta(seconds=1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"lock_until": datetime(2000, 1, 1, tzinfo=UTC)},
        {"lock_until": datetime(2099, 1, 1)},  # no time zone
        {"lock_until": NEXT_YEAR, "mode": "ETERNAL"},
        {"metadata": {"Big": "capitals are lost on the way"}},
        {"metadata": {"long": "长" * 300}},
    ],
)
def test_a_wish_that_cannot_be_kept_is_refused_and_leaves_nothing(store, wrong):
    with refused("unsupported"):
        put(store, "wish", **wrong)
    assert store.versions("wish") == []


def test_changes_of_an_absent_version_are_refused(store):
    held = put(store, "absent")
    store.remove("absent", held.version)
    with refused("missing"):
        store.extend_lock("absent", held.version, NEXT_YEAR)
    with refused("missing"):
        store.set_legal_hold("absent", held.version, True)
    assert store.versions("absent") == []


def test_the_probe_finds_no_broken_promise_and_leaves_no_more_at_its_second_run(store):
    first = {result.name: result.state for result in store.probe()}
    traces = {(one.key, one.version) for one in store.iterate("_probe/")}
    second = {result.name: result.state for result in store.probe()}

    assert first == second
    assert {name: first[name] for name in ("lock", "delete", "shorten")} == dict.fromkeys(
        ("lock", "delete", "shorten"), "ok"
    )
    assert "failed" not in first.values()
    assert {(one.key, one.version) for one in store.iterate("_probe/")} == traces and len(traces) == 2


def test_a_store_describes_itself_without_its_secrets(store):
    described = store.describe()
    assert described["name"] == store.name and described["limits"]
    assert "testsecret" not in f"{described}{store.config}"
