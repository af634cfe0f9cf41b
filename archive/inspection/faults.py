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


def judge(
    check: Check, package: Package, table: dict[str, Meaning], *, inside: str | None = "failed"
) -> Iterator[Finding]:
    """`inside`: the worst that a file inside a file may be judged to be, where the outer one is whole without it; None
    passes it over."""
    for path, file in package.files.items():
        for label, probe in opened(path, file):
            for kind, details in by_kind(probe).items():
                if kind not in table:
                    continue
                meaning = table[kind]
                count = f"（共 {len(details)} 处）" if len(details) > 1 else ""
                outer = label == path
                if not outer and inside is None:
                    continue
                yield check.finding(
                    meaning.verdict if outer or meaning.verdict == "warning" else inside,
                    f"{label}：{meaning.sentence}{count}。{meaning.remedy}",
                    file=path,
                    value=shown("；".join(details[:3])),
                    rule=meaning.rule or check.name,
                )


def opened(path: str, file: MeasuredFile) -> Iterator[tuple[str, dict]]:
    """The file itself and everything that was opened inside it: (label, probe)."""
    yield path, file.probe
    for inner in file.inner:
        yield f"{path} 内的“{shown(inner['name'])}”", inner["probe"]


def by_kind(probe: dict) -> dict[str, list[str]]:
    kinds: dict[str, list[str]] = {}
    for fault in probe.get("faults", ()):
        kinds.setdefault(fault["kind"], []).append(fault["detail"])
    return kinds


def shown(value: str) -> str | None:
    """A value fit for a report: short, numbers of persons masked; None when there is nothing to show."""
    return privacy.mask_text(value)[:200] or None
