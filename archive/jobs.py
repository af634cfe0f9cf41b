"""Jobs: what runs at its hour, and what a person started and need not wait for. The only importer of the job library.

The domain tables are the truth: a task carries ids only, and one that is lost or runs twice does no harm. Hot loops
(examine, file, keep, index) are no jobs: `manage.py work` does them. What ran, and how it ended, stands in the
library's own tables.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from uuid import UUID

from django.db import DatabaseError, router, transaction
from django.utils import timezone
from django_q.models import Failure, OrmQ, Schedule, Success
from django_q.tasks import async_task

PREFIX = "archive:"
"""Begins the name of every schedule that comes from a table, so that others are left alone."""
HOURLY, DAILY = Schedule.HOURLY, Schedule.DAILY


@dataclass(frozen=True, kw_only=True)
class Job:
    """One row of a schedule table. `function` is a dotted path without arguments; `at` the local time of a daily job,
    or the minute of an hourly one."""

    code: str
    name: str
    function: str
    every: str
    at: time


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How a job fared last. `next_run` is None where it is not scheduled."""

    code: str
    next_run: datetime | None
    succeeded_at: datetime | None
    failed_at: datetime | None
    failure: str


def sync(table: Iterable[Job]) -> int:
    """Make the schedules those of the table; how many changed. What stays as it is keeps its next run."""
    changed = 0
    wanted = {PREFIX + job.code: job for job in table}
    with transaction.atomic(using=router.db_for_write(Schedule)):
        ours = Schedule.objects.filter(name__startswith=PREFIX)
        changed += ours.exclude(name__in=wanted).delete()[0]
        for name, job in wanted.items():
            there = list(ours.filter(name=name).order_by("id"))
            for surplus in there[1:]:
                surplus.delete()
            if there and (there[0].func, there[0].schedule_type) == (job.function, job.every):
                if _local(there[0].next_run, job) == job.at:
                    continue
            changed += 1
            values = {
                "func": job.function,
                "schedule_type": job.every,
                "repeats": -1,
                "next_run": first_run(job),
            }
            Schedule.objects.update_or_create(
                pk=there[0].pk if there else None, defaults=values | {"name": name}
            )
    return changed


def first_run(job: Job, now: datetime | None = None) -> datetime:
    """The next time at which the clock shows `job.at`."""
    local = timezone.localtime(now)
    step = timedelta(hours=1) if job.every == HOURLY else timedelta(days=1)
    first = local.replace(minute=job.at.minute, second=0, microsecond=0)
    if job.every == DAILY:
        first = first.replace(hour=job.at.hour)
    return first if first > local else first + step


def _local(moment: datetime, job: Job) -> time:
    local = timezone.localtime(moment).time().replace(second=0, microsecond=0)
    return local.replace(hour=job.at.hour) if job.every == HOURLY else local


def enqueue(function: str, *ids: UUID | str, name: str = "") -> str:
    """Hand a task to the queue after the current transaction; its id. `function` is a dotted path."""
    task = {"task_name": name[:100]} if name else {}
    return async_task(function, *(str(one) for one in ids), **task)


def history(table: Iterable[Job]) -> list[Ran]:
    """How each job of the table fared last."""
    runs = []
    for job in table:
        schedule = Schedule.objects.filter(name=PREFIX + job.code).first()
        good = Success.objects.filter(func=job.function).order_by("-stopped").first()
        bad = Failure.objects.filter(func=job.function).order_by("-stopped").first()
        runs.append(
            Ran(
                code=job.code,
                next_run=schedule and schedule.next_run,
                succeeded_at=good and good.stopped,
                failed_at=bad and bad.stopped,
                failure=str(bad.result).strip().splitlines()[-1][:300] if bad and bad.result else "",
            )
        )
    return runs


def waiting() -> int | None:
    """Tasks in the queue; None when its tables are not there."""
    try:
        with transaction.atomic(using=router.db_for_read(OrmQ)):
            return OrmQ.objects.count()
    except DatabaseError:
        return None
