"""Charts made on the server: plain SVG with attributes only, because the content policy allows no inline style.

Every chart carries its figures as text; a table of the same values should stand near it.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

from django import template

register = template.Library()

WIDTH, PLOT, TOP, FOOT = 760, 140, 22, 22
"""Pixels of the drawing: its width, the height of the highest bar, the room above and below."""
DAY_WIDTH, DAY_PLOT = 360, 56
"""The same of a chart by days."""


@register.inclusion_tag("parts/bar_chart.html")
def bar_chart(bars: Iterable[tuple[Any, ...]], title: str) -> dict[str, Any]:
    """One bar per (label, value) or (label, value, url). A value above nought is never drawn as nothing."""
    rows = [(*bar, "")[:3] for bar in bars]
    highest = max((value for _, value, _ in rows), default=0)
    slot = WIDTH / max(len(rows), 1)
    width = min(slot * 0.6, 56)
    drawn = []
    for place, (label, value, url) in enumerate(rows):
        height = max(round(PLOT * value / highest), 1) if value else 0
        middle = round(slot * (place + 0.5), 1)
        drawn.append(
            {
                "label": label, "value": value, "url": url, "middle": str(middle),
                "x": str(round(middle - width / 2, 1)), "y": TOP + PLOT - height, "height": height,
                "value_y": TOP + PLOT - height - 6,
            }
        )  # fmt: skip
    return {
        "title": title, "bars": drawn, "bar_width": str(round(width, 1)), "width": WIDTH,
        "height": TOP + PLOT + FOOT, "base": TOP + PLOT, "label_y": TOP + PLOT + 16,
    }  # fmt: skip


@register.inclusion_tag("parts/day_chart.html")
def day_chart(
    days: Sequence[tuple[date, int]], title: str, words: str, until: date, count: int = 90
) -> dict[str, Any]:
    """One value a day up to `until`, as bars standing on the day; a day without a value is left empty. `words` names the
    highest value as people read it (12,345 or 3.1 GB). Small: two stand side by side."""
    first = until - timedelta(days=count - 1)
    shown = [(day, value) for day, value in days if first <= day <= until]
    highest = max((value for _, value in shown), default=0)
    slot = DAY_WIDTH / count
    bars = []
    for day, value in shown:
        height = max(round(DAY_PLOT * value / highest, 1), 1) if value else 0
        place = (day - first).days * slot
        bars.append(
            {"x": str(round(place, 2)), "y": str(round(TOP + DAY_PLOT - height, 1)), "height": str(height)}
        )
    return {
        "title": title, "words": words, "bars": bars, "first": first, "until": until, "highest": highest,
        "bar_width": str(round(slot * 0.72, 2)), "width": DAY_WIDTH, "height": TOP + DAY_PLOT + FOOT, "top": TOP,
        "base": TOP + DAY_PLOT, "label_y": TOP + DAY_PLOT + 16,
    }  # fmt: skip
