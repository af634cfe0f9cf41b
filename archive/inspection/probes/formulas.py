"""What a document of text and tables reaches for: links, other files, formulas that act. Runs inside the fenced child.

OOXML keeps its relations in *.rels; ODF and CSV are read for the formulas alone. Whether a formula is harmless nobody
can tell by looking, so only those are named that start a program or fetch from outside.
"""

import re
import zipfile

from .report import Report

MOST_XML = 32 << 20
OUTSIDE = re.compile(rb"<Relationship\b[^>]*TargetMode\s*=\s*[\"']External[\"'][^>]*>", re.I)
TARGET, KIND = (
    re.compile(rb"Target\s*=\s*[\"']([^\"']*)"),
    re.compile(rb"Type\s*=\s*[\"'][^\"']*/([A-Za-z]+)"),
)
FORMULA = re.compile(rb"<(?:\w+:)?f\b[^>]*>([^<]{1,4000})</|table:formula\s*=\s*\"([^\"]{1,4000})")
ACTS = re.compile(
    r"\bDDE(?:AUTO)?\b|\bcmd\s*\||\|\s*'[^']*'\s*!|\b(?:WEBSERVICE|IMPORTXML|IMPORTDATA|RTD|CALL|EXEC)\s*\(",
    re.I,
)
CELL = re.compile(r"(?:^|[,;\t\n])\s*\"?\s*[=@+-](?=[A-Za-z(])([^\n]{0,400})")
LINK = re.compile(rb"<(?:\w+:)?ddeLink\b([^>]{0,400})")
"""A workbook keeps the other end of a DDE formula in a part of its own."""
FIELD = re.compile(rb"<w:instrText[^>]*>([^<]*\b(?:DDE(?:AUTO)?|INCLUDETEXT|INCLUDEPICTURE)\b[^<]*)", re.I)


def of_zip(report: Report, path: str, entries: list[zipfile.ZipInfo]) -> None:
    """Relations and formulas of an office document in a zip; the entries were read through before."""
    with zipfile.ZipFile(path) as archive:
        for entry in entries:
            name = entry.filename.lower()
            if entry.file_size > MOST_XML or not name.endswith((".rels", ".xml")):
                continue
            data = archive.read(entry)
            if b"<!DOCTYPE" in data[:4096] or b"<!ENTITY" in data[:65536]:
                report.say("doctype", entry.filename)
            if name.endswith(".rels"):
                _relations(report, data)
                continue
            for found in FORMULA.finditer(data):
                _formula(report, (found[1] or found[2]).decode("utf-8", "replace"))
            for found in LINK.finditer(data):
                report.say("formula", found[1].decode("utf-8", "replace").strip()[:120])
            for found in FIELD.finditer(data):
                report.say("formula", found[1].decode("utf-8", "replace").strip()[:120])


def of_text(report: Report, text: str) -> None:
    """Cells of a CSV that a spreadsheet would compute on opening."""
    for found in CELL.finditer(text):
        report.say("formula", found[0].strip(' ,;\t\n"')[:120])


def _relations(report: Report, data: bytes) -> None:
    for relation in OUTSIDE.findall(data):
        kind, target = KIND.search(relation), TARGET.search(relation)
        where = target[1].decode("utf-8", "replace")[:120] if target else ""
        report.say("link" if kind and kind[1] == b"hyperlink" else "external-file", where)


def _formula(report: Report, formula: str) -> None:
    if ACTS.search(formula):
        report.say("formula", formula[:120])
