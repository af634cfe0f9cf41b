"""doctor: every part that the archive stands on, tried out. For the command, and for a page of the system's state.

Each part is one small function; none raises for what it is meant to find.
"""

from collections.abc import Iterable, Iterator

from config.doctor import inside, keys, outside, trust
from config.doctor.part import Look, Part, guarded

__all__ = ["Part", "examine", "status"]

ESSENTIAL = ("database", "keys")
"""Without these nothing works at all: exit status 3 instead of 1."""
PARTS: list[tuple[str, Look]] = [
    ("python", inside.python), ("settings", inside.configuration), ("database", inside.database),
    ("triggers", inside.trigger_rules), ("roles", inside.roles), ("keys", inside.keys),
    ("object-keys", keys.object_key_parts),
    ("store", outside.object_stores), ("staging", inside.staging),
    ("search", inside.search), ("jobs", inside.queue), ("outbox", inside.outbox), ("backup", inside.backup), ("clamd", outside.virus_scan),
    ("fonts", outside.chinese_font), ("pronom", outside.identification), ("typst", outside.typesetting),
    ("verapdf", outside.pdfa_validation), ("ocr", outside.text_recognition),
    ("trust", trust.trusted_roots),
]  # fmt: skip
"""In the order of what depends on what."""


def examine() -> Iterator[Part]:
    """Try out every part."""
    for name, look in PARTS:
        yield from guarded(name, look)


def status(parts: Iterable[Part]) -> int:
    """The exit status: 3 = cannot work at all, 1 = something failed, 0 = warnings at most."""
    failed = [part.part for part in parts if part.state == "failed"]
    return 3 if any(name in ESSENTIAL for name in failed) else 1 if failed else 0
