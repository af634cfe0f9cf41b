"""Names of entries in a package: which are safe to write to disk, and how they were meant to read. Pure."""

import re
import zipfile

DEVICES = {"con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10))}
DRIVE = re.compile(r"^[A-Za-z]:")
JUNK = {"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini"}
MAX_DEPTH, MAX_COMPONENT, MAX_PATH = 24, 255, 1024
UTF8_FLAG = 0x800


def fault_of(name: str) -> str | None:
    """Why this name must not be written, as a kind of problem (see `bags.PROBLEMS`); None when it is safe."""
    if "\\" in name:
        return "name-backslash"
    if name.startswith("/") or DRIVE.match(name):
        return "name-absolute"
    parts = name.rstrip("/").split("/")
    if ".." in parts:
        return "name-traversal"
    if any(part in ("", ".") for part in parts):
        return "name-empty-part"
    if any(ord(c) < 32 or ord(c) == 127 or 0xD800 <= ord(c) < 0xE000 for c in name):
        return "name-control"
    if any(part.split(".")[0].lower().strip() in DEVICES for part in parts):
        return "name-device"
    if any(part[-1] in ". " for part in parts):
        return "name-trailing"
    if len(parts) > MAX_DEPTH or len(name.encode()) > MAX_PATH:
        return "name-deep"
    if any(len(part.encode()) > MAX_COMPONENT for part in parts):
        return "name-long"
    return None


def is_junk(name: str) -> bool:
    """What file managers leave behind: never content."""
    return any(part in JUNK or part.startswith("._") for part in name.split("/"))


def decoded(entries: list[zipfile.ZipInfo]) -> list[str]:
    """The names as they were meant. Without the UTF-8 mark they are UTF-8 if all of them read so, else GBK
    (Chinese Windows), else what the zip standard says (code page 437)."""
    raw = [_raw(entry) for entry in entries]
    unmarked = [name for name, entry in zip(raw, entries, strict=True) if name is not None]
    codec = next((c for c in ("utf-8", "gb18030") if _all_decode(unmarked, c)), "cp437")
    return [
        entry.orig_filename if name is None else name.decode(codec)
        for name, entry in zip(raw, entries, strict=True)
    ]


def _raw(entry: zipfile.ZipInfo) -> bytes | None:
    return None if entry.flag_bits & UTF8_FLAG else entry.orig_filename.encode("cp437")


def _all_decode(names: list[bytes], codec: str) -> bool:
    try:
        return all(name.decode(codec) is not None for name in names)
    except UnicodeDecodeError:
        return False
