"""续锁: what is due is locked on, nothing else is asked for, and a store that fails costs nothing but a day."""

from datetime import date, timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from archive import audit, fixity, renewal
from archive import stores as archive_stores
from archive.errors import StorageFailed
from archive.models import Copy, Damage, Event, FixityRun, Record
from config import schedule
from tests.locked import a_record, calls, copies, held, years

pytestmark = pytest.mark.django_db(databases="__all__")


# What is due


@pytest.mark.parametrize(
    ("locked", "changed", "renewed"),
    [
        (6, {}, None),
        (4.9, {}, 10),
        (0.7, {"provisional": True}, None),
        (0.4, {"provisional": True}, 1),
        (0.4, {}, 10),
    ],
)
def test_at_half_of_its_horizon_a_lock_is_lengthened_and_not_before(stores, actor, locked, changed, renewed):
    record = a_record(stores, locked=years(locked), **changed)
    done = renewal.renew(actor=actor)
    for copy in copies(record):
        until = archive_stores.lock_until(record, today=timezone.localdate()) if renewed else years(locked)
        assert copy.lock_until == held(stores, copy).lock_until == until
        assert abs(copy.lock_until - years(renewed or locked)) < timedelta(days=3)
    assert done.copies == (len(copies(record)) if renewed else 0) and not done.failed


def test_nobody_locks_beyond_the_end_of_the_period(stores, actor):
    today = timezone.localdate()
    record = a_record(stores, retention="10", formed_on=date(today.year - 7, 5, 4), locked=years(1))
    renewal.renew(actor=actor)
    for copy in copies(record):
        assert timezone.localdate(copy.lock_until) == date(today.year + 3, 12, 31)
        assert copy.renew_on is None  # nothing to renew any more


def test_copies_without_a_lock_because_their_period_was_over_stay_without_and_are_not_due(stores, actor):
    record = a_record(stores, retention="10", formed_on=date(2008, 5, 4))
    done = renewal.renew(actor=actor)
    assert (done.copies, done.failed) == (0, 0)
    assert {(copy.lock_until, copy.renew_on) for copy in copies(record)} == {(None, None)}
    assert not renewal.due(timezone.localdate() + timedelta(days=40_000)).exists()


def test_keeping_says_when_a_lock_is_to_be_renewed_so_that_no_new_copy_is_looked_at(stores):
    a_record(stores)
    a_record(stores, retention="10", formed_on=date(2008, 5, 4))
    assert Copy.objects.exists() and not renewal.due(timezone.localdate()).exists()


def test_what_was_looked_at_once_is_not_looked_at_again_before_its_day(stores, actor, monkeypatch):
    record = a_record(stores)
    Copy.objects.update(renew_on=date.min)  # as a writer leaves it who knows nothing of renewal
    asked = calls(stores["local"], monkeypatch)
    first = renewal.renew(actor=actor)
    assert first.copies == 0 and asked == []
    assert not renewal.due(timezone.localdate()).exists()
    (day,) = {copy.renew_on for copy in copies(record)}
    assert first.next_on == day and abs(day - years(5).date()) <= timedelta(days=3)
    assert renewal.due(day).count() == len(copies(record))


def test_an_idle_run_costs_the_same_however_much_is_held(stores, actor):
    def cost():
        with CaptureQueriesContext(
            connection,
        ) as seen:
            renewal.renew(actor=actor)
        return len(seen)

    a_record(stores)
    renewal.renew(actor=actor)
    few = cost()
    for _ in range(5):
        a_record(stores)
    renewal.renew(actor=actor)
    assert cost() == few


def test_the_due_rows_are_found_by_their_index():
    plan = renewal.due(timezone.localdate()).order_by("renew_on", "id").explain()
    if connection.vendor == "sqlite":  # PostgreSQL reads small tables whole
        assert "copy_lock_due" in plan and "TEMP B-TREE" not in plan


def test_records_on_their_way_out_are_left_alone(stores, actor, monkeypatch):
    record = a_record(stores, locked=years(1))
    Record.objects.filter(pk=record.pk).update(state="disposing")
    asked = calls(stores["local"], monkeypatch)
    renewal.renew(actor=actor)
    assert asked == [] and {copy.lock_until for copy in copies(record)} == {years(1)}


def test_a_removed_copy_is_looked_at_once_and_never_again(stores, actor):
    record = a_record(stores)
    Copy.objects.update(state="removed", renew_on=date.min)
    renewal.renew(actor=actor)
    assert {copy.renew_on for copy in copies(record)} == {None}


def test_a_copy_whose_store_holds_a_later_lock_than_its_row_says_follows_the_store(stores, actor):
    record = a_record(stores, locked=years(1))
    store, copy = stores["local"], copies(record)[0]
    store.extend_lock(copy.key, copy.version, years(30))
    done = renewal.renew(actor=actor)
    copy.refresh_from_db()
    assert copy.lock_until == years(30) == held(stores, copy).lock_until and not done.failed


# What fails


def test_a_lock_that_reads_back_otherwise_makes_the_copy_damaged_once(stores, actor, monkeypatch):
    record = a_record(stores, locked=years(1))
    checked = {copy.checked_at for copy in copies(record)}

    def forgets(key, version, until, mode=None):
        raise StorageFailed(store="local", kind="lock", reason="读回是没有锁定。", version=version)

    monkeypatch.setattr(stores["local"], "extend_lock", forgets)
    done = renewal.renew(actor=actor)
    count = len(copies(record))
    assert (done.copies, done.damaged) == (0, count)
    assert {(copy.state, copy.fault) for copy in copies(record)} == {("damaged", "lock")}
    assert Damage.objects.count() == Event.objects.filter(action="copy.damaged").count() == count
    run = FixityRun.objects.get()
    assert (run.extent, run.damaged) == ("locks", count) and run.finished_at
    assert {copy.checked_at for copy in copies(record)} == checked  # nobody has read the bytes
    again = renewal.renew(actor=actor)
    assert (again.damaged, again.failed) == (0, count) and Damage.objects.count() == count
    monkeypatch.undo()
    assert renewal.renew(actor=actor).copies == count
    assert fixity.sweep(actor=actor, everything=True).damaged == 0
    assert {copy.state for copy in copies(record)} == {"stored"}


def test_a_store_that_does_not_answer_is_left_alone_and_the_other_one_goes_on(two_stores, actor, monkeypatch):
    record = a_record(two_stores, locked=years(1))

    def down(*_, **__):
        raise StorageFailed(store="second", kind="unreachable", reason="连不上。")

    for verb in ("extend_lock", "iterate"):
        monkeypatch.setattr(two_stores["second"], verb, down)
    done = renewal.renew(actor=actor)
    assert set(done.left) == {"second"} and "second" in str(done) and done.damaged == 0
    for copy in copies(record):
        assert (copy.lock_until > years(9)) == (copy.store == "local") and copy.state == "stored"
    monkeypatch.undo()
    assert renewal.renew(actor=actor).copies == len(copies(record)) / 2


def test_a_store_that_refuses_again_and_again_is_not_asked_for_everything(stores, actor, monkeypatch):
    monkeypatch.setattr(renewal, "PATIENCE", 3)
    monkeypatch.setattr(renewal, "BATCH", 4)
    for _ in range(10):
        a_record(stores, locked=years(1))
    asked = []

    def refuses(key, *_):
        asked.append(key)
        raise StorageFailed(store="local", kind="denied", reason="没有权限。")

    monkeypatch.setattr(stores["local"], "extend_lock", refuses)
    done = renewal.renew(actor=actor)
    assert set(done.left) == {"local"} and len(asked) <= 4 and done.failed == len(asked)
    assert renewal.due(timezone.localdate()).count() == Copy.objects.count()  # tomorrow again


def test_a_copy_in_a_store_that_is_not_configured_any_more_is_said(stores, actor):
    a_record(stores, locked=years(1))
    Copy.objects.update(store="gone")
    done = renewal.renew(actor=actor)
    assert set(done.left) == {"gone"} and "当前配置" in str(done)


def test_a_run_that_is_killed_goes_on(stores, actor, monkeypatch):
    monkeypatch.setattr(renewal, "BATCH", 2)
    for _ in range(3):
        a_record(stores, locked=years(1))

    class Killed(BaseException):
        pass

    def kill(count):
        if count >= 2:
            raise Killed

    with pytest.raises(Killed):
        renewal.renew(actor=actor, progress=kill)
    done = Copy.objects.filter(lock_until__gt=years(9)).count()
    assert done == 2
    monkeypatch.undo()
    assert renewal.renew(actor=actor).copies == Copy.objects.count() - done
    assert not renewal.due(timezone.localdate()).exists()


def test_no_transaction_is_open_while_a_store_is_asked(stores, actor, monkeypatch):
    a_record(stores, locked=years(1))
    outside = len(connection.savepoint_ids)
    asked = []
    whole = renewal._Run._ask

    def watched(run, wishes):
        asked.append(len(connection.savepoint_ids))
        return whole(run, wishes)

    monkeypatch.setattr(renewal._Run, "_ask", watched)
    renewal.renew(actor=actor)
    assert asked and set(asked) == {outside}


def test_a_run_ends_also_when_everything_would_be_due_again_at_once(stores, actor, monkeypatch):
    record = a_record(stores, locked=years(1))
    today = timezone.localdate()
    monkeypatch.setattr(archive_stores, "renew_on", lambda record, locked, *, today: today)
    renewal.renew(actor=actor)
    assert {copy.renew_on for copy in copies(record)} == {today + timedelta(days=1)}


def test_whoever_was_quicker_and_locked_for_longer_is_not_written_over(stores, actor, monkeypatch):
    record = a_record(stores, locked=years(1))
    store, whole = stores["local"], stores["local"].extend_lock
    quicker = years(30)

    def overtaken(key, version, until, mode=None):
        held = whole(key, version, until, mode)
        later[key] = whole(key, version, quicker)
        return held

    later: dict = {}
    monkeypatch.setattr(store, "extend_lock", overtaken)
    asked = renewal._Run._ask

    def answered(run, wishes):
        found = asked(run, wishes)
        Copy.objects.filter(key__in=later).update(lock_until=quicker)  # the other one books first
        return found

    monkeypatch.setattr(renewal._Run, "_ask", answered)
    renewal.renew(actor=actor)
    assert {copy.lock_until for copy in copies(record)} == {quicker}


@pytest.mark.skipif(
    connection.vendor == "postgresql",
    reason="an advisory lock is the session's, and this test has one session",
)
def test_two_runs_at_once_are_one(stores, actor):
    with renewal.alone("renewal"), pytest.raises(renewal.Busy):
        renewal.renew(actor=actor)


# The job and the command


def test_the_job_says_what_it_did_and_when_the_next_is_due(stores):
    count = len(copies(a_record(stores, locked=years(1))))
    said = schedule.renew_locks()
    assert f"续锁副本 {count} 个" in said and "下一批：" in said
    assert any(job.code == "locks" and job.every == schedule.DAILY for job in schedule.JOBS)
    event = Event.objects.get(action="locks.renewed")
    assert f"副本 {count} 个" in audit.sentence(event)


def test_a_run_without_anything_to_do_leaves_no_event(stores, actor):
    renewal.renew(actor=actor)
    assert not Event.objects.filter(action="locks.renewed").exists()


def test_the_command_answers_in_words_and_in_json(stores, capsys):
    count = len(copies(a_record(stores, locked=years(1))))
    call_command("renew_locks", "--json")
    assert f'"copies": {count}' in capsys.readouterr().out
    call_command("renew_locks")
    assert "续锁副本 0 个" in capsys.readouterr().out
