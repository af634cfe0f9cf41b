"""Files inside files: each is opened by itself, as deep as is sensible, and what is wrong with it is said of it."""

import io
import zipfile

import pytest
from PIL import Image

from archive.inspection.examine import MOST_DEEP, examine
from tests.bags import pdf

PROGRAM = b"MZ" + b"\0" * 58 + b"\x80\0\0\0" + b"\0" * 64 + b"PE\0\0" + b"\0" * 400


def packed(**files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "."), data)
    return buffer.getvalue()


def attaching(name, data):
    def attach(document):
        from pikepdf import AttachedFileSpec

        document.attachments[name] = AttachedFileSpec(document, data, filename=name)

    return pdf("Zhang San", change=attach)


def found(data, name, fence, tmp_path):
    path = tmp_path / name
    path.write_bytes(data)
    result = examine(path, fence)
    return result["verdict"], [(row["check"], row["verdict"], row["message"]) for row in result["findings"]]


def test_a_script_in_a_pdf_in_a_zip_in_a_zip_is_found_and_placed(fence, tmp_path):
    from pikepdf import Dictionary, Name, String

    def act(document):
        document.Root.OpenAction = Dictionary(S=Name.JavaScript, JS=String("app.alert(1)"))

    inner = packed(a__pdf=pdf("x", change=act))
    _, told = found(packed(b__zip=inner), "c.zip", fence, tmp_path)
    assert any(check == "X-ACTIVE" and "b.zip › a.pdf" in message for check, _, message in told)


def test_a_program_attached_to_a_pdf_fails(fence, tmp_path):
    verdict, told = found(attaching("付款.pdf", PROGRAM), "a.pdf", fence, tmp_path)
    assert verdict == "reject"
    assert any(check == "GD-3-3" and state == "failed" for check, state, _ in told)


def test_a_broken_attachment_does_not_condemn_a_whole_file(fence, tmp_path):
    verdict, told = found(attaching("a.pdf", b"%PDF-1.4 nothing"), "a.pdf", fence, tmp_path)
    assert verdict == "flag"
    assert any(check == "GD-3-4" and "内的" in message for check, _, message in told)


def test_boxes_in_boxes_are_opened_to_a_depth_and_then_it_is_said(fence, tmp_path):
    data = packed(x__txt=b"x")
    for _ in range(MOST_DEEP + 2):
        data = packed(x__zip=data)
    verdict, told = found(data, "a.zip", fence, tmp_path)
    assert verdict == "reject" and any("层层嵌套" in message for *_, message in told)


def test_names_inside_never_become_paths(fence, tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    data = packed(**{"../../../evil__txt": b"x", "/etc/evil__txt": b"x", "con__txt": b"x"})
    found(data, "a.zip", fence, inside)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.zip", "inside"]


OUTSIDE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'
HEAD = '<?xml version="1.0"?>'


@pytest.mark.parametrize(
    ("name", "data", "kinds"),
    [
        ("a.xml", OUTSIDE.encode(), {"entities", "unknown-format"}),
        ("a.xml", f"{HEAD}<!--{'x' * 200_000}-->{OUTSIDE}".encode(), {"entities"}),
        ("a.xml", f"{HEAD}{OUTSIDE}".encode("utf-16"), {"entities", "unknown-format"}),
        ("a.xml", f'{HEAD}<!DOCTYPE a SYSTEM "http://x/a.dtd"><a/>'.encode(), {"external-file"}),
        ("a.xml", f"{HEAD}<a>工资</a>".encode("utf-16"), {"unknown-format"}),
        ("a.txt", b"<!DOCTYPE html><p>x<br>", set()),
        ("a.svg", b'<svg xmlns="http://www.w3.org/2000/svg" onload="x()"/>', {"script", "unknown-format"}),
        ("a.svg", f'{HEAD}<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg>'.encode(), set()),
    ],
)
def test_markup_that_reaches_outside_or_acts_is_found_however_it_is_written(
    name, data, kinds, fence, tmp_path
):
    path = tmp_path / name
    path.write_bytes(data)
    faults = fence.call("probe", path=str(path), name=name)["faults"]
    assert {fault["kind"] for fault in faults} == kinds


@pytest.mark.parametrize(
    ("name", "head", "program"),
    [
        ("a.bin", b"\x7fELF\2\1\1\0", True),
        ("a.dat", b"MZ\x90\0", True),
        ("a.txt", b"#!/bin/sh\n", True),
        ("a.bat", b"echo", True),
        ("a.pdf.exe", b"%PDF-1.7", True),
        ("a.txt", b"MZ and other letters", False),
        ("a.txt", b"echo", False),
    ],
)
def test_what_a_double_click_would_run_is_a_program_whatever_it_is_called(
    name, head, program, fence, tmp_path
):
    path = tmp_path / name
    path.write_bytes(head + b"\n" * 99)
    faults = fence.call("probe", path=str(path), name=name)["faults"]
    assert any(fault["kind"] == "program" for fault in faults) is program


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.gif"])
def test_a_picture_that_is_also_a_zip_is_told(name, fence, tmp_path):
    buffer = io.BytesIO()
    Image.new("L", (64, 64)).save(buffer, {"tif": "TIFF"}.get(name[2:], name[2:].upper()))
    path = tmp_path / name
    path.write_bytes(buffer.getvalue())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("a.exe", b"MZ" * 500)
    path.write_bytes(path.read_bytes() + b"IEND\xaeB`\x82")
    faults = fence.call("probe", path=str(path), name=name)["faults"]
    assert "trailing" in {fault["kind"] for fault in faults}
