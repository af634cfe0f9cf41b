"""The daily scan: what is due, and what of it still waits for somebody."""

import pytest
from django.utils import timezone

from config import schedule
from retention import due, holds, registers
from retention.due import Due
from tests import filed

pytestmark = pytest.mark.django_db


def test_each_due_record_is_counted_once_where_it_stands(panel):
    waiting, held, unsettled, appraised, decided, listed = (panel.due_record() for _ in range(6))
    unsettled.retention_key = "item:dongguan/arrears"
    unsettled.save()
    panel.due_record(formed_on=timezone.localdate())  # not due
    panel.due_record(retention="永久")
    holds.place(
        panel.fonds, "record", records=[held.pk], reason="诉讼", authority="法院", actor=panel.manager
    )
    panel.decided([decided, listed])
    registers.make(panel.fonds, [listed], "到期档案", actor=panel.manager)
    panel.opened([appraised])
    found, by_fonds = due.scan(timezone.localdate())
    assert found == Due(total=6, waiting=1, blocked=2, appraised=1, decided=1, listed=1)
    assert by_fonds == {"D019": 1}
    assert waiting.pk


def test_the_daily_job_says_the_numbers_for_the_run_history(panel):
    panel.due_record()
    assert schedule.scan_due() == (
        "到期 1 件：待鉴定 1，占用或期限未确认 0，鉴定中 0，待列清册 0，已列清册 0。待鉴定：D019 1"
    )


def test_the_daily_job_of_holds_finds_nothing_to_do_in_an_empty_house(stores):
    filed.a_fonds()
    assert schedule.spread_holds() == "新近归档的 0 件已按人、按单位暂缓"


def test_scanning_costs_the_same_number_of_queries_whatever_is_due(panel):
    def queries() -> int:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as captured:
            due.scan(timezone.localdate())
        return len(captured)

    panel.due_record()
    few = queries()
    for _ in range(12):
        panel.due_record()
    assert queries() == few
