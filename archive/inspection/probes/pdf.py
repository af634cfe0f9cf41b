"""Open a PDF fully: structure and streams by qpdf, pages and text by PDFium. Runs inside the fenced child.

Two readers of different make must agree on the number of pages. qpdf repairs silently and tells in warnings:
each is a fault here, but for those that leave nothing lost (see `_harmless`).
"""

import os
import re

import pikepdf
from lxml import etree

from . import cells, pdf_contents, pictures, sheets
from .report import TEXT_LIMIT, Report

MOST_PAGES = 20_000
EOF_SEARCHED = 4096
TABLE_READ = 8 << 20
SECTION, ENTRY = re.compile(rb"(\d{1,10})\s{1,10}(\d{1,10})"), re.compile(rb"\d{10} \d{5} [nf]")
OBJECT = re.compile(r"\b(?:object|stream) (\d{1,10}) \d")
PDFA_ID = "{http://www.aiim.org/pdfa/ns/id/}"
XMP = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=True)

BENIGN = (
    "xref entry for the xref stream itself is missing",
    "object has offset 0 - a common error",  # a free entry that is not marked so: there never was such an object
)
NOT_MISSED = ("mediabox is undefined; setting to letter", "resources is missing or invalid; repairing")
"""What pages that paint nothing do without: nothing of theirs can be lost."""
DISPLACED = (
    "file is damaged", "xref not found", "attempting to reconstruct cross-reference table", "expected endstream",
    "attempting to recover stream length", "recovered stream length", "invalid xref entry",
    "extraneous whitespace seen before xref",
)  # fmt: skip
"""Complaints about offsets only; qpdf then finds the objects by reading through the file."""


def open_and_report(
    report: Report, path: str, extract_to: str | None, trusted: list[str] | None = None
) -> None:
    _frame(report, path)
    try:
        with pikepdf.open(path, suppress_warnings=True) as document:
            _structure(report, document, path, extract_to)
    except pikepdf.PasswordError:
        report.say("encrypted-user")
        return
    except pikepdf.PdfError as fault:
        report.say("unreadable", _without_path(fault, path))
        return
    _read_pages(report, path)
    if report.details.get("signatures"):
        from . import pdf_signatures, trust_roots  # pyHanko takes half a second to load

        pdf_signatures.verify_all(report, path, trust_roots.roots(trusted))


def _frame(report: Report, path: str) -> None:
    """Header at the first byte, end mark, nothing behind it: what qpdf forgives without a word."""
    with open(path, "rb") as file:
        head = file.read(1024)
        file.seek(max(0, os.path.getsize(path) - EOF_SEARCHED))
        tail = file.read()
    if not head.startswith(b"%PDF-"):
        report.say("header", "" if b"%PDF-" in head else "没有 %PDF- 标识")
    end = tail.rfind(b"%%EOF")
    if end < 0:
        report.say("no-end-mark")
    elif after := tail[end + 5 :].strip(b"\0\r\n\t \x1a"):
        report.say("trailing", f"{len(after)} 字节")


def _structure(report: Report, document: pikepdf.Pdf, path: str, extract_to: str | None) -> None:
    declared = document.Root.get("/Pages", {}).get(
        "/Count"
    )  # before the pages are walked: qpdf may put it right
    report.pages = len(document.pages)
    if isinstance(declared, int) and declared != report.pages:
        report.say("pages-differ", f"页树所记 {declared} 页，实有 {report.pages} 页")
    report.details["pdf-version"] = document.pdf_version
    if document.is_encrypted:
        report.say("encrypted-owner")
    report.pdfa = _pdfa_claim(document)
    pdf_contents.walk(report, document, extract_to)
    sheets.of_pdf(report, document)
    warnings: list[str] = []
    try:
        warnings += [str(item) for item in document.check_pdf_syntax()]
    except pikepdf.DependencyError:
        report.say("stream-damaged", "页面的内容以 JBIG2 编码")  # allowed to pictures only
    except Exception as fault:  # qpdf's C++ errors arrive under several names
        report.say("stream-damaged", f"{type(fault).__name__}：{_without_path(fault, path)}")
    warnings += [str(item) for item in document.get_warnings()]
    warnings = [text for text in (_without_path(item, path) for item in warnings) if not _is(text, BENIGN)]
    if len(report.details["sheets"]["blank"]) == report.pages:
        warnings = [text for text in warnings if not _is(text, NOT_MISSED)]
    for text in [text for text in warnings if "limits error" in text]:
        report.say("nested-too-deep", text)
        warnings.remove(text)
    for text in [text for text in warnings if "bad_alloc" in text]:  # more than the memory of the child
        report.say("zip-bomb", text)
        warnings.remove(text)
    if warnings and not _harmless(warnings, path):
        owners = _owners(document)
        for text in dict.fromkeys(warnings):
            numbers = (int(number) for number in OBJECT.findall(text))
            report.page = next((owners[number] for number in numbers if number in owners), None)
            report.say("damaged", text)
        report.page = None
    elif warnings:
        report.details["displaced"] = len(warnings)


def _owners(document: pikepdf.Pdf) -> dict[int, int]:
    """Number of an object → the first page that it is a part of: as page, as content or as picture."""
    owners: dict[int, int] = {}
    for number, page in enumerate(document.pages, 1):
        if number > sheets.MOST_PAGES:
            break
        try:
            content = page.obj.get("/Contents")
            parts = [page.obj, content, *page.images.values()]
            parts += content if isinstance(content, pikepdf.Array) else []
        except (pikepdf.PdfError, ValueError, TypeError, AttributeError, KeyError, RuntimeError):
            continue  # said elsewhere
        for part in parts:
            if isinstance(part, pikepdf.Object) and part.is_indirect:
                owners.setdefault(part.objgen[0], number)
    return owners


def _harmless(warnings: list[str], path: str) -> bool:
    """Only offsets are wrong (as when line ends were converted on the way), and the table of objects is whole."""
    return all(_is(text, DISPLACED) for text in warnings) and _table_is_whole(path)


def _is(text: str, patterns: tuple[str, ...]) -> bool:
    return any(pattern in text.lower() for pattern in patterns)


def _table_is_whole(path: str) -> bool:
    """The one cross-reference table has as many entries as it says and as the trailer's /Size says."""
    if os.path.getsize(path) > TABLE_READ:
        return False
    with open(path, "rb") as file:
        data = file.read()
    tables = list(re.finditer(rb"(?<!start)xref\s", data))
    if len(tables) != 1:
        return False
    body, _, trailer = data[tables[0].end() :].partition(b"trailer")
    size = re.search(rb"/Size (\d{1,10})\b", trailer)
    if size is None or b"/Prev" in trailer:
        return False
    return int(size[1]) == _end_of_table(body.splitlines())


def _end_of_table(lines: list[bytes]) -> int | None:
    """One more than the highest object number of the sections in `lines`; None when one is not complete. No pattern over
    the whole: blank lines between the entries once made one try for minutes."""
    lines = [line.strip() for line in lines if line.strip()]
    end, at = 0, 0
    while at < len(lines):
        head = SECTION.fullmatch(lines[at])
        if head is None:
            return None
        first, count = int(head[1]), int(head[2])
        entries = lines[at + 1 : at + 1 + count]
        if len(entries) < count or not all(ENTRY.match(entry) for entry in entries):
            return None
        end, at = max(end, first + count), at + 1 + count
    return end or None


def _pdfa_claim(document: pikepdf.Pdf) -> str | None:
    metadata = document.Root.get("/Metadata")
    if not isinstance(metadata, pikepdf.Stream):
        return None
    try:
        packet = metadata.read_bytes()[: 1 << 20]
    except pikepdf.PdfError:
        return None
    try:
        tree = etree.fromstring(packet.strip(b"\0 \r\n\t"), XMP)
    except (etree.XMLSyntaxError, ValueError):
        return None
    part, level = (_claimed(tree, name) for name in ("part", "conformance"))
    return part + level.upper() if part and part.isdecimal() else None


def _claimed(tree: etree._Element | None, name: str) -> str:
    """A property of PDF/A's own namespace, whether it is written as element or as attribute."""
    if tree is None:
        return ""
    for element in tree.iter():
        if element.tag == PDFA_ID + name:
            return (element.text or "").strip()[:4]
        if PDFA_ID + name in element.attrib:
            return element.attrib[PDFA_ID + name].strip()[:4]
    return ""


def _read_pages(report: Report, path: str) -> None:
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as fault:
        if "password" in str(fault):  # qpdf opens by either password, PDFium by the reader's only
            report.say("encrypted-user")
        else:
            report.say("unreadable", f"PDFium：{fault}")
        return
    try:
        count = len(document)
        if report.pages is not None and count != report.pages:
            report.say("pages-differ", f"qpdf {report.pages} 页，PDFium {count} 页")
        if count > MOST_PAGES:
            report.say("too-many-pages", count)
        coded = pictures.Pictures(report) if report.details.get("coded-pictures") else None
        for number in range(min(count, MOST_PAGES)):
            report.page = number + 1
            _read_page(report, document, number, coded)
        report.page = None
        if coded:
            coded.tell()
    finally:
        report.page = None
        document.close()


def _read_page(report: Report, document, number: int, coded: pictures.Pictures | None) -> None:
    import pypdfium2

    try:
        page = document[number]
    except pypdfium2.PdfiumError:
        report.say("page-unreadable")
        report.add_text("\f")
        return
    try:
        if len(report.text) < TEXT_LIMIT:
            words = page.get_textpage()
            text = words.get_text_range().replace("\r\n", "\n").replace("\f", " ")
            report.add_text(text + "\n\f")
            if cells.LABELS.search(text) and len(report.cells) < cells.MOST_CELLS:
                report.cells += cells.of_pdf_page(words, number + 1)
            words.close()
        if coded:
            coded.of_page(page)
    except pypdfium2.PdfiumError:
        report.say("page-text")
        report.add_text("\f")
    finally:
        page.close()


def _without_path(fault: object, path: str) -> str:
    return str(fault).replace("WARNING: ", "").replace(path, "").lstrip(" :,")
