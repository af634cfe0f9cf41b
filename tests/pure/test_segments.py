"""Encryption in segments: what comes out is what went in, in whole or in part, and nothing else ever opens."""

import hashlib
import io
import os
import tracemalloc
from uuid import UUID

import pytest

from archive import segments
from archive.errors import StorageFailed
from archive.segments import (
    BATCH,
    HEADER,
    SEGMENT,
    STORED_SEGMENT,
    TAG,
    Decrypting,
    Encrypting,
    buffered,
    stored_size,
)

KEY, OBJECT = bytes(range(32)), UUID("0190abcd-0000-7000-8000-000000000001")
SIZES = [
    0,
    1,
    15,
    SEGMENT - 1,
    SEGMENT,
    SEGMENT + 1,
    3 * SEGMENT,
    BATCH * SEGMENT,
    BATCH * SEGMENT + 1,
    40 * SEGMENT + 77,
]


def sealed(content, key=KEY, of=OBJECT, **changed):
    values = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()} | changed
    return Encrypting(io.BytesIO(content), key, of, **values)


def opened(stored, size, key=KEY, of=OBJECT, **part):
    return buffered(Decrypting(Counting(stored).open, key, of, size=size, **part))


class Counting:
    """Stored bytes that count what is asked of them."""

    def __init__(self, stored):
        self.stored, self.asked = stored, []

    def open(self, start, length):
        self.asked.append((start, length))
        return io.BytesIO(self.stored[start : None if length is None else start + length])


class Dribble(io.RawIOBase):
    """Gives less than asked for, as a socket does."""

    def __init__(self, content):
        self.inner = io.BytesIO(content)

    def readable(self):
        return True

    def readinto(self, buffer):
        return self.inner.readinto(memoryview(buffer)[:1000])


def refused(stored, size=None, **part):
    with pytest.raises(StorageFailed) as fault:
        opened(stored, size, **part).read()
    assert fault.value.kind == "changed"


@pytest.mark.parametrize("size", SIZES)
def test_what_went_in_comes_out_and_the_size_was_known_before(size):
    content = os.urandom(size)
    stored = sealed(content).read()
    assert len(stored) == stored_size(size)
    assert content[:100] not in stored or size < 20
    assert opened(stored, size).read() == content


@pytest.mark.parametrize("amount", [1000, SEGMENT, 1024 * 1024, 3_000_000])
def test_the_encrypting_reader_gives_whole_blocks_until_its_end(amount):
    content = os.urandom(40 * SEGMENT + 77)
    reader = Encrypting(
        Dribble(content), KEY, OBJECT, size=len(content), sha256=hashlib.sha256(content).hexdigest()
    )
    blocks = []
    while block := reader.read(amount):
        blocks.append(block)
    assert {len(block) for block in blocks[:-1]} <= {amount}
    assert opened(b"".join(blocks), len(content)).read() == content


def test_the_decrypting_reader_takes_a_source_that_gives_little_at_a_time():
    content = os.urandom(2 * SEGMENT + 5)
    stored = sealed(content).read()
    reader = Decrypting(lambda start, length: Dribble(stored[start:]), KEY, OBJECT, size=len(content))
    assert buffered(reader).read() == content


def test_two_encryptions_of_the_same_bytes_share_nothing():
    first, second = sealed(b"x" * 100).read(), sealed(b"x" * 100).read()
    assert first[HEADER:] != second[HEADER:]
    assert first[HEADER - 8 : HEADER] != second[HEADER - 8 : HEADER]


def test_every_single_flipped_bit_is_refused():
    content = os.urandom(61)
    stored = sealed(content).read()
    for place in range(len(stored)):
        for bit in range(8):
            flipped = bytearray(stored)
            flipped[place] ^= 1 << bit
            refused(bytes(flipped), 61)


def test_a_flipped_bit_in_any_segment_of_a_large_object_is_refused_and_the_others_still_open():
    size = 20 * SEGMENT
    content = os.urandom(size)
    stored = bytearray(sealed(content).read())
    for segment in range(20):
        at = HEADER + segment * STORED_SEGMENT + 17
        stored[at] ^= 4
        refused(bytes(stored), size)
        refused(bytes(stored), size, start=segment * SEGMENT + 5, length=1)
        other = (segment + 1) % 20 * SEGMENT
        assert opened(bytes(stored), size, start=other, length=9).read() == content[other : other + 9]
        stored[at] ^= 4


def pieces(content):
    stored = sealed(content).read()
    body = stored[HEADER:]
    return stored[:HEADER], [body[at : at + STORED_SEGMENT] for at in range(0, len(body), STORED_SEGMENT)]


def test_swapped_repeated_dropped_and_cut_segments_are_refused():
    size = 4 * SEGMENT
    header, parts = pieces(os.urandom(size))
    for order in ([1, 0, 2, 3], [0, 2, 1, 3], [0, 0, 2, 3], [3, 1, 2, 0], [0, 1, 2, 2]):
        refused(header + b"".join(parts[number] for number in order), size)
    refused(header + b"".join(parts[:3]), size)
    refused(header + b"".join(parts[:3]), 3 * SEGMENT)  # also when the row tells the shorter length
    refused(header + b"".join(parts[1:]), 3 * SEGMENT)
    refused(header + b"".join(parts)[:-1], size)
    refused(header + b"".join(parts) + b"x", size)
    refused(header, size)
    refused(header[:10], size)
    refused(b"", size)


def test_segments_of_another_copy_object_or_key_are_refused():
    content = os.urandom(2 * SEGMENT)
    header, parts = pieces(content)
    other_header, other_parts = pieces(content)  # the same bytes, the same key, encrypted once more
    refused(header + parts[0] + other_parts[1], len(content))
    refused(other_header + b"".join(parts), len(content))
    refused(header + b"".join(parts), len(content), of=UUID(int=7))
    refused(header + b"".join(parts), len(content), key=bytes(32))
    assert opened(header + b"".join(parts), len(content)).read() == content


def test_an_empty_object_is_proven_too():
    stored = sealed(b"").read()
    assert len(stored) == HEADER + TAG
    assert opened(stored, 0).read() == b""
    refused(stored[:-1], 0)
    refused(stored[:HEADER], 0)
    refused(stored, 0, key=bytes(32))


def test_a_part_is_the_same_as_a_slice_of_the_whole():
    size = 20 * SEGMENT + 100
    content = os.urandom(size)
    stored = sealed(content).read()
    edges = sorted({edge + step for edge in (0, SEGMENT, 2 * SEGMENT, 16 * SEGMENT, 20 * SEGMENT, size) for step in (-1, 0, 1)})  # fmt: skip
    for start in [edge for edge in edges if edge >= 0]:
        for length in (0, 1, 15, SEGMENT - 1, SEGMENT, SEGMENT + 1, 5 * SEGMENT, size, None):
            wanted = content[start : None if length is None else start + length]
            assert opened(stored, size, start=start, length=length).read() == wanted, (start, length)


def test_a_part_asks_the_store_for_its_own_segments_and_the_header_only():
    size = 100 * SEGMENT
    content = os.urandom(size)
    there = Counting(sealed(content).read())
    got = buffered(
        Decrypting(there.open, KEY, OBJECT, size=size, start=50 * SEGMENT + 10, length=SEGMENT)
    ).read()
    assert got == content[50 * SEGMENT + 10 : 51 * SEGMENT + 10]
    assert there.asked == [(0, HEADER), (HEADER + 50 * STORED_SEGMENT, 2 * STORED_SEGMENT)]
    there.asked.clear()
    buffered(Decrypting(there.open, KEY, OBJECT, size=size, start=5, length=10)).read()
    assert there.asked == [(0, HEADER + STORED_SEGMENT)]


@pytest.mark.parametrize(
    "changed", [{"size": 99}, {"size": 101}, {"sha256": "0" * 64}, {"size": 3 * SEGMENT}, {"size": 0}]
)
def test_a_source_that_is_another_one_is_refused_before_the_end_is_given(changed):
    reader, given = sealed(b"x" * 100, **changed), b""
    with pytest.raises(StorageFailed) as fault:
        while block := reader.read(10):
            given += block
    assert fault.value.kind == "changed"
    assert len(given) < stored_size(100)


def test_a_large_source_that_changed_in_its_middle_is_refused():
    content = bytearray(os.urandom(40 * SEGMENT))
    digest = hashlib.sha256(content).hexdigest()
    content[20 * SEGMENT] ^= 1
    with pytest.raises(StorageFailed):
        sealed(bytes(content), sha256=digest).read()


def test_memory_does_not_grow_with_the_object():
    class Endless(io.RawIOBase):
        left = 60 * 1024 * 1024

        def read(self, amount=-1):
            block = bytes(min(amount, self.left))
            self.left -= len(block)
            return block

    digest = hashlib.sha256(bytes(Endless.left)).hexdigest()
    reader = Encrypting(Endless(), KEY, OBJECT, size=Endless.left, sha256=digest)
    tracemalloc.start()
    while reader.read(1024 * 1024):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * 1024 * 1024


@pytest.mark.parametrize("size", SIZES)
def test_a_few_bytes_are_sealed_and_unsealed_whole(size):
    content = os.urandom(size)
    sealed_bytes = segments.seal(content, KEY, OBJECT)
    assert segments.clear_size(len(sealed_bytes)) == size
    assert segments.unseal(sealed_bytes, KEY, OBJECT) == content
    for spoilt in (
        sealed_bytes[:-1],
        sealed_bytes + b"x",
        b"",
        sealed_bytes[:HEADER],
        b"x" * len(sealed_bytes),
    ):
        with pytest.raises(StorageFailed):
            segments.unseal(spoilt, KEY, OBJECT)
