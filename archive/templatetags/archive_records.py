"""The state of a record and the marks it carries, the same words and shapes on every page.

Wants `related_by` and the open `blocks` fetched along: no query behind a row of a list.
"""

from django import template

from archive import states
from archive.models import Record

register = template.Library()

STATE_TONES = {"archived": "success", "disposing": "warning", "destroyed": "gone", "transferred": "neutral"}


def chips_of(record: Record) -> list[tuple[str, str, str]]:
    """(code, word, tone): the state first, then what others must know before they use it."""
    found = [(record.state, states.RECORD_STATES[record.state], STATE_TONES[record.state])]
    for kind in sorted({relation.kind for relation in record.related_by.all()}):
        found.append((kind, f"被{kind}", "warning"))
    for kind in sorted({block.kind for block in record.blocks.all() if block.lifted_at is None}):
        found.append((kind, dict(record.blocks.model.KINDS)[kind], "held"))
    return found


@register.inclusion_tag("records/chips.html")
def record_chips(record: Record) -> dict:
    return {"chips": chips_of(record)}
