"""A confirmed determination moves what was filed under another period meanwhile: with its trace, and never below what is
legal."""

from datetime import date

import pytest
from django.utils import timezone

from archive import correction, determinations, extension
from archive.models import Change, Event, RetentionClass
from config import worker
from retention import supervision
from retention.supervision import Differs
from tests import filed
from tests.pages import reader, text
from tests.registers import SYSTEM, House

pytestmark = pytest.mark.django_db(databases="__all__")
THIS = timezone.localdate().year
KEY, BASIS = "item:universal/summary-form", "局务会〔2026〕5号"


@pytest.fixture(autouse=True)
def schedule(actor):
    determinations.load_schedule(actor=actor)


def provisional(stores=None, period="10", **changed):
    values = {
        "formed_on": date(THIS - 8, 5, 4),
        "retention": period,
        "retention_key": KEY,
        "provisional": True,
    }
    return filed.a_record(stores, **(values | changed))


def confirm(period: str, key: str = KEY) -> None:
    determinations.determine(key, period, basis=BASIS, actor=SYSTEM)
    determinations.confirm(key, basis=BASIS, actor=SYSTEM)


def corrected(record):
    record.refresh_from_db()
    return record.retention, record.due_on, record.provisional


def test_what_was_filed_provisionally_takes_the_longer_period_that_was_confirmed_with_its_trace(stores):
    record = provisional(stores)
    code, lock = record.reference_code, record.digital_objects.get(role="original").copies.get().lock_until
    confirm("30")
    assert corrected(record) == ("10", date(THIS + 3, 1, 1), True), "nothing moves in the confirmation itself"
    assert correction.spread(actor=SYSTEM) == 1
    assert corrected(record) == ("30", date(THIS + 23, 1, 1), False)
    event = Event.objects.get(action="record.period_corrected", subject=str(record.pk))
    assert (event.data["old_period"], event.data["period"], event.data["key"]) == ("10", "30", KEY)
    assert event.data["basis"] == BASIS and event.data["old_due_on"] == f"{THIS + 3}-01-01 起可鉴定"
    assert record.reference_code == code
    extension.drain()
    assert record.digital_objects.get(role="original").copies.get().lock_until > lock


def test_the_same_period_becomes_final_and_its_lock_no_longer_rolls_by_a_year(stores):
    record = provisional(stores, "30")
    confirm("30")
    correction.spread(actor=SYSTEM)
    assert corrected(record) == ("30", date(THIS + 23, 1, 1), False)
    assert Event.objects.filter(action="record.period_confirmed", subject=str(record.pk)).count() == 1
    assert Change.objects.filter(topic=extension.TOPIC, subject=record.pk).exists()


def test_a_provisional_period_that_was_too_long_is_shortened_and_a_final_one_never_is():
    one, final = provisional(period="永久"), provisional(period="永久", provisional=False)
    confirm("30")
    correction.spread(actor=SYSTEM)
    assert corrected(one)[0] == "30" and corrected(final)[0] == "永久"


def test_a_final_period_that_is_too_short_is_raised_too():
    record = provisional(provisional=False)
    confirm("30")
    correction.spread(actor=SYSTEM)
    assert corrected(record)[0] == "30"


@pytest.mark.parametrize("key", ["1-4、8-3", "8-3、1-4", "8-3、1-4、8-4"])
def test_a_record_of_several_classes_moves_with_whichever_becomes_the_longest(key):
    record = provisional(provisional=False, retention_key=key)
    stranger = provisional(provisional=False, retention_key="8-3")
    confirm("50", "1-4")
    correction.spread(actor=SYSTEM)
    assert (corrected(record)[0], corrected(stranger)[0]) == ("50", "10")
    confirm("30", "8-3")
    correction.spread(actor=SYSTEM)
    assert (corrected(record)[0], corrected(stranger)[0]) == ("50", "30")


def test_nothing_goes_below_the_schedule_even_where_the_schedule_became_longer_since(actor):
    row = RetentionClass.objects.filter(period="10").first()
    record = provisional(retention_key=row.code, period="30")
    confirm("10", row.code)
    RetentionClass.objects.create(
        schedule="新表", valid_from=date(2026, 1, 1), code=row.code, class_no=row.class_no, class_name=row.class_name,
        name=row.name, materials="", period="50", source_count=2,
    )  # fmt: skip
    assert correction.spread(actor=SYSTEM) == 0
    assert corrected(record)[0] == "30"


def test_records_of_other_classes_and_those_that_are_gone_stay_as_they_are():
    other, gone = provisional(retention_key="item:universal/other"), provisional()
    type(gone).objects.filter(pk=gone.pk).update(state="disposing")
    confirm("30")
    assert correction.spread(actor=SYSTEM) == 0
    assert corrected(other)[0] == corrected(gone)[0] == "10"


def test_it_goes_on_in_steps_and_twice_is_once():
    found = [provisional() for _ in range(5)]
    confirm("30")
    assert [correction.spread(actor=SYSTEM, limit=2) for _ in range(4)] == [2, 2, 1, 0]
    assert {corrected(record)[0] for record in found} == {"30"}
    assert Event.objects.filter(action="record.period_corrected").count() == 5
    correction.follow([one.subject for one in Change.objects.filter(topic=determinations.CONFIRMED)])
    assert Event.objects.filter(action="record.period_corrected").count() == 5


def test_a_decision_that_was_opened_again_meanwhile_moves_nothing():
    record = provisional()
    confirm("30")
    determinations.determine(KEY, "50", basis=BASIS, actor=SYSTEM)
    assert correction.spread(actor=SYSTEM) == 0 and corrected(record)[0] == "10"
    determinations.confirm(KEY, basis=BASIS, actor=SYSTEM)
    correction.spread(actor=SYSTEM)
    assert corrected(record)[0] == "50"


def test_the_worker_does_it_by_itself():
    from search.engine import engine

    engine().ensure()
    record = provisional()
    confirm("30")
    assert sum(follower(SYSTEM) for follower in worker.FOLLOWERS)
    assert corrected(record)[0] == "30"


def test_a_register_that_was_frozen_before_is_not_signed_for(stores):
    house = House(stores)
    register = house.approved(house.due(2))
    key = register.rows.first().record.retention_key
    confirm("30", key)
    correction.spread(actor=SYSTEM)
    with pytest.raises(Differs, match="应保管期限"):
        supervision.sign(register.pk, confirmed=True, actor=house.one)


def test_the_page_says_before_the_confirmation_how_many_records_it_corrects():
    for _ in range(3):
        provisional()
    provisional(period="30")
    determinations.determine(KEY, "30", basis=BASIS, actor=SYSTEM)
    html = text(reader("manager").get(f"/periods/one/?key={KEY}"))
    assert "3 件暂按 10年 归档的更正为 30年" in html and "1 件暂按 30年 归档的转为正式期限" in html
    assert "档号不变" in html
    determinations.confirm(KEY, basis=BASIS, actor=SYSTEM)
    correction.spread(actor=SYSTEM)
    assert "归档的更正为" not in text(reader("manager").get(f"/periods/one/?key={KEY}"))
