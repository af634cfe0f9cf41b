"""Packages in folders: a bag, a zip, or a folder of many. Reads no bytes of a package but its name and place."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.transports import batches
from ingest.transports.batches import Batch

DEEPEST = 64
"""Folders in folders; deeper ones are not walked."""


@dataclass(frozen=True)
class Found:
    path: Path
    batch: Batch | None = None


def discover(paths: Sequence[Path]) -> tuple[list[Found], list[str]]:
    """The packages at these paths with the batch they lie in, in a stable order, and notes for people: what was
    passed over, paths that hold no package, batch lists that cannot be read."""
    found: list[Found] = []
    notes: list[str] = []
    for path in paths:
        if not path.is_dir() or is_bag(path):
            found.append(Found(path))
            continue
        before, others = len(found), 0
        nearest: dict[Path, Batch | None] = {}
        for entry, whole in walk(path, notes):
            folder = entry.parent
            if folder not in nearest:
                nearest[folder] = _batch_of(folder, path, nearest, notes)
            if whole or entry.suffix.lower() == ".zip":
                found.append(Found(entry, nearest[folder]))
            elif entry.name != batches.NAME:
                others += 1
        if len(found) == before:
            notes.append(f"{path} 里没有信息包。")
        if others:
            notes.append(f"{path} 里另有 {others} 个文件既不是信息包文件夹也不是 zip，没有处理。")
    return found, notes


def is_bag(path: Path) -> bool:
    """A folder that is meant to be one package, also a damaged one."""
    if any(
        (path / mark).exists() for mark in ("bagit.txt", "submission.json", "manifest-sha256.txt", "METS.xml")
    ):
        return True
    # A folder `data` alone may be a package that lost everything else, or just a folder of that name.
    return (path / "data").is_dir() and not any(
        name == batches.NAME or name.lower().endswith(".zip") or (path / name / "bagit.txt").exists()
        for name in os.listdir(path)
    )


def walk(folder: Path, notes: list[str]) -> Iterator[tuple[Path, bool]]:
    """(path, True) of every bag folder below, (path, False) of every plain file, in the order of their names. Links
    to folders are not followed; what cannot be listed leaves a note."""
    yield from _walk(folder, notes, DEEPEST)


def _walk(folder: Path, notes: list[str], deeper: int) -> Iterator[tuple[Path, bool]]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as fault:
        notes.append(f"{folder} 不能读取（{fault.strerror}），其中的内容没有处理。")
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_file():
            yield entry, False
        elif entry.is_dir() and not entry.is_symlink():
            if is_bag(entry):
                yield entry, True
            elif deeper:
                yield from _walk(entry, notes, deeper - 1)
            else:
                notes.append(f"{entry} 嵌套过深，其中的内容没有处理。")


def _batch_of(folder: Path, top: Path, nearest: dict[Path, Batch | None], notes: list[str]) -> Batch | None:
    """The batch of the nearest folder upwards that carries a list, not above `top`."""
    here = batches.read(folder, notes)
    if here is not None or folder == top:
        return here
    if folder.parent not in nearest:
        nearest[folder.parent] = _batch_of(folder.parent, top, nearest, notes)
    return nearest[folder.parent]
