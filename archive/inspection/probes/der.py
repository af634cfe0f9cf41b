"""Walk DER without a schema: makers of seals leave parts out and add others. Runs inside the fenced child.

What is no DER raises ValueError; the caller says what that means.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from asn1crypto import parser

SEQUENCE, SET, INTEGER, BITS, OCTETS, OID = 16, 17, 2, 3, 4, 6
UTC_TIME, GENERALIZED_TIME = 23, 24
MOST_CHILDREN = 10_000


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
        numbers, value = [], 0
        for byte in self.body:
            value = value << 7 | byte & 0x7F
            if not byte & 0x80:
                numbers.append(value)
                value = 0
        if not numbers:
            raise ValueError("empty OID")
        first = min(numbers[0] // 40, 2)
        return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:]]))

    def moment(self) -> datetime:
        """UTCTime or GeneralizedTime, always in UTC."""
        text = self.body.decode("ascii")
        if self.tag == UTC_TIME:
            text = ("20" if int(text[:2]) < 50 else "19") + text
        return datetime.strptime(text[:14].rstrip("Z").ljust(14, "0"), "%Y%m%d%H%M%S").replace(tzinfo=UTC)

    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


def elements(data: bytes) -> list[Node]:
    found: list[Node] = []
    start = 0
    while start < len(data):
        if len(found) >= MOST_CHILDREN:
            raise ValueError("too many elements")
        kind, _, tag, header, body, trailer = parser.parse(data[start:], strict=False)
        raw = header + body + trailer
        found.append(Node(tag, kind == 2, raw, body))
        start += len(raw)
    return found


def only(data: bytes) -> Node:
    """The one element that `data` is. Raises ValueError when there is none, or something behind it."""
    found = elements(data)
    if len(found) != 1:
        raise ValueError("not one element")
    return found[0]
