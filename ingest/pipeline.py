"""One submission from received to archived: what the worker and the command line both call.

Whoever works on a submission has claimed it (claims.py). Every step commits by itself; a failed step leaves the state before it.
"""

import logging
import time
from collections.abc import Callable

from django.db import OperationalError, connection

from archive.errors import ArchiveError
from archive.inspection.fence import Fence
from archive.permissions import Actor
from ingest import acceptance, claims, examination
from ingest.models import Submission

log = logging.getLogger("archive.ingest")
PAUSES = (0.1, 0.5)
"""Seconds before trying again after a conflict in the database."""


def process(submission_id, fence: Fence, *, actor: Actor, unpacked: dict | None = None) -> Submission:
    """As far as it goes by itself. A store's fault leaves it filed, to be taken up later. `unpacked`: what receiving
    it has just left in the work folder.

    A conflict with another process (a deadlock that the database broke, a lock not given in time) is tried again from
    the state that was committed last; raises OperationalError when it stays.
    """
    for pause in PAUSES:
        try:
            return _process(submission_id, fence, actor, unpacked)
        except OperationalError as fault:
            if connection.in_atomic_block:
                raise  # not ours to try again
            log.warning("submission %s: %s", submission_id, fault)
            connection.close_if_unusable_or_obsolete()
            time.sleep(pause)
            unpacked = None
    return _process(submission_id, fence, actor, unpacked)


def _process(submission_id, fence: Fence, actor: Actor, unpacked: dict | None) -> Submission:
    submission = Submission.objects.get(pk=submission_id)
    examined = None
    if submission.state == "received":
        examined = examination.examine(submission, fence, unpacked=unpacked)
        submission = acceptance.decide(submission_id, examined, actor=actor)
    if submission.state == "accepted":
        if examined is None:  # a kill between deciding and filing: what was found then may have changed
            examined = examination.examine(submission, fence)
            if examined.verdict != "accepted":
                return acceptance.reconsider(submission_id, examined, actor=actor)
        submission = acceptance.file(submission_id, examined, actor=actor)
    if submission.state == "filed":
        submission = acceptance.keep(submission_id, fence, actor=actor)
    if submission.attempts and submission.state in ("archived", "returned", "waiting"):
        Submission.objects.filter(pk=submission_id).update(attempts=0)
    return submission


def work(fence: Fence, *, actor: Actor, limit: int = 20, stop: Callable[[], bool] = lambda: False) -> int:
    """Process what may be claimed. Returns how many were touched. One submission's fault stops no other."""
    done = 0
    for pk in claims.take(limit):
        if stop():
            Submission.objects.filter(pk=pk).update(claimed_by="", claimed_until=None)
            continue
        try:
            process(pk, fence, actor=actor)
        except ArchiveError as fault:
            log.warning("submission %s: %s", pk, fault)
        done += 1
    return done
