"""What a document of text and tables reaches for: links, other files, formulas that act. Runs inside the fenced child.

OOXML keeps its relations in *.rels; ODF and CSV are read for the formulas alone. Whether a formula is harmless nobody
can tell by looking, so only those are named that start a program or fetch from outside.
"""

import re
import zipfile

from .report import Report

MOST_XML = 32 << 20
"""A part larger than this is not searched, and that is said; one larger than MOST_PARSED is nobody's table."""
MOST_PARSED = 128 << 20
# Every pattern stops at the next bracket or after so many characters: what somebody wrote to make one slow must not.
RELATION = re.compile(rb"<Relationship\b([^<>]*)>", re.I)
OUTSIDE = re.compile(rb"TargetMode\s{0,9}=\s{0,9}[\"']External[\"']", re.I)
TARGET, KIND = (
    re.compile(rb"Target\s{0,9}=\s{0,9}[\"']([^\"']*)"),
    re.compile(rb"Type\s{0,9}=\s{0,9}[\"'][^\"']{0,400}/([A-Za-z]{1,80})"),
)
FORMULA = re.compile(
    rb"<(?:\w{1,20}:)?f\b[^<>]{0,400}>([^<]{1,4000})</|table:formula\s{0,9}=\s{0,9}\"([^\"]{1,4000})"
)
ACTS = re.compile(
    r"\bDDE(?:AUTO)?\b|\bcmd\s*\||\|\s*'[^']*'\s*!|\b(?:WEBSERVICE|IMPORTXML|IMPORTDATA|RTD|CALL|EXEC)\s*\(",
    re.I,
)
CELL = re.compile(r"(?:^|[,;\t\n])[ ]{0,9}\"?[ ]{0,9}[=@+-](?=[A-Za-z(])([^\n]{0,400})")
LINK = re.compile(rb"<(?:\w{1,20}:)?ddeLink\b([^<>]{0,400})")
"""A workbook keeps the other end of a DDE formula in a part of its own."""
FIELD = re.compile(
    rb"(?:<w:instrText\b[^<>]{0,400}>|\bw:instr\s{0,9}=\s{0,9}[\"'])"
    rb"([^<>\"]{0,4000}?\b(?:DDE(?:AUTO)?|INCLUDETEXT|INCLUDEPICTURE)\b[^<]{0,120})",
    re.I,
)


DOCTYPES = [
    mark.encode(codec) for mark in ("<!DOCTYPE", "<!ENTITY") for codec in ("utf-8", "utf-16-le", "utf-16-be")
]


def of_zip(report: Report, path: str, entries: list[zipfile.ZipInfo]) -> None:
    """Relations and formulas of an office document in a zip; the entries were read through before."""
    with zipfile.ZipFile(path) as archive:
        for entry in entries:
            name = entry.filename.lower()
            if not name.endswith((".rels", ".xml")):
                continue
            if entry.file_size > MOST_PARSED:
                report.say("huge-xml", entry.filename)
                continue
            if entry.file_size > MOST_XML:
                report.say("too-many-objects", entry.filename)
                continue
            data = archive.read(entry)
            if any(mark in data for mark in DOCTYPES):  # text has its brackets escaped
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
    for relation in RELATION.findall(data):
        if not OUTSIDE.search(relation):
            continue
        kind, target = KIND.search(relation), TARGET.search(relation)
        where = target[1].decode("utf-8", "replace")[:120] if target else ""
        report.say("link" if kind and kind[1] == b"hyperlink" else "external-file", where)


def _formula(report: Report, formula: str) -> None:
    if ACTS.search(formula):
        report.say("formula", formula[:120])
