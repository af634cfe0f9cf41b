"""系统状态 and 固化核验: what stands, what waits, what is damaged; and one more check on demand."""

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from archive.models import Copy, Damage, FixityRun
from archive.permissions import ROLES
from config import on_demand
from tests import filed
from tests.arrived import a_submission
from tests.pages import queries, reader, text

pytestmark = pytest.mark.django_db(databases="__all__")
STATE, FIXITY = "/system/state/", "/system/fixity/"


def test_each_page_is_open_to_its_roles():
    for role in ROLES:
        expected = 200 if role in ("sysadmin", "secadmin", "auditor") else 403
        assert reader(role).get(STATE).status_code == expected, role
        expected = 200 if role in ("archivist", "manager", "sysadmin", "inspector", "auditor") else 403
        assert reader(role).get(FIXITY).status_code == expected, role


def damaged(stores, **changed) -> Copy:
    record = filed.a_record(stores, **changed)
    copy = Copy.objects.filter(object__record=record).first()
    run = FixityRun.objects.create(started_at=timezone.now(), extent="all", checked=3, damaged=1)
    Damage.objects.create(run=run, copy=copy, fault="changed", found_at=timezone.now())
    Copy.objects.filter(pk=copy.pk).update(state="damaged")
    return copy


def test_the_state_tells_what_is_not_in_order_without_probing_anything(stores, monkeypatch):
    copy = damaged(stores)
    a_submission("received", received_at=timezone.now() - timezone.timedelta(minutes=3))
    html = text(reader("sysadmin").get(STATE))
    assert "没有工作进程" in html and "受损" in html and copy.store in html
    assert "体检结果" not in html


def test_the_examination_tells_every_part_with_word_and_remedy(stores):
    html = text(reader("sysadmin").get(STATE, {"examine": "1"}))
    assert "体检结果" in html and "对象存储" in html and "病毒扫描" in html


def test_damage_is_counted_and_leads_to_the_page_where_it_is_repaired(stores):
    assert "没有已知的受损副本" in text(reader("archivist").get(FIXITY))
    damaged(stores)
    html = text(reader("archivist").get(FIXITY))
    assert "有 1 个副本受损" in html and "/copies/" in html
    assert "没有已知的受损副本" in text(reader("archivist", fonds=filed.a_fonds("L010")).get(FIXITY))


def test_a_whole_fonds_may_be_checked_by_whoever_may_check_there(stores):
    filed.a_record(stores)
    client, elsewhere = reader("archivist"), filed.a_fonds("L010")
    response = client.post(FIXITY, {"limit": "5", "fonds": str(filed.a_fonds().pk)}, follow=True)
    assert "全宗 D019 的全部副本" in text(response)
    task = OrmQ.objects.get().task
    assert task["func"] == "config.on_demand.check_fonds"
    assert on_demand.check_fonds(*task["args"]).startswith("核验 3 个副本")
    assert "全宗 D019" in text(client.get(FIXITY))
    assert client.post(FIXITY, {"limit": "5", "fonds": str(elsewhere.pk)}).status_code == 403


def test_a_check_on_demand_is_queued_with_ids_only_and_runs_in_the_askers_name(stores):
    filed.a_record(stores)
    client = reader("archivist")
    response = client.post(FIXITY, {"limit": "5"}, follow=True)
    assert "已排队核验 5 个副本" in text(response)
    task = OrmQ.objects.get().task
    assert task["func"] == "config.on_demand.check_fixity" and task["args"] == ("5", str(client.user.pk))
    assert on_demand.check_fixity(*task["args"]).startswith("核验 ")
    assert "全部完好" in text(client.get(FIXITY))


@pytest.mark.parametrize("limit", ["0", "-3", "x", "", "99999999"])
def test_an_impossible_number_of_copies_is_said_at_the_field(limit):
    response = reader("manager").post(FIXITY, {"limit": limit})
    assert response.status_code == 422 and "error-summary" in text(response)
    assert not OrmQ.objects.exists()


def test_whoever_only_reads_cannot_start_a_check():
    client = reader("inspector")
    assert "开始核验" not in text(client.get(FIXITY))
    assert client.post(FIXITY, {"limit": "5"}).status_code == 403


def test_the_pages_cost_the_same_with_much_damage(stores):
    client = reader("sysadmin")
    damaged(stores)
    few = queries(client, FIXITY), queries(client, STATE)
    for _ in range(5):
        damaged(stores)
    assert (queries(client, FIXITY), queries(client, STATE)) == few
