"""From what a probe reported to findings: one table per room says what each kind of fault means. Pure.

`judge(check, package, table)` yields one finding per file and kind, with the pages it was found on; repeated details are
counted, not listed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from archive import privacy

from .base import Check, Finding, MeasuredFile, Package, pages_in_words


@dataclass(frozen=True)
class Meaning:
    """`sentence` continues the file's name; `remedy` says what to do."""

    verdict: str
    sentence: str
    remedy: str = ""
    rule: str = ""


def judge(
    check: Check, package: Package, table: dict[str, Meaning], *, inside: str | None = "failed"
) -> Iterator[Finding]:
    """`inside`: the worst that a file inside a file may be judged to be, where the outer one is whole without it; None
    passes it over."""
    for path, file in package.files.items():
        for label, probe in opened(path, file):
            for kind, found in by_kind(probe).items():
                if kind not in table:
                    continue
                meaning = table[kind]
                outer = label == path
                if not outer and inside is None:
                    continue
                pages = tuple(dict.fromkeys(fault["page"] for fault in found if "page" in fault))
                where = f"（{pages_in_words(pages)}）" if pages else ""
                where = where or (f"（共 {len(found)} 处）" if len(found) > 1 else "")
                details = [fault["detail"] for fault in found if fault["detail"]]
                yield check.finding(
                    inside if meaning.verdict == "failed" and not outer else meaning.verdict,
                    f"{label}：{meaning.sentence}{where}。{meaning.remedy}",
                    file=path,
                    value=shown("；".join(details[:3])),
                    rule=meaning.rule or check.name,
                    pages=pages if outer else (),  # those of a file inside are not of `file`
                )


def opened(path: str, file: MeasuredFile) -> Iterator[tuple[str, dict]]:
    """The file itself and everything that was opened inside it: (label, probe)."""
    yield path, file.probe
    for inner in file.inner:
        yield f"{path} 内的“{shown(inner['name'])}”", inner["probe"]


def by_kind(probe: dict) -> dict[str, list[dict]]:
    kinds: dict[str, list[dict]] = {}
    for fault in probe.get("faults", ()):
        kinds.setdefault(fault["kind"], []).append(fault)
    return kinds


def shown(value: str) -> str | None:
    """A value fit for a report: short, numbers of persons masked; None when there is nothing to show."""
    return privacy.mask_text(value)[:200] or None
