"""Names for everything that leaves the database.

Time-ordered UUIDs (RFC 9562 version 7): they sort by birth, so indexes stay compact, and they tell nothing
about how many there are. Database sequence numbers never appear in URLs, keys or manifests (design §4).
"""

import os
import time
import uuid


def new_id() -> uuid.UUID:
    """A fresh version-7 UUID: 48 bits of milliseconds, then random bits."""
    stamp = time.time_ns() // 1_000_000
    value = (stamp << 80) | int.from_bytes(os.urandom(10), "big")
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return uuid.UUID(int=value)
