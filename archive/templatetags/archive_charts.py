"""Charts made on the server: plain SVG with attributes only, because the content policy allows no inline style.

Every chart carries its figures as text; a table of the same values should stand near it.
"""

from collections.abc import Iterable
from typing import Any

from django import template

register = template.Library()

WIDTH, PLOT, TOP, FOOT = 760, 140, 22, 22
"""Pixels of the drawing: its width, the height of the highest bar, the room above and below."""


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
