"""人工确认: who may give a word, for what and how long, and which package cites which one."""

from datetime import timedelta

import pytest
from django.utils import timezone

from archive.errors import NotAllowed, WrongInput
from archive.models import Event, ManualConfirmation, SourceSystem
from archive.permissions import Actor
from ingest import confirmations
from tests.pages import reader, text

pytestmark = pytest.mark.django_db


def acting(role):
    return Actor.of(reader(role).user)


@pytest.fixture
def give():
    SourceSystem.objects.get_or_create(code="dongguan", defaults={"name": "东莞"})

    def given(checks=("GD-4-1",), extent="site", reference="", days=30, actor=None, **more):
        values = {"verdict": "passed", "statement": "已装，每日更新"} | more
        return confirmations.confirm(
            checks=list(checks), extent=extent, reference=reference, actor=actor or acting("archivist"),
            valid_until=timezone.localdate() + timedelta(days=days), **values,
        )  # fmt: skip

    return given


def cited(check="GD-4-1", *, source="dongguan", batch="", days=0):
    on = timezone.localdate() + timedelta(days=days)
    found = confirmations.holding(source=source, batch_no=batch, on=on).get(check)
    return found and found["statement"]


def test_a_word_holds_for_its_term_and_not_a_day_longer(give):
    give(days=30)
    assert cited(days=30) == "已装，每日更新" and cited(days=31) is None and cited(days=-1) is None


def test_the_narrower_word_speaks_before_the_wider_and_the_newer_before_the_older(give):
    give(statement="全单位")
    give(extent="source", reference="dongguan", statement="东莞接口")
    give(extent="batch", reference="B1", statement="第一批")
    assert (cited(source="dalian"), cited(), cited(batch="B1"), cited(batch="B2")) == (
        "全单位", "东莞接口", "第一批", "东莞接口",
    )  # fmt: skip
    give(extent="source", reference="dongguan", statement="复核后")
    assert cited() == "复核后"


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"checks": []}, "至少一个"),
        ({"checks": ["GD-1-1"]}, "至少一个"),
        ({"extent": "world"}, "范围"),
        ({"extent": "source", "reference": "nobody"}, "没有来源系统"),
        ({"extent": "batch"}, "批次号"),
        ({"checks": ["GD-4-5"]}, "按批次"),
        ({"statement": "  "}, "核查了什么"),
        ({"days": -1}, "今天之后"),
        ({"days": 400}, "最长"),
    ],
)
def test_a_word_without_extent_term_or_content_is_refused_and_leaves_nothing(give, wrong, word):
    with pytest.raises(WrongInput, match=word):
        give(**wrong)
    assert not ManualConfirmation.objects.exists()


@pytest.mark.parametrize("role", ["clerk", "sysadmin", "secadmin", "auditor", "inspector"])
def test_only_archive_staff_confirm(give, role):
    with pytest.raises(NotAllowed):
        give(actor=acting(role))


def test_what_is_withdrawn_is_cited_no_longer_and_stays_with_its_reason(give):
    (row,) = give()
    with pytest.raises(WrongInput):
        confirmations.withdraw(row.pk, reason=" ", actor=acting("manager"))
    confirmations.withdraw(row.pk, reason="核查有误", actor=acting("manager"))
    row.refresh_from_db()
    assert cited() is None and row.withdrawn_reason == "核查有误"
    actions = (
        Event.objects.filter(subject="confirmations").order_by("sequence").values_list("action", flat=True)
    )
    assert list(actions) == ["confirmation.given", "confirmation.withdrawn"]


def test_the_page_gives_and_withdraws_and_says_what_is_missing(give):
    client = reader("archivist")
    assert "还没有有效的确认" in text(client.get("/intake/confirmations/"))
    form = {
        "checks": ["GD-4-1", "GD-4-7"], "extent": "site", "verdict": "passed", "statement": "看过",
        "valid_until": (timezone.localdate() + timedelta(days=9)).isoformat(),
    }  # fmt: skip
    assert client.post("/intake/confirmations/", form).status_code == 302
    page = text(client.get("/intake/confirmations/"))
    assert "看过" in page and "9 天后到期" in page
    row = ManualConfirmation.objects.first()
    assert client.post(f"/intake/confirmations/{row.pk}/withdraw/", {"reason": "错"}).status_code == 302
    assert client.post("/intake/confirmations/", form | {"statement": ""}).status_code == 422
