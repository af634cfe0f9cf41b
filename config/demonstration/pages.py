"""What is on a printed page, before anything is printed: the one vocabulary of `cases`, `forms` and `light`."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(kw_only=True)
class Page:
    """One page of one material.

    `kind` names the layout in forms.typ. `values`: label → value, as the form prints both. `rows`: the lines of
    a table. `foot`: signatures and dates under it. `seal`: whose round stamp lies on it. `scan`: delivered as a
    photograph-like JPEG, not as PDF.
    """

    kind: str
    title: str
    values: dict[str, str] = field(default_factory=dict)
    rows: list[dict[str, str]] = field(default_factory=list)
    foot: dict[str, str] = field(default_factory=dict)
    note: str = ""
    seal: str = ""
    scan: bool = False

    def lines(self) -> list[str]:
        """The page as plain lines, for whoever prints without a layout."""
        body = [f"{label}：{value}" for label, value in self.values.items() if value]
        table = [" ".join(str(value) for value in row.values()) for row in self.rows]
        return [self.title, *body, *table, *(f"{label}：{value}" for label, value in self.foot.items())]


@dataclass(kw_only=True)
class Draft:
    """A package in the making: what it declares, the pages to print, and, once printed, its files."""

    submission: dict[str, Any]
    pages: dict[str, Page]  # payload path → page; a path ending in .jpg is a scan
    organisation: str
    files: dict[str, bytes] = field(default_factory=dict)
