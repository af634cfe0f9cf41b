"""Open an image fully: every frame decoded, every warning of the decoder kept. Runs inside the fenced child."""

import os
import warnings

from . import complaints, sheets
from .report import Report

MOST_PIXELS = 200_000_000
"""A0 at 300 dpi has 139 million pixels; what is larger is no scan."""
MOST_FRAMES = 2000
TRAILING_TOLERATED = 64
UNSUPPORTED = ("Unsupported BMP bitfields layout", "Unsupported BMP compression (6)")
"""Sorts of picture that are right and that Pillow does not know."""
IN_TURN = {"TIFF", "GIF", "PNG", "WEBP", "AVIF"}
"""Formats whose frames are all content. What is seen of a Photoshop file is its flattened picture, of a photograph its
first: the layers of the one, and previews or maps of brightness of the other, are looked at and not needed."""


def open_and_report(report: Report, path: str) -> None:
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = MOST_PIXELS // 2  # Pillow refuses at twice this value
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with Image.open(path) as image:
                _load(report, image)
        except Image.DecompressionBombError:
            report.say("image-bomb")
        except MemoryError:
            report.say("too-large-to-open")
        except Exception as fault:  # Pillow raises nearly anything on broken data
            why = f"{type(fault).__name__}：{str(fault).replace(path, '')}"
            if str(fault).startswith(UNSUPPORTED):
                report.say("unsupported", why)
            else:
                report.say("unreadable", why)
    for warning in caught:
        if not issubclass(warning.category, DeprecationWarning | Image.DecompressionBombWarning):
            report.say("damaged", str(warning.message).replace(path, ""))
    if report.mime in ("image/jpeg", "image/png"):
        _trailing(report, path)


def _load(report: Report, image) -> None:
    from PIL import Image

    if report.mime is None:  # PRONOM asks for an end at the end; bytes behind it hide the format from it
        report.mime, report.format = Image.MIME.get(image.format), image.format
    frames = getattr(image, "n_frames", 1) if image.format in IN_TURN else 1
    dpi = image.info.get("dpi")
    report.details |= {
        "width": image.width,
        "height": image.height,
        "mode": image.mode,
        "dpi": [_number(value) for value in dpi[:2]] if dpi else None,
    }
    if frames > MOST_FRAMES:
        report.say("too-many-pages", frames)
        return
    sheets.of_image(report, _frames(report, image, frames))
    # Layers of a Photoshop file and frames of an animation are one page.
    report.pages = frames if image.format == "TIFF" else 1
    if image.format in ("MPO", "PSD"):
        _further(report, image)


def _frames(report: Report, image, count: int):
    for number in range(count):
        if image.format == "TIFF":
            report.page = number + 1
        if number:
            image.seek(number)
        with complaints.heard() as said:
            image.load()
        for line in said:
            report.say("damaged", line)
        yield image
    report.page = None
    if image.format == "TIFF" and image.tag_v2.next:  # Pillow stops where it was before
        report.say("pages-in-a-ring")


def _further(report: Report, image) -> None:
    try:
        last = image.n_frames - (image.format == "MPO")  # the layers count from 1
        for number in range(1, min(last, MOST_FRAMES) + 1):
            image.seek(number)
            image.load()
    except Exception as fault:
        report.say("damaged", f"附带的图像或图层：{type(fault).__name__}：{str(fault)[:80]}")


def _number(value: object) -> float | None:
    try:
        return round(float(value), 1)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None


def _trailing(report: Report, path: str) -> None:
    """Bytes behind the end of the picture: a second file may ride there."""
    with open(path, "rb") as file:
        file.seek(max(0, os.path.getsize(path) - (4 << 20)))
        tail = file.read()
    mark, length = (b"\xff\xd9", 2) if report.mime == "image/jpeg" else (b"IEND\xaeB`\x82", 8)
    end = tail.rfind(mark)
    after = tail[end + length :].strip(b"\0\r\n\t ") if end >= 0 else b""
    if len(after) > TRAILING_TOLERATED:
        report.say("trailing", f"{len(after)} 字节")
