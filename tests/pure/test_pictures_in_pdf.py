"""Pictures, fonts and profiles inside a PDF: really decoded, the broken ones told with their page, and nothing breaks."""

import struct
import zlib

import pytest

from archive.inspection.examine import examine
from tests.pure.test_hostile_files import page, paints, pdf, small, stream


@pytest.mark.parametrize(
    ("filter", "data"),
    [
        (b"/DCTDecode", bytes(small("JPEG"))[:300]),
        (b"/JPXDecode", bytes(small("JPEG2000"))[:200]),
        (b"/FlateDecode", zlib.compress(bytes(4096))[:-9] + b"\xff" * 9),
    ],
    ids=["jpeg", "jpeg 2000", "deflate"],
)
def test_a_scan_whose_picture_is_broken_warns(filter, data, fence, tmp_path):
    more = (
        b"/Type/XObject/Subtype/Image/Width 64/Height 64/BitsPerComponent 8/ColorSpace/DeviceGray/Filter"
        + filter
    )
    path = tmp_path / "a.pdf"
    path.write_bytes(paints(stream(data, more)))
    result = examine(path, fence)
    warnings = [f for f in result["findings"] if f["verdict"] == "warning"]
    assert result["verdict"] == "flag" and {f["check"] for f in warnings} == {"GD-3-4"}
    if filter != b"/FlateDecode":  # qpdf tells only where in the file
        assert all(f["pages"] == [1] and "（第 1 页）" in f["message"] for f in warnings)


@pytest.mark.parametrize(
    "sheet",
    [
        lambda: [page(b"/Contents 4 0 R").replace(b"<<>>", b"<</Font<</F<</Type/Font/Subtype/TrueType/BaseFont/X/FontDescriptor<</Type/FontDescriptor/FontName/X/Flags 4/FontFile2 5 0 R>>>>>>>>"), stream(b"BT /F 9 Tf (abc) Tj ET"), stream(b"\0\1\0\0" + b"\xff" * 900)],
        lambda: [page(b"/Contents 4 0 R").replace(b"<<>>", b"<</ColorSpace<</C[/ICCBased 5 0 R]>>>>"), stream(b"/C cs 1 0 0 sc 0 0 9 9 re f"), stream(b"\xff" * 5000, b"/N 3")],
        lambda: [page(b"/Contents 4 0 R/Rotate 99999999999999999999"), stream(b"q " * 100_000)],
    ],
    ids=["font", "colour profile", "states"],
)  # fmt: skip
def test_broken_fonts_and_profiles_break_nothing(sheet, fence, tmp_path):
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf(*sheet()))
    result = examine(path, fence)
    assert not any("解析没有完成" in finding["message"] for finding in result["findings"])


BLANK = struct.pack(">IBBBIIIIIBH", 0, 0x30, 0, 1, 19, 64, 64, 0, 0, 0, 0)
"""JBIG2: that here is a page of 64 × 64, and nothing on it."""


@pytest.mark.parametrize(
    ("data", "damage"),
    [
        (BLANK, None),
        (BLANK + struct.pack(">IBBBI", 1, 0x31, 0, 1, 0), None),
        (BLANK[:-5], "JBIG2"),
        (BLANK + struct.pack(">IBBBI", 1, 0x32, 0, 1, 9), "不完整"),
        (b"\xff" * 40, "JBIG2"),
    ],
)
def test_a_scan_in_jbig2_is_decoded_and_one_that_ends_early_warns(data, damage, fence, tmp_path):
    more = b"/Type/XObject/Subtype/Image/Width 64/Height 64/BitsPerComponent 1/ColorSpace/DeviceGray/Filter/JBIG2Decode"
    path = tmp_path / "a.pdf"
    path.write_bytes(paints(stream(data, more)))
    result = examine(path, fence)
    told = [(f["value"], f.get("pages")) for f in result["findings"] if f["verdict"] == "warning"]
    assert [pages for _, pages in told] == ([[1]] if damage else []) and all(
        damage in value for value, _ in told
    )
