"""Who works on a submission, so that a killed worker's is taken up at once and a slow one's is left alone.

A claim names its process (machine, pid, start time). On the same machine a dead process shows by itself; on another
machine the claim ends with its lease.
"""

import os
from datetime import timedelta
from functools import cache

from django.db.models import F, Q
from django.utils import timezone

from ingest import states
from ingest.models import MOST_ATTEMPTS, Submission

LEASE = timedelta(minutes=15)


def _read(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


@cache
def machine() -> str:
    """This boot and this process space: a pid means something only within them."""
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    return (_read("/proc/sys/kernel/random/boot_id").strip()[:13] or os.uname().nodename[:13]) + space[4:-1]


def _started(pid: int) -> str:
    """When that process began, in ticks since boot; "" when it is gone."""
    stat = _read(f"/proc/{pid}/stat")
    fields = stat[stat.rindex(")") + 2 :].split() if ")" in stat else []
    return "" if not fields or fields[0] == "Z" else fields[19]


def me() -> str:
    pid = os.getpid()
    return f"{machine()}/{pid}/{_started(pid)}"


def gone(owner: str) -> bool:
    """Certainly dead: on this machine, and no such process any more."""
    place, pid, started = (*owner.rsplit("/", 2), "", "")[:3]
    return place == machine() and pid.isdigit() and _started(int(pid)) != started


def take(limit: int) -> list:
    """Ids of submissions that now belong to this process, the longest waiting first. A conditional update each,
    so any number of workers may ask."""
    now = timezone.now()
    rows = Submission.objects.filter(state__in=states.OPEN, attempts__lt=MOST_ATTEMPTS)
    held = rows.filter(claimed_until__gt=now).exclude(claimed_by="").values_list("claimed_by", flat=True)
    dead = [owner for owner in held.distinct() if gone(owner)]
    free = Q(claimed_until=None) | Q(claimed_until__lte=now) | Q(claimed_by__in=dead)
    ids = rows.filter(free).order_by("received_at", "id").values_list("id", flat=True)[:limit]
    return [
        pk
        for pk in list(ids)
        if rows.filter(free, pk=pk).update(
            claimed_by=me(), claimed_until=now + LEASE, attempts=F("attempts") + 1
        )
    ]
