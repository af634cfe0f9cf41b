"""The words of an examination and the register of checks.

A check is a function `(package) -> Iterable[Finding]`, registered under one id with its property, stages and
severity. It yields what it found and never raises for bad input: foreign bytes were opened before, in the
fenced child (`fence.py`), and lie here as `MeasuredFile`. Nothing yielded = passed: the runner adds the row.
Ids follow DA/T 70-2018 (GD-…); ours begin with X-.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from archive import terms


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One row of a report, exactly as `submission-format` prints it.

    `value` is masked where the field is personal; `message` is one plain Chinese sentence: what, where, why,
    and what to do.
    """

    check: str
    property: str  # a key of terms.PROPERTIES
    verdict: str  # a key of terms.VERDICTS
    file: str | None = None
    field: str | None = None
    value: str | None = None
    rule: str = ""
    message: str = ""
    pages: tuple[int, ...] = ()  # of `file`, from 1: those that this is about

    def as_dict(self) -> dict[str, Any]:
        """`pages` only where there are some: the keys of the others stand in the contract."""
        told = {
            "check": self.check, "property": self.property, "verdict": self.verdict, "file": self.file,
            "field": self.field, "value": self.value, "rule": self.rule, "message": self.message,
        }  # fmt: skip
        return told | ({"pages": list(self.pages)} if self.pages else {})


NAMED = 10


def pages_in_words(pages: Sequence[int]) -> str:
    """第 2、5 页; of very many the first ones and how many there are."""
    more = f" 等 {len(pages)}" if len(pages) > NAMED else ""
    return f"第 {'、'.join(map(str, pages[:NAMED]))}{more} 页"


@dataclass(kw_only=True)
class MeasuredFile:
    """What was measured from the bytes of one payload file; nothing here is taken from a declaration."""

    path: str  # inside the bag, "data/…"
    bytes: int
    sha256: str
    sm3: str
    puid: str | None = None  # PRONOM, or "ofd" by our own rule
    format: str | None = None
    mime: str | None = None
    pages: int | None = None  # None where the format has none
    text: str = ""  # text layer, cut at TEXT_LIMIT
    cells: list[list] = field(default_factory=list)  # the same in pieces with their places: probes/cells.py
    probe: dict[str, Any] = field(default_factory=dict)  # what the fenced child reported: see probes/
    location: Path | None = None  # where the bytes lie now, for the virus scanner
    inner: list[dict[str, Any]] = field(
        default_factory=list
    )  # what was opened inside: {"name", "path", "probe"}


@dataclass(kw_only=True)
class Package:
    """Everything a check may look at."""

    root: Path | None  # the unpacked bag; None when a plain file is examined
    submission: dict[str, Any] | None  # submission.json as parsed, None when there is none
    files: dict[str, MeasuredFile] = field(default_factory=dict)  # by path
    bag: dict[str, Any] = field(default_factory=dict)  # what the fenced child says of the bag itself
    pack: Any = None  # profiles.Pack valid on handled_on, or None
    item: Any = None  # profiles.Item, or None
    today: date | None = None
    facts: dict[str, Any] = field(
        default_factory=dict
    )  # what the caller knows: known fonds, duplicates, scanner


@dataclass(frozen=True, kw_only=True)
class Check:
    id: str
    property: str
    name: str
    function: Callable[[Package], Iterable[Finding]]
    stages: tuple[str, ...]  # 归档 / 移交与接收 / 长期保存
    severity: str  # what its finding usually is: failed, warning, manual
    needs: str  # "package" | "submission" | "bag" | "file": what must be there for it to run

    def finding(self, verdict: str, message: str, **more: Any) -> Finding:
        return Finding(check=self.id, property=self.property, verdict=verdict, message=message, **more)


CHECKS: dict[str, Check] = {}


def check(
    id: str,
    property: str,
    name: str,
    *,
    stages: tuple[str, ...] = ("归档", "移交与接收", "长期保存"),
    severity: str = "failed",
    needs: str = "package",
):
    """Register a check. The function receives (check, package) and yields `check.finding(...)`.

    `needs`: "package" = a submission.json and a known item; "submission" = a submission.json, whatever is in it;
    "bag" = any bag; "file" = any file at all, also a plain one given to `examine`.
    """
    if property not in terms.PROPERTIES:
        raise ValueError(property)

    def register(function):
        if id in CHECKS:
            raise ValueError(f"check {id} registered twice")
        entry = Check(
            id=id,
            property=property,
            name=name,
            function=function,
            stages=stages,
            severity=severity,
            needs=needs,
        )
        CHECKS[id] = entry
        return function

    return register


def run(package: Package, *, stage: str = "归档") -> list[Finding]:
    """Run every check of `stage` whose needs are met, in the order of their ids; passed ones included.

    `facts["silent"]` (see `repair.py`) names findings not to make; a check left without any was not run.
    """
    findings: list[Finding] = []
    silent = package.facts.get("silent") or (lambda row: False)
    for entry in sorted(CHECKS.values(), key=lambda c: c.id):
        if stage not in entry.stages or not _needs_met(entry.needs, package):
            continue
        made = list(entry.function(entry, package))
        found = [row for row in made if not silent(row)]
        if made and not found:
            message = f"{entry.name}：有关的元数据不合格式，未作检测。"
            found = [entry.finding("not-run", message, rule=entry.name)]
        findings += found or [entry.finding("passed", f"{entry.name}：符合要求。", rule=entry.name)]
    return findings


def _needs_met(needs: str, package: Package) -> bool:
    if needs == "package":
        return package.submission is not None and package.item is not None
    if needs == "submission":
        return package.submission is not None
    if needs == "bag":
        return package.root is not None
    return True
