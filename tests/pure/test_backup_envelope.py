"""A backup opens with its passphrase whole, or not at all: every changed, cut or exchanged byte is told."""

import io
import json

import pytest

from config.backup import envelope, parcel
from config.backup.envelope import CHUNK, TAG, Opener, Sealer, Unreadable

WORD = "a passphrase of enough places"


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    """The cost of guessing is no matter here."""
    monkeypatch.setattr(envelope, "COST", {"n": 16, "r": 8, "p": 1})


def sealed(content: bytes, word: str = WORD) -> bytes:
    out = io.BytesIO()
    with Sealer(out, word, "site") as sealer:
        for start in range(0, len(content), 300_001):
            sealer.write(content[start : start + 300_001])
        sealer.finish()
    return out.getvalue()


def opened(data: bytes, word: str = WORD) -> bytes:
    return Opener(io.BytesIO(data), word).read()


def start_of_chunks(data: bytes) -> int:
    return data.index(b"\n", len(envelope.MAGIC)) + 1 + TAG


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 5])
def test_what_was_sealed_comes_back(size):
    content = bytes(range(256)) * (size // 256 + 1)
    assert opened(sealed(content[:size])) == content[:size]


def test_the_content_and_the_passphrase_do_not_stand_in_the_file():
    data = sealed(b"a name that nobody should read" * 10)
    assert b"a name that nobody" not in data and WORD.encode() not in data
    assert sealed(b"x") != sealed(b"x")


def test_another_passphrase_is_told_as_such_at_once():
    with pytest.raises(Unreadable, match="口令不对"):
        Opener(io.BytesIO(sealed(b"x")), WORD + "!")


def test_every_flipped_byte_is_seen():
    data = sealed(b"some content")
    for place in range(len(data)):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        with pytest.raises(Unreadable, match="口令不对|读不懂|被改动|不是本系统"):
            opened(changed)


def test_every_shorter_file_is_seen():
    data = sealed(b"some content")
    for size in range(len(data)):
        with pytest.raises(Unreadable):
            opened(data[:size])


def test_a_file_cut_between_two_chunks_is_incomplete():
    data = sealed(b"y" * (3 * CHUNK))
    whole = start_of_chunks(data) + 2 * (CHUNK + TAG)
    with pytest.raises(Unreadable, match="不完整"):
        opened(data[:whole])


def test_chunks_cannot_be_exchanged_or_left_out():
    data = sealed(b"a" * CHUNK + b"b" * CHUNK + b"c")
    start, size = start_of_chunks(data), CHUNK + TAG
    head, one, two, last = (
        data[:start],
        data[start : start + size],
        data[start + size : start + 2 * size],
        data[start + 2 * size :],
    )
    for changed in (head + two + one + last, head + two + last, head + one + two + last + last):
        with pytest.raises(Unreadable):
            opened(changed)


@pytest.mark.parametrize(
    "header", [{"n": 2**40}, {"n": 3}, {"n": -1}, {"n": "x"}, {"salt": "00"}, {"kdf": "none"}, {"r": 10**9}]
)
def test_a_hostile_header_is_refused_before_it_costs_anything(header):
    data = sealed(b"x")
    line = json.loads(data[len(envelope.MAGIC) :].split(b"\n")[0]) | header
    with pytest.raises(Unreadable, match="读不懂"):
        opened(envelope.MAGIC + json.dumps(line).encode() + b"\n" + b"0" * 100)


def a_parcel(tmp_path) -> bytes:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"1" * 5000)
    two.write_bytes(b"")
    out = io.BytesIO()
    parcel.write(out, {"taken_at": "now"}, {"database/x.sqlite3": one, "keys/k.json": two})
    return out.getvalue()


def test_a_parcel_gives_its_parts_back_readable_by_the_owner_only(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    table = parcel.read(io.BytesIO(a_parcel(tmp_path)), folder)
    assert [part["bytes"] for part in table["parts"]] == [5000, 0] and table["taken_at"] == "now"
    assert parcel.place(folder, "database/x.sqlite3").read_bytes() == b"1" * 5000
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_every_change_in_an_unencrypted_parcel_is_seen(tmp_path):
    """But in what a tar has between its members, which carries nothing."""
    data = a_parcel(tmp_path)
    table = data.index(b'"parts"')
    part = data.index(b"11111")
    for place in (0, 130, table + 3, table + 60, part, part + 4999):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        with pytest.raises(Unreadable):
            parcel.read(io.BytesIO(changed))
    for size in (0, 100, 512, table, part + 10):
        with pytest.raises(Unreadable):
            parcel.read(io.BytesIO(data[:size]))


def test_a_part_that_is_not_listed_is_refused(tmp_path):
    import tarfile

    data = a_parcel(tmp_path)
    out = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(data)) as old,
        tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as new,
    ):
        for member in old:
            new.addfile(member, old.extractfile(member))
        more = tarfile.TarInfo("../../etc/passwd")
        more.size = 1
        new.addfile(more, io.BytesIO(b"x"))
    with pytest.raises(Unreadable, match="清单以外"):
        parcel.read(io.BytesIO(out.getvalue()))
