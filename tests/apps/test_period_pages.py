"""保管期限: what holds packages up stands first; deciding sets them free; confirming is the manager's."""

import pytest
from django.urls import reverse

from archive import determinations
from archive.models import Determination
from archive.permissions import ROLES
from config import determining
from ingest.models import Submission
from tests import filed
from tests.arrived import PERIOD, a_submission
from tests.pages import queries, reader, text

pytestmark = pytest.mark.django_db(databases="__all__")
URL, ITEM = "/periods/", "item:universal/summary-form"


@pytest.fixture(autouse=True)
def schedule(actor):
    determinations.load_schedule(actor=actor)


def one(key: str) -> str:
    from urllib.parse import urlencode

    return f"{reverse('periods:one')}?{urlencode({'key': key})}"


def waiting(**changed) -> Submission:
    return a_submission(findings=(PERIOD,), source="universal", item="summary-form", **changed)


def decision(period="30", basis="局长办公会 2026-03-04", **more) -> dict:
    return {"decide": "1", "decide-period": period, "decide-basis": basis, **more}


def test_the_page_is_open_to_whoever_may_read_periods_and_refused_to_the_others():
    allowed = {"archivist", "manager", "appraiser", "approver", "inspector", "auditor"}
    for role in ROLES:
        for url in (URL, one("1-2")):
            assert reader(role).get(url).status_code == (200 if role in allowed else 403), (role, url)


def test_what_is_undetermined_stands_first_with_how_many_packages_wait_for_it():
    for _ in range(3):
        waiting()
    response = reader("archivist").get(URL)
    first = response.context["open"][0]
    assert (first["key"].key, first["waiting"]) == (ITEM, 3)
    html = text(response)
    assert html.index("待判定") < html.index("期限表</h2>")


def test_packages_of_another_fonds_are_not_counted_for_him():
    waiting(fonds=filed.a_fonds("L010"))
    assert reader("archivist").get(URL).context["waiting"] == 0


def test_determining_sets_free_what_waited_and_leaves_its_proof():
    row = waiting()
    client = reader("archivist")
    response = client.post(one(ITEM), decision(), follow=True)
    assert "1 个等待的信息包正在重新检测" in text(response)
    row.refresh_from_db()
    assert row.state == "received"
    (made,) = Determination.objects.filter(key=ITEM)
    assert (made.kind, made.period, made.decided_by_id) == ("determined", "30", client.user.pk)
    assert "局长办公会" in text(client.get(one(ITEM)))


def test_a_provisional_period_is_marked_as_such():
    client = reader("manager")
    client.post(one(ITEM), decision(**{"decide-provisional": "on"}))
    marks = {row["key"].key: row["mark"][1] for row in client.get(URL).context["items"]}
    assert marks[ITEM] == "暂定"
    client.post(one(ITEM), {"confirm": "1", "confirm-basis": "核对省厅文件"})
    marks = {row["key"].key: row["mark"][1] for row in client.get(URL).context["items"]}
    assert marks[ITEM] == "已确认"


def test_only_the_manager_confirms():
    archivist = reader("archivist")
    archivist.post(one(ITEM), decision())
    assert 'name="confirm"' not in text(archivist.get(one(ITEM)))
    response = archivist.post(one(ITEM), {"confirm": "1", "confirm-basis": "x"})
    assert response.status_code == 403 and "档案负责人" in text(response)
    assert 'name="confirm"' in text(reader("manager").get(one(ITEM)))


def test_whoever_only_reads_gets_no_form_and_cannot_decide():
    client = reader("auditor")
    assert "decide-period" not in text(client.get(one(ITEM)))
    assert client.post(one(ITEM), decision()).status_code == 403


@pytest.mark.parametrize(
    ("key", "changed", "said"),
    [
        (ITEM, {"basis": "  "}, "依据"),
        (ITEM, {"period": ""}, "保管期限"),
        (ITEM, {"period": "7"}, "7"),
        ("1-2", {"period": "10"}, "最低期限"),
    ],
)
def test_a_wrong_determination_is_said_at_the_form_and_nothing_typed_is_lost(key, changed, said):
    sent = decision(**{"basis": "依据全文保留", **changed})
    response = reader("archivist").post(one(key), sent)
    assert response.status_code == 422 and said in text(response) and "error-summary" in text(response)
    assert sent["decide-basis"].strip() in text(response)
    assert not Determination.objects.exists()


@pytest.mark.parametrize("key", ["", "99-99", "item:nowhere/none", "item:", "<script>"])
def test_an_unknown_class_is_not_found(key):
    response = reader("archivist").get(one(key))
    assert response.status_code == 404 and "<script>alert" not in text(response)


def test_the_page_tells_what_the_verbs_decide_by():
    """`determining.Key` reads everything in two queries; `determinations` asks one by one: they must agree."""
    from datetime import date

    manager = filed.an_actor("manager")
    determining.determine(ITEM, "30", basis="x", provisional=True, actor=manager)
    determining.determine("8-3", "10", basis="x", provisional=False, actor=manager)
    determining.confirm("1-2", basis="x", actor=manager)
    classes, items = determining.overview({})
    for key in classes:
        period = determinations.resolve([key.key], "item:none/none", date(2020, 1, 1))
        assert (key.period or None) == period.retention, key.key
        if key.period:
            assert key.settled == determinations.settled(key.key, date(2020, 1, 1)) == period.settled, key.key
    for key in items:
        period = determinations.resolve(key.item.schedule_classes, key.key, date(2020, 1, 1))
        assert (key.period or None) == period.retention or not key.open, key.key


def test_the_page_costs_the_same_however_much_was_decided():
    client = reader("archivist")
    waiting()
    few = queries(client, URL)
    for number in range(10):
        determining.determine(
            ITEM, "30", basis=f"第 {number} 次", provisional=False, actor=filed.an_actor("archivist")
        )
        waiting()
    assert queries(client, URL) <= few <= 30
