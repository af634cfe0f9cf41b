"""The schedule is whole, and the queue follows it."""

from datetime import datetime, time, timedelta

import pytest
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import Failure, OrmQ, Schedule, Success

from archive import jobs
from archive.identifiers import new_id
from archive.jobs import DAILY, HOURLY, PREFIX, Job
from config import schedule
from tests import filed

pytestmark = pytest.mark.django_db(databases="__all__")


def test_every_job_names_a_function_that_can_be_called_without_arguments():
    import inspect

    for job in schedule.JOBS:
        function = import_string(job.function)
        assert not inspect.signature(function).parameters, job.code
        assert job.every in (HOURLY, DAILY) and job.name


def test_no_two_jobs_share_a_code_or_begin_in_the_same_minute():
    assert len({job.code for job in schedule.JOBS}) == len(schedule.JOBS)
    daily = [job.at for job in schedule.JOBS if job.every == DAILY]
    assert len(set(daily)) == len(daily)


def test_what_must_run_by_itself_is_in_the_table():
    assert {job.code for job in schedule.JOBS} >= {"seal", "fixity", "staging", "sign-in"}


def test_every_job_does_its_work(stores, tmp_path):
    filed.a_record(stores)
    answers = [import_string(job.function)() for job in schedule.JOBS]
    assert all(answers)
    assert "封存到第 1 号" in answers


def test_sync_makes_the_schedules_and_changes_nothing_the_second_time():
    Schedule.objects.create(name="别人的", func="x.y", schedule_type="D")
    assert jobs.sync(schedule.JOBS) == len(schedule.JOBS)
    rows = {row.name: row for row in Schedule.objects.filter(name__startswith=PREFIX)}
    assert set(rows) == {PREFIX + job.code for job in schedule.JOBS}
    assert all(row.repeats == -1 and row.next_run > timezone.now() for row in rows.values())
    before = list(Schedule.objects.order_by("id").values())
    assert jobs.sync(schedule.JOBS) == 0
    assert list(Schedule.objects.order_by("id").values()) == before


def test_sync_follows_a_changed_table_and_leaves_others_alone():
    first = Job(code="a", name="A", function="config.schedule.seal_ledgers", every=DAILY, at=time(1, 0))
    jobs.sync([first])
    Schedule.objects.create(name="别人的", func="x.y", schedule_type="D")
    Schedule.objects.create(name=PREFIX + "a", func="doubled", schedule_type="D")
    moved = Job(code="a", name="A", function="config.schedule.check_fixity", every=DAILY, at=time(2, 0))
    jobs.sync([moved])
    (row,) = Schedule.objects.filter(name__startswith=PREFIX)
    assert row.func == "config.schedule.check_fixity" and timezone.localtime(row.next_run).hour == 2
    jobs.sync([])
    assert [row.name for row in Schedule.objects.all()] == ["别人的"]


@pytest.mark.parametrize(
    ("every", "now", "first"),
    [
        (DAILY, "2026-03-01 00:59", "2026-03-01 01:30"),
        (DAILY, "2026-03-01 01:30", "2026-03-02 01:30"),
        (DAILY, "2026-12-31 23:00", "2027-01-01 01:30"),
        (HOURLY, "2026-03-01 10:29", "2026-03-01 10:30"),
        (HOURLY, "2026-03-01 23:31", "2026-03-02 00:30"),
    ],
)
def test_the_first_run_is_the_next_time_the_clock_shows_it(every, now, first):
    job = Job(code="x", name="x", function="x", every=every, at=time(1, 30))
    local = timezone.make_aware(datetime.fromisoformat(now))
    assert jobs.first_run(job, local) == timezone.make_aware(datetime.fromisoformat(first))


def test_a_task_carries_ids_only():
    record = new_id()
    assert jobs.enqueue("config.schedule.seal_ledgers", record, name="一次")
    assert jobs.waiting() == 1
    task = OrmQ.objects.get().task
    assert (task["func"], task["args"], task["name"]) == (
        "config.schedule.seal_ledgers",
        (str(record),),
        "一次",
    )


def test_the_history_tells_how_each_job_fared_last():
    job = schedule.JOBS[0]
    jobs.sync(schedule.JOBS)
    now = timezone.now()
    common = {"func": job.function, "started": now, "name": "x"}
    Success.objects.create(id="1" * 32, stopped=now - timedelta(hours=2), success=True, **common)
    Failure.objects.create(
        id="2" * 32,
        stopped=now - timedelta(hours=1),
        success=False,
        result="Traceback…\nStorageFailed: 连不上",
        **common,
    )
    told = jobs.history(schedule.JOBS)[0]
    assert told.succeeded_at == now - timedelta(hours=2) and told.failed_at == now - timedelta(hours=1)
    assert told.failure == "StorageFailed: 连不上" and told.next_run
