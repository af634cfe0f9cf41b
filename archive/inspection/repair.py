"""One correction round: what is of the wrong form is left out, so that everything else can be judged in the same go.

Pure. `usable` answers with the rest of a submission and says which findings must then not be made, because they
would only speak of what was left out; or None when nothing reliable is left to judge by.
"""

import copy
import re
from collections.abc import Callable, Sequence
from typing import Any

from .base import Finding

NEEDED = ("format", "source", "item", "handled_on", "fields", "submission.json")
"""Without one of these neither the item nor its rules are known."""
INSTEAD: dict[str, Any] = {"business_no": "？", "revision": 1, "process": [], "system": {}, "materials": []}
"""What stands for a broken value that the checks rely on; everything else may simply be absent."""
SILENCED = {
    "persons": {"X-IDENTITY", "X-PARTIES"},
    "unit": {"X-CREDIT", "X-PARTIES"},
    "process": {"GD-2-5"},
    "materials": {"GD-1-10", "GD-1-11", "GD-2-7", "GD-2-9", "X-PAGES"},
    "lines": {"X-PARTIES"},
}
"""Checks that cannot speak when the whole of that key was left out."""

_TOP = re.compile(r"[A-Za-z_.]+")
_LEAF = re.compile(r"materials\[(\d+)\]\.files\[(\d+)\]\.(\w+)")

Silent = Callable[[Finding], bool]


def usable(submission: dict[str, Any], faults: Sequence[Finding]) -> tuple[dict[str, Any], Silent] | None:
    """(the submission without what `faults` name, which findings not to make). `faults`: the failed findings of
    `structure.structure_findings`."""
    places = dict.fromkeys(row.field or "submission.json" for row in faults)
    keys = {_key_of(place) for place in places}
    if not keys.isdisjoint(NEEDED):
        return None
    rest = copy.deepcopy(submission)
    whole = keys - {"materials"}
    for place in places:
        if _key_of(place) == "materials" and not _drop_leaf(rest, place):
            whole.add("materials")
    for key in whole:
        rest.pop(key, None)
        if key in INSTEAD:
            rest[key] = copy.copy(INSTEAD[key])
    checks = set().union(*(SILENCED.get(key, set()) for key in whole))

    def silent(row: Finding) -> bool:
        return row.check in checks or bool(row.field) and (_key_of(row.field) in whole or row.field in places)

    return rest, silent


def _key_of(place: str) -> str:
    found = _TOP.match(place)
    key = found.group() if found else place
    return key if key == "submission.json" else key.split(".")[0]


def _drop_leaf(submission: dict[str, Any], place: str) -> bool:
    """Take out one value of one file entry; False where it is no such value, or one that the entry is known by."""
    found = _LEAF.fullmatch(place)
    if not found or found[3] == "path":
        return False
    submission["materials"][int(found[1])]["files"][int(found[2])].pop(found[3], None)
    return True
