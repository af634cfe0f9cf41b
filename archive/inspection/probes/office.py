"""Office documents (OOXML, ODF, the old binary ones) and plain zip files: whole, not a bomb, no macros.

Runs inside the fenced child. The content is not interpreted: a page count would be a guess.
"""

import os
import shutil
import zipfile
import zlib

from . import formulas, ole
from .report import Report

MOST_ENTRIES, MOST_BYTES, MOST_RATIO, RATIO_FROM = 20_000, 1 << 30, 100, 10 << 20
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
CHUNK = 1 << 20
MOST_EXTRACTED = 200


def open_and_report(report: Report, path: str, extract_to: str | None = None) -> None:
    """Members of a plain zip, and documents embedded in a document, are written to `extract_to` and listed."""
    with open(path, "rb") as file:
        head = file.read(8)
    if head == OLE:
        ole.open_and_report(report, path)
        return
    entries = check_zip(report, path)
    if report.kind == "zip":
        report.say("zip")
        if entries is not None:
            report.details["entries"] = len(entries)
            _extract(report, path, entries, extract_to)
        return
    if entries is None:
        return
    formulas.of_zip(report, path, entries)
    names = {entry.filename for entry in entries}
    if any(
        name.endswith("vbaProject.bin") or name.startswith(("Basic/", "xl/macrosheets/")) for name in names
    ):
        report.say("macro")
    if any("/embeddings/" in name or name.startswith("ObjectReplacements/") for name in names):
        report.say("embedded-object")
        embedded = [entry for entry in entries if "/embeddings/" in entry.filename]
        _extract(report, path, embedded, extract_to)


def _extract(report: Report, path: str, entries: list[zipfile.ZipInfo], extract_to: str | None) -> None:
    """Under names of our own: what an entry calls itself never becomes a path."""
    files = [entry for entry in entries if not entry.is_dir()]
    if extract_to is None or not files:
        return
    os.makedirs(extract_to, mode=0o700, exist_ok=True)
    with zipfile.ZipFile(path) as archive:
        for number, entry in enumerate(files[:MOST_EXTRACTED]):
            target = os.path.join(extract_to, f"{number}.bin")
            with archive.open(entry) as source, open(target, "wb") as sink:
                shutil.copyfileobj(source, sink, CHUNK)
            report.attachments.append(
                {"name": entry.filename[-120:], "bytes": entry.file_size, "path": target}
            )
    if len(files) > MOST_EXTRACTED:
        report.say("too-deep", f"{len(files)} 个文件")


def check_zip(report: Report, path: str) -> list[zipfile.ZipInfo] | None:
    """The entries after every one was read through; None, with a fault said, when that is not possible."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            total = sum(entry.file_size for entry in entries)
            if len(entries) > MOST_ENTRIES or total > MOST_BYTES:
                report.say("zip-bomb", f"{len(entries)} 个条目，展开 {total} 字节")
                return None
            for entry in entries:
                if entry.flag_bits & 1:
                    report.say("encrypted-user", entry.filename)
                    return None
                if entry.file_size > RATIO_FROM and entry.file_size > entry.compress_size * MOST_RATIO:
                    report.say("high-compression", f"{entry.filename}：{entry.file_size} 字节")
                _read_through(archive, entry)
            return entries
    except NotImplementedError as fault:
        report.say("closed-compression", fault)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError, OSError) as fault:
        report.say("unreadable", f"{type(fault).__name__}：{str(fault)[:80]}")
    return None


def _read_through(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    with archive.open(entry) as stream:
        while stream.read(CHUNK):
            pass
