"""The work list of what is returned and waits: age, reasons, and examining again what older rules examined."""

import json
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from archive.permissions import Actor
from ingest import on_demand, outdated, settling
from ingest.models import Submission
from tests import filed
from tests.arrived import FAILED, JUDGE, PERIOD, a_submission
from tests.pages import queries, reader, text

pytestmark = pytest.mark.django_db(databases="__all__")


def test_the_list_marks_what_is_overdue_and_stands_oldest_first():
    old = a_submission("returned", received_at=timezone.now() - timedelta(days=20))
    new = a_submission("returned")
    response = reader("archivist").get(reverse("ingest:list") + "?tab=returned")
    assert [row["name"] for row in response.context["rows"]] == [old.business_no, new.business_no]
    assert [row["overdue"] for row in response.context["rows"]] == [True, False] and "逾期" in text(response)


def test_the_list_is_narrowed_by_the_reason():
    period = a_submission("waiting", findings=(PERIOD,))
    judge = a_submission("waiting", findings=(JUDGE,))
    failed = a_submission("returned", findings=(FAILED,))
    client = reader("archivist")

    def names(query):
        return {row["name"] for row in client.get(reverse("ingest:list") + query).context["rows"]}

    assert names("?tab=waiting&reason=period") == {period.business_no}
    assert names("?tab=waiting&reason=judge") == {judge.business_no}
    assert names("?tab=returned&reason=integrity") == {failed.business_no}
    assert names("?tab=returned&reason=safety") == set()
    assert names("?tab=waiting&reason=nonsense") == {period.business_no, judge.business_no}


def test_all_that_older_rules_examined_is_examined_again_within_the_filter_and_the_right():
    mine = a_submission("returned", rules="2/old", department_name="待遇科")
    today = a_submission("returned", rules=outdated.rules_of("dongguan"))
    waiting = a_submission("waiting", rules="2/old")
    elsewhere = a_submission("returned", rules="2/old", fonds=filed.a_fonds("L010"))
    client = reader("archivist")
    html = text(client.get(reverse("ingest:list") + "?tab=returned"))
    assert "这个清单里有 1 个信息包" in html and "全部重新检测" in html
    response = client.post(reverse("ingest:again"), {"tab": "returned"})
    assert "again=1" in response.headers["Location"]
    on_demand.examine_outdated(json.dumps({"tab": "returned"}), str(client.user.pk))
    states = dict(Submission.objects.values_list("pk", "state"))
    assert states == {
        mine.pk: "received",
        today.pk: "returned",
        waiting.pk: "waiting",
        elsewhere.pk: "returned",
    }
    assert "全部重新检测" not in text(reader("clerk").get(reverse("ingest:list") + "?tab=waiting"))
    assert reader("clerk").post(reverse("ingest:again")).status_code == 403


def test_the_verb_itself_keeps_to_the_right_whatever_rows_it_is_given():
    mine = a_submission("returned", rules="2/old")
    a_submission("returned", rules="2/old", fonds=filed.a_fonds("L010"))
    actor = Actor.of(reader("archivist").user)
    assert settling.examine_outdated(Submission.objects.all(), actor=actor) == 1
    assert list(Submission.objects.filter(state="received")) == [mine]


def test_the_progress_counts_what_came_to_its_end():
    a_submission("returned", rules="2/old")
    a_submission("received", examinations=1, rules="2/old")
    a_submission("archived", examinations=2)
    url = reverse("ingest:again") + "?again=3"
    client = reader("archivist")
    html = text(client.get(url))
    assert "1 / 3" in html and "every 2s" in html
    Submission.objects.filter(state="received").update(state="returned", rules=outdated.rules_of("dongguan"))
    Submission.objects.filter(rules="2/old").update(rules=outdated.rules_of("dongguan"))
    html = text(client.get(url))
    assert "重新检测完毕" in html and "every 2s" not in html


def test_nothing_outdated_orders_nothing():
    a_submission("returned", rules=outdated.rules_of("dongguan"))
    response = reader("archivist").post(reverse("ingest:again"), {"tab": "returned"}, follow=True)
    assert "不用重新检测" in text(response)


def test_the_list_of_outdated_costs_the_same_for_one_and_for_forty():
    client = reader("archivist")
    a_submission("returned", rules="2/old", findings=(FAILED,))
    url = reverse("ingest:list") + "?tab=returned&reason=integrity"
    few = queries(client, url)
    for _ in range(40):
        a_submission("returned", rules="2/old", findings=(FAILED,))
    assert queries(client, url) == few <= 30
