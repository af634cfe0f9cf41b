"""Small real PDFs without any font: for tests and benchmarks.

A page carries its lines of text, Chinese included, in a Type 3 font made on the spot: each character is a
little box, and a ToUnicode table tells what it means. So the file opens everywhere, has a full text layer, an
embedded font and one page per list of lines, and costs a fraction of a millisecond. Nobody is meant to *see* it.
"""

import zlib
from collections.abc import Iterable, Sequence
from functools import cache
from io import BytesIO

from PIL import Image, ImageDraw

from config.demonstration.pages import Draft

PLACES = 255  # codes of one simple font; code 0 stays free


def print_drafts(drafts: Iterable[Draft]) -> None:
    """Fill `files` of every draft; the counterpart of `forms.print_drafts`."""
    for draft in drafts:
        for path, page in draft.pages.items():
            mark = f"{draft.submission['business_no']} {path}"
            draft.files[path] = scan(mark) if page.scan else pdf([page.lines()], title=page.title)


def scan(mark: str) -> bytes:
    """A small JPEG of 200 dpi; `mark` goes in as a comment, so that no two are the same file."""
    comment = mark.encode()
    blank = _blank_scan()
    return blank[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + blank[2:]


@cache
def _blank_scan() -> bytes:
    image = Image.new("L", (413, 584), 246)
    draw = ImageDraw.Draw(image)
    for top in range(60, 540, 40):
        draw.line((40, top, 373, top + 2), fill=120, width=2)
    out = BytesIO()
    image.save(out, "JPEG", quality=60, dpi=(200, 200))
    return out.getvalue()


def pdf(pages: Sequence[Sequence[str]], *, title: str = "") -> bytes:
    """A PDF of one page for each list of lines. Characters beyond the 255th different one are left out."""
    characters = list(dict.fromkeys("".join("".join(lines) for lines in pages)))[:PLACES]
    codes = {character: code for code, character in enumerate(characters, 1)}
    objects = [
        b"<</Type/Catalog/Pages 2 0 R/Lang(zh-CN)>>",
        b"<</Type/Pages/Count %d/Kids[%s]>>"
        % (len(pages), b" ".join(b"%d 0 R" % (7 + 2 * at) for at in range(len(pages)))),
        b"<</Title<%s>/Producer(demonstration)>>" % _utf16(title, mark=True),
        b"<</Type/Font/Subtype/Type3/Name/T3/FontBBox[0 0 10 10]/FontMatrix[.1 0 0 .1 0 0]/FirstChar 1"
        b"/LastChar %d/Widths[%s]/Encoding<</Type/Encoding/Differences[1%s]>>"
        b"/CharProcs<</b 5 0 R>>/Resources<<>>/ToUnicode 6 0 R>>"
        % (len(codes), b" ".join([b"10"] * len(codes)), b"/b" * len(codes)),
        _stream(b"10 0 0 0 10 10 d1 1 1 7 7 re S"),
        _stream(_to_unicode(codes)),
    ]
    for at, lines in enumerate(pages):
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents %d 0 R/Resources<</Font<</T3 4 0 R>>>>>>"
            % (8 + 2 * at)
        )
        shown = b"".join(
            b"<%s>Tj T* " % bytes(codes[character] for character in line if character in codes).hex().encode()
            for line in lines
        )
        objects.append(_stream(b"BT /T3 9 Tf 14 TL 50 790 Td " + shown + b"ET"))
    return _file(objects)


def _to_unicode(codes: dict[str, int]) -> bytes:
    rows = [b"<%02x><%s>" % (code, _utf16(character)) for character, code in codes.items()]
    blocks = [rows[start : start + 100] for start in range(0, len(rows), 100)]
    body = b"".join(b"%d beginbfchar\n%s\nendbfchar\n" % (len(block), b"\n".join(block)) for block in blocks)
    return (
        b"/CIDInit/ProcSet findresource begin 12 dict begin begincmap\n"
        b"/CMapName/T3 def/CMapType 2 def 1 begincodespacerange<00><ff>endcodespacerange\n"
        + body
        + b"endcmap CMapName currentdict/CMap defineresource pop end end"
    )


def _utf16(text: str, *, mark: bool = False) -> bytes:
    return (("\ufeff" if mark else "") + text).encode("utf-16-be").hex().encode()


def _stream(data: bytes) -> bytes:
    packed = zlib.compress(data, 1)
    return b"<</Length %d/Filter/FlateDecode>>stream\n%s\nendstream" % (len(packed), packed)


def _file(objects: Sequence[bytes]) -> bytes:
    """Number the objects from 1 and write header, bodies, cross-reference table and trailer."""
    out, offsets = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"), []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<</Size %d/Root 1 0 R/Info 3 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        table,
    )
    return bytes(out)
