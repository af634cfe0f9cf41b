"""Every sample file through `examine`: what was expected, what came out. `python -m tests.samples_table [FILE]`.

The samples stand beside the project (`../shared/samples`) with their manifest; without them this says so and
does nothing. Writes docs/samples.md, or FILE.
"""

import csv
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from archive.inspection.examine import examine_all
from archive.inspection.fence import Fence
from archive.inspection.verapdf import VeraPdf

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT.parent / "shared" / "samples"


REASONS = {
    "ofd/d033_keyword.ofd": "Its two signatures do not hold: the digests of OFD.xml, Document.xml and the page differ from "
    "those that were signed (the file was edited after signing). The manifest looked at the structure only.",
    "pdf-broken/d073_issue-1688b.pdf": "The only content stream of its page cannot be decoded (its predictor asks for "
    "536,870,913 colours). Readers show an empty page; whether something was there nobody can tell.",
}
"""Why a sample is judged otherwise than its manifest expects, and stays so."""


def rows() -> list[dict[str, str]]:
    """The manifest; empty when there are no samples."""
    manifest = SAMPLES / "manifest.csv"
    if not manifest.exists():
        return []
    with manifest.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def agrees(expected: str, result: dict) -> bool:
    """`reject_or_flag` allows either; `accept_not_pdfa` = accepted (a refuted claim may be a warning), no PDF/A."""
    if expected == "accept_not_pdfa":
        return result["verdict"] in ("accept", "flag") and result["pdfa"] is None
    return result["verdict"] in expected.split("_or_")


def trusted() -> list[str]:
    """The root that made the certificates of the signed samples."""
    pem = (SAMPLES / "ofd-signed" / "test-ca.pem").read_text()
    return ["".join(line for line in pem.splitlines() if "-----" not in line)]


def validator() -> VeraPdf | None:
    """veraPDF, where VERAPDF_JAR names it."""
    jar = os.environ.get("VERAPDF_JAR", "")
    return VeraPdf(jar) if jar else None


def results(verapdf: VeraPdf | None = None) -> Iterator[tuple[dict[str, str], dict, float]]:
    facts = {"trusted": trusted()}
    asked = rows()
    with Fence() as fence:
        answers = examine_all((SAMPLES / row["path"] for row in asked), fence, facts=facts, verapdf=verapdf)
        for row in asked:
            start = time.perf_counter()
            yield row, next(answers), time.perf_counter() - start


def table() -> str:
    lines, misses, right, per_folder = [], [], 0, {}
    for row, result, _ in results(verapdf := validator()):
        good = agrees(row["expected_verdict"], result)
        right += good
        folder = row["path"].split("/")[0]
        per_folder.setdefault(folder, [0, 0])
        per_folder[folder][0] += good
        per_folder[folder][1] += 1
        told = sorted(
            {f["check"] for f in result["findings"] if f["verdict"] in ("failed", "warning", "manual")}
        )
        misses += [] if good else [f"- `{row['path']}`: {REASONS.get(row['path'], 'not explained yet')}"]
        lines.append(
            f"| {row['path']} | {row['expected_verdict']} | {result['verdict']} | {'' if good else '✗'} "
            f"| {result['puid'] or ''} | {' '.join(told)} |"
        )
    folders = [f"| {folder} | {good} | {count} |" for folder, (good, count) in per_folder.items()]
    return "\n".join(
        [
            "# Samples: expected and found",
            "",
            "Made by `make samples` from the sample files that stand beside the project, their test root trusted. No virus",
            f"scanner took part; PDF/A was {'validated by veraPDF' if verapdf else 'not validated (no VERAPDF_JAR)'}.",
            "",
            f"{right} of {len(lines)} as expected.",
            "",
            *misses,
            "",
            "| folder | as expected | of |",
            "|---|---|---|",
            *folders,
            "",
            "| file | expected | found | | puid | checks that spoke |",
            "|---|---|---|---|---|---|",
            *lines,
            "",
        ]
    )


def main() -> int:
    if not rows():
        print("No samples beside the project; nothing to do.")
        return 0
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "samples.md"
    target.write_text(table(), encoding="utf-8")
    print(target.read_text(encoding="utf-8").split("\n| file", 1)[0])
    return 0


if __name__ == "__main__":
    sys.exit(main())
