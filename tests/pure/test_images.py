"""Image files: each sort that is whole passes under its own name, and what is broken in it is told."""

import io

import pytest
from PIL import Image


def saved(image, form, **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def picture(mode="RGB", size=(96, 96)):
    return Image.radial_gradient("L").resize(size).convert(mode)


def faults(data, name, fence, tmp_path):
    path = tmp_path / name
    path.write_bytes(data)
    report = fence.call("probe", path=str(path), name=name)
    assert "crashed" not in report
    return {fault["kind"] for fault in report["faults"]}, report


ANIMATED = {"save_all": True, "append_images": [picture().rotate(9)], "duration": 90}


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("a.png", lambda: saved(picture(), "PNG", **ANIMATED)),
        ("a.gif", lambda: saved(picture(), "GIF", **ANIMATED)),
        ("a.webp", lambda: saved(picture(), "WEBP", **ANIMATED)),
        ("a.tif", lambda: saved(picture(), "TIFF", big_tiff=True)),
        ("a.tif", lambda: saved(picture("LAB"), "TIFF")),
        ("a.tif", lambda: saved(picture("I;16"), "TIFF")),
        ("a.tif", lambda: saved(picture("CMYK"), "TIFF", compression="tiff_lzw")),
        ("a.jpg", lambda: saved(picture("CMYK"), "JPEG")),
        ("a.jp2", lambda: saved(picture(), "JPEG2000")),
        ("a.bmp", lambda: saved(picture("P"), "BMP")),
        ("a.png", lambda: saved(picture("P"), "PNG", transparency=bytes(range(256)))),
        ("a.jpg", lambda: saved(picture(), "MPO", **ANIMATED)),
        ("a.mpo", lambda: saved(picture(), "MPO", **ANIMATED)),
    ],
)
def test_a_whole_picture_of_any_sort_has_no_fault(name, make, fence, tmp_path):
    found, report = faults(make(), name, fence, tmp_path)
    assert found == set() and report["pages"] == 1 and report["kind"] == "image"


def test_the_sheet_of_a_tiff_that_cannot_be_decoded_is_named(fence, tmp_path):
    whole = {"save_all": True, "append_images": [picture("L"), picture("L")], "compression": "jpeg"}
    data = saved(picture("L"), "TIFF", **whole)
    third = data.rindex(b"\xff\xd8\xff")
    found, report = faults(data[:third] + bytes(64) + data[third + 64 :], "a.tif", fence, tmp_path)
    assert found == {"unreadable"} and [fault["page"] for fault in report["faults"]] == [3]


def test_what_the_decoder_of_a_fax_complains_of_on_the_side_is_told_with_its_sheet(fence, tmp_path):
    noise = Image.effect_noise((300, 300), 80).convert("1")
    data = saved(noise, "TIFF", save_all=True, append_images=[noise], compression="group4")
    assert faults(data, "a.tif", fence, tmp_path)[0] == set()
    first = data.index(saved(noise, "TIFF", compression="group4")[8:200])
    found, report = faults(data[: first + 500] + b"\xff" * 60 + data[first + 560 :], "a.tif", fence, tmp_path)
    assert found == {"damaged"} and {fault["page"] for fault in report["faults"]} == {1}


@pytest.mark.parametrize("name", ["a.png", "a.gif", "a.webp", "a.tif", "a.jpg", "a.jp2", "a.bmp"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_picture_that_was_cut_off_does_not_open(name, share, fence, tmp_path):
    forms = {"jpg": "JPEG", "tif": "TIFF", "jp2": "JPEG2000"}
    noise = Image.effect_noise((200, 200), 80).convert("RGB").quantize(16).convert("RGB")
    data = saved(noise, forms.get(name[2:], name[2:].upper()))
    found, _ = faults(data[: int(len(data) * share)], name, fence, tmp_path)
    assert "unreadable" in found


def test_a_later_page_that_is_broken_fails_and_a_preview_that_is_broken_warns(fence, tmp_path):
    noise = [Image.effect_noise((200, 200), 80).convert("RGB") for _ in range(3)]
    options = {"save_all": True, "append_images": noise[1:]}
    data = saved(noise[0], "GIF", **options)
    assert "unreadable" in faults(data[:-9000], "a.gif", fence, tmp_path)[0]
    data = saved(noise[0], "MPO", **options)
    assert "damaged" in faults(data[:-9000], "a.jpg", fence, tmp_path)[0]


def test_a_right_picture_that_the_decoder_does_not_know_is_no_damage(fence, tmp_path):
    data = bytearray(saved(picture(), "BMP"))
    data[30] = 6  # BI_ALPHABITFIELDS, as Windows CE writes it
    found, _ = faults(bytes(data), "a.bmp", fence, tmp_path)
    assert found == {"unsupported"}


def test_what_lies_behind_the_picture_is_told(fence, tmp_path):
    assert faults(saved(picture(), "PNG") + b"x" * 500, "a.png", fence, tmp_path)[0] == {"trailing"}
