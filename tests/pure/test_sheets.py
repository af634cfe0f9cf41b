"""Blank pages, pages that are there twice, and coarse scans: found where they are, and not where they are not."""

import io

import pikepdf
import pytest
from PIL import Image, ImageDraw

from archive.inspection import sheets
from archive.inspection.base import MeasuredFile, Package
from archive.inspection.checks import CHECKS
from tests.bags import pdf


def page(words="", *, size=(1240, 1754), mode="L", speckles=0):
    """A scanned sheet of A4 at 150 dpi: black words on white, perhaps a few specks of dust."""
    image = Image.new("L", size, 250)
    draw = ImageDraw.Draw(image)
    for line in range(12 if words else 0):
        draw.text((100, 100 + line * 120), words * 6, fill=10, font_size=40)
    for speck in range(speckles):
        draw.point((200 + speck * 37 % 900, 300 + speck * 91 % 1300), fill=0)
    return image.convert(mode)


def scan(*images, format="JPEG", side=(595, 842)):
    document = pikepdf.new()
    for image in images:
        buffer = io.BytesIO()
        image.convert("L").save(buffer, "JPEG", quality=80)
        picture = pikepdf.Stream(document, buffer.getvalue())
        picture.Type, picture.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
        picture.Width, picture.Height, picture.BitsPerComponent = image.width, image.height, 8
        picture.ColorSpace, picture.Filter = pikepdf.Name.DeviceGray, pikepdf.Name.DCTDecode
        document.add_blank_page(page_size=side)
        sheet = document.pages[-1]
        sheet.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=picture))
        sheet.Contents = pikepdf.Stream(document, f"q {side[0]} 0 0 {side[1]} 0 0 cm /Im0 Do Q".encode())
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def seen(data, name, fence, tmp_path):
    path = tmp_path / name
    path.write_bytes(data)
    return fence.call("probe", path=str(path), name=name)["details"]["sheets"]


def test_a_sheet_without_a_word_is_blank_and_dust_makes_no_word(fence, tmp_path):
    found = seen(scan(page("wages"), page(), page("pension"), page(speckles=12)), "a.pdf", fence, tmp_path)
    assert found["blank"] == [2, 4] and found["twice"] == []


def test_the_same_sheet_twice_is_named_with_its_twin(fence, tmp_path):
    found = seen(scan(page("A"), page("B"), page("A")), "a.pdf", fence, tmp_path)
    assert found["twice"] == [[1, 3]] and found["blank"] == []


def test_born_digital_pages_are_blank_only_when_nothing_is_painted(fence, tmp_path):
    def empty(document):
        document.pages[1].Contents = document.make_stream(b"q 1 0 0 1 0 0 cm Q")

    found = seen(pdf("Zhang San", "x", "Zhang San", "Li Si", change=empty), "a.pdf", fence, tmp_path)
    assert (found["blank"], found["twice"]) == ([2], [[1, 3]])


def test_the_fineness_of_a_scan_is_told_also_when_it_lies_on_its_side(fence, tmp_path):
    upright = seen(scan(page("A")), "a.pdf", fence, tmp_path)["coarsest"]
    turned = seen(scan(page("A"), side=(842, 595)), "b.pdf", fence, tmp_path)["coarsest"]
    assert upright == turned == [1, 150]


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_frames_of_a_tiff_are_sheets_too(mode, fence, tmp_path):
    buffer = io.BytesIO()
    first, *rest = (page("A", mode=mode), page(mode=mode), page("A", mode=mode))
    first.save(buffer, "TIFF", save_all=True, append_images=rest, dpi=(300, 300))
    found = seen(buffer.getvalue(), "a.tif", fence, tmp_path)
    assert (found["blank"], found["twice"], found["coarsest"]) == ([2], [[1, 3]], [1, 300])


@pytest.mark.parametrize(
    ("check", "sheets_", "said"),
    [
        ("X-RESOLUTION", {"coarsest": [2, 150]}, "第 2 页的分辨率约 150 dpi"),
        ("X-RESOLUTION", {"coarsest": [2, sheets.LEAST_DPI]}, None),
        ("X-RESOLUTION", {"coarsest": None}, None),
        ("X-BLANK", {"blank": [2, 4]}, "第 2、4 页"),
        ("X-BLANK", {"blank": list(range(1, 31))}, "等 30 页"),
        ("X-BLANK", {"blank": []}, None),
        ("X-TWICE", {"twice": [[1, 3], [2, 4]]}, "等 2 处"),
        ("X-TWICE", {}, None),
    ],
)
def test_each_hint_is_one_sentence_for_a_file(check, sheets_, said):
    file = MeasuredFile(path="data/a.pdf", bytes=1, sha256="", sm3="", probe={"details": {"sheets": sheets_}})
    package = Package(root=None, submission={}, files={"data/a.pdf": file})
    rows = list(CHECKS[check].function(CHECKS[check], package))
    assert len(rows) == bool(said) and all(row.verdict == "warning" and said in row.message for row in rows)
    named = (
        [sheets_["coarsest"][:1]]
        if check == "X-RESOLUTION" and said
        else [*sheets_.get("twice", ()), sheets_.get("blank", [])]
    )
    assert {page for row in rows for page in row.pages} == {page for pages in named for page in pages}


@pytest.mark.parametrize(("content", "damaged"), [(b"q Q", False), (b"q 0 0 9 9 re f Q", True)])
def test_a_page_without_resources_is_damaged_only_when_it_paints(content, damaged, fence, tmp_path):
    def bare(document):
        del document.pages[0].Resources
        document.pages[0].Contents = document.make_stream(content)

    path = tmp_path / "a.pdf"
    path.write_bytes(pdf("x", change=bare))
    report = fence.call("probe", path=str(path), name="a.pdf")
    assert any(fault["kind"] == "damaged" for fault in report["faults"]) is damaged
