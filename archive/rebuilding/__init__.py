"""rebuild: a new catalogue from the stores alone, when the database and every backup of it are lost.

`rebuild` does it (order.py says in which order and why), `under_way` tells whether one was begun and has not ended.
What comes back, what cannot, and how to run it: docs/operations.md.
"""

from archive.rebuilding.order import rebuild, under_way
from archive.rebuilding.report import Report

__all__ = ["Report", "rebuild", "under_way"]
