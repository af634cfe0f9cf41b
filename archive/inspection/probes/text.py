"""Plain text, XML, HTML, MHTML: readable characters, and scripts in what a browser would open.

Runs inside the fenced child.
"""

import re

from lxml import etree

from . import formulas
from .report import TEXT_LIMIT, Report

MOST_BYTES = 16 << 20
CODECS = ("utf-8-sig", "gb18030", "utf-16", "cp1252")
SCRIPT = re.compile(
    r"<script\b|\bon(?:load|click|error|mouseover|focus|begin|toggle|submit|change)\s{0,9}=|javascript:|<iframe\b"
    r"|<object\b|<embed\b|http-equiv\s{0,9}=[\s\"']{0,9}refresh",
    re.I,
)
TAG = re.compile(r"<[^<>]{0,2000}>")
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a]")
XML = re.compile(r"<(?:\?xml\b|svg\b|!DOCTYPE\s(?!\s{0,9}html\b))", re.I)
ENTITY = re.compile(r"<!ENTITY\b", re.I)
RICH_TEXT_OBJECT = re.compile(r"\\objdata\b|\\objautlink\b|\\objupdate\b")


def open_and_report(report: Report, path: str) -> None:
    with open(path, "rb") as file:
        data = file.read(MOST_BYTES)
    text, codec = _decode(data)
    if text is None:
        report.say("text-encoding")
        return
    report.details["encoding"] = codec
    if text.startswith("{\\rtf"):  # its words stand between commands: nothing to compare or to search
        if RICH_TEXT_OBJECT.search(text):
            report.say("embedded-object")
        return
    if (report.kind == "html" or "<svg" in text) and SCRIPT.search(text):
        report.say("script")
    if report.kind == "html":
        text = TAG.sub(" ", text)
    elif _is_xml(report, text):
        if ENTITY.search(text):  # in a comment it is as little wanted
            report.say("entities")
        else:
            _well_formed(report, path, data)
    elif (report.mime or "") == "text/csv":
        formulas.of_text(report, text)
    report.add_text(text[:TEXT_LIMIT])


def _is_xml(report: Report, text: str) -> bool:
    return bool(XML.match(text.lstrip())) or "xml" in (report.mime or "")


class _Nothing:
    """What is left of a document too large to keep: that it was well formed."""

    def close(self) -> None:
        pass


def _well_formed(report: Report, path: str, data: bytes) -> None:
    rules = {"resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False}
    try:
        if len(data) < MOST_BYTES:
            data = data if report.details["encoding"] == "utf-16" else data.strip(b"\0 \r\n\t")
            root = etree.fromstring(data, etree.XMLParser(**rules))
            if outside := root.getroottree().docinfo.system_url:
                report.say("external-file", outside)
        else:
            etree.parse(path, etree.XMLParser(target=_Nothing(), **rules))
    except (etree.XMLSyntaxError, ValueError) as fault:
        report.say("bad-xml", str(fault)[:80])


def _decode(data: bytes) -> tuple[str | None, str]:
    for codec in CODECS:
        try:
            text = data.decode(codec)
            if not CONTROL.search(text):
                return text, codec
        except UnicodeDecodeError as fault:
            if len(data) == MOST_BYTES and fault.start > MOST_BYTES - 8:
                return data[: fault.start].decode(codec), codec
    return None, ""
