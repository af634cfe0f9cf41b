"""What is underway to a landing place (`s3_landing`): one package in numbered parts. Knows no server."""

from dataclasses import dataclass

PART_BYTES = 16 * 1024 * 1024
"""Bytes of every part but the last; servers take none under 5 MB, and no more than 10,000."""


@dataclass(frozen=True)
class Upload:
    """`parts` are numbered from 1."""

    key: str
    id: str
    bytes: int

    @property
    def parts(self) -> int:
        return max(1, -(-self.bytes // PART_BYTES))

    def bytes_of(self, number: int) -> int:
        return PART_BYTES if number < self.parts else self.bytes - (self.parts - 1) * PART_BYTES
