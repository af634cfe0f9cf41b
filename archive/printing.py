"""Printed forms: PDF/A-2b by typst, as the regulation prints them (A4, 宋体-like face, lines of 0.5 pt, page x/y).

A form is `<app>/forms/<name>.typ` (its app owns it); it imports `archive/forms/paper.typ` and reads one JSON object.
A long list is set in parts
of a few hundred rows, so that memory does not grow with the list (10,000 rows at once take more than 1 GB); every
part but the last ends with a full page, and the page numbers are laid over the finished document.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from io import BytesIO
from pathlib import Path

import pikepdf
import typst

from archive import fonts
from archive.errors import NotConfigured
from archive.models import Fonds

ROOT = Path(__file__).parents[1]
"""Where the apps lie: no form reads a file outside."""
PART = 300
"""Rows set at a time. typst keeps what it has laid out for some runs: small parts keep that small."""
INSTALL = "apt-get install -y fonts-noto-cjk"


def pdf(
    form: str,
    data: Mapping,
    *,
    fonds: Fonds | str,
    printed_on: date,
    rows: Sequence[Mapping] = (),
    landscape: bool = False,
) -> bytes:
    """`form` ("retention/register") filled with `data` (must hold "title") and the list `rows`, as PDF/A-2b.

    The form sees `data` with `fonds`, `printed_on`, `rows`, `first` and `last`. `landscape` must say what the form
    itself says. Raises NotConfigured when this machine has no Chinese font.
    """
    if fonts.chinese() is None:
        raise NotConfigured(reason=f"本机没有中文字体，不能排印。请运行：{INSTALL}")
    data = {
        **data,
        "fonds": str(fonds),
        "printed_on": printed_on.isoformat(),
        "date": {"year": printed_on.year, "month": printed_on.month, "day": printed_on.day},
    }
    parts = list(_parts(form, data, rows))
    return parts[0][0] if len(parts) == 1 else _bound(parts, data, landscape)


def _parts(form: str, data: dict, rows: Sequence[Mapping]) -> Iterator[tuple[bytes, bool]]:
    """(document, whether its last page is set again in the next part)."""
    start = 0
    while True:
        end = len(rows) if len(rows) - start <= PART * 1.2 else start + PART
        part = {"rows": list(rows[start:end]), "first": start == 0, "last": end == len(rows)}
        compiler = _compiler(form, data | part)
        document = _compile(compiler)
        if part["last"]:
            yield document, False
            return
        turn = json.loads(compiler.query("<turn>", field="value"))[-1]
        yield document, turn > 0
        start = start + turn if turn > 0 else end


def _bound(parts: Sequence[tuple[bytes, bool]], data: dict, landscape: bool) -> bytes:
    """The parts as one document, numbered through."""
    out = BytesIO()
    with pikepdf.open(BytesIO(parts[0][0])) as book:
        if parts[0][1]:
            del book.pages[-1]
        for content, again in parts[1:]:
            with pikepdf.open(BytesIO(content)) as part:
                book.pages.extend(part.pages[: len(part.pages) - again])
        feet = _compile(_compiler("archive/folio", data | {"total": len(book.pages), "landscape": landscape}))
        with pikepdf.open(BytesIO(feet)) as folios:
            for page, foot in zip(book.pages, folios.pages, strict=True):
                page.add_overlay(foot)
            book.save(out, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    return out.getvalue()


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=True, include_embedded_fonts=False)


def _compiler(form: str, data: Mapping) -> typst.Compiler:
    app, _, name = form.partition("/")
    return typst.Compiler(
        str(ROOT / app / "forms" / f"{name}.typ"),
        root=str(ROOT),
        font_paths=_fonts(),
        sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
    )


def _compile(compiler: typst.Compiler) -> bytes:
    # Without tags: they take ten times the room in a long table, and parts cannot be bound with them.
    return compiler.compile(format="pdf", pdf_standards="a-2b", pdf_tags=False)
