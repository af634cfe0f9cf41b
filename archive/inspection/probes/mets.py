"""A package described by METS.xml (E-ARK CSIP, as archive/packages/mets.py writes it), read as the bag it could be.
Runs inside the fenced child.

`describe` answers with the facts of `bag.describe`, so that whoever examines and files a package need not know how it
was packed: payload under `data/…`, submission.json beside it. Where the files are ours to move (a zip that was unpacked
here) they are laid out so; a folder is read where it lies. Nothing is believed: every size and digest is compared with
what was measured, no address leads out of the package, no DOCTYPE is accepted.
"""

import os
from pathlib import Path
from urllib.parse import unquote

from lxml import etree

from . import names, submission

NAME = "METS.xml"
METS, XLINK = "{http://www.loc.gov/METS/}", "{http://www.w3.org/1999/xlink}"
LARGEST = 32 << 20
DECLARATION = ("submission.json", "submission.json.p7s")


def top_of(paths) -> str | None:
    """The folder in which METS.xml lies ("" = at the top); None where the package has none."""
    if NAME in paths:
        return ""
    tops = sorted(path.split("/")[0] for path in paths if path.count("/") == 1 and path.endswith(f"/{NAME}"))
    return tops[0] if tops else None


def describe(root: Path, files: dict[str, dict], problems: list[dict], *, ours: bool) -> dict:
    """The keys of `bag.describe`, and `"kind": "mets"`. `ours`: files may be moved."""
    top = top_of(files) or ""
    return _Reader(root, top, files, problems).read(ours)


class _Reader:
    def __init__(self, root: Path, top: str, files: dict[str, dict], problems: list[dict]) -> None:
        self.problems, self.top = problems, top
        below = f"{top}/" if top else ""
        self.root = root / top
        self.files = {path[len(below) :]: facts for path, facts in files.items() if path.startswith(below)}
        for path in files:
            if not path.startswith(below):
                self._say("junk" if names.is_junk(path) else "outside-bag", path)
        self.skipped = {p["path"][len(below) :] for p in problems if p["path"].startswith(below)}
        self.listed: set[str] = set()

    def read(self, ours: bool) -> dict:
        document = self._document()
        if document is not None:
            self._compare(document)
        for path in sorted(self.files):
            if path != NAME and path not in self.listed:
                self._say("junk" if names.is_junk(path) else "extra", path)
            if path.startswith("data/"):  # where the payload will be laid: nothing else may lie there
                self._say("mets-data", path)
        inside = self._representation()
        payload = {
            path[len(inside) + 1 :]: facts
            for path, facts in self.files.items()
            if path.startswith(f"{inside}/data/")
        }
        told = {name: path for name in DECLARATION if (path := self._declared(name))}
        tags = {name: self.files[path] for name, path in told.items()}
        tags |= {p: facts for p, facts in self.files.items() if not p.startswith(f"{inside}/data/")}
        said = submission.read(self.root / told[DECLARATION[0]] if DECLARATION[0] in told else None)
        covered = sorted(name for name, path in told.items() if path in self.listed)
        if DECLARATION[0] in told and DECLARATION[0] not in covered:
            self._say("mets-uncovered", DECLARATION[0])
        where = self._laid_out(inside, told) if ours else self.root / inside
        size = sum(facts["bytes"] for facts in payload.values())
        return {
            "kind": "mets",
            "root": str(where),
            "top": self.top,
            "version": None,
            "encoding": "utf-8",
            "info": [],
            "manifests": ["sha256"],
            "tagmanifests": ["sha256"],
            "covered": covered,
            "files": payload,
            "tags": tags,
            "payload": {"bytes": size, "files": len(payload)},
            **said,
            "problems": self.problems,
        }

    def _say(self, kind: str, path: str, detail: str = "") -> None:
        self.problems.append({"kind": kind, "path": path, "detail": detail[:200]})

    def _document(self) -> etree._Element | None:
        if self.files[NAME]["bytes"] > LARGEST:
            self._say("tag-file-large", NAME)
            return None
        data = (self.root / NAME).read_bytes()
        if any("<!DOCTYPE".encode(codec) in data for codec in ("utf-8", "utf-16-le", "utf-16-be")):
            self._say("mets-doctype", NAME)
            return None
        parser = etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True
        )
        try:
            found = etree.fromstring(data, parser)
        except (etree.XMLSyntaxError, ValueError) as fault:
            self._say("mets-unreadable", NAME, str(fault))
            return None
        if found.getroottree().docinfo.internalDTD is not None:  # in an encoding not looked for above
            self._say("mets-doctype", NAME)
            return None
        if found.tag != f"{METS}mets":
            self._say("mets-unreadable", NAME, "最外层不是 mets")
            return None
        return found

    def _compare(self, document: etree._Element) -> None:
        for file in document.iter(f"{METS}file"):
            places = file.findall(f"{METS}FLocat")
            if not places:
                self._say("mets-no-place", NAME, file.get("ID") or "")
            for place in places:
                self._one(file, place.get(f"{XLINK}href"))
        for told in document.iter(f"{METS}mdRef"):
            self._one(told, told.get(f"{XLINK}href"))

    def _one(self, said: etree._Element, href: str | None) -> None:
        path = unquote(href or "").removeprefix("./")
        if not path or ":" in path.split("/")[0] or names.fault_of(path):
            self._say("line-outside", path or "（空）", NAME)
            return
        if path in self.listed:
            self._say("line-twice", path, NAME)
        self.listed.add(path)
        measured = self.files.get(path)
        if measured is None:
            if path not in self.skipped:
                self._say("missing", path, NAME)
            return
        size = said.get("SIZE")
        if size is not None and size.strip() != str(measured["bytes"]):
            self._say("mets-size", path, size)
        if said.get("CHECKSUMTYPE") != "SHA-256":
            self._say("mets-no-digest", path, said.get("CHECKSUMTYPE") or "")
        elif (said.get("CHECKSUM") or "").strip().lower() != measured["sha256"]:
            self._say("digest", path, "sha256")

    def _representation(self) -> str:
        """The one representation whose files are the payload."""
        found = sorted(
            {"/".join(path.split("/")[:2]) for path in self.files if path.startswith("representations/")}
        )
        if len(found) > 1:
            self._say("mets-representations", found[1], "、".join(found[:5]))
        return found[0] if found else "representations/rep1"

    def _declared(self, name: str) -> str:
        """Where submission.json (or its signature) lies: in the metadata, or at the top."""
        possible = (f"metadata/descriptive/{name}", f"metadata/other/{name}", name)
        found = [path for path in possible if path in self.files]
        if len(found) > 1:
            self._say("mets-declarations", found[1], "、".join(found))
        return found[0] if found else ""

    def _laid_out(self, inside: str, told: dict[str, str]) -> Path:
        """The same files where a bag has them."""
        for source, target in [(f"{inside}/data", "data"), *((path, name) for name, path in told.items())]:
            if source != target and (self.root / source).exists() and not (self.root / target).exists():
                os.replace(self.root / source, self.root / target)
        return self.root
