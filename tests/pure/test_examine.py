"""`examine` on plain files and on bags made on the spot: what is found, and what is not alarmed about."""

import io
import os
import random
import re
import struct
import zipfile
import zlib
from pathlib import Path

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, String

from archive.inspection import bags, files, safety, usability
from archive.inspection.base import CHECKS
from archive.inspection.examine import examine, prepare
from archive.inspection.fence import Fence
from tests.bags import bag_files, image, laid_out, pdf, zipped

PROBES = Path(usability.__file__).parent / "probes"


def examined(fence, tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    result = examine(tmp_path / name, fence)
    return result["verdict"], {
        (f["check"], f["verdict"]) for f in result["findings"] if f["verdict"] != "not-run"
    }


def script(document):
    document.Root.OpenAction = Dictionary(S=Name.JavaScript, JS=String("app.alert(1)"))


def launch(document):
    document.Root.OpenAction = Dictionary(S=Name.Launch, F=String("cmd.exe"))


def web_link(document):
    annotation = Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=[0, 0, 9, 9],
                            A=Dictionary(S=Name.URI, URI=String("http://example.invalid/")))  # fmt: skip
    document.pages[0].Annots = Array([document.make_indirect(annotation)])


def attach(document):
    document.attachments["secret.txt"] = pikepdf.AttachedFileSpec(document, b"hello")
    for item in document.objects:
        if isinstance(item, Dictionary) and "/AFRelationship" in item:
            del item["/AFRelationship"]


def strange_font(document):
    document.pages[0].Resources.Font.F.BaseFont = Name("/SimSun")


def claims_pdfa(document):
    packet = b'<x xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/" pdfaid:part="2" pdfaid:conformance="B"/>'
    document.Root.Metadata = document.make_stream(packet)


def encryption(**passwords):
    return {"save": {"encryption": pikepdf.Encryption(**passwords)}}


@pytest.mark.parametrize(
    ("data", "verdict", "check"),
    [
        (pdf("one", "two"), "accept", None),
        (pdf(change=script), "flag", "X-ACTIVE"),
        (pdf(change=launch), "flag", "X-ACTIVE"),
        (pdf(change=web_link), "flag", "X-OUTSIDE"),
        (pdf(change=attach), "flag", "X-INSIDE"),
        (pdf(change=strange_font), "flag", "X-FONTS"),
        (pdf(change=claims_pdfa), "accept", None),
        (pdf(**encryption(owner="o", user="")), "flag", "GD-3-8"),
        (pdf(**encryption(owner="o", user="u")), "reject", "GD-3-8"),
        (pdf()[: len(pdf()) // 3], "reject", "GD-3-4"),
        (b"junk before " + pdf(), "flag", "GD-3-4"),
        (pdf() + b"PK\x03\x04 something behind", "flag", "X-INSIDE"),
        (pdf().replace(b"%%EOF", b"%%EO "), "flag", "GD-3-4"),
        (b"", "reject", "GD-3-4"),
        (b"<html>not a pdf</html>", "reject", "GD-1-10"),
        (random.Random(1).randbytes(5000), "reject", "GD-3-4"),
        (image(), "reject", "GD-1-10"),
    ],
)
def test_pdf_files(fence, tmp_path, data, verdict, check):
    got, found = examined(fence, tmp_path, "file.pdf", data)
    assert got == verdict
    assert (check in {id for id, _ in found}) if check else not found


def tiff(pages):
    from PIL import Image

    stream, frames = io.BytesIO(), [Image.new("L", (40, 60), n * 20) for n in range(pages)]
    frames[0].save(stream, "TIFF", save_all=True, append_images=frames[1:])
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "verdict", "check"),
    [
        ("a.png", image(), "accept", None),
        ("a.jpg", image(format="JPEG"), "accept", None),
        ("a.tif", tiff(3), "accept", None),
        ("a.jpg", image(), "flag", "GD-1-10"),
        ("a.png", image((400, 400))[:300], "reject", "GD-3-4"),
        ("a.jpg", image((400, 400), "JPEG")[:-200], "reject", "GD-3-4"),
        ("a.jpg", image(format="JPEG") + b"MZ" * 200, "flag", "X-INSIDE"),
        ("a.tif", tiff(3)[:200], "reject", "GD-3-4"),
        ("a.png", pdf(), "reject", "GD-1-10"),
        ("a.txt", "参保人员名单".encode(), "accept", None),
        ("a.txt", "参保人员名单".encode("gbk"), "accept", None),
        ("a.html", b"<html><body><script>alert(1)</script></body></html>", "flag", "X-ACTIVE"),
        ("a.bin", bytes(range(256)) * 40, "flag", "GD-3-3"),
        ("a.exe", b"MZ" + bytes(58) + b"\x80\0\0\0" + bytes(64) + b"PE\0\0" + bytes(400), "reject", "GD-3-3"),
    ],
)
def test_other_files(fence, tmp_path, name, data, verdict, check):
    got, found = examined(fence, tmp_path, name, data)
    assert got == verdict
    assert (check in {id for id, _ in found}) if check else not found


def test_an_image_that_would_fill_the_memory_is_refused(fence, tmp_path):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    png = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    assert examined(fence, tmp_path, "bomb.png", png) == ("reject", {("X-BOMB", "failed")})


def office(**parts):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), data)
    return stream.getvalue()


def test_a_zip_inside_is_noted_and_a_bomb_in_it_fails(fence, tmp_path):
    assert examined(fence, tmp_path, "a.zip", office(a=b"x")) == ("flag", {("GD-3-3", "warning")})
    verdict, found = examined(fence, tmp_path, "b.zip", office(a=bytes(30 << 20)))
    assert verdict == "flag" and ("X-BOMB", "warning") in found


OFD = """<?xml version="1.0" encoding="UTF-8"?><ofd:OFD xmlns:ofd="http://www.ofdspec.org/2016" Version="1.0" DocType="OFD">
<ofd:DocBody><ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot></ofd:DocBody></ofd:OFD>"""
DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?><ofd:Document xmlns:ofd="http://www.ofdspec.org/2016">
<ofd:Pages><ofd:Page ID="1" BaseLoc="Pages/Page_0/Content.xml"/></ofd:Pages></ofd:Document>"""
CONTENT = """<?xml version="1.0" encoding="UTF-8"?><ofd:Page xmlns:ofd="http://www.ofdspec.org/2016"><ofd:Content>
<ofd:Layer ID="2"><ofd:TextObject ID="3"><ofd:TextCode>姓名：张三</ofd:TextCode></ofd:TextObject></ofd:Layer>
</ofd:Content></ofd:Page>"""
PARTS = {
    "OFD_dot_xml": OFD,
    "Doc_0__Document_dot_xml": DOCUMENT,
    "Doc_0__Pages__Page_0__Content_dot_xml": CONTENT,
}


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, "accept"),
        ({"Doc_0__Document_dot_xml": None}, "reject"),
        ({"Doc_0__Pages__Page_0__Content_dot_xml": None}, "reject"),
        ({"Doc_0__Pages__Page_0__Content_dot_xml": "<not closed"}, "reject"),
        ({"Doc_0__Pages__Page_0__Content_dot_xml": "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>"},
         "reject"),
        ({"Doc_0__Document_dot_xml": DOCUMENT.replace("Pages/Page_0", "../../../../etc")}, "reject"),
        ({"Doc_0__Document_dot_xml": DOCUMENT.replace("</ofd:Pages>", "</ofd:Pages><ofd:URI URI='http://x/'/>")}, "flag"),
    ],
)  # fmt: skip
def test_ofd_files(fence, tmp_path, change, verdict):
    parts = {name: data for name, data in (PARTS | change).items() if data is not None}
    (tmp_path / "a.ofd").write_bytes(office(**parts))
    result = examine(tmp_path / "a.ofd", fence)
    assert (result["verdict"], result["puid"]) == (verdict, "ofd")


def test_pages_and_text_are_measured(fence, tmp_path):
    parts = {
        "two.pdf": pdf("first", "second"),
        "three.tif": tiff(3),
        "a.ofd": office(**PARTS),
        "a.txt": b"text",
    }
    package = prepare(laid_out(bag_files(parts), tmp_path / "bag"), fence, tmp_path)
    measured = {path: (file.pages, file.text.split()) for path, file in package.files.items()}
    assert measured == {
        "data/two.pdf": (2, ["first", "second"]),
        "data/three.tif": (3, []),
        "data/a.ofd": (1, ["姓名：张三"]),
        "data/a.txt": (None, ["text"]),
    }


def declared(path="data/a.pdf", **changed):
    import hashlib

    data = pdf("Zhang San")
    entry = {"path": path, "pages": 1, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(),
             "sm3": hashlib.new("sm3", data).hexdigest()} | changed  # fmt: skip
    return {"persons": [], "materials": [{"name": "表", "files": [entry]}]}


@pytest.mark.parametrize(
    ("submission", "check", "verdict"),
    [
        (declared(), None, None),
        (declared(pages=2), "X-PAGES", "failed"),
        (declared(pages=None), None, None),
        (declared(bytes=5), "GD-1-10", "failed"),
        (declared(sha256="0" * 64), "GD-1-1", "failed"),
        (declared(sm3="0" * 64), "GD-1-1", "failed"),
        (declared(path="data/other.pdf"), "GD-1-11", "failed"),
        ({"materials": []}, "GD-1-11", "warning"),
        ({"materials": "none"}, "GD-1-11", "warning"),
        ({"materials": [None, {"files": [None, {"path": 5}]}]}, "GD-1-11", "warning"),
    ],
)
def test_declared_against_measured(fence, tmp_path, submission, check, verdict):
    bag = zipped(bag_files({"a.pdf": pdf("Zhang San")}, submission=submission), tmp_path / "p.zip")
    found = [f for f in examine(bag, fence)["findings"] if f["verdict"] in ("failed", "warning")]
    told = {(f["check"], f["verdict"]) for f in found}
    assert ((check, verdict) in told) if check else not told
    if check:
        assert all(f["file"] and f["message"] for f in found)


def test_a_page_count_of_a_format_without_pages_is_not_run(fence, tmp_path):
    files = bag_files({"a.txt": b"text"}, submission=declared("data/a.txt", bytes=4, sha256=None, sm3=None))
    found = examine(zipped(files, tmp_path / "p.zip"), fence)["findings"]
    assert ("X-PAGES", "not-run") in {(f["check"], f["verdict"]) for f in found}


@pytest.mark.parametrize(
    "change",
    [
        {"manifest_dash_sha256_dot_txt": None},
        {"tagmanifest_dash_sha256_dot_txt": None},
        {"tagmanifest_dash_sha256_dot_txt": b""},
        {"bagit_dot_txt": b"BagIt-Version: 0.96\nTag-File-Character-Encoding: UTF-8\n"},
        {"bagit_dot_txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: GBK\n"},
    ],
)
def test_a_submission_package_must_meet_more_than_any_bag(fence, tmp_path, change):
    bag = zipped(bag_files({"a.pdf": pdf("Zhang San")}, submission=declared(), **change), tmp_path / "p.zip")
    failed = {f["check"] for f in examine(bag, fence)["findings"] if f["verdict"] == "failed"}
    assert "GD-1-12" in failed


def test_a_signature_beside_the_declaration_that_is_none_fails(fence, tmp_path):
    files = bag_files({"a.pdf": pdf("Zhang San")}, submission=declared()) | {"submission.json.p7s": b"x"}
    result = examine(zipped(files, tmp_path / "p.zip"), fence)
    assert ("GD-1-1", "failed", "submission.json.p7s") in {
        (f["check"], f["verdict"], f["file"]) for f in result["findings"]
    }


def test_a_package_changed_since_it_was_received_fails(fence, tmp_path):
    bag = zipped(bag_files({"a.txt": b"x"}), tmp_path / "p.zip")
    package = prepare(bag, fence, tmp_path, facts={"received": {"sha256": "0" * 64}})
    assert [f.verdict for f in bags.package_digest(CHECKS["GD-1-14"], package)] == ["failed"]
    measured = package.bag["package"]
    package.facts["received"] = {"sha256": measured["sha256"], "sm3": measured["sm3"]}
    assert list(bags.package_digest(CHECKS["GD-1-14"], package)) == []


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"no zip at all"])
def test_what_cannot_be_read_is_a_package_with_a_reason(fence, tmp_path, data):
    (tmp_path / "p.zip").write_bytes(data)
    package = prepare(tmp_path / "p.zip", fence, tmp_path)
    assert package.bag["readable"] is False and package.bag["refusal"] and package.submission is None


def test_a_crash_of_the_child_is_a_failed_finding(tmp_path):
    with Fence(functions="tests.hostile") as broken:
        (tmp_path / "a.pdf").write_bytes(pdf())
        result = examine(tmp_path / "a.pdf", broken)
    assert result["verdict"] == "reject"
    assert "GD-3-4" in {f["check"] for f in result["findings"] if f["verdict"] == "failed"}


def test_what_is_not_there_is_a_finding(fence, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "nothing", tmp_path / "pipe"):
        assert examine(path, fence)["verdict"] == "reject"


def test_numbers_of_persons_are_masked_in_findings(fence, tmp_path):
    files = bag_files({"441900199001011231.txt": b"x"})
    files["manifest-sha256.txt"] += files["manifest-sha256.txt"]
    found = examine(zipped(files, tmp_path / "p.zip"), fence, all_findings=True)["findings"]
    assert not any("441900199001011231" in (f["value"] or "") for f in found)


def test_every_fault_a_probe_can_report_is_judged_somewhere():
    said = {
        kind
        for path in PROBES.glob("*.py")
        for kind in re.findall(r"\.say\(\s*\"([a-z-]+)\"", path.read_text())
    }
    said |= {
        kind
        for path in PROBES.glob("pdf_contents.py")
        for kind in re.findall(r": \"([a-z-]+)\",", path.read_text())
    }
    tables = (usability.READING, usability.FORMAT, usability.PROGRAMS, usability.CLOSED, usability.FONTS, safety.ACTIVE, safety.OUTSIDE,
              safety.INSIDE, safety.BOMBS, files.NAMES)  # fmt: skip
    judged = {kind for table in tables for kind in table} | {"only-name-known", "not-opened"}
    assert said - judged == set()
    # Said with a kind that stands in a variable, or outside the child:
    assert judged - said <= {
        "archive",
        "program",
        "part-missing",
        "page-missing",
        "unknown-format",
        "not-tried",
    }


def test_every_problem_of_a_bag_is_judged_somewhere():
    text = "".join((PROBES / name).read_text() for name in ("bag.py", "unpacking.py", "names.py", "mets.py"))
    said = set(re.findall(r"(?:_say\(|\"kind\": |return |kind = |else |if tag else )\"([a-z-]+)\"", text))
    judged = {k for t in (bags.TAG_FILES, bags.STRUCTURE, bags.BYTES, bags.COUNT, bags.DIGESTS) for k in t}
    assert said - judged <= {"sha256", "mets"} and judged - said <= {
        "missing-tag", "line-twice", "line-contradicts", "outside-bag", "junk", "not-in-every", "not-in-every-old",
    }  # fmt: skip


def test_a_path_is_meant_from_where_the_caller_stands(fence, tmp_path, monkeypatch):
    (tmp_path / "a.pdf").write_bytes(pdf("Zhang San"))
    monkeypatch.chdir(tmp_path)
    assert examine("a.pdf", fence)["verdict"] == "accept"
