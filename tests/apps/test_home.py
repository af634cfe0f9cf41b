"""Home: what waits for whom, and what came lately in his scope."""

import pytest
from django.utils import timezone

from archive.permissions import ROLES
from config import assembly
from ingest.models import Submission
from search.engine import engine
from tests import filed
from tests.pages import queries, reader, text

pytestmark = pytest.mark.django_db(databases="__all__")


def a_submission(state: str, **changed) -> Submission:
    values = {
        "channel": "cli", "arrived_as": "a.zip", "received_at": timezone.now(), "blob": "", "blob_bytes": 1,
        "blob_sha256": "0" * 64, "blob_sm3": "0" * 64, "source": "dongguan", "state": state,
        "business_no": f"DG{Submission.objects.count()}", "fonds": filed.a_fonds(),
    }  # fmt: skip
    return Submission.objects.create(**(values | changed))


@pytest.mark.parametrize(
    "role", ["archivist", "window", "manager", "clerk", "appraiser", "approver", "supervisor", "inspector", "sysadmin", "secadmin", "auditor"]
)  # fmt: skip
def test_home_opens_for_every_role_also_when_nothing_waits(role):
    response = reader(role).get("/")
    assert response.status_code == 200 and "没有待办" in text(response)


def test_somebody_without_a_role_is_told_whom_to_ask():
    assert "安全保密员" in text(reader().get("/"))


def test_lately_archived_records_of_ones_own_scope_are_listed(stores):
    mine, theirs = filed.a_department("参保登记科"), filed.a_department("待遇科")
    seen = filed.a_record(title="一月增员", department=mine)
    hidden = filed.a_record(title="二月增员", department=theirs)
    html = text(reader("clerk", departments=[mine.pk]).get("/"))
    assert seen.reference_code in html and hidden.reference_code not in html and "二月增员" not in html


def test_what_waits_stands_first_with_count_and_age_and_opens_where_it_is_done(monkeypatch):
    since = timezone.now() - timezone.timedelta(days=6)
    row = {"label": "每日抽查", "count": 3, "url": "/search/", "oldest": since, "hint": "请核对"}
    nothing = {"label": "没有的事", "count": 0, "url": "/search/", "oldest": None, "hint": ""}
    monkeypatch.setattr(assembly, "TODOS", [lambda actor: [row, nothing]])
    html = text(reader("archivist").get("/"))
    assert "每日抽查" in html and "请核对" in html and "6 天前" in html and "没有的事" not in html
    assert "有 3 件事等您处理" in html and 'class="urgent"' in html


def test_the_figures_of_the_day_are_for_those_who_answer_for_it():
    a_submission("archived", record=filed.a_record())
    a_submission("returned")
    a_submission("returned", received_at=timezone.now() - timezone.timedelta(days=2))
    a_submission("returned", fonds=filed.a_fonds("L010"))
    for role, received in (("manager", "2"), ("sysadmin", "3")):
        html = " ".join(text(reader(role).get("/")).split())
        assert "今日接收</dt><dd" in html
        strip = html[html.index("今日接收") : html.index("存储副本")]
        assert f"{received}</dd>" in strip.partition("今日归档")[0]
    assert "今日接收" not in text(reader("clerk").get("/"))


def test_the_search_box_is_for_those_who_may_find_something():
    assert "data-search" in text(reader("clerk").get("/"))
    assert "data-search" not in text(reader("sysadmin").get("/"))


def test_every_place_of_the_menu_opens_for_whoever_sees_it():
    engine().ensure()
    for role in ROLES:
        client = reader(role)
        for group in client.get("/").context["navigation"]:
            for entry in group.items:
                assert client.get(entry.url).status_code == 200, (role, entry)


def test_home_costs_the_same_for_one_record_and_for_ten():
    client = reader("archivist")
    filed.a_record()
    few = queries(client, "/")
    for _ in range(12):
        filed.a_record()
    assert queries(client, "/") == few <= 30


def test_the_number_in_the_menu_is_remembered_a_short_while_and_fresh_at_home(settings):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    client = reader("manager", "archivist")
    first, remembered = queries(client, "/password/"), queries(client, "/password/")
    assert remembered < first
    assert queries(client, "/") > remembered
