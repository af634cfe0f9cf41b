"""Unpack a package, or measure a folder, without trusting one byte of it. Runs inside the fenced child.

`unpack(source, destination, limits)` writes the files of a zip below `destination` (a folder is measured where
it lies), with their digests on the way, and answers with the facts of the bag (`bag.py`). Problems are
`{"kind", "path", "detail"}`; what a kind means and how it is judged stands in `archive/inspection/bags.py`.
`readable: False` with a `refusal` = not a package that can be examined at all.
"""

import hashlib
import lzma
import os
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from . import bag, mets, names

CHUNK = 1 << 20
ALWAYS = ("sha256", "sm3")
LIMITS = {
    "entries": 10_000,
    "total_bytes": 4 << 30,
    "file_bytes": 2 << 30,
    "ratio": 200,
    "ratio_from": 32 << 20,
}
"""`ratio` = unpacked to packed, looked at only for what is larger than `ratio_from` when unpacked."""
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
ENCRYPTED = 0x1
BROKEN = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError, ValueError,
)  # fmt: skip


class Refused(Exception):
    """The package as a whole cannot be examined; the argument is the Chinese reason."""


def unpack(source: str, destination: str, limits: dict | None = None) -> dict:
    """Facts of the bag at `source` (zip or folder); see `bag.describe` for the keys."""
    limits = {**LIMITS, **(limits or {})}
    problems: list[dict] = []
    try:
        if os.path.isdir(source):
            package, root, files = None, Path(source), _measure_folder(Path(source), limits, problems)
        else:
            package = {"bytes": os.path.getsize(source), **_digest_file(source, ALWAYS)}
            root, files = Path(destination), _unpack_zip(source, Path(destination), limits, problems)
    except Refused as refusal:
        return {"readable": False, "refusal": str(refusal), "problems": problems, "files": {}, "tags": {}}
    if mets.top_of(files) is not None and not bag.is_one(files):
        facts = mets.describe(root, files, problems, ours=package is not None)
    else:
        facts = bag.describe(root, files, problems)
    return {"readable": True, "package": package, **facts}


def measure(path: str) -> dict:
    """Bytes, sha256 and sm3 of one plain file."""
    return _digest_file(path, ALWAYS)


def looks_like_bag(path: str) -> dict:
    """`{"bag": True}` for a folder, and for a zip that holds what only a bag holds."""
    if os.path.isdir(path):
        return {"bag": True}
    if not zipfile.is_zipfile(path):
        return {"bag": False}
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [name.split("/") for name in archive.namelist()[: LIMITS["entries"]]]
    except (zipfile.BadZipFile, ValueError, OSError):
        return {"bag": False}
    marks = {parts[-1] for parts in entries if len(parts) <= 2}
    known = not marks.isdisjoint({"bagit.txt", mets.NAME})
    return {"bag": known or any(m.startswith(("manifest-", "tagmanifest-")) for m in marks)}


def _unpack_zip(source: str, destination: Path, limits: dict, problems: list[dict]) -> dict[str, dict]:
    try:
        archive = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, ValueError, OSError, EOFError) as fault:
        raise Refused(f"不是可读的 zip 文件，或文件不完整（{_short(fault)}）") from None
    with archive:
        entries = archive.infolist()
        _refuse_bombs(entries, os.path.getsize(source), limits)
        if first := min((entry.header_offset for entry in entries), default=0):
            problems.append({"kind": "before-zip", "path": "压缩包", "detail": f"{first} 字节"})
        wanted = dict(_wanted(entries, problems))
        algorithms = bag.algorithms_of(wanted)
        files: dict[str, dict] = {}
        total = 0
        for name, entry in wanted.items():
            measured = _extract(archive, entry, destination / name, algorithms, limits, total)
            if isinstance(measured, str):
                problems.append({"kind": "damaged-entry", "path": name, "detail": measured})
                continue
            files[name] = measured
            total += measured["bytes"]
    return files


def _refuse_bombs(entries: list[zipfile.ZipInfo], size: int, limits: dict) -> None:
    """By what the directory of the zip declares; `_extract` holds it to its word."""
    total = sum(entry.file_size for entry in entries)
    if len(entries) > limits["entries"]:
        raise Refused(f"包内有 {len(entries)} 个条目，超过上限 {limits['entries']} 个")
    if total > limits["total_bytes"]:
        raise Refused(f"展开后共 {total} 字节，超过上限 {limits['total_bytes']} 字节")
    if total > limits["ratio_from"] and total > size * limits["ratio"]:
        raise Refused(
            f"展开后是压缩包的 {total // max(size, 1)} 倍，疑为压缩炸弹（上限 {limits['ratio']} 倍）"
        )


def _wanted(entries: list[zipfile.ZipInfo], problems: list[dict]) -> Iterator[tuple[str, zipfile.ZipInfo]]:
    """The entries that may be written, under their true names; each other one leaves a problem."""
    seen: set[str] = set()
    folded: dict[str, str] = {}
    for name, entry in zip(names.decoded(entries), entries, strict=True):
        kind = names.fault_of(name) or _entry_fault(entry)
        if kind is None and name.endswith("/"):
            continue
        if kind is None and name in seen:
            kind = "duplicate-entry"
        seen.add(name)
        if kind is None:
            key = unicodedata.normalize("NFC", name).casefold()
            if folded.setdefault(key, name) != name:
                problems.append({"kind": "name-collision", "path": name, "detail": folded[key]})
                continue
            if any(parent in seen for parent in _parents(name)):
                kind = "duplicate-entry"  # a file where another entry needs a folder
        if kind:
            problems.append({"kind": kind, "path": name, "detail": ""})
        else:
            yield name, entry


def _entry_fault(entry: zipfile.ZipInfo) -> str | None:
    mode = entry.external_attr >> 16
    if stat.S_ISLNK(mode):
        return "symlink"
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "special-file"
    if entry.flag_bits & ENCRYPTED:
        return "encrypted-entry"
    if entry.compress_type not in METHODS:
        return "unknown-compression"
    return None


def _parents(name: str) -> Iterator[str]:
    parts = name.split("/")
    return ("/".join(parts[:n]) for n in range(1, len(parts)))


def _extract(
    archive: zipfile.ZipFile,
    entry: zipfile.ZipInfo,
    target: Path,
    algorithms: tuple,
    limits: dict,
    before: int,
) -> dict | str:
    """Bytes and digests of one entry written to `target`, or why it cannot be read."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with archive.open(entry) as stream, _create(target) as file:
            return _copy(stream, file, algorithms, min(limits["file_bytes"], limits["total_bytes"] - before))
    except (*BROKEN, MemoryError) as fault:  # an entry may ask for a dictionary of four gigabytes
        return _short(fault)
    except OSError as fault:
        return f"不能写出（{_short(fault)}）"


def _create(target: Path):
    return os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb")


def _copy(stream, file, algorithms: tuple, at_most: int) -> dict:
    hashes = {name: hashlib.new(name) for name in algorithms}
    size = 0
    while chunk := stream.read(CHUNK):
        size += len(chunk)
        if size > at_most:
            raise Refused(f"展开时超过上限 {at_most} 字节，已中止")
        for digest in hashes.values():
            digest.update(chunk)
        if file is not None:
            file.write(chunk)
    return {"bytes": size, **{name: digest.hexdigest() for name, digest in hashes.items()}}


def _measure_folder(root: Path, limits: dict, problems: list[dict]) -> dict[str, dict]:
    """Every regular file below `root`; links are never followed, devices never opened."""
    found: list[tuple[str, str]] = []
    folded: dict[str, str] = {}
    pending = [""]
    while pending:
        below = pending.pop()
        for entry in sorted(os.scandir(root / below if below else root), key=lambda e: e.name):
            name = f"{below}/{entry.name}" if below else entry.name
            kind = names.fault_of(name)
            if kind is None and entry.is_symlink():
                kind = "symlink"
            elif kind is None and entry.is_dir(follow_symlinks=False):
                pending.append(name)
                continue
            elif kind is None and not entry.is_file(follow_symlinks=False):
                kind = "special-file"
            if kind:
                problems.append({"kind": kind, "path": name, "detail": ""})
                continue
            key = unicodedata.normalize("NFC", name).casefold()
            if folded.setdefault(key, name) != name:
                problems.append({"kind": "name-collision", "path": name, "detail": folded[key]})
            found.append((name, entry.path))
            if len(found) > limits["entries"]:
                raise Refused(f"文件夹内的文件超过上限 {limits['entries']} 个")
    algorithms = bag.algorithms_of(name for name, _ in found)
    files: dict[str, dict] = {}
    total = 0
    for name, path in sorted(found):
        try:
            files[name] = _digest_file(path, algorithms, limits["total_bytes"] - total)
        except OSError as fault:
            problems.append({"kind": "damaged-entry", "path": name, "detail": _short(fault)})
            continue
        total += files[name]["bytes"]
    return files


def _digest_file(path: str, algorithms: tuple, at_most: int = 1 << 62) -> dict:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as stream:
        return _copy(stream, None, algorithms, at_most)


def _short(fault: BaseException) -> str:
    return f"{type(fault).__name__}：{str(fault)[:100]}"
