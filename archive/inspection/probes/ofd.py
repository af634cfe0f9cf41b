"""Read an OFD (GB/T 33190): a zip of XML. Structure, pages, text, what reaches outside. Runs inside the child.

No path leads outside the package, no DOCTYPE is accepted, an entry that stands twice makes the package ambiguous. All
element names are matched without namespace: writers differ. Signatures and seals: `ofd_signatures.py`.
"""

import os
import posixpath
import zipfile
import zlib

from lxml import etree

from . import cells, names, ofd_signatures
from .report import TEXT_LIMIT, Report

MOST_ENTRIES, MOST_BYTES, MOST_XML = 20_000, 1 << 30, 32 << 20
MANY_STRAY = 100
RATIO, RATIO_FROM = 100, 4 << 20


class _Package:
    def __init__(self, archive: zipfile.ZipFile, report: Report) -> None:
        self.archive, self.report = archive, report
        self.entries = {entry.filename.lstrip("/"): entry for entry in archive.infolist()}
        self.parser = etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
        )

    def resolve(self, base: str, location: str | None) -> str:
        """`location` as written in the file at `base`: from the root when it begins with a slash."""
        location = (location or "").strip()
        path = location if location.startswith("/") else posixpath.join(posixpath.dirname(base), location)
        return posixpath.normpath(path).lstrip("/")

    def xml(self, path: str, *, missing: str = "part-missing") -> etree._Element | None:
        if path.startswith("..") or path not in self.entries:
            self.report.say("name-unsafe" if path.startswith("..") else missing, path)
            return None
        entry = self.entries[path]
        if entry.file_size > MOST_XML:
            self.report.say("huge-xml", path)
            return None
        data = self.archive.read(entry)
        if b"<!DOCTYPE" in data or "<!DOCTYPE".encode("utf-16-le") in data:
            self.report.say("doctype", path)
            return None
        try:
            root = etree.fromstring(data, self.parser)
            if root.getroottree().docinfo.internalDTD is not None:  # in an encoding that hid it above
                self.report.say("doctype", path)
                return None
            return root
        except (etree.XMLSyntaxError, ValueError) as fault:
            self.report.say("bad-xml", f"{path}：{str(fault)[:80]}")
            return None


def open_and_report(report: Report, path: str, extract_to: str | None, roots=()) -> None:
    """`roots`: the certificates (`sm2.Certificate`) that a signer's chain may end in."""
    try:
        with zipfile.ZipFile(path) as archive:
            if _entries_are_sound(report, archive):
                _document(_Package(archive, report), extract_to, roots)
    except NotImplementedError as fault:
        report.say("closed-compression", fault)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError, OSError) as fault:
        report.say("unreadable", f"{type(fault).__name__}：{str(fault)[:80]}")


def _entries_are_sound(report: Report, archive: zipfile.ZipFile) -> bool:
    entries = archive.infolist()
    if len(entries) > MOST_ENTRIES or sum(entry.file_size for entry in entries) > MOST_BYTES:
        report.say("zip-bomb", f"{len(entries)} 个条目")
        return False
    seen: set[str] = set()
    for entry in entries:
        if names.fault_of(entry.filename.removeprefix("/")):
            report.say("name-unsafe", entry.filename)
        if entry.flag_bits & 1:
            report.say("encrypted-user", entry.filename)
            return False
        name = posixpath.normpath(entry.filename.replace("\\", "/").lstrip("/"))
        if name in seen:
            report.say("entry-twice", entry.filename)
        if entry.file_size > RATIO_FROM and entry.file_size > entry.compress_size * RATIO:
            report.say("high-compression", f"{entry.filename}：{entry.file_size} 字节")
        seen.add(name)
    return True


def _document(package: _Package, extract_to: str | None, roots) -> None:
    report, signatures = package.report, ofd_signatures.Signatures(package, roots)
    root = package.xml("OFD.xml")
    if root is None:
        return
    bodies = _all(root, "DocBody")
    report.pages = 0
    for body in bodies:
        start = package.resolve("OFD.xml", _text(body, "DocRoot"))
        document = package.xml(start)
        for listing in ofd_signatures.children(body, "Signatures"):
            signatures.read(package.resolve("OFD.xml", listing.text))
        if document is None:
            continue
        _actions(report, document)
        for page in _all(document, "Page"):
            report.pages += 1
            report.page = report.pages
            _page(package, package.resolve(start, page.get("BaseLoc")))
        report.page = None
        for template in _all(document, "TemplatePage"):
            package.xml(package.resolve(start, template.get("BaseLoc")))
        for listing in _all(document, "Attachments"):
            _attachments(package, package.resolve(start, listing.text), extract_to)
    if report.signed:
        report.uncovered = signatures.gaps()
    if not report.pages:
        report.say("no-pages")
    _stray(package)


def _page(package: _Package, path: str) -> None:
    content = package.xml(path, missing="page-missing")
    if content is None:
        return
    _actions(package.report, content)
    if len(package.report.text) < TEXT_LIMIT:
        pieces = [
            ("".join(code.itertext()), code.getparent().get("Boundary")) for code in _all(content, "TextCode")
        ]
        text = "\n".join(words for words, _ in pieces)
        package.report.add_text(text.replace("\f", " ") + "\n\f")
        if cells.LABELS.search(text) and len(package.report.cells) < cells.MOST_CELLS:
            package.report.cells += cells.of_ofd_page(pieces, package.report.pages)


def _actions(report: Report, element: etree._Element) -> None:
    for action in _all(element, "URI"):
        target = (action.get("URI") or action.get("Target") or "").strip()
        report.say("javascript" if target.lower().startswith("javascript:") else "link", target[:120])
    for name, kind in (("GotoA", "embedded-jump"), ("Sound", "media"), ("Movie", "media")):
        if _all(element, name):
            report.say(kind)


def _attachments(package: _Package, path: str, extract_to: str | None) -> None:
    listing = package.xml(path)
    for entry in _all(listing, "Attachment") if listing is not None else ():
        number = len(package.report.attachments)
        location = package.resolve(path, _text(entry, "FileLoc"))
        found = {"name": (entry.get("Name") or location)[:120], "bytes": None, "path": None}
        package.report.attachments.append(found)
        if location not in package.entries:
            package.report.say("attachment-missing", location)
            continue
        found["bytes"] = package.entries[location].file_size
        if extract_to is not None:
            found["path"] = posixpath.join(extract_to, f"{number}.bin")
            os.makedirs(extract_to, mode=0o700, exist_ok=True)
            with open(found["path"], "wb") as file:
                file.write(package.archive.read(package.entries[location]))


def _stray(package: _Package) -> None:
    """Very many entries outside the folders of the documents: no part of what a reader shows."""
    homes = {name.split("/")[0] for name in package.entries if name.endswith("Document.xml")}
    stray = [name for name in package.entries if name.split("/")[0] not in homes and name != "OFD.xml"]
    if len(stray) > MANY_STRAY or len(package.entries) > 2000:
        package.report.say("stray-entries", f"{len(package.entries)} 个条目")


def _all(element: etree._Element, name: str) -> list[etree._Element]:
    return element.xpath(".//*[local-name()=$name]", name=name)


def _text(element: etree._Element, name: str) -> str | None:
    found = _all(element, name)
    return found[0].text if found else None
