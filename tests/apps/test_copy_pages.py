"""副本: whoever answers for the copies sees what is damaged and what is owed, orders repair, and says where a fonds is kept."""

import pytest
from django.urls import reverse
from django_q.models import OrmQ

from archive import fixity, keeping, spreading
from archive.models import Change, Copy, Event, Fonds, QuarantinedVersion
from config import copies as reading
from config import on_demand
from tests import filed
from tests.damaged import copies, damage
from tests.pages import queries, reader, text

pytestmark = pytest.mark.django_db(databases="__all__")
DAMAGED, OWED, ORDER = "/copies/damaged/", "/copies/owed/", "/copies/order/"
WHY = "更换磁盘后核验发现"


@pytest.fixture
def record(two_stores):
    return filed.a_record(two_stores, contents=(b"%PDF-1.7 a form",), title="张三增员")


def bad(stores, record, actor, kind="changed", store="second") -> Copy:
    copy = copies(record, store)[0]
    damage(stores, copy, kind)
    fixity.sweep(actor=actor, everything=True)
    copy.refresh_from_db()
    return copy


def test_damage_is_listed_with_record_store_fault_time_and_whether_a_good_copy_exists(
    two_stores, record, actor
):
    bad(two_stores, record, actor)
    html = text(reader("archivist").get(DAMAGED))
    for word in (record.reference_code, "second", "内容改变", "有完好副本", "0.pdf"):
        assert word in html
    assert "没有受损的副本" in text(reader("archivist", fonds=filed.a_fonds("L010")).get(DAMAGED))


def test_the_machine_keeper_sees_code_and_number_alone_and_cannot_order(two_stores, record, actor):
    copy = bad(two_stores, record, actor)
    keeper = reader("sysadmin")
    html = text(keeper.get(DAMAGED))
    assert (
        record.reference_code in html and "第 1 个文件" in html and "0.pdf" not in html and "张三" not in html
    )
    assert keeper.post(ORDER, {"pk": copy.pk, "reason": WHY}).status_code == 403


def test_an_order_is_shown_asks_for_its_reason_and_is_carried_out(two_stores, record, actor):
    copy = bad(two_stores, record, actor)
    client = reader("archivist")
    assert "恢复（1 个）" in text(client.post(ORDER, {"pk": copy.pk}))
    refused = client.post(ORDER, {"pk": copy.pk, "reason": " "})
    assert refused.status_code == 422 and not QuarantinedVersion.objects.exists()
    answer = client.post(ORDER, {"pk": copy.pk, "reason": WHY}, follow=True)
    assert "已下令：待重写 1 个" in text(answer) and "没有受损的副本" in text(answer)
    html = text(client.get(OWED))
    assert record.reference_code in html and "受损之后重写" in html
    keeping.catch_up(busy=lambda ids: set(), actor=actor)
    assert "副本都写好了" in text(client.get(OWED))
    event = Event.objects.get(action="copy.restore_ordered")
    assert event.data["reason"] == WHY and event.actor == client.user.pk


def test_another_fonds_and_what_was_restored_meanwhile_are_not_found(two_stores, record, actor):
    copy = bad(two_stores, record, actor)
    elsewhere = reader("archivist", fonds=filed.a_fonds("L010"))
    for asked in ({"pk": copy.pk}, {"pk": "no id"}, {"store": "second"}, {}):
        assert elsewhere.post(ORDER, asked | {"reason": WHY}).status_code == 404
    Copy.objects.filter(pk=copy.pk).update(state="stored")
    assert reader("archivist").get(ORDER, {"copy": copy.pk}).status_code == 404


def test_a_whole_store_is_one_order_and_a_job_in_the_name_of_who_gave_it(two_stores, actor):
    for _ in range(2):
        bad(two_stores, filed.a_record(two_stores), actor, "missing")
    other = bad(two_stores, filed.a_record(two_stores, fonds=filed.a_fonds("L010")), actor, "missing")
    client = reader("archivist")
    assert "全部受损副本，共 2 个" in text(client.get(ORDER, {"store": "second"}))
    assert "已排队恢复存储" in text(client.post(ORDER, {"store": "second", "reason": WHY}, follow=True))
    task = OrmQ.objects.get().task
    assert task["func"] == "config.on_demand.restore_store" and WHY not in str(task["args"])
    assert on_demand.restore_store(*task["args"]).startswith("待重写 2 个")
    other.refresh_from_db()
    assert other.state == "damaged"  # not his fonds
    assert on_demand.restore_store(*task["args"]).startswith("待重写 0 个")


def test_a_file_without_any_good_copy_leads_to_its_loss_by_two_persons(two_stores, record, actor):
    bad(two_stores, record, actor, "missing", store="local")
    copy = bad(two_stores, record, actor, "missing")
    first, second = reader("archivist", name="王一"), reader("manager", name="赵二")
    html = text(first.get(DAMAGED))
    assert "没有完好副本" in html and "登记灭失" in html and 'name="pk"' not in html
    url = reverse("copies:loss", args=[copy.object_id])
    assert "等另一人确认" in text(first.post(url, {"reason": "两处磁盘都坏了"}, follow=True))
    again = first.post(url, {"reason": "两处磁盘都坏了"})
    assert again.status_code == 422 and "等另一人确认" in text(again)
    assert "王一 已提出" in text(second.get(url))
    assert "灭失已登记" in text(second.post(url, {"reason": "已核对备份"}, follow=True))
    assert "已登记灭失" in text(first.get(DAMAGED))
    assert reader("clerk").get(url).status_code == 403
    assert reader("archivist", fonds=filed.a_fonds("L010")).get(url).status_code == 404


def test_what_is_owed_says_how_long_and_why(two_stores, record, actor):
    copy = copies(record, "second")[0]
    Copy.objects.filter(pk=copy.pk).update(state="failed", fault="存储“second”出错：磁盘已满。", attempts=3)
    html = text(reader("archivist").get(OWED))
    assert "磁盘已满" in html and "写入失败" in html and "刚刚" in html
    assert "磁盘已满" not in text(reader("archivist", fonds=filed.a_fonds("L010")).get(OWED))


def test_the_record_page_tells_every_copy_in_plain_words(two_stores, record, actor):
    copy = bad(two_stores, record, actor)
    client = reader("archivist")
    url = reverse("record", args=[record.pk]) + "?tab=copies"
    html = text(client.get(url))
    for word in (
        "second",
        "local",
        "完好",
        "受损",
        "内容改变",
        "GOVERNANCE",
        "有完好副本",
        "现在核验",
        f"?copy={copy.pk}",
    ):
        assert word in html
    client.post(ORDER, {"pk": copy.pk, "reason": WHY})
    keeping.catch_up(busy=lambda ids: set(), actor=actor)
    assert "另有 1 个受损的旧版本隔离在存储里" in text(client.get(url))
    assert "现在核验" not in text(reader("clerk").get(url))


def test_one_record_is_checked_from_its_page(two_stores, record, actor):
    client = reader("archivist")
    url = reverse("copies:check", args=[record.pk])
    assert "核验 6 个副本：全部完好" in text(client.post(url, follow=True))
    damage(two_stores, copies(record)[0], "truncated")
    assert "受损 1 个" in text(client.post(url, follow=True))
    assert client.get(url).status_code == 405
    assert reader("archivist", fonds=filed.a_fonds("L010")).post(url).status_code == 404


def test_a_large_record_is_checked_by_a_job(two_stores, record, monkeypatch):
    monkeypatch.setattr("config.copy_pages.AT_ONCE_BYTES", 10)
    client = reader("archivist")
    assert "已排队核验" in text(client.post(reverse("copies:check", args=[record.pk]), follow=True))
    assert on_demand.check_record(*OrmQ.objects.get().task["args"]).startswith("核验 6 个副本")


def test_damage_waits_for_the_archivist_of_that_fonds(two_stores, record, actor):
    bad(two_stores, record, actor)
    from archive.permissions import Actor

    def todo(client):
        return [one["count"] for one in reading.todos(Actor.of(client.user))]

    assert todo(reader("archivist")) == [1]
    assert todo(reader("archivist", fonds=filed.a_fonds("L010"))) == [0]
    assert todo(reader("clerk")) == []


def test_an_administrator_chooses_the_stores_of_a_fonds_and_sees_them_fill(two_stores, actor):
    filed.a_record(["local"])
    client = reader("sysadmin")
    assert "D019" in text(client.get("/copies/stores/"))
    url = "/copies/stores/D019/"
    html = text(client.get(url))
    assert "正在补齐" in html and "second" in html
    answer = client.post(url, {"every": "some", "names": ["local"]}, follow=True)
    assert "已选定" in text(answer) and "没有选用" in text(answer)
    assert Fonds.objects.get().store_names == ["local"]
    for wrong in ({"every": "some"}, {"every": "some", "names": ["third"]}, {}):
        assert client.post(url, wrong).status_code == 422
    client.post(url, {"every": "all"})
    assert Fonds.objects.get().store_names == [] and Change.objects.filter(topic=spreading.TOPIC).exists()
    for _ in range(4):
        spreading.spread()
        keeping.catch_up(busy=lambda ids: set(), actor=actor)
    assert "正在补齐" not in text(client.get(url))
    assert client.get("/copies/stores/X999/").status_code == 404
    assert reader("archivist").get(url).status_code == 403


def test_the_lists_cost_the_same_with_much_damage(two_stores, actor):
    client = reader("archivist")
    bad(two_stores, filed.a_record(two_stores), actor)
    few = queries(client, DAMAGED), queries(client, OWED)
    for _ in range(4):
        bad(two_stores, filed.a_record(two_stores), actor)
    assert (queries(client, DAMAGED), queries(client, OWED)) == few
