"""Fifty filings at once, every fifth rolled back at its end: the numbers are gapless all the same; three who keep one
record. Real commits on connections of their own."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from threading import Barrier

import pytest
from django.db import connection, connections, transaction

from archive import holdings, keeping, records
from archive.models import ChainHead, Copy, Counter, Department, Event, Record
from archive.permissions import system_actor
from tests.filed import a_department, a_fonds, a_new_record, an_object

FILINGS = 50
pytestmark = pytest.mark.usefixtures("committed")


class RolledBack(Exception):
    pass


def at_once(work, count: int) -> list:
    """`work(number)` in so many threads that begin together; each gives its connections back."""
    start = Barrier(count)

    def begin(number: int):
        try:
            start.wait(timeout=60)
            return work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=count) as pool:
        return list(pool.map(begin, range(count)))


def test_fifty_filings_at_once_with_a_fifth_rolled_back_leave_no_gap():
    fonds, actor = a_fonds(), system_actor("测试")
    waiting = [a_new_record(fonds=fonds, objects=(an_object(b"x"),)) for _ in range(FILINGS)]

    def file(number: int) -> str:
        try:
            with transaction.atomic():
                record = records.create(waiting[number], actor=actor, store_names=["local"])
                if number % 5 == 4:
                    raise RolledBack
        except RolledBack:
            return ""
        return record.reference_code

    codes = [code for code in at_once(file, FILINGS) if code]
    assert sorted(Record.objects.values_list("number", flat=True)) == list(range(1, 41))
    assert sorted(codes) == [f"D019-ZY·DJ·2019·D100-{number:06d}" for number in range(1, 41)]
    assert Counter.objects.get().last == 40
    assert Event.objects.filter(action="record.filed").count() == 40
    assert ChainHead.objects.filter(kind="record").count() == 40


def test_scopes_count_apart_when_filed_at_once():
    fonds, actor = a_fonds(), system_actor("测试")
    waiting = [a_new_record(fonds=fonds, retention=("10", "30", "100", "永久")[n % 4]) for n in range(20)]
    at_once(lambda n: records.create(waiting[n], actor=actor, store_names=[]), 20)
    for retention in ("10", "30", "100", "永久"):
        numbers = Record.objects.filter(retention=retention).values_list("number", flat=True)
        assert sorted(numbers) == [1, 2, 3, 4, 5]


def test_the_same_record_filed_by_many_at_once_is_filed_once():
    """Two workers may hold the same submission for a moment: the record's id decides."""
    fonds, actor = a_fonds(), system_actor("测试")
    new = a_new_record(fonds=fonds)

    def file(_: int) -> str:
        from django.db import IntegrityError

        try:
            return records.create(new, actor=actor, store_names=[]).reference_code
        except IntegrityError:
            return "was there"

    codes = set(at_once(file, 8))
    assert codes - {"was there"} == {Record.objects.get().reference_code}
    assert Counter.objects.get().last == 1, connection.vendor


def test_departments_made_on_the_way_keep_no_filing_waiting_for_ever():
    """Whoever makes a department holds its fonds; whoever files holds a counter and refers to the fonds."""
    fonds, actor = a_fonds(), system_actor("测试")
    a_department("科0", fonds)
    waiting = [a_new_record(fonds=fonds) for _ in range(24)]

    def file(number: int) -> str:
        with transaction.atomic():
            name = f"科{number}" if number % 2 else "科0"
            department = holdings.department(fonds, name, actor=actor)
            new = replace(waiting[number], department=department)
            return records.create(new, actor=actor, store_names=[]).reference_code

    assert len(set(at_once(file, 24))) == 24
    assert sorted(Record.objects.values_list("number", flat=True)) == list(range(1, 25))
    assert Department.objects.count() == 13


def test_three_who_keep_one_record_at_once_write_it_once(stores, actor, monkeypatch):
    monkeypatch.setattr(keeping, "PATIENCE", 600)
    content = b"%PDF one form"
    new = a_new_record(objects=(an_object(content),))
    record = records.create(new, actor=actor, store_names=["local"])
    kept = at_once(lambda _: keeping.keep(record.pk, lambda item: BytesIO(content), actor=actor), 3)
    assert kept == [True] * 3
    for copy in Copy.objects.filter(object__record=record):
        assert [one.version for one in stores["local"].versions(copy.key)] == [copy.version]
    assert Event.objects.filter(action="record.kept").count() == 1
