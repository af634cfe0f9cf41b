"""Words in pictures: one page at a time, by RapidOCR (the extra `[ocr]`), in a fenced child of its own.

`Fence(LIMITS, functions="archive.inspection.ocr")` offers `recognise`. One thread of arithmetic a child: as many
children as cores, no more. The models lie in the package; nothing is fetched. Imports no Django.
"""

import importlib.util
from functools import cache

from .fence import Limits

LIMITS = Limits(seconds=180.0, memory_bytes=4 << 30, rest_bytes=2 << 30, calls=500)
DPI = 200
LONGEST_SIDE = 4000
"""Pixels: what is larger is made smaller; letters of a scan at 300 dpi stay readable."""
LEAST_SCORE = 0.5
ENGINE = "rapidocr"


def installed() -> bool:
    return (
        importlib.util.find_spec("rapidocr") is not None
        and importlib.util.find_spec("onnxruntime") is not None
    )


def recognise(path: str, kind: str, page: int) -> dict:
    """`{"text", "score"}` of one page (from 0) of a PDF or an image; score is the mean certainty, None without words."""
    image = _pdf_page(path, page) if kind == "pdf" else _frame(path, page)
    answer = _engine()(image)
    found = [
        (text, score)
        for text, score in zip(answer.txts or (), answer.scores or (), strict=False)
        if score >= LEAST_SCORE
    ]
    score = round(sum(score for _, score in found) / len(found), 3) if found else None
    return {"text": "\n".join(text for text, _ in found), "score": score}


@cache
def _engine():
    from rapidocr import RapidOCR

    return RapidOCR(
        params={
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            "Global.log_level": "critical",
        }
    )


def _pdf_page(path: str, page: int):
    import numpy
    import pypdfium2

    document = pypdfium2.PdfDocument(path)
    try:
        sheet = document[page]
        scale = min(DPI / 72, LONGEST_SIDE / max(*sheet.get_size(), 1))
        return numpy.ascontiguousarray(sheet.render(scale=scale).to_pil().convert("RGB"))[:, :, ::-1]
    finally:
        document.close()


def _frame(path: str, page: int):
    import numpy
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = 100_000_000
    with Image.open(path) as image:
        image.seek(page)
        upright = ImageOps.exif_transpose(image).convert("RGB")
        upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        return numpy.ascontiguousarray(upright)[:, :, ::-1]


FUNCTIONS = {"recognise": recognise}
