"""Where the words of a page stand: the text of a page in pieces that stand apart, each with its box. In the child.

The order in which a page is written is not that in which it is read: a form's labels may all come before its values.
`[page, left, low, right, high, text]`, the page from 1, upwards is more, whatever the unit. Told only for pages that
have a label to be looked up (`archive/inspection/columns.py`).
"""

import re
import sys

LABELS = re.compile(r"姓\s*名|号\s*码|信用代码|日期|时间")
MOST_CHARACTERS, MOST_CELLS = 6000, 3000
"""Of one page; of one file."""
APART = 0.5
"""Of the height of a letter: what stands further off is another piece."""
ANEW = 0.3
"""Of that, where the writer began anew, as he does for every cell of a table: narrow columns nearly touch."""


def of_pdf_page(words, number: int) -> list[list]:
    """`words`: PDFium's text page."""
    from pypdfium2 import raw

    count = min(words.count_chars(), MOST_CHARACTERS)
    box, found, before = raw.FS_RECTF(), [], b""
    for at in range(count):
        code = raw.FPDFText_GetUnicode(words, at)
        if code > sys.maxunicode or (letter := chr(code)).isspace():
            continue
        if not raw.FPDFText_GetLooseCharBox(words, at, box):
            continue
        left, low, right, high = box.left, box.bottom, box.right, box.top
        last = found[-1] if found else None
        written = bytes(raw.FPDFText_GetTextObject(words, at))  # its address
        near, gap = APART * (high - low), left - last[3] if last else 0
        level = last and abs(low - last[2]) < near and abs(high - last[4]) < near
        if level and -near < gap < (near if written == before else near * ANEW):
            last[3], last[5] = right, last[5] + letter
        else:
            found.append([number, left, low, right, high, letter])
        before = written
    return found


def of_ofd_page(pieces: list[tuple[str, str | None]], number: int) -> list[list]:
    """`pieces`: words and the box of their text object ("x y width height" from the upper left corner)."""
    found = []
    for words, boundary in pieces[:MOST_CELLS]:
        try:
            left, top, width, height = (float(value) for value in (boundary or "").split())
        except ValueError:
            continue
        found.append([number, left, -top - height, left + width, -top, words[:200]])
    return found
