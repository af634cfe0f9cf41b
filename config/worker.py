"""The resident worker's turn: everything that waits, in the order of its way. One place, so that `work`, `ingest`
and the tests do the same.

Domain tables are the truth: a turn takes what the rows say is to be done, and a killed turn is simply taken again.
"""

import logging
from collections.abc import Callable

from archive import changes
from archive.errors import ArchiveError
from archive.inspection.fence import Fence
from archive.permissions import Actor
from ingest import pipeline
from ingest.transports import incoming
from search import indexing

log = logging.getLogger("archive.work")


def follow_changes() -> int:
    """Follow up on every waiting message of the index. Returns how many."""
    done = 0
    while count := indexing.drain():
        done += count
    return done


def turn(fence: Fence, *, actor: Actor, stop: Callable[[], bool] = lambda: False) -> int:
    """One round over all kinds of work. Returns how much was done; 0 = idle."""
    done = incoming.work(fence, stop=stop)
    done += pipeline.work(fence, actor=actor, stop=stop)
    try:
        done += indexing.drain()
    except ArchiveError as fault:
        log.warning("index: %s", fault)
    return done


def waiting() -> dict[str, int]:
    return {"search": changes.waiting("search")}
