"""The resident worker's turn: everything that waits, in the order of its way. One place, so that `work`, `ingest`
and the tests do the same.

Domain tables are the truth: a turn takes what the rows say is to be done, and a killed turn is simply taken again.
"""

import logging
from collections.abc import Callable

from django.conf import settings

from archive import changes, correction, extension, keeping, retirement, spreading
from archive.errors import ArchiveError
from archive.inspection.fence import Fence
from archive.permissions import Actor
from ingest import pipeline, texts
from ingest import reading as ingest_reading
from ingest.transports import incoming
from retention import appraisal, execution, holds, register_papers, registers
from search import indexing

log = logging.getLogger("archive.work")

FOLLOWERS: list[Callable[[Actor], int]] = [
    lambda actor: indexing.drain(),
    lambda actor: holds.resume(actor=actor),
    lambda actor: holds.drain(),
    lambda actor: registers.drain(actor=actor),
    lambda actor: register_papers.print_waiting(actor=actor),
    lambda actor: appraisal.resume(actor=actor),
    lambda actor: correction.spread(actor=actor),
    lambda actor: extension.drain(),
    lambda actor: keeping.drain(actor=actor),
    lambda actor: retirement.settle(),
    lambda actor: spreading.spread(),
    lambda actor: keeping.catch_up(busy=ingest_reading.being_kept, actor=actor),
]
"""What follows up on decisions. A fault of one (a store that does not answer) keeps no other from its work."""


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
    others = (lambda actor: texts.drain(fence), lambda actor: execution.work(actor=actor, stop=stop))
    for follower in (*FOLLOWERS, *others):
        try:
            done += follower(actor)
        except ArchiveError as fault:
            log.warning("%s", fault)
    return done


def waiting() -> dict[str, int]:
    return {topic: changes.waiting(topic) for topic in settings.CHANGE_TOPICS}
