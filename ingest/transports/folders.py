"""Packages in folders: a bag, a zip, or a folder of many, with or without a batch.json beside them. Reads no bytes
of a package but its name and place; `batch.json` is foreign and is read with care."""

import json
from collections.abc import Sequence
from pathlib import Path

LARGEST_BATCH = 16 * 1024 * 1024


def discover(paths: Sequence[Path]) -> tuple[list[tuple[Path, str]], list[str]]:
    """The packages at these paths with their batch number, in a stable order, and notes for people (missing or
    extra cases of a batch, paths that hold none)."""
    found: list[tuple[Path, str]] = []
    notes: list[str] = []
    for path in paths:
        if path.is_dir() and not is_bag(path):
            inside = packages_in(path)
            batch, said = read_batch(
                path, [package.stem if package.is_file() else package.name for package in inside]
            )
            notes += said
            if not inside:
                notes.append(f"{path} 里没有信息包。")
            found += [(package, batch) for package in inside]
        else:
            found.append((path, ""))
    return found, notes


def is_bag(path: Path) -> bool:
    """A folder that is meant to be one package, also a damaged one."""
    marks = ("bagit.txt", "submission.json", "data", "manifest-sha256.txt")
    return any((path / mark).exists() for mark in marks)


def packages_in(folder: Path) -> list[Path]:
    """Zips and bag folders right below, and in plain folders below those."""
    found: list[Path] = []
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir() and not entry.is_symlink():
            found += [entry] if is_bag(entry) else packages_in(entry)
        elif entry.is_file() and entry.suffix.lower() == ".zip":
            found.append(entry)
    return found


def read_batch(folder: Path, names: Sequence[str]) -> tuple[str, list[str]]:
    """(batch number, what is missing or extra) from batch.json; ("", []) where there is none."""
    path = folder / "batch.json"
    if not path.is_file():
        return "", []
    try:
        if path.stat().st_size > LARGEST_BATCH:
            return "", [f"{path} 过大，没有读取。"]
        data = json.loads(path.read_bytes().decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as fault:
        return "", [f"{path} 不能读取（{fault}），按没有批次清单处理。"]
    if not isinstance(data, dict):
        return "", [f"{path} 不是 JSON 对象，按没有批次清单处理。"]
    batch_no = data.get("batch_no") if isinstance(data.get("batch_no"), str) else ""
    notes = []
    cases = data.get("cases")
    if isinstance(cases, int) and cases != len(names):
        notes.append(f"批次 {batch_no or path}：清单写 {cases} 件，实有 {len(names)} 件。")
    listed = {number for number in data.get("business_nos") or [] if isinstance(number, str)}
    if listed:
        there = {
            number for number in listed for name in names if name == number or name.startswith(f"{number}-")
        }
        for number in sorted(listed - there):
            notes.append(f"批次 {batch_no or path}：清单列有 {number}，没有找到名为它的信息包。")
    return batch_no, notes
