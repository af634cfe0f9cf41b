"""One submission from received to archived: what the worker and the command line both call.

Claiming is a conditional update, so any number of workers may run; a claim is a lease, and a killed worker's
submission is taken up when it ends. Every step commits by itself; a failed step leaves the state before it.
"""

import logging
from collections.abc import Callable

from django.db.models import F, Q
from django.utils import timezone

from archive.errors import ArchiveError
from archive.inspection.fence import Fence
from archive.permissions import Actor
from ingest import acceptance, examination, states
from ingest.models import Submission
from ingest.receiving import LEASE

log = logging.getLogger("archive.ingest")
MOST_ATTEMPTS = 5


def claim(limit: int) -> list:
    """Ids of submissions that now belong to the caller, the longest waiting first."""
    now = timezone.now()
    free = Q(claimed_until=None) | Q(claimed_until__lt=now)
    ids = list(
        Submission.objects.filter(free, state__in=states.OPEN, attempts__lt=MOST_ATTEMPTS)
        .order_by("received_at", "id")
        .values_list("id", flat=True)[:limit]
    )
    return [
        pk
        for pk in ids
        if Submission.objects.filter(free, pk=pk, state__in=states.OPEN).update(
            claimed_until=now + LEASE, attempts=F("attempts") + 1
        )
    ]


def process(submission_id, fence: Fence, *, actor: Actor) -> Submission:
    """As far as it goes by itself. A store's fault leaves it filed, to be taken up later."""
    submission = Submission.objects.get(pk=submission_id)
    examined = None
    if submission.state == "received":
        examined = examination.examine(submission, fence)
        submission = acceptance.decide(submission_id, examined, actor=actor)
    if submission.state == "accepted":
        if examined is None:  # a kill between deciding and filing: what was found then may have changed
            examined = examination.examine(submission, fence)
            if examined.verdict != "accepted":
                return acceptance.reconsider(submission_id, examined, actor=actor)
        submission = acceptance.file(submission_id, examined, actor=actor)
    if submission.state == "filed":
        submission = acceptance.keep(submission_id, fence, actor=actor)
    if submission.state in ("archived", "returned", "waiting"):
        Submission.objects.filter(pk=submission_id).update(attempts=0)
    return submission


def work(fence: Fence, *, actor: Actor, limit: int = 20, stop: Callable[[], bool] = lambda: False) -> int:
    """Process what may be claimed. Returns how many were touched. One submission's fault stops no other."""
    done = 0
    for pk in claim(limit):
        if stop():
            Submission.objects.filter(pk=pk).update(claimed_until=None)
            continue
        try:
            process(pk, fence, actor=actor)
        except ArchiveError as fault:
            log.warning("submission %s: %s", pk, fault)
        done += 1
    return done
