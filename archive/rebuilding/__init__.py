"""rebuild: a new catalogue from the stores alone, when the database and every backup of it are lost.

`rebuild` does it (order.py says in which order and why), `under_way` tells whether one was begun and has not ended.
`take_in_missing` fills up a catalogue that came from a backup (missing.py).
What comes back, what cannot, and how to run it: docs/operations.md.
"""

from archive.rebuilding.missing import take_in_missing
from archive.rebuilding.order import rebuild, under_way
from archive.rebuilding.report import Report

__all__ = ["Report", "rebuild", "take_in_missing", "under_way"]
