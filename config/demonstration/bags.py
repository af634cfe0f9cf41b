"""Submission packages as BagIt bags (RFC 8493, BagIt-Version 1.0), in memory, then as a folder or a zip.

Deterministic: the same submission and files make the same bytes, zip included.
"""

import copy
import hashlib
import json
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

Tree = dict[str, bytes]
"""The finished bag: path inside it → bytes."""


def declare(submission: dict[str, Any], files: dict[str, bytes]) -> dict[str, Any]:
    """A copy in which every file a material names says its size and digest, where these are not said already."""
    declared = copy.deepcopy(submission)
    for material in declared.get("materials") or []:
        for file in material["files"]:
            if (data := files.get(file["path"])) is not None:
                file.setdefault("bytes", len(data))
                file.setdefault("sha256", hashlib.sha256(data).hexdigest())
    return declared


@dataclass(kw_only=True)
class Bag:
    """One bag. `files` are payload, by their path from "data/" on; `submission` None makes a plain bag."""

    submission: dict[str, Any] | None
    files: dict[str, bytes]
    organisation: str = ""
    bagged_on: date = date(2026, 1, 5)
    algorithms: Iterable[str] = ("sha256",)

    def tree(self) -> Tree:
        """Every file of the bag, manifests and all."""
        tree: Tree = {"bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"}
        tree["bag-info.txt"] = "".join(f"{label}: {value}\n" for label, value in self._information()).encode()
        if self.submission is not None:
            declared = declare(self.submission, self.files)
            tree["submission.json"] = json.dumps(declared, ensure_ascii=False, indent=1).encode()
        for algorithm in self.algorithms:
            tree[f"manifest-{algorithm}.txt"] = manifest(self.files, algorithm)
        tags = dict(tree)
        for algorithm in self.algorithms:
            tree[f"tagmanifest-{algorithm}.txt"] = manifest(tags, algorithm)
        return tree | self.files

    def _information(self) -> Iterable[tuple[str, str]]:
        if self.organisation:
            yield "Source-Organization", self.organisation
        if self.submission is not None:
            yield "External-Identifier", str(self.submission.get("business_no", ""))
        yield "Bagging-Date", self.bagged_on.isoformat()
        yield "Payload-Oxum", f"{sum(map(len, self.files.values()))}.{len(self.files)}"


def manifest(files: dict[str, bytes], algorithm: str) -> bytes:
    """A manifest: digest, two blanks, path with CR, LF and % percent-encoded, as RFC 8493 asks."""
    rows = []
    for path, data in files.items():
        name = path.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        rows.append(f"{hashlib.new(algorithm, data).hexdigest()}  {name}\n")
    return "".join(rows).encode()


def write(tree: Tree, path: Path, *, zip: bool, base: str | None = None) -> Path:
    """Write a finished bag as the folder `path`, or as the one zip `path`, with a folder `base` inside."""
    if not zip:
        for name, data in tree.items():
            place = path / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in tree.items():
            entry = zipfile.ZipInfo(f"{base or path.stem}/{name}", date_time=(2026, 1, 5, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            entry.compress_type = (
                zipfile.ZIP_DEFLATED if name.endswith((".txt", ".json")) else zipfile.ZIP_STORED
            )
            archive.writestr(entry, data, compresslevel=6)
    return path


def changed_payload(tree: Tree) -> None:
    """One byte of the first payload file is another than when the bag was made; its length stays."""
    path = next(name for name in sorted(tree) if name.startswith("data/"))
    data = bytearray(tree[path])
    data[len(data) // 2] ^= 0x01
    tree[path] = bytes(data)


def missing_payload(tree: Tree) -> None:
    """A payload file that the manifest names is not there."""
    del tree[next(name for name in sorted(tree) if name.startswith("data/"))]


def unlisted_payload(tree: Tree) -> None:
    """A payload file that no manifest names."""
    tree["data/unlisted.txt"] = "清单之外的文件\n".encode()


def no_submission(tree: Tree) -> None:
    """A sound bag, but nothing says what it is."""
    del tree["submission.json"]
    _seal_again(tree)


def submission_not_json(tree: Tree) -> None:
    """submission.json cut in half; the tag manifest was made afterwards, so only its content is wrong."""
    text = tree["submission.json"].decode()
    tree["submission.json"] = text[: len(text) // 2].encode()
    _seal_again(tree)


def _seal_again(tree: Tree) -> None:
    tags = {
        name: data for name, data in tree.items() if "/" not in name and not name.startswith("tagmanifest-")
    }
    tree["tagmanifest-sha256.txt"] = manifest(tags, "sha256")


def no_declaration(tree: Tree) -> None:
    """bagit.txt is missing: not a bag at all."""
    del tree["bagit.txt"]


BREAKS: dict[str, Callable[[Tree], None]] = {
    "changed-payload": changed_payload,
    "missing-payload": missing_payload,
    "unlisted-payload": unlisted_payload,
    "no-submission": no_submission,
    "submission-not-json": submission_not_json,
    "no-declaration": no_declaration,
}
"""Ways to break a finished bag, by name."""
