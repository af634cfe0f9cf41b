"""The pages that findings name, as pictures: small on the page, larger with the reader's mark.

Only a page that a finding of the newest examination names can be asked for, and never one of a file that did not pass a
check of safety. The package is unpacked and the page drawn behind the fence; the clean picture lies beside the work folder
until the package is examined again or filed. Who may see it was asked at the gate.
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archive import renditions
from archive.errors import NotFound
from archive.renditions import NotShown
from ingest import examination, staging
from ingest.models import FindingRow, Submission

MOST = 4
"""Pages of one finding that are shown; the rest look alike."""
LARGEST = 256 * 1024 * 1024
"""Bytes of a package that is unpacked for one picture."""
KINDS = {
    ".pdf": "pdf", ".jpg": "image", ".jpeg": "image", ".png": "image", ".tif": "image", ".tiff": "image",
    ".bmp": "image", ".webp": "image", ".gif": "image", ".jp2": "image",
}  # fmt: skip


def pages_of(finding: Mapping[str, Any]) -> list[int]:
    """The pages of its file that are shown for a finding, as a report tells it. They were counted in the child, so they
    may be anything."""
    named = finding.get("pages", []) if finding["verdict"] != "passed" else []
    return [page for page in named if type(page) is int and 0 < page <= renditions.MOST_PAGES][:MOST]


def unsafe(rows: list[FindingRow]) -> set[str]:
    """The files that did not pass a check of safety; "" among them = the package as a whole."""
    return {row.file for row in rows if row.property == "safety" and row.verdict == "failed"}


def of_findings(submission: Submission, rows: list[FindingRow]) -> dict[int, list[int]]:
    """Position of a finding → the pages that can be shown for it, as long as the package lies in the staging area."""
    if not submission.blob or submission.blob_bytes > LARGEST:
        return {}
    closed = unsafe(rows)
    if "" in closed:
        return {}
    open_rows = (row for row in rows if row.file not in closed and _kind(row.file))
    return {row.position: pages for row in open_rows if (pages := pages_of(row.as_dict()))}


def picture(
    submission: Submission, position: int, page: int, width: int, *, mark: str, plain_mark: str
) -> bytes:
    """JPEG. Raises NotFound for a page that no finding names or that is not to be shown, NotShown with the reason for one
    that cannot be drawn."""
    rows = list(submission.findings.order_by("position"))
    named = of_findings(submission, rows).get(position, [])
    if page not in named or width not in renditions.WIDTHS:
        raise NotFound(what="这一页")
    row = next(row for row in rows if row.position == position)
    kept = staging.pages_folder(submission.pk) / f"{submission.examinations}-{position}-{page}-{width}.jpg"
    with tempfile.TemporaryDirectory(prefix="finding-") as folder:
        if not kept.exists():
            _draw(submission, row, page, width, Path(folder), kept)
        if width == renditions.THUMB:  # nothing on it can be read
            return kept.read_bytes()
        return renditions.marked(kept, mark, plain_mark, Path(folder) / "marked.jpg")


def _draw(submission: Submission, row: FindingRow, page: int, width: int, folder: Path, kept: Path) -> None:
    bag, drawn = folder / "bag", folder / "drawn.jpg"
    bag.mkdir(mode=0o700)
    with staging.local_copy(submission.pk, submission.blob) as package:
        facts: dict[str, Any] = renditions.unpack(submission.pk, package, bag)
    paths = [path for path in facts["files"] if examination.shown_path(path) == row.file]
    if len(paths) != 1:
        raise NotShown(reason="包里找不到这份文件，或有几份的名称遮盖后相同。请下载原包查看。")
    renditions.draw(submission.pk, Path(facts["root"]) / paths[0], _kind(row.file), page, width, drawn)
    kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = kept.with_suffix(f".{os.getpid()}")
    part.write_bytes(drawn.read_bytes())
    part.replace(kept)  # whole or not at all: another request may read it


def _kind(path: str) -> str:
    return KINDS.get(Path(path).suffix.lower(), "")
