"""Walk every object of a PDF: what acts, what reaches outside, what is attached, which fonts are missing.

Runs inside the fenced child. It sees the objects of the current revision.
"""

import os
import re
from collections.abc import Iterator

import pikepdf

from .image import MOST_PIXELS
from .report import Report

MOST_OBJECTS = 300_000
MOST_DEPTH = 60
MOST_ATTACHMENTS = 200
MOST_ATTACHED_BYTES = 512 << 20

ACTIONS = {
    "/JavaScript": "javascript", "/Launch": "launch", "/URI": "link", "/GoToR": "external-file",
    "/GoToE": "embedded-jump", "/SubmitForm": "form-action", "/ImportData": "form-action", "/Rendition": "media",
    "/Movie": "media", "/Sound": "media", "/RichMediaExecute": "media", "/Thread": "external-file",
}  # fmt: skip
MEDIA = {"/RichMedia", "/3D", "/Movie", "/Screen", "/Sound"}
FONTS = {"/Type1", "/MMType1", "/TrueType", "/CIDFontType0", "/CIDFontType2"}
FONT_FILES = ("/FontFile", "/FontFile2", "/FontFile3")
SUBSTITUTED = ("Helvetica", "Arial", "Times", "Courier", "Symbol", "ZapfDingbats")
"""The fourteen standard fonts and their twins: every reader draws them with the same widths."""
CODED = re.compile(r"/JPXDecode|/JBIG2Decode")
BACKWARDS = {"/Parent", "/P", "/Prev"}


def walk(report: Report, document: pikepdf.Pdf, extract_to: str | None) -> None:
    """Say what is found; attachments are written to `extract_to` as 0.bin, 1.bin, … for the virus scanner."""
    fonts: set[str] = set()
    specs: list[pikepdf.Dictionary] = []
    try:
        for count, item in enumerate(document.objects):
            if count > MOST_OBJECTS:
                report.say("too-many-objects", count)
                break
            for dictionary in _dictionaries(report, item):
                _judge(report, dictionary, fonts, specs)
    except (pikepdf.PdfError, RuntimeError, ValueError, TypeError, AttributeError) as fault:
        report.say("damaged", f"{type(fault).__name__}：{str(fault)[-120:]}")
    report.details["fonts-missing"] = sorted(fonts)[:40]
    if fonts:
        report.say("font-missing", "、".join(sorted(fonts)[:5]))
    _attachments(report, specs, extract_to)


def _dictionaries(report: Report, item: object) -> Iterator[pikepdf.Dictionary]:
    """Every dictionary inside one indirect object, not following references to other objects."""
    pending = [(item, 0)]
    while pending:
        value, depth = pending.pop()
        if depth > MOST_DEPTH:
            report.say("nested-too-deep", f"对象嵌套超过 {MOST_DEPTH} 层")
            continue
        if isinstance(value, pikepdf.Stream):
            value = value.stream_dict
            if "/F" in value and "/FFilter" in value or _outside(value):
                report.say("external-stream")
        if isinstance(value, pikepdf.Dictionary):
            yield value
            children = [child for key, child in value.items() if key not in BACKWARDS]
        elif isinstance(value, pikepdf.Array):
            children = list(value)
        else:
            continue
        pending += [
            (child, depth + 1)
            for child in children
            if isinstance(child, pikepdf.Dictionary | pikepdf.Array) and not child.is_indirect
        ]


def _outside(stream: pikepdf.Dictionary) -> bool:
    return "/F" in stream and str(stream.get("/Type", "")) != "/EmbeddedFile" and "/Length" in stream


def _judge(report: Report, item: pikepdf.Dictionary, fonts: set[str], specs: list) -> None:
    action, subtype, kind = _name(item, "/S"), _name(item, "/Subtype"), _name(item, "/Type")
    if action in ACTIONS:
        report.say(ACTIONS[action], str(item.get("/URI", ""))[:120] if action == "/URI" else "")
    if "/JS" in item:
        report.say("javascript")
    if subtype in MEDIA and (kind in ("/Annot", "") or subtype == "/RichMedia"):
        if subtype != "/3D" or report.pdfa != "4E":  # PDF/A-4e is made for engineering models
            report.say("media")
    if "/Filter" in item and CODED.search(str(item["/Filter"])):
        report.details["coded-pictures"] = True
    if subtype == "/Image" and _pixels(item) > MOST_PIXELS:
        report.say("image-bomb", f"{item['/Width']} × {item['/Height']}")
    if "/XFA" in item:
        report.say("xfa")
    if "/EF" in item:
        specs.append(item)
    elif kind == "/Filespec":
        report.say("external-file", _file_name(item))
    if "/ByteRange" in item and "/Contents" in item:
        report.details["signatures"] = report.details.get("signatures", 0) + 1
    if subtype in FONTS and "/BaseFont" in item:
        font = str(item["/BaseFont"]).lstrip("/").split("+")[-1]
        descriptor = item.get("/FontDescriptor")
        embedded = isinstance(descriptor, pikepdf.Dictionary) and any(key in descriptor for key in FONT_FILES)
        if not embedded and not font.startswith(SUBSTITUTED):
            fonts.add(font[:80])


def _pixels(picture: pikepdf.Dictionary) -> int:
    sides = picture.get("/Width"), picture.get("/Height")
    return sides[0] * sides[1] if all(isinstance(side, int) for side in sides) else 0


def _name(item: pikepdf.Dictionary, key: str) -> str:
    value = item.get(key)
    return str(value) if isinstance(value, pikepdf.Name) else ""


def _file_name(spec: pikepdf.Dictionary) -> str:
    for key in ("/UF", "/F"):
        if isinstance(spec.get(key), pikepdf.String):
            return str(spec[key])[:120]
    return ""


def _attachments(report: Report, specs: list, extract_to: str | None) -> None:
    """PDF/A-3 and PDF 2.0 state how a file belongs to the document (/AFRelationship): such ones are content."""
    total = 0
    for number, spec in enumerate(specs[:MOST_ATTACHMENTS]):
        name = _file_name(spec) or f"附件 {number + 1}"
        entry = {"name": name, "bytes": None, "path": None}
        report.attachments.append(entry)
        if "/AFRelationship" not in spec:
            report.say("attachment", name)
        if extract_to is None:
            continue
        try:
            embedded = spec["/EF"]
            data = (embedded.get("/F") or embedded.get("/UF")).read_bytes()
        except (pikepdf.PdfError, AttributeError, KeyError, TypeError, ValueError) as fault:
            report.say("attachment-unreadable", f"{name}：{type(fault).__name__}")
            continue
        total += len(data)
        if total > MOST_ATTACHED_BYTES:
            report.say("zip-bomb", f"{name}：附件共超过 {MOST_ATTACHED_BYTES >> 20} MB")
            return
        entry["bytes"], entry["path"] = len(data), os.path.join(extract_to, f"{number}.bin")
        os.makedirs(extract_to, mode=0o700, exist_ok=True)
        with open(entry["path"], "wb") as file:
            file.write(data)
    if len(specs) > MOST_ATTACHMENTS:
        report.say("attachment-unreadable", f"附件超过 {MOST_ATTACHMENTS} 个")
