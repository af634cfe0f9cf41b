"""Readers that do not believe what they are given: too slow, too short, too long, another."""

import hashlib
import io

import pytest

from archive.errors import StorageFailed
from archive.storage import reading

CONTENT = bytes(range(256)) * 5000


def proven(content: bytes, size: int = len(CONTENT)):
    return reading.proven("main", io.BytesIO(content), size, hashlib.sha256(CONTENT).hexdigest())


def test_the_right_bytes_are_given_whole_however_they_are_asked_for():
    assert proven(CONTENT).read() == CONTENT
    with proven(CONTENT) as stream:
        assert b"".join(iter(lambda: stream.read(1000), b"")) == CONTENT


@pytest.mark.parametrize(
    "content", [CONTENT[:-1], CONTENT + b"x", b"x" + CONTENT[1:], CONTENT[:-1] + b"x", b""],
    ids=["shorter", "longer", "first byte", "last byte", "nothing"],
)  # fmt: skip
def test_other_bytes_never_reach_an_end(content):
    got = []
    with pytest.raises(StorageFailed, match="main") as fault, proven(content) as stream:
        while block := stream.read(100_000):
            got.append(block)
    assert fault.value.kind == "changed" and sum(map(len, got)) < len(CONTENT)


class Answer:
    """What botocore hands out, as far as `Body` asks it: pieces, and a clock that moves while one waits for them."""

    def __init__(self, pieces: list[bytes], clock: list[float], seconds: float = 0) -> None:
        self.pieces, self.clock, self.seconds, self.closed = pieces, clock, seconds, False
        self._raw_stream = self

    def read1(self, amount: int) -> bytes:
        self.clock[0] += self.seconds
        if not self.pieces:
            return b""
        piece, self.pieces[0] = self.pieces[0][:amount], self.pieces[0][amount:]
        if not self.pieces[0]:
            self.pieces.pop(0)
        return piece

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(reading.time, "monotonic", lambda: now[0])
    return now


def test_a_body_is_given_as_it_comes_and_closed_with_its_reader(clock):
    answer = Answer([b"one", b"two" * 1000], clock)
    with io.BufferedReader(reading.Body(answer, 3003, 60), 100) as stream:
        assert stream.read() == b"one" + b"two" * 1000
    assert answer.closed


def test_a_body_that_ends_early_is_no_whole_one(clock):
    with pytest.raises(reading.TooShort):
        io.BufferedReader(reading.Body(Answer([b"half"], clock), 8, 60)).read()


def test_a_byte_now_and_then_is_waited_for_no_longer_than_an_answer_may_take(clock):
    answer = Answer([b"x"] * 1000, clock, seconds=1)
    with pytest.raises(reading.TooSlow):
        io.BufferedReader(reading.Body(answer, 1000, 60)).read()
    assert clock[0] == 61


def test_a_slow_line_that_goes_on_is_waited_for(clock):
    answer = Answer([bytes(reading.SLOWEST)] * 300, clock, seconds=1)
    assert (
        len(io.BufferedReader(reading.Body(answer, 300 * reading.SLOWEST, 60)).read())
        == 300 * reading.SLOWEST
    )


def test_the_time_that_a_reader_takes_itself_is_not_the_servers(clock):
    stream = reading.Body(Answer([b"x"] * 1000, clock), 1000, 60)
    for _ in range(1000):
        clock[0] += 10  # a browser on a slow line
        assert stream.read(1) == b"x"
