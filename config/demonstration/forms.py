"""Readable forms: PDF by typst, and what a scanner would make of them.

All pages of a collection are set in one typst run and taken apart afterwards: a run costs about a second,
whether for one page or for a hundred. The same pages make the same bytes (with the same typst and font).
"""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from random import Random

import pikepdf
import pypdfium2
import typst
from PIL import Image, ImageChops

from config.demonstration.fonts import chinese_font
from config.demonstration.pages import Draft, Page
from config.demonstration.seals import seal_png

TEMPLATE = Path(__file__).with_name("forms.typ")
RUN = 40  # pages in one typst run: bounds memory, keeps the start-up cost small
SCAN_DPI = 200


def print_drafts(drafts: Sequence[Draft]) -> None:
    """Fill `files` of every draft. Raises NotConfigured when this machine has no Chinese font."""
    chinese_font()
    places = [(draft, path) for draft in drafts for path in draft.pages]
    for start in range(0, len(places), RUN):
        run = places[start : start + RUN]
        sheets = set_pages([draft.pages[path] for draft, path in run])
        for at, ((draft, path), sheet) in enumerate(zip(run, sheets, strict=True), start):
            draft.files[path] = scan(sheet, seed=at) if draft.pages[path].scan else sheet


def set_pages(pages: Sequence[Page]) -> list[bytes]:
    """One PDF a page, fonts embedded, text selectable."""
    with tempfile.TemporaryDirectory(prefix="forms-") as folder:
        root = Path(folder)
        entries = []
        for at, page in enumerate(pages):
            name = f"stamp-{at}.png" if page.seal else ""
            if name:
                (root / name).write_bytes(seal_png(page.seal))
            entries.append(asdict(page) | {"stamp": name})
        source = root / "forms.typ"
        source.write_bytes(TEMPLATE.read_bytes())
        whole = typst.compile(
            source, root=root, sys_inputs={"pages": json.dumps(entries, ensure_ascii=False)}
        )
    with pikepdf.open(BytesIO(whole)) as document:
        if len(document.pages) != len(pages):
            raise ValueError(
                f"{len(pages)} pages to print, {len(document.pages)} sheets came out: one runs over"
            )
        return [_single(document, at, page.title) for at, page in enumerate(pages)]


def _single(document: pikepdf.Pdf, at: int, title: str) -> bytes:
    out = BytesIO()
    with pikepdf.new() as single:
        single.pages.append(document.pages[at])
        single.Root.Lang = "zh-CN"
        single.docinfo["/Title"] = title
        single.remove_unreferenced_resources()
        single.save(out, deterministic_id=True, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    return out.getvalue()


def scan(sheet: bytes, *, seed: int) -> bytes:
    """The first page of a PDF as a flat-bed scanner delivers it: 200 dpi JPEG, a little askew, grain, grey edge."""
    random = Random(seed)
    with pypdfium2.PdfDocument(sheet) as document:
        image = document[0].render(scale=SCAN_DPI / 72).to_pil().convert("RGB")
    image = image.rotate(random.uniform(-0.9, 0.9), Image.Resampling.BILINEAR, fillcolor=(236, 236, 233))
    width, height = image.size
    grain = Image.frombytes("L", (width // 2, height // 2), random.randbytes((width // 2) * (height // 2)))
    grain = grain.resize(image.size, Image.Resampling.BILINEAR).point(lambda value: value // 14)
    image = ImageChops.subtract(image, Image.merge("RGB", (grain, grain, grain)))
    out = BytesIO()
    image.save(out, "JPEG", quality=68, dpi=(SCAN_DPI, SCAN_DPI))
    return out.getvalue()
