"""Page by page: is it blank, is it there twice, how finely and in what colours was it scanned? Runs inside the child.

Nothing is rendered. A page is blank when its content paints nothing, or when its scanned picture is of one tone; it is
there twice when content and pictures are the same bytes. Pictures are decoded at an eighth of their size, where the
format permits. What cannot be looked at is left out: these are hints for a person, never proofs.
"""

import hashlib
import io
import re
import warnings

import pikepdf

from . import complaints
from .report import Report

MOST_PAGES = 2000
MOST_DECODED = 120
"""Scanned pages whose pictures are decoded; a book of scans is looked at in part."""
MOST_CONTENT = 4 << 20
MOST_PIXELS = 60_000_000
PAINTS = re.compile(rb"(?<![A-Za-z])(?:Tj|TJ|Do|sh|BI|[fF]\*?|[sS]|[bB]\*?)(?![A-Za-z*])|[)>\]]\s*['\"]")
WRITES = re.compile(rb"(?<![A-Za-z])T[jJ](?![A-Za-z])|[)>\]]\s*['\"]")
SMALLEST_SCAN = 600
"""Pixels on the shorter side: what is smaller is no scanned sheet."""
TOLERANCE, STAINS = 40, 0.0004
"""A page of one tone: at most four pixels in ten thousand differ from the ground by more than TOLERANCE of 255."""


class Sheets:
    """Collects what is seen; page numbers begin at 1."""

    def __init__(self) -> None:
        self.blank: list[int] = []
        self.twice: list[list[int]] = []
        self.dpi: dict[int, int] = {}
        self.modes: dict[str, int] = {}
        self._seen: dict[bytes, int] = {}

    def same(self, number: int, digest: bytes) -> None:
        if (first := self._seen.setdefault(digest, number)) != number:
            self.twice.append([first, number])

    def tell(self, report: Report) -> None:
        report.details["sheets"] = {
            "blank": self.blank[:200],
            "twice": self.twice[:200],
            "coarsest": min(self.dpi.items(), key=lambda pair: pair[1]) if self.dpi else None,
            "modes": self.modes,
        }


def of_pdf(report: Report, document: pikepdf.Pdf) -> None:
    sheets, decoded = Sheets(), 0
    for number, page in enumerate(document.pages, 1):
        if number > MOST_PAGES:
            break
        report.page = number
        try:
            content, pictures = _content(page), list(page.images.values())
            raw = [picture.read_raw_bytes() for picture in pictures]
        except (pikepdf.PdfError, ValueError, TypeError, AttributeError, KeyError, RuntimeError):
            continue  # said elsewhere: a stream that cannot be read
        if content is None:
            continue
        if not PAINTS.search(content):
            if "/Annots" not in page:
                sheets.blank.append(number)
            continue
        sheets.same(number, _digest(content, raw))
        if not pictures or WRITES.search(content):
            continue
        _scanned(sheets, number, page, pictures[0])
        if len(pictures) == 1 and decoded < MOST_DECODED:
            decoded += 1
            if (picture := _small(report, pictures[0], raw[0])) is not None and of_one_tone(picture):
                sheets.blank.append(number)
    report.page = None
    sheets.tell(report)


def _content(page: pikepdf.Page) -> bytes | None:
    contents = page.obj.get("/Contents")
    streams = list(contents) if isinstance(contents, pikepdf.Array) else [contents]
    parts = [stream.read_bytes() for stream in streams if isinstance(stream, pikepdf.Stream)]
    content = b"\n".join(parts)
    return content if len(content) <= MOST_CONTENT else None


def _digest(content: bytes, pictures: list[bytes]) -> bytes:
    digest = hashlib.blake2b(content, digest_size=16)
    for picture in pictures:
        digest.update(picture)
    return digest.digest()


def _scanned(sheets: Sheets, number: int, page: pikepdf.Page, picture: pikepdf.Stream) -> None:
    try:
        left, low, right, high = (float(value) for value in page.mediabox)
        width, height = int(picture["/Width"]), int(picture["/Height"])
        bits = int(picture.get("/BitsPerComponent", 1))
    except (KeyError, ValueError, TypeError):
        return
    across, up = abs(right - left) / 72, abs(high - low) / 72
    if across and up:  # turned by 90 degrees or not: whichever fits better
        upright, turned = min(width / across, height / up), min(height / across, width / up)
        sheets.dpi[number] = round(max(upright, turned))
    space = str(picture.get("/ColorSpace", ""))
    mode = "黑白" if bits == 1 else "灰度" if "Gray" in space else "彩色"
    sheets.modes[mode] = sheets.modes.get(mode, 0) + 1


def _small(report: Report, picture: pikepdf.Stream, raw: bytes):
    """The picture in grey at about an eighth of its size; None where that would cost too much."""
    from PIL import Image

    try:
        if int(picture["/Width"]) * int(picture["/Height"]) > MOST_PIXELS:
            return None
        coded = picture.get("/Filter") in (pikepdf.Name.DCTDecode, pikepdf.Name.JPXDecode)
    except (KeyError, ValueError, TypeError):
        return None
    if not coded:
        with complaints.heard() as said:
            try:
                small = pikepdf.PdfImage(picture).as_pil_image().convert("L").reduce(8)
            except Exception:  # a sort that only a reader of PDF understands; qpdf or PDFium decodes it
                small = None
        if said and _is_fax(picture):
            report.say("stream-damaged", f"图像：{said[0]}")
        return small
    try:
        image = Image.open(io.BytesIO(raw))
        if image.format == "JPEG2000":
            image.reduce = 3
        image.draft("L", (max(1, image.width // 8), max(1, image.height // 8)))
        return image.convert("L")
    except Image.DecompressionBombError:
        return None
    except Exception as fault:  # a file of its own inside the PDF, which Pillow knows well
        if picture["/Filter"] == pikepdf.Name.DCTDecode:  # the other may be coarse already; PDFium decodes it
            report.say("stream-damaged", f"图像：{type(fault).__name__}")
        return None


def _is_fax(picture: pikepdf.Stream) -> bool:
    """Group 4 as libtiff reads it: what it complains of is damage."""
    how = picture.get("/DecodeParms", {})
    return (
        picture.get("/Filter") == pikepdf.Name.CCITTFaxDecode
        and isinstance(how, pikepdf.Dictionary)
        and int(how.get("/K", 0)) < 0
        and not how.get("/EncodedByteAlign", False)
    )


def of_image(report: Report, frames) -> None:
    """`frames`: the decoded frames of an image file, one after the other (a Pillow image each)."""
    sheets = Sheets()
    for number, image in enumerate(frames, 1):
        mode = {"1": "黑白", "L": "灰度", "LA": "灰度", "I;16": "灰度"}.get(image.mode, "彩色")
        sheets.modes[mode] = sheets.modes.get(mode, 0) + 1
        dpi = [number_of(value) for value in image.info.get("dpi", ())[:2]]
        if dpi and min(dpi) > 1:
            sheets.dpi[number] = round(min(dpi))
        if min(image.size) >= SMALLEST_SCAN:
            if of_one_tone(_grey(image).reduce(8)):
                sheets.blank.append(number)
            elif image.width * image.height < MOST_PIXELS:
                sheets.same(number, hashlib.blake2b(image.tobytes(), digest_size=16).digest())
    sheets.tell(report)


def _grey(image):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the conversion, not of the file
        return image.getchannel(0) if image.mode == "LAB" else image.convert("L")


def number_of(value: object) -> float:
    """A resolution as writers put it: numbers, fractions, nonsense (0)."""
    try:
        return float(value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return 0.0


def of_one_tone(image) -> bool:
    """Nearly every pixel of this grey picture is as light as its ground."""
    counts = image.histogram()
    ground = max(range(256), key=counts.__getitem__)
    stains = sum(count for tone, count in enumerate(counts) if abs(tone - ground) > TOLERANCE)
    return stains <= STAINS * sum(counts)
