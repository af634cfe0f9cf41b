"""One scope, three faces: predicate, query and tokens say the same of every record (design §5.1)."""

import random

import pytest

from archive import holdings, records, scopes
from archive.errors import WrongInput
from archive.models import Record
from archive.permissions import system_actor
from archive.scopes import Grant, Scope
from tests.filed import a_department, a_fonds, a_new_record, a_user

pytestmark = pytest.mark.django_db

STAGES = ("DJ", "BG", "DY", "ZF")
INSURANCES = ("YL", "YB", "SY", "GS", "SH", "ZO")


@pytest.fixture
def world():
    """Records of two fonds, every kind among them; (rows, departments, users)."""
    dice, actor = random.Random(5), system_actor("测试")
    fonds = [a_fonds("D019"), a_fonds("L010", "insurance-stage")]
    departments = {row.pk: [a_department(f"{row.code}科{n}", row) for n in range(3)] for row in fonds}
    users = [a_user() for _ in range(3)]
    for _ in range(80):
        of = dice.choice(fonds)
        personnel = dice.random() < 0.1
        filed = dice.choice(INSURANCES)
        new = a_new_record(
            fonds=of,
            category="RS" if personnel else "ZY",
            stage="" if personnel else dice.choice(STAGES),
            insurance=filed,
            insurances=tuple(dice.sample(INSURANCES[:5], dice.randrange(3))),
            department=dice.choice([None, *departments[of.pk]]),
            security=dice.randrange(4),
            handed_in_by=dice.choice([None, *(user.pk for user in users)]),
        )
        records.create(new, actor=actor, store_names=[])
    rows = list(Record.objects.select_related("fonds"))
    return rows, [one.pk for some in departments.values() for one in some], [user.pk for user in users]


def a_scope(dice, departments, users) -> Scope:
    def some(values):
        return None if dice.random() < 0.5 else frozenset(dice.sample(values, dice.randrange(len(values))))

    grants = tuple(
        Grant(
            fonds=dice.choice(("D019", "L010", "X999")),
            departments=some(departments),
            categories=some(("ZY", "RS", "KU")),
            stages=some((*STAGES, "")),
            insurances=some(INSURANCES),
            security=dice.randrange(4),
        )
        for _ in range(dice.randrange(4))
    )
    return Scope(grants=grants, own=dice.choice([None, None, *users]))


def test_predicate_query_and_tokens_agree_for_every_scope(world):
    rows, departments, users = world
    tokens = {row.pk: scopes.scope_tokens(row.facts) for row in rows}
    dice, seen = random.Random(6), 0
    for _ in range(150):
        scope = a_scope(dice, departments, users)
        admitted = {row.pk for row in rows if scope.admits(row.facts)}
        assert set(Record.objects.visible_to(scope).values_list("pk", flat=True)) == admitted, scope
        wanted = scope.token_filter()
        assert {pk for pk in tokens if scopes.matches(tokens[pk], wanted)} == admitted, scope
        seen += 0 < len(admitted) < len(rows)
    assert seen > 50, "hardly any scope tells records apart"


def test_nothing_shows_nothing_and_everything_shows_all(world):
    rows, *_ = world
    assert not Record.objects.visible_to(scopes.NOTHING).exists()
    assert Record.objects.visible_to(scopes.EVERYTHING).count() == len(rows)
    assert scopes.NOTHING.token_filter() == () and scopes.EVERYTHING.token_filter() is None


def test_a_record_under_several_insurances_is_counted_once(world):
    several = Scope(grants=(Grant(fonds="D019", insurances=frozenset(INSURANCES), security=3),))
    found = list(Record.objects.visible_to(several).values_list("pk", flat=True))
    assert len(found) == len(set(found)) == Record.objects.visible_to(several).count()


@pytest.mark.parametrize(
    ("insurances", "granted", "seen"),
    [
        ((), {"GS"}, False),
        (("GS",), {"GS"}, True),
        (("GS", "YL"), {"YL"}, True),
        (("GS", "YL"), {"SY"}, False),
        (("GS",), {"S"}, False),  # a part of a code is no code
        (("GS", "YL"), {"GS YL"}, False),
        (("GS",), set(), False),
        (("GS",), None, True),
    ],
)
def test_an_insurance_is_seen_by_its_whole_code_only(actor, insurances, granted, seen):
    new = a_new_record(insurances=insurances, insurance=insurances[0] if insurances else "")
    record = records.create(new, actor=actor, store_names=[])
    grant = Grant(fonds="D019", insurances=None if granted is None else frozenset(granted), security=3)
    scope = Scope(grants=(grant,))
    assert scope.admits(record.facts) is seen
    assert Record.objects.visible_to(scope).exists() is seen
    assert scopes.matches(scopes.scope_tokens(record.facts), scope.token_filter()) is seen


def test_two_fonds_never_differ_by_case_alone(actor):
    """Their tokens, and their folders on some disks, would be one."""
    holdings.make_fonds("d019x", "甲", actor=actor)
    with pytest.raises(WrongInput, match="大小写"):
        holdings.make_fonds("D019X", "乙", actor=actor)


@pytest.mark.parametrize("code", ["seals", "Ledger", "FONDSFILE"])
def test_no_fonds_is_called_as_the_archive_s_own_files_are_in_a_store(actor, code):
    with pytest.raises(WrongInput, match="请另取一个"):
        holdings.make_fonds(code, "某中心", actor=actor)
