"""Files made to break whoever opens them: each is a failed finding, soon, in little memory, and the next file is examined.

What has no bottom is cut by the fence (20 s, 1 GB); most of these are known before they cost anything, so that the
whole matrix takes a few seconds. The largest are made of a small kernel.
"""

import functools
import io
import json
import struct
import time
import zipfile
import zlib

import pikepdf
import pytest
from PIL import Image

from archive.inspection.examine import examine
from archive.inspection.fence import Fence, Limits
from archive.inspection.probes import pdf_contents
from archive.inspection.probes.report import Report
from archive.inspection.text_layer import Declared, contradictions
from tests.bags import bag_files, zipped
from tests.pure import metadata_cases
from tests.pure.metadata_cases import clean

SECONDS, BYTES = 120, 1 << 30
"""Some fence's lives: the machine may have others to serve besides."""
MEGABYTE = 1 << 20


@functools.cache
def zeros(size):
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(MEGABYTE)) for _ in range(size // MEGABYTE)) + packer.flush()


def packed(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def overlapping(count, size, declared=None):
    """`count` entries of a zip that all mean the same few bytes; `declared`: what each says it unpacks to."""
    kernel, name = zeros(size), b"%07d"
    sizes = (zlib.crc32(bytes(size)), len(kernel), declared or size)
    local = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 8, 0, 0, *sizes, 7, 0) + name % 0
    directory = b"".join(
        struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, 8, 0, 0, *sizes, 7, 0, 0, 0, 0, 0, 0)
        + name % (0 if declared else number)
        for number in range(count)
    )
    start = len(local) + len(kernel)
    return local + kernel + directory + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, len(directory), start, 0)  # fmt: skip


def boxes(depth):
    data = packed({"a.txt": b"x"})
    for _ in range(depth):
        data = packed({"a.zip": data})
    return data


def forty_two():
    """Sixteen zips of sixteen zips …: each opened one is small, all together are not."""
    data = packed({"a": bytes(20 * MEGABYTE)})
    for _ in range(5):
        data = packed({f"{number}.zip": data for number in range(16)})
    return data


def many(count):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(count):
            archive.writestr(str(number), b"")
    return buffer.getvalue()


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


HUGE = 60_000


def huge_png():
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", HUGE, HUGE, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(999))) + chunk(b"IEND", b"")


def huge_tiff():
    tags = {256: HUGE, 257: HUGE, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: HUGE, 279: 1 << 31}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)


def small(form):
    buffer = io.BytesIO()
    Image.new("L", (64, 64)).save(buffer, form)
    return bytearray(buffer.getvalue())


def huge_jpeg():
    data = small("JPEG")
    struct.pack_into(">HH", data, data.index(b"\xff\xc0") + 5, HUGE, HUGE)
    return bytes(data)


def huge_jp2():
    data = small("JPEG2000")
    struct.pack_into(">II", data, data.index(b"ihdr") + 4, HUGE, HUGE)
    struct.pack_into(">II", data, data.index(b"\xff\x51") + 6, HUGE, HUGE)
    return bytes(data)


def huge_webp():
    def part(name, data):
        return name + struct.pack("<I", len(data)) + data

    side = struct.pack("<I", HUGE - 1)[:3]
    frame = bytes(6) + (struct.pack("<I", 63)[:3]) * 2 + bytes(4) + bytes(small("WEBP"))[12:]
    body = part(b"VP8X", b"\2\0\0\0" + side * 2) + part(b"ANIM", bytes(6)) + part(b"ANMF", frame)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def pdf(*objects, root=b""):
    """A PDF of a catalogue, a page tree of object 3, and `objects` from number 3 on."""
    objects = (
        b"<</Type/Catalog/Pages 2 0 R" + root + b">>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        *objects,
    )
    data, offsets = b"%PDF-1.7\n", []
    for number, item in enumerate(objects, 1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, item)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    return data + b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Root 1 0 R/Size %d>>\nstartxref\n%d\n%%%%EOF\n" % (size, table, size, len(data))  # fmt: skip


def page(more=b""):
    return b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<<>>%s>>" % more


def stream(data, more=b""):
    return b"<</Length %d%s>>stream\n%s\nendstream" % (len(data), more, data)


def painting_itself():
    form = b"/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</A 5 0 R>>>>"
    sheet = page(b"/Contents 4 0 R").replace(b"/Resources<<>>", b"/Resources<</XObject<</A 5 0 R>>>>")
    return pdf(sheet, stream(b"/A Do"), stream(b"/A Do /A Do /A Do", form))


def paints(picture):
    """A page that shows this stream, and nothing else."""
    sheet = page(b"/Contents 4 0 R").replace(b"/Resources<<>>", b"/Resources<</XObject<</A 5 0 R>>>>")
    return pdf(sheet, stream(b"595 0 0 842 0 0 cm /A Do"), picture)


LAUGHTER = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(10)
) + "]><a>&k;</a>"  # fmt: skip
TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override PartName="/word/document.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="a" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/>'
    "</Relationships>"
)


def document(body):
    return packed({"[Content_Types].xml": TYPES, "_rels/.rels": RELATIONS, "word/document.xml": body})


def attribute(size):
    return b'<?xml version="1.0"?><a b="' + b"x" * size + b'"/>'


def tiff_without_end():
    """One sheet whose directory says that the next one is itself."""
    data = small("TIFF")
    at = struct.unpack_from("<I", data, 4)[0]
    struct.pack_into("<I", data, at + 2 + 12 * struct.unpack_from("<H", data, at)[0], at)
    return bytes(data)


def workbook_without_end():
    """Sectors of its one stream that follow one another in a ring, and a length that would take them all."""
    none = 0xFFFFFFFF

    def named(name, kind, child, start, size):
        word = name.encode("utf-16-le")
        return struct.pack("<64sHBBIII36xIQ", word, len(word) + 2, kind, 1, none, none, child, start, size)

    head = bytearray(
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(76, b"\0") + struct.pack("<I", 0) + b"\xff" * 432
    )
    struct.pack_into("<HHHHH", head, 24, 0x3E, 3, 0xFFFE, 9, 6)
    struct.pack_into("<IIIIIIIIII", head, 40, 0, 1, 1, 0, 4096, none - 1, 0, none - 1, 0, 0)
    table = struct.pack("<128I", none - 2, none - 1, 2, *[none] * 125)
    folder = named("Root Entry", 5, 1, none - 1, 0) + named("Workbook", 2, none, 2, 1 << 30)
    return bytes(head) + table + folder.ljust(512, b"\0") + bytes(512)


def sparse(width, height, filter):
    more = b"/Type/XObject/Subtype/Image/Width %d/Height %d/BitsPerComponent 8/ColorSpace/DeviceGray/Filter%s"
    return paints(stream(zlib.compress(b""), more % (width, height, filter)))


DEEP = 100_000
DIGITS = str.maketrans("0123456789", "零一二三四五六七八九")
FILES = {
    "zeros.zip": lambda: overlapping(500, 20 * MEGABYTE),
    "one-for-all.zip": lambda: overlapping(40, 20 * MEGABYTE),
    "more-than-declared.zip": lambda: overlapping(1, 200 * MEGABYTE, declared=1000),
    "boxes.zip": lambda: boxes(50),
    "tiny.zip": lambda: many(30_000),
    "huge.png": huge_png,
    "huge.tif": huge_tiff,
    "huge.jpg": huge_jpeg,
    "huge.jp2": huge_jp2,
    "huge.webp": huge_webp,
    "ring.tif": tiff_without_end,
    "ring.xls": workbook_without_end,
    "huge.pdf": lambda: sparse(HUGE, HUGE, b"/CCITTFaxDecode"),
    "laughter.xml": lambda: LAUGHTER.encode(),
    "laughter.docx": lambda: document(LAUGHTER),
    "laughter.ofd": lambda: packed({"OFD.xml": LAUGHTER}),
    "deep.xml": lambda: b'<?xml version="1.0"?>' + b"<a>" * DEEP + b"</a>" * DEEP,
    "deep.ofd": lambda: packed({"OFD.xml": b"<a>" * DEEP + b"</a>" * DEEP}),
    "attribute.xml": lambda: attribute(200 * MEGABYTE),
    "attribute.docx": lambda: document(attribute(200 * MEGABYTE)),
    "attribute.ofd": lambda: packed({"OFD.xml": attribute(200 * MEGABYTE)}),
    "nested.pdf": lambda: pdf(page(b"/X" + b"[" * DEEP + b"]" * DEEP)),
    "nested-content.pdf": lambda: pdf(page(b"/Contents 4 0 R"), stream(b"[" * DEEP + b"]" * DEEP)),
    "pages-in-a-ring.pdf": lambda: pdf(b"<</Type/Pages/Kids[2 0 R]/Parent 2 0 R/Count 1>>"),
    "painting-itself.pdf": painting_itself,
    "metadata.pdf": lambda: pdf(
        page(),
        stream(zeros(1200 * MEGABYTE), b"/Type/Metadata/Subtype/XML/Filter/FlateDecode"),
        root=b"/Metadata 4 0 R",
    ),
    "content.pdf": lambda: pdf(page(b"/Contents 4 0 R"), stream(zlib.compress(zeros(1200 * MEGABYTE)), b"/Filter[/FlateDecode/FlateDecode]")),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_fails_soon_and_harms_nothing(name, fence, tmp_path):
    path = tmp_path / name
    path.write_bytes(FILES[name]())
    began = time.monotonic()
    result = examine(path, fence)
    assert time.monotonic() - began < SECONDS
    failed = [finding["message"] for finding in result["findings"] if finding["verdict"] == "failed"]
    assert failed and not any("扩展名" in message for message in failed)
    assert fence.call("looks_like_bag", path=str(tmp_path)) == {"bag": True}
    assert peak(fence) < BYTES


def test_boxes_in_boxes_without_end_fail_also_where_the_machine_is_slow(tmp_path):
    path = tmp_path / "forty-two.zip"
    path.write_bytes(forty_two())
    with Fence(Limits(seconds=300)) as fence:  # two seconds of work: a tenth of what a file has
        assert examine(path, fence)["verdict"] == "reject"


def peak(fence):
    """The most that the child ever held, in bytes."""
    with open(f"/proc/{fence.describe()['pid']}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def test_attachments_that_are_too_much_together_are_a_bomb(tmp_path, monkeypatch):
    monkeypatch.setattr(pdf_contents, "MOST_ATTACHED_BYTES", 5000)
    file = stream(zlib.compress(bytes(3000)), b"/Type/EmbeddedFile/Filter/FlateDecode")
    data = pdf(page(), file, *[b"<</Type/Filespec/F(a.txt)/EF<</F 4 0 R>>>>"] * 9)
    report = Report()
    with pikepdf.open(io.BytesIO(data)) as document:
        pdf_contents.walk(report, document, str(tmp_path / "in"))
    assert "zip-bomb" in {fault["kind"] for fault in report.faults} and len(report.attachments) == 2


def greedy():
    """A zip whose one entry asks for a dictionary of four gigabytes: its reader is refused the memory."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.txt", b"x" * 999)
    data = bytearray(buffer.getvalue())
    struct.pack_into("<I", data, 30 + len("a.txt") + 5, 0xFFFFFFFF)
    return bytes(data)


def test_a_package_of_files_that_break_their_parser_is_not_tried_to_the_end(fence, tmp_path):
    files = bag_files({f"{number}.zip": greedy() for number in range(7)})
    result = examine(zipped(files, tmp_path / "p.zip"), fence)
    told = [(f["verdict"], f["file"]) for f in result["findings"] if f["check"] == "GD-3-4"]
    assert told.count(("not-run", "data/6.zip")) == 1 and [word for word, _ in told].count("failed") == 5


def test_what_lies_inside_a_file_is_opened_in_the_time_of_one_file(tmp_path):
    content = zlib.compress(b"0 0 9 9 re f " * 80_000)
    pages = [page(b"/Contents 3 0 R/X %d" % number) for number in range(2000)]
    slow = pdf(stream(content, b"/Filter/FlateDecode"), *pages)
    kids = b" ".join(b"%d 0 R" % (number + 4) for number in range(2000))
    slow = slow.replace(b"/Kids[3 0 R]/Count 1", b"/Kids[%s]/Count 2000" % kids)
    path = tmp_path / "a.zip"
    path.write_bytes(packed({f"{number}.pdf": slow for number in range(9)}))
    with Fence(Limits(seconds=2)) as fence:
        fence.describe()  # its start is no part of the time
        result = examine(path, fence)
    messages = [f["message"] for f in result["findings"] if f["check"] == "GD-3-4"]
    assert sum("解析没有完成" in message for message in messages) == 1 and any(
        "没有全部检测" in m for m in messages
    )


def test_a_table_of_objects_with_blank_lines_is_read_at_once(tmp_path):
    """One such file, of a browser's own tests, once took for ever: blanks that two parts of a pattern both could take."""
    from archive.inspection.probes.pdf import _table_is_whole

    path = tmp_path / "a.pdf"
    path.write_bytes(pdf(page()).replace(b" n \n", b" n " + b" \n" * 40))
    assert _table_is_whole(str(path))
    path.write_bytes(pdf(page()).replace(b" n \n", b" n " + b" \n" * 40 + b"x"))
    assert not _table_is_whole(str(path))


@pytest.mark.parametrize(
    "piece",
    ["<", "<f", "<f ", "<w:instrText ", "<Relationship ", "<Relationship TargetMode=\"External\" ", ",\n", "\n ", "\t\"", " ",
     "=", "1", "13", "a-", "Type=\"/", "Target=", "onload ", "<ddeLink", "DDE", "cmd ", "|'", "<a:", "table:formula=\"", ") "],
)  # fmt: skip
def test_no_pattern_is_slower_than_the_text_is_long(piece):
    """Every pattern over whole texts, on what would make it try again from every place: a quarter of a megabyte would
    take minutes, were one of them quadratic."""
    from archive import privacy
    from archive.inspection.probes import formulas, pdf, sheets, text

    long = piece * (256 * 1024 // len(piece))
    began = time.process_time()
    for pattern in (formulas.CELL, formulas.ACTS, text.TAG, text.SCRIPT, text.CONTROL, text.ENTITY, text.XML, text.RICH_TEXT_OBJECT, privacy.PERSONAL):  # fmt: skip
        sum(1 for _ in pattern.finditer(long))
    for pattern in (formulas.RELATION, formulas.OUTSIDE, formulas.TARGET, formulas.KIND, formulas.FORMULA, formulas.LINK, formulas.FIELD, sheets.PAINTS, sheets.WRITES, pdf.SECTION, pdf.ENTRY):  # fmt: skip
        sum(1 for _ in pattern.finditer(long.encode()))
    assert time.process_time() - began < 5


SUBMISSIONS = {
    "deep": "[" * DEEP + "]" * DEEP,
    "deep objects": '{"a":' * DEEP + "1" + "}" * DEEP,
    "a long number": '{"contract": ' + "9" * DEEP + "}",
    "no number": '{"contract": NaN}',
    "the same key": '{"contract": 1, "contract": 2}',
    "many keys": json.dumps({str(number): number for number in range(DEEP)}),
    "half a character": b'{"contract": "\xff\xfe"}',
    "wrong everywhere": json.dumps({"persons": {"a": []}, "materials": [[["x"]]], "unit": 5, "item": {}}),
}


@pytest.mark.parametrize("kind", SUBMISSIONS)
def test_a_declaration_made_to_break_its_reader_fails(kind, fence, tmp_path):
    files = bag_files({"a.txt": b"x"}, **{"submission.json": SUBMISSIONS[kind]})
    result = examine(zipped(files, tmp_path / "p.zip"), fence)
    assert result["verdict"] == "reject"


def test_a_declaration_without_end_is_judged_in_a_time_that_grows_with_it():
    """Thousands of everything, judged beside the worker and not in the child: one comparison of each with each would
    take minutes."""
    case = clean()
    case["process"] += case["process"][:1] * 20_000
    case["persons"] += case["persons"] * 5_000
    case["fields"] |= {f"第{number}个日期".translate(DIGITS): "2019-11-15" for number in range(5_000)}
    began = time.process_time()
    metadata_cases.examine(case)
    roll = clean("universal/2015-03/samples/survey-clean")
    roll["lines"] *= 4_000
    roll["persons"] = [
        {"name": "张三", "id_type": "居民身份证", "id_no": f"4419001990{n:08}"} for n in range(8_000)
    ]
    metadata_cases.examine(roll)
    words = "\n".join(case["fields"]) + "\f"
    list(
        contradictions(
            words, Declared(case), [[1, 0, -n, 9, 1 - n, word] for n, word in enumerate(case["fields"])]
        )
    )
    assert time.process_time() - began < 60
