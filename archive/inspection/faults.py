"""From what a probe reported to findings: one table per room says what each kind of fault means. Pure.

`judge(check, package, table)` yields one finding per file and kind; repeated details are counted, not listed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from archive import privacy

from .base import Check, Finding, MeasuredFile, Package


@dataclass(frozen=True)
class Meaning:
    """`sentence` continues the file's name; `remedy` says what to do."""

    verdict: str
    sentence: str
    remedy: str
    rule: str = ""


def judge(check: Check, package: Package, table: dict[str, Meaning]) -> Iterator[Finding]:
    for path, file in package.files.items():
        for kind, details in by_kind(file).items():
            if kind not in table:
                continue
            meaning = table[kind]
            count = f"（共 {len(details)} 处）" if len(details) > 1 else ""
            yield check.finding(
                meaning.verdict,
                f"{path}：{meaning.sentence}{count}。{meaning.remedy}",
                file=path,
                value=shown("；".join(details[:3])),
                rule=meaning.rule or check.name,
            )


def by_kind(file: MeasuredFile) -> dict[str, list[str]]:
    kinds: dict[str, list[str]] = {}
    for fault in file.probe.get("faults", ()):
        kinds.setdefault(fault["kind"], []).append(fault["detail"])
    return kinds


def shown(value: str) -> str | None:
    """A value fit for a report: short, numbers of persons masked; None when there is nothing to show."""
    return privacy.mask_text(value)[:200] or None
