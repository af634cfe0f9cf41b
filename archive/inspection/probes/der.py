"""Walk DER without a schema: makers of seals leave parts out and add others. Runs inside the fenced child.

What is no DER raises ValueError; the caller says what that means. Only what is asked for is read, one level at a time,
so that neither depth nor number of elements costs more than the bytes themselves.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

SEQUENCE, SET, INTEGER, BITS, OCTETS, OID = 16, 17, 2, 3, 4, 6
UTC_TIME, GENERALIZED_TIME = 23, 24
MOST_CHILDREN = 10_000
MOST_DEPTH = 32
"""Of elements without a stated length, which can only be read by reading what is in them."""
LONGEST_OID = 64
COSTLY_OID = 8192
"""Bytes that begin to cost another's parser time. Below it nothing is refused by `check`: the value of a signature is
random, and one in a few hundred looks like an object id."""
MOST_ELEMENTS = 500_000
MOMENT = re.compile(r"(\d{14})(?:[.,]\d+)?(?:Z|([+-])(\d\d)(\d\d))?", re.ASCII)


@dataclass(frozen=True)
class Node:
    """One element: `raw` with its header, `body` without. `context`: a tag of the place, not of the type."""

    tag: int
    context: bool
    raw: bytes
    body: bytes

    def children(self) -> list["Node"]:
        return elements(self.body)

    def is_context(self, tag: int) -> bool:
        return self.context and self.tag == tag

    def integer(self) -> int:
        return int.from_bytes(self.body, "big", signed=True)

    def bits(self) -> bytes:
        """The bytes of a BIT STRING without its count of unused bits."""
        return self.body[1:]

    def dotted(self) -> str:
        if not 0 < len(self.body) <= LONGEST_OID:
            raise ValueError("no OID")
        numbers, value = [], 0
        for byte in self.body:
            value = value << 7 | byte & 0x7F
            if not byte & 0x80:
                numbers.append(value)
                value = 0
        if self.body[-1] & 0x80:
            raise ValueError("cut OID")
        first = min(numbers[0] // 40, 2)
        return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:]]))

    def moment(self) -> datetime:
        """UTCTime or GeneralizedTime, always in UTC."""
        text = self.body[:40].decode("ascii")
        if self.tag == UTC_TIME:
            text = ("20" if int(text[:2]) < 50 else "19") + text
        found = MOMENT.fullmatch(text)
        if found is None:
            raise ValueError("no time")
        moment = datetime.strptime(found[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        if found[2]:
            ahead = timedelta(hours=int(found[3]), minutes=int(found[4]))
            moment = moment - ahead if found[2] == "+" else moment + ahead
        return moment

    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


def elements(data: bytes) -> list[Node]:
    found: list[Node] = []
    start = 0
    while start < len(data):
        if len(found) >= MOST_CHILDREN:
            raise ValueError("too many elements")
        body, body_end, end = _extent(data, start)
        kind = data[start]
        found.append(Node(kind & 0x1F, kind >> 6 == 2, data[start:end], data[body:body_end]))
        start = end
    return found


def only(data: bytes) -> Node:
    """The one element that `data` is. Raises ValueError when there is none, or something behind it."""
    if not data or _extent(data, 0)[2] != len(data):
        raise ValueError("not one element")
    return elements(data)[0]


def padded(data: bytes) -> bytes:
    """The one element at the start, where nothing but zeros follows: so it lies in the room that a PDF keeps for it.
    Raises ValueError."""
    end = _extent(data, 0)[2]
    if data[end:].strip(b"\0"):
        raise ValueError("something behind the element")
    return data[:end]


def check(data: bytes) -> None:
    """Raises ValueError for what would keep a parser busy for minutes: object ids of a megabyte, whose numbers cost
    the square of their length, wherever they stand. What is no DER is left to the parser."""
    waiting, seen = [(0, len(data))], 0
    while waiting:
        at, end = waiting.pop()
        while at < end:
            try:
                body, body_end, after = _extent(data, at)
            except ValueError:
                break
            kind, at = data[at], after
            if kind == 0:  # the padding behind a signature in a PDF
                break
            seen += 1
            if seen > MOST_ELEMENTS:
                raise ValueError("too many elements")
            if kind == OID and body_end - body > COSTLY_OID:
                raise ValueError("OID too long")
            if kind & 0x20 or kind == OCTETS:  # extensions are DER inside octets
                waiting.append((body, min(body_end, end)))


def _extent(data: bytes, start: int, depth: int = 0) -> tuple[int, int, int]:
    """Where the body of the element at `start` begins and ends, and where the element ends."""
    if start + 2 > len(data) or data[start] & 0x1F == 0x1F:
        raise ValueError("no element")
    length, body = data[start + 1], start + 2
    if length == 0x80:
        return _without_length(data, start, depth)
    if length > 0x80:
        size = length & 0x7F
        length = int.from_bytes(data[body : body + size], "big")
        body += size
    if body + length > len(data):
        raise ValueError("longer than the data")
    return body, body + length, body + length


def _without_length(data: bytes, start: int, depth: int) -> tuple[int, int, int]:
    """As some writers of CMS do: the element ends with two zeros behind its last part."""
    if depth >= MOST_DEPTH or not data[start] & 0x20:
        raise ValueError("no length")
    at = start + 2
    for _ in range(MOST_CHILDREN):
        if data[at : at + 2] == b"\0\0":
            return start + 2, at, at + 2
        at = _extent(data, at, depth + 1)[2]
    raise ValueError("too many elements")
