"""What may be appraised, what opinions add up to, how large a sample. Pure. (What an extension must be:
`archive.periods.extension_fault`.)

Order 3 (2009), article 11: a group of four kinds of members states an opinion; a period that was set too short is set
anew. Between two periods the longer one holds. Falling due permits appraisal, nothing else.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil

from archive import periods
from archive.states import RECORD_STATES
from retention.states import MEMBER_KINDS

EXTEND, DESTROY = "extend", "destroy"
LEAST_SAMPLE = 3


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A record on its way into an appraisal. `blocks`, `listed` in words: what holds it, where it already stands."""

    state: str
    due_on: date | None
    retention: str
    retention_key: str
    settled: bool
    blocks: Sequence[str] = ()
    listed: Sequence[str] = ()


def entry_faults(candidate: Candidate, on: date) -> list[str]:
    """Why this record may not enter an appraisal on that day; empty = it may. Each says what to do."""
    faults = []
    if candidate.state != "archived":
        faults.append(f"目前是“{RECORD_STATES[candidate.state]}”，只有在管的档案可以鉴定")
    if candidate.due_on is None:
        faults.append(f"保管期限是{candidate.retention}，不会到期，不必鉴定")
    elif candidate.due_on > on:
        faults.append(f"保管期限未满，{candidate.due_on.isoformat()} 起才可鉴定")
    if not candidate.settled:
        faults.append(
            f"期限类项 {candidate.retention_key} 暂定、未知或只有一个来源，请档案负责人先在“保管期限”中写明依据予以确认"
        )
    faults += [f"{words}，请先办结或解除" for words in candidate.blocks]
    faults += [f"已在{words}中，请先办结" for words in candidate.listed]
    return faults


@dataclass(frozen=True)
class Vote:
    """What one member says of one record."""

    kind: str
    result: str
    period: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Outcome:
    """`result` "" = undecided; then `missing` names the kinds of members who have not spoken."""

    result: str
    period: str = ""
    reason: str = ""
    missing: tuple[str, ...] = ()


def outcome(votes: Iterable[Vote]) -> Outcome:
    """Any member for extending decides, with the longest period named; destroying needs all four kinds."""
    votes = list(votes)
    extending = [vote for vote in votes if vote.result == EXTEND]
    if extending:
        longest = periods.longest([vote.period for vote in extending])
        deciding = next(vote for vote in extending if vote.period == longest)
        return Outcome(EXTEND, longest, deciding.reason)
    spoken = {vote.kind for vote in votes}
    missing = tuple(name for kind, name in MEMBER_KINDS.items() if kind not in spoken)
    if missing:
        return Outcome("", missing=missing)
    return Outcome(DESTROY, reason="；".join(dict.fromkeys(vote.reason for vote in votes))[:300])


def missing_kinds(kinds: Iterable[str]) -> list[str]:
    """The kinds of members that a group still lacks, by name."""
    present = set(kinds)
    return [name for kind, name in MEMBER_KINDS.items() if kind not in present]


def sample_size(count: int, percent: int) -> int:
    """How many of `count` records must have been opened for one opinion on all of them."""
    return min(count, max(LEAST_SAMPLE, ceil(count * percent / 100)))


def totals(outcomes: Mapping[object, Outcome]) -> dict[str, int]:
    """How many are to be extended, destroyed, and are undecided (under "")."""
    counts = {EXTEND: 0, DESTROY: 0, "": 0}
    for one in outcomes.values():
        counts[one.result] += 1
    return counts
