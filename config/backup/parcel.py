"""What lies inside a backup: a tar whose first member, contents.json, names every part with its size and sha256.

Pure but for files. Writing streams; reading proves each part against the table while it is written out, and the table
against its own digest. Raises `envelope.Unreadable`.
"""

import hashlib
import io
import json
import os
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from config.backup.envelope import Unreadable

FORMAT = "archive-backup-contents/1"
CONTENTS = "contents.json"
LARGEST_CONTENTS = 4 * 1024 * 1024
BLOCK = 1024 * 1024
_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*(/[a-z0-9_-]+(\.[a-z0-9_-]+)*)?")
_BROKEN = "备份文件的内容读不懂：文件被改动过，或者不完整。请换另一份备份。"


def write(stream: BinaryIO, about: Mapping, parts: Mapping[str, Path]) -> dict:
    """Write the parts (name → file) behind their table; the table. `about` is plain JSON that stands in it."""
    listed = [
        {"name": name, "bytes": path.stat().st_size, "sha256": _digest(path)} for name, path in parts.items()
    ]
    table = {"format": FORMAT, **about, "parts": listed}
    table["digest"] = _own_digest(table)
    text = json.dumps(table, ensure_ascii=False, indent=1, sort_keys=True).encode()
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.GNU_FORMAT, bufsize=BLOCK) as tar:
        tar.addfile(_member(CONTENTS, len(text)), io.BytesIO(text))
        for entry in listed:
            with parts[entry["name"]].open("rb") as file:
                tar.addfile(_member(entry["name"], entry["bytes"]), file)
    return table


def read(stream: BinaryIO, folder: Path | None = None) -> dict:
    """The table, once every part agrees with it. With `folder` the parts are written there, each under its name with
    `/` as `-` (see `place`), readable by the owner only."""
    try:
        with tarfile.open(fileobj=stream, mode="r|", bufsize=BLOCK) as tar:
            table = _table(tar)
            for entry in table["parts"]:
                _part(tar, entry, folder)
            if tar.next() is not None:
                raise Unreadable("备份文件里有清单以外的内容。请换另一份备份。")
        while stream.read(BLOCK):  # to the very end, so that a cut or changed end shows
            pass
    except (tarfile.TarError, EOFError, ValueError, KeyError, TypeError):
        raise Unreadable(_BROKEN) from None
    return table


def place(folder: Path, name: str) -> Path:
    return folder / name.replace("/", "-")


def _table(tar: tarfile.TarFile) -> dict:
    first = tar.next()
    if first is None or first.name != CONTENTS or not first.isreg() or first.size > LARGEST_CONTENTS:
        raise Unreadable(_BROKEN)
    table = json.loads(tar.extractfile(first).read())
    if table["format"] != FORMAT or table["digest"] != _own_digest(table):
        raise Unreadable(_BROKEN)
    for entry in table["parts"]:
        if not _NAME.fullmatch(entry["name"]):
            raise Unreadable(_BROKEN)
    return table


def _part(tar: tarfile.TarFile, entry: dict, folder: Path | None) -> None:
    member = tar.next()
    if member is None or member.name != entry["name"] or not member.isreg() or member.size != entry["bytes"]:
        raise Unreadable(f"备份文件里的“{entry['name']}”与清单不符。请换另一份备份。")
    digest, source = hashlib.sha256(), tar.extractfile(member)
    with open(place(folder, entry["name"]) if folder else "/dev/null", "wb", opener=_owner_only) as file:
        while block := source.read(BLOCK):
            digest.update(block)
            file.write(block)
    if digest.hexdigest() != entry["sha256"]:
        raise Unreadable(f"备份文件里的“{entry['name']}”与清单的摘要不符：文件被改动过。请换另一份备份。")


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _own_digest(table: Mapping) -> str:
    rest = {key: value for key, value in table.items() if key != "digest"}
    return hashlib.sha256(json.dumps(rest, ensure_ascii=False, sort_keys=True).encode()).hexdigest()
