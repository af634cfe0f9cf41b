"""What stands beside or below a label on a page: forms whose order of writing is not that of reading, and tables. Pure.

A cell is a piece of text with its box (`probes/cells.py`). Rows are cells of one height; a value belongs to a label when
it is the next in the row, or when it stands in one of the next rows under it. In doubt it does not.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

MOST_LABELS, MOST_ROWS = 200, 60
FAR, BELOW = 15, 3.5
"""In heights of the label: how far to the right, and how far under it or under the value before, a value may stand."""
REACH = 4


class Cell(NamedTuple):
    page: int
    left: float
    low: float
    right: float
    high: float
    text: str
    heading: bool = True  # no colon in it: 填报单位：东莞 is a line of its own

    @property
    def height(self) -> float:
        return max(self.high - self.low, 0.1)

    @property
    def middle(self) -> float:
        return (self.low + self.high) / 2


@dataclass(frozen=True)
class Found:
    """`values`: one beside its label, or all below it."""

    page: int
    values: list[str]


def rows_of(cells: Iterable[Iterable], bare: Callable[[str], str]) -> list[list[Cell]]:
    """The rows of all pages from above, each from the left; texts as `bare` makes them, 姓 and 名 put together."""
    told = [
        cell._replace(text=bare(cell.text), heading=not any(colon in cell.text for colon in ":："))
        for cell in (Cell(*cell) for cell in cells)
    ]
    rows: list[list[Cell]] = []
    for cell in sorted(told, key=lambda cell: (cell.page, -cell.middle)):
        first = rows[-1][0] if rows else None
        if first and first.page == cell.page and first.low < cell.middle < first.high:
            rows[-1].append(cell)
        elif cell.text:
            rows.append([cell])
    return [_joined(sorted(row, key=lambda cell: cell.left)) for row in rows]


def _joined(row: list[Cell]) -> list[Cell]:
    found: list[Cell] = []
    for cell in row:
        if found and found[-1].text == "姓" and cell.text == "名":
            found[-1] = found[-1]._replace(right=cell.right, text="姓名")
        elif cell.text:
            found.append(cell)
    return found


def values(
    rows: list[list[Cell]],
    is_label: Callable[[str], object],
    value_of: Callable[[str], str | None],
    is_other: Callable[[str], object],
) -> Iterator[Found]:
    """For each label its values. `is_other`: a word that claims a label, a table or a row for somebody else."""
    labels = 0
    for at, row in enumerate(rows):
        for number, label in enumerate(row):
            if not is_label(label.text):
                continue
            labels += 1
            if labels > MOST_LABELS:
                return
            if _claimed(rows, at, number, is_other):
                continue
            beside = row[number + 1] if number + 1 < len(row) else None
            value = value_of(beside.text) if beside else None
            if value and beside.left - label.right < FAR * label.height:
                yield Found(label.page, [value])
            elif column := list(_below(rows[at + 1 : at + 1 + MOST_ROWS], label, value_of, is_other)):
                yield Found(label.page, column)


def _claimed(rows: list[list[Cell]], at: int, number: int, is_other: Callable[[str], object]) -> bool:
    """Somebody else's label: by a word before it, in the row above, before it in the row below (a heading over both),
    or by a column that tells how people are related."""
    row, label = rows[at], rows[at][number]
    near = row[max(0, number - REACH) : number] + [cell for cell in row if "关系" in cell.text]
    if at and rows[at - 1][0].page == label.page:
        above = rows[at - 1]
        over = above if len(above) == 1 else [cell for cell in above if _in_column(cell, label)]
        near += [cell for cell in over if cell.heading]
    if at + 1 < len(rows) and rows[at + 1][0].page == label.page:
        near += [cell for cell in rows[at + 1] if cell.right <= label.left]
    return any("关系" in cell.text or is_other(cell.text) for cell in near)


def _in_column(cell: Cell, label: Cell) -> bool:
    return cell.left < label.right and cell.right > label.left


def _below(
    rows: list[list[Cell]],
    label: Cell,
    value_of: Callable[[str], str | None],
    is_other: Callable[[str], object],
) -> Iterator[str]:
    above = label
    for row in rows:
        if row[0].page != label.page or above.low - row[0].high > BELOW * label.height:
            return
        under = [cell for cell in row if _in_column(cell, label)]
        if not under:
            continue
        value = value_of(under[0].text) if len(under) == 1 else None
        if value is None or any(is_other(cell.text) for cell in row):
            return
        yield value
        above = under[0]
