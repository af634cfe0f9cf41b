"""JPEG 2000 and JBIG2 in a PDF, which qpdf passes on as they are: PDFium decodes them, one by one. Inside the child.

For SECONDS of the processor and no longer: a book of scans is looked at in part, and how many pictures are left is said.
JBIG2 has no check sums: bits that were turned round in the middle of its data are another picture, and nobody can tell.
"""

import struct
import time

from .report import Report

CODED = {"JPXDecode", "JBIG2Decode"}
SECONDS = 4
FILE_HEADER = b"\x97JB2"
UNKNOWN = 0xFFFFFFFF
MOST_PIXELS = 60_000_000
DEEPEST = 5
"""Forms within forms."""


class Pictures:
    def __init__(self, report: Report) -> None:
        self.report = report
        self.until = time.process_time() + SECONDS
        self.left = 0

    def of_page(self, page) -> None:
        """`page`: of PDFium. Says which of its pictures cannot be decoded."""
        from pypdfium2 import PdfiumError, raw

        for picture in page.get_objects(filter=(raw.FPDF_PAGEOBJ_IMAGE,), max_depth=DEEPEST):
            coding = CODED.intersection(picture.get_filters())
            if not coding:
                continue
            try:
                width, height = picture.get_px_size()
                if time.process_time() > self.until or width * height > MOST_PIXELS:
                    self.left += 1
                    continue
                picture.get_bitmap().close()
                if coding == {"JBIG2Decode"} and ends_early(bytes(picture.get_data(decode_simple=True))):
                    self.report.say("stream-damaged", "图像：JBIG2Decode，数据不完整")
            except PdfiumError:
                self.report.say("stream-damaged", f"图像：{coding.pop()}")

    def tell(self) -> None:
        if self.left:
            self.report.say("pictures-left", f"{self.left} 幅")


def ends_early(data: bytes) -> bool:
    """Whether the last segment of a JBIG2 stream says that it is longer (ITU-T T.88, 7.2): its decoder fills up what is
    missing without a word."""
    if data.startswith(FILE_HEADER):  # of a file of its own, which does not belong here and does no harm
        return False
    at = 0
    try:
        while at + 11 <= len(data):
            number, flags, count = struct.unpack_from(">IBB", data, at)
            at, count = at + 6, count >> 5
            if count == 7:  # the long form: 29 bits, then a bit for each
                count = struct.unpack_from(">I", data, at - 1)[0] & 0x1FFFFFFF
                at += 3 + (count + 8) // 8
            at += count * (1 if number <= 256 else 2 if number <= 65536 else 4) + (4 if flags & 0x40 else 1)
            (length,) = struct.unpack_from(">I", data, at)
            if length == UNKNOWN:
                return False
            at += 4 + length
    except struct.error:
        return True
    return at > len(data)
