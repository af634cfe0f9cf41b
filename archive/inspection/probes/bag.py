"""What a bag says of itself and whether it is true: RFC 8493. Runs inside the fenced child.

`describe(root, files, problems)` takes what was measured (path → bytes and digests) and reads the tag files
below `root`. Nothing is believed: every manifest line is compared with measured digests, paths outside the
bag are never opened, `fetch.txt` is never followed.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from . import names, submission

ALGORITHMS = ("sha256", "sm3", "sha512", "sha384", "sha224", "sha1", "md5")
MANIFEST = re.compile(r"^(tag)?manifest-([A-Za-z0-9-]+)\.txt$")
DECLARATION = re.compile(r"\ABagIt-Version: (\d+\.\d+)\r?\nTag-File-Character-Encoding: (\S+)\s*\Z")
LINE = re.compile(r"^([0-9A-Fa-f]+)[ \t]+\*?(.+)$")
OXUM = re.compile(r"^(\d{1,18})\.(\d{1,18})$")
KNOWN_VERSIONS = {"0.93", "0.94", "0.95", "0.96", "0.97", "1.0"}
ENCODINGS = {"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "utf-16", "gbk", "gb18030", "gb2312"}
BOM = b"\xef\xbb\xbf"
TAG_FILE_LIMIT = 64 << 20


def algorithms_of(paths: Iterable[str]) -> tuple[str, ...]:
    """The digests to measure: always sha256 and sm3, and what the manifests among `paths` are made with."""
    named = {match[2].lower() for path in paths if (match := MANIFEST.match(path.rsplit("/", 1)[-1]))}
    available = hashlib.algorithms_available
    return tuple(a for a in ALGORITHMS if a in available and (a in ("sha256", "sm3") or a in named))


def is_one(paths: Iterable[str]) -> bool:
    """Whether a bagit.txt lies at the top of these, or of one of their folders."""
    return any(
        path == "bagit.txt" or (path.count("/") == 1 and path.endswith("/bagit.txt")) for path in paths
    )


def describe(root: Path, files: dict[str, dict], problems: list[dict]) -> dict:
    """Facts: top, version, encoding, info, manifests, tagmanifests, files (payload), tags, payload,
    submission, submission_fault, problems."""
    return _Reader(root, files, problems).read()


class _Reader:
    def __init__(self, root: Path, files: dict[str, dict], problems: list[dict]) -> None:
        self.problems = problems
        self.top = self._find_top(files)
        below = f"{self.top}/" if self.top else ""
        self.root = root / self.top if self.top else root
        inside = {path[len(below) :]: measured for path, measured in files.items() if path.startswith(below)}
        for path in files:
            if not path.startswith(below):
                self._say("junk" if names.is_junk(path) else "outside-bag", path)
        self.skipped = {p["path"][len(below) :] for p in problems if p["path"].startswith(below)}
        self.payload = {path: facts for path, facts in inside.items() if path.startswith("data/")}
        self.tags = {path: facts for path, facts in inside.items() if not path.startswith("data/")}
        self.encoding = "utf-8"

    def read(self) -> dict:
        version = self._declaration()
        info = self._info()
        manifests = self._manifests(tag=False, version=version)
        tagmanifests = self._manifests(tag=True, version=version)
        self._fetch()
        size = sum(facts["bytes"] for facts in self.payload.values())
        self._oxum(info, size)
        return {
            "root": str(self.root),
            "top": self.top,
            "version": version,
            "encoding": self.encoding,
            "info": info,
            "manifests": manifests["names"],
            "tagmanifests": tagmanifests["names"],
            "covered": sorted(tagmanifests["covered"].get("sha256", ())),
            "files": self.payload,
            "tags": self.tags,
            "payload": {"bytes": size, "files": len(self.payload)},
            **submission.read(self.root / "submission.json" if "submission.json" in self.tags else None),
            "problems": self.problems,
        }

    def _say(self, kind: str, path: str, detail: str = "") -> None:
        self.problems.append({"kind": kind, "path": path, "detail": detail})

    def _find_top(self, files: dict[str, dict]) -> str:
        if "bagit.txt" in files:
            return ""
        tops = sorted(
            path.split("/")[0] for path in files if path.count("/") == 1 and path.endswith("/bagit.txt")
        )
        if len(tops) > 1:
            self._say("several-bags", tops[1], "、".join(tops[:5]))
        if tops:
            return tops[0]
        folders = {path.split("/")[0] for path in files if not names.is_junk(path)}
        only = folders.pop() if len(folders) == 1 else ""
        return only if only and all("/" in path for path in files) else ""

    def _text(self, path: str) -> str | None:
        """A tag file as text; None when it is not there or cannot be read in the declared encoding."""
        if path not in self.tags:
            return None
        if self.tags[path]["bytes"] > TAG_FILE_LIMIT:
            self._say("tag-file-large", path)
            return None
        data = (self.root / path).read_bytes()
        if data.startswith(BOM):
            self._say("bom", path)
            data = data[len(BOM) :]
        try:
            return data.decode(self.encoding)
        except UnicodeDecodeError:
            self._say("tag-file-encoding", path, self.encoding)
            return None

    def _declaration(self) -> str | None:
        if "bagit.txt" not in self.tags:
            self._say("no-bagit-txt", "bagit.txt")
            return None
        text = self._text("bagit.txt")
        match = DECLARATION.match(text) if text else None
        if not match:
            self._say("bad-bagit-txt", "bagit.txt")
            return None
        if match[1] not in KNOWN_VERSIONS:
            self._say("bag-version", "bagit.txt", match[1])
        if match[2].lower() in ENCODINGS:
            self.encoding = match[2].lower()
        else:
            self._say("tag-file-encoding", "bagit.txt", match[2])
        return match[1]

    def _info(self) -> list[list[str]]:
        entries: list[list[str]] = []
        for line in (self._text("bag-info.txt") or "").splitlines():
            if not line.strip():
                continue
            if line[0] in " \t" and entries:
                entries[-1][1] += " " + line.strip()
            elif ":" in line:
                label, _, value = line.partition(":")
                entries.append([label.strip(), value.strip()])
            else:
                self._say("bad-bag-info", "bag-info.txt", line[:80])
        return entries

    def _manifests(self, *, tag: bool, version: str | None) -> dict:
        """Read and compare every manifest of one sort. `covered`: algorithm → the paths it lists."""
        present, covered = self.tags if tag else self.payload, {}
        for name in sorted(self.tags):
            match = MANIFEST.match(name)
            if not match or bool(match[1]) != tag:
                continue
            algorithm = match[2].lower()
            if algorithm not in algorithms_of([name]):
                self._say("unknown-manifest", name, algorithm)
                continue
            covered[algorithm] = self._compare(name, algorithm, present, tag=tag)
        if not tag:
            if not covered:
                self._say("no-manifest", "manifest-sha256.txt")
            self._uncovered(covered, strict=version == "1.0")
        return {"names": sorted(covered), "covered": covered}

    def _compare(self, name: str, algorithm: str, present: dict[str, dict], *, tag: bool) -> set[str]:
        listed: dict[str, str] = {}
        composed = None
        for number, line in enumerate((self._text(name) or "").splitlines(), start=1):
            if not line.strip():
                continue
            match = LINE.match(line)
            if not match:
                self._say("bad-manifest-line", name, f"第 {number} 行")
                continue
            digest, path = match[1].lower(), match[2].strip("\r")
            path = path.removeprefix("./")
            path = path if path in present else percent_decoded(path)
            if path not in present and not path.isascii():
                composed = composed or {unicodedata.normalize("NFC", p): p for p in present}
                path = composed.get(unicodedata.normalize("NFC", path), path)
            if path in listed:
                self._say("line-twice" if listed[path] == digest else "line-contradicts", path, name)
                continue
            listed[path] = digest
            self._compare_line(name, algorithm, path, digest, present, tag=tag)
        return set(listed)

    def _compare_line(
        self, name: str, algorithm: str, path: str, digest: str, present: dict[str, dict], *, tag: bool
    ) -> None:
        if path in present:
            if present[path][algorithm] != digest:
                self._say("digest", path, algorithm)
        elif "\\" in path or names.DRIVE.match(path):
            self._say("line-windows-path", path, name)
        elif path.startswith("~") or names.fault_of(path) or (not tag and not path.startswith("data/")):
            self._say("line-outside", path, name)
        elif path not in self.skipped:
            self._say("missing-tag" if tag else "missing", path, name)

    def _uncovered(self, covered: dict[str, set[str]], *, strict: bool) -> None:
        for path in sorted(self.payload) if covered else ():
            without = [algorithm for algorithm, paths in covered.items() if path not in paths]
            if len(without) == len(covered):
                self._say("extra", path)
            elif without:
                self._say("not-in-every" if strict else "not-in-every-old", path, "、".join(without))

    def _fetch(self) -> None:
        if (self._text("fetch.txt") or "").strip():
            self._say("fetch", "fetch.txt")

    def _oxum(self, info: list[list[str]], size: int) -> None:
        for value in [value for label, value in info if label.lower() == "payload-oxum"]:
            match = OXUM.match(value)
            if not match:
                self._say("bad-oxum", "bag-info.txt", value[:60])
                continue
            if int(match[1]) != size:
                self._say("oxum-bytes", "bag-info.txt", f"{match[1]}，实际 {size}")
            if int(match[2]) != len(self.payload):
                self._say("oxum-files", "bag-info.txt", f"{match[2]}，实际 {len(self.payload)}")


def percent_decoded(path: str) -> str:
    """RFC 8493 §2.1.3: only CR, LF and the percent sign itself are written as %0D, %0A, %25."""
    return re.sub(r"%(0[AaDd]|25)", lambda match: chr(int(match[1], 16)), path)
