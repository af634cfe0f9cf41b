"""Which period a case gets: the longest of its classes, what the site decided before what the table says, never shorter."""

from datetime import date

import pytest

from archive import determinations
from archive.errors import NotAllowed, WrongInput
from archive.models import Event, RetentionClass
from tests.filed import an_actor

pytestmark = pytest.mark.django_db

ON, ITEM = date(2019, 12, 10), "item:dalian/arrears"
BASIS = "人社部3号令附件原文"


@pytest.fixture(autouse=True)
def schedule(actor):
    assert determinations.load_schedule(actor=actor) > 30


def period(*classes, item=ITEM):
    return determinations.resolve(classes, item, ON)


def test_the_schedule_is_loaded_once_and_its_rows_are_never_rewritten(actor):
    before = list(RetentionClass.objects.order_by("pk").values())
    assert determinations.load_schedule(actor=actor) == 0
    assert list(RetentionClass.objects.order_by("pk").values()) == before


def test_a_case_takes_the_period_of_its_class_and_of_several_the_longest():
    assert (period("1-2").retention, period("1-2").key) == ("100", "1-2")
    assert period("1-4").retention == "10"
    assert (period("1-4", "1-2").retention, period("1-4", "1-2").key) == ("100", "1-4、1-2")


def test_of_several_classes_each_must_be_settled_before_a_register_rests_on_them(actor):
    known = determinations.Known(["1-2、1-4"])
    assert determinations.settled("1-2", ON) and not determinations.settled("1-4", ON)
    assert not period("1-2", "1-4").settled and known.unsettled("1-2、1-4") == [(None, None)]
    determinations.confirm("1-4", basis=BASIS, actor=actor)
    assert period("1-2", "1-4").settled and not determinations.Known(["1-2、1-4"]).unsettled("1-2、1-4")


@pytest.mark.parametrize("classes", [("2-?",), ("1-2", "2-?"), ("site",), ("1-2", "site"), ("9-99",)])
def test_one_unknown_class_makes_the_period_unknown_and_says_which(classes):
    found = period(*classes)
    assert found.retention is None and "待定" in found.reason and not found.settled


def test_the_decision_on_an_item_wins_over_its_classes(actor):
    determinations.determine(ITEM, "永久", basis=BASIS, actor=actor)
    assert (period("1-2").retention, period("site").key) == ("永久", ITEM)


def test_a_decision_on_a_class_wins_over_the_table(actor):
    determinations.determine("1-4", "30", basis=BASIS, actor=actor)
    assert period("1-4").retention == "30"


def test_nobody_goes_below_a_known_minimum(actor):
    for key, classes in (("1-2", ()), (ITEM, ("1-2",))):
        with pytest.raises(WrongInput, match="最低期限"):
            determinations.determine(key, "50", basis=BASIS, actor=actor, classes=classes)


@pytest.mark.parametrize(("text", "basis"), [("15", BASIS), ("30", " ")])
def test_a_decision_needs_a_legal_period_and_a_basis(actor, text, basis):
    with pytest.raises(WrongInput):
        determinations.determine("1-4", text, basis=basis, actor=actor)


def test_a_provisional_period_is_told_as_such_until_it_is_confirmed(actor):
    determinations.determine(ITEM, "30", basis=BASIS, actor=actor, provisional=True)
    assert (period().provisional, period().settled) == (True, False)
    determinations.confirm(ITEM, basis=BASIS, actor=actor)
    assert (period().provisional, period().settled, period().retention) == (False, True, "30")
    with pytest.raises(WrongInput, match="不能再改为暂定"):
        determinations.determine(ITEM, "50", basis=BASIS, actor=actor, provisional=True)
    with pytest.raises(WrongInput, match="不能缩短"):
        determinations.determine(ITEM, "10", basis=BASIS, actor=actor)


def test_no_register_rests_on_what_one_source_says_until_the_manager_confirms(actor):
    once = RetentionClass.objects.filter(source_count=1).exclude(period="").first()
    twice = RetentionClass.objects.filter(source_count__gte=2).exclude(period="").first()
    assert determinations.settled(twice.code, ON) and not determinations.settled(once.code, ON)
    determinations.confirm(once.code, basis=BASIS, actor=actor)
    assert determinations.settled(once.code, ON)


def test_only_the_manager_confirms_and_every_decision_leaves_its_event():
    archivist, manager = an_actor("archivist"), an_actor("manager")
    determinations.determine(ITEM, "30", basis=BASIS, actor=archivist)
    with pytest.raises(NotAllowed):
        determinations.confirm(ITEM, basis=BASIS, actor=archivist)
    determinations.confirm(ITEM, basis=BASIS, actor=manager)
    told = Event.objects.filter(kind="site", subject="retention").order_by("sequence")
    assert list(told.values_list("action", flat=True)) == [
        "schedule.loaded",
        "determination.set",
        "determination.confirmed",
    ]


def test_what_has_no_period_cannot_be_confirmed(actor):
    with pytest.raises(WrongInput):
        determinations.confirm("2-?", basis=BASIS, actor=actor)
