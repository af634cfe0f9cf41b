"""存储: the page tells what rows say, asks no store, and costs the same whatever is held; the daily reading and the
trial of promises that it lives on."""

from datetime import date, timedelta
from xml.etree import ElementTree

import pytest
from django.utils import timezone

from archive import readings
from archive import stores as archive_stores
from archive.identifiers import new_id
from archive.models import Backup, CatalogueSnapshot, Copy, QuarantinedVersion, StoreReading
from archive.permissions import ROLES
from archive.storage import ProbeResult
from archive.templatetags.archive_charts import day_chart
from config import promises, schedule
from tests import filed
from tests.pages import queries, reader, text

pytestmark = pytest.mark.django_db(databases="__all__")
PAGE = "/system/storage/"


@pytest.fixture
def page():
    client = reader("sysadmin")
    return lambda: text(client.get(PAGE))


def test_it_is_open_to_those_who_keep_the_machines_and_stands_in_their_menu(stores):
    for role in ROLES:
        expected = 200 if role in ("sysadmin", "secadmin", "auditor") else 403
        assert reader(role).get(PAGE).status_code == expected, role
    assert f'href="{PAGE}"' in text(reader("sysadmin").get("/system/state/"))


def test_an_empty_house_says_what_is_not_there_yet_and_how_to_get_it(stores, page):
    html = page()
    for words in (
        "local",
        "没有对象",
        "还没有试过",
        "还没有读数",
        "都已写好",
        "没有受损",
        "ARCHIVE_BACKUP_DIR",
    ):
        assert words in html, words


def test_objects_and_bytes_are_the_last_reading_and_what_came_since(stores):
    one = filed.a_record(stores)
    first = readings.standing(["local"])["local"]
    count = Copy.objects.filter(object__record=one, state="stored").count()
    assert (first.objects, first.new, first.as_of) == (count, count, None)
    tomorrow = timezone.localdate() + timedelta(days=1)
    StoreReading.objects.create(
        store="local", day=timezone.localdate() - timedelta(days=1), objects_count=1000, bytes=5000, behind=0, damaged=0,
        locks_due=0,
    )  # fmt: skip
    after = readings.standing(["local"])["local"]
    assert (after.objects, after.new) == (1000 + count, count) and after.bytes == 5000 + first.bytes
    readings.take(timezone.localdate())
    again = readings.standing(["local"], timezone.now() + timedelta(days=1))["local"]
    assert (again.objects, again.new, again.as_of) == (count, 0, tomorrow - timedelta(days=1))


def test_a_reading_is_of_the_end_of_its_day_and_once_a_day(stores):
    filed.a_record(stores)
    assert [(r.store, r.objects_count) for r in readings.take()] == [("local", 0)], (
        "yesterday there was nothing"
    )
    held = Copy.objects.filter(state="stored").count()
    for _ in range(2):
        (reading,) = readings.take(timezone.localdate())
    assert reading.objects_count == held and reading.bytes > 0 and reading.oldest_check
    assert StoreReading.objects.count() == 2
    assert "local 0 个对象" in schedule.read_stores()


def test_ids_tell_when_they_were_made():
    at = timezone.now()
    assert readings.first_id_at(at) <= new_id() and abs(readings.made_at(new_id()) - at) < timedelta(
        minutes=1
    )
    assert readings.first_id_at(at + timedelta(minutes=1)) > new_id()


def test_what_is_owed_is_told_with_its_age_and_its_reasons(stores, page):
    record = filed.a_record(stores)
    copy = Copy.objects.filter(object__record=record)[0]
    Copy.objects.filter(pk=copy.pk).update(state="failed", fault="存储“local”出错：磁盘满了")
    assert "待写 1" in page() and "磁盘满了（1 个）" in page()
    standing = readings.standing(["local"])["local"]
    assert standing.behind == 1 and standing.oldest_behind


def test_damage_quarantine_late_checks_and_locks_are_told(stores, page):
    record = filed.a_record(stores, contents=(b"a", b"b", b"c"))
    copies = list(Copy.objects.filter(object__record=record))
    Copy.objects.filter(pk=copies[0].pk).update(state="damaged", fault="missing")
    QuarantinedVersion.objects.create(
        copy=copies[0], version="v", fault="x", ordered_at=timezone.now(), ordered_by_name="甲"
    )
    Copy.objects.filter(pk=copies[1].pk).update(checked_at=timezone.now() - timedelta(days=100))
    today = timezone.localdate()
    Copy.objects.filter(pk=copies[2].pk).update(renew_on=today + timedelta(days=10))
    html = page()
    assert "受损 1" in html and "隔离的受损版本 1 个" in html and "1 个超过 90 天没有核验" in html
    assert "30 天内 1" in html and "过期未续" not in html and "要处理" in html
    Copy.objects.filter(pk=copies[2].pk).update(renew_on=today - timedelta(days=10))
    assert "过期未续 1" in page()
    Copy.objects.update(renew_on=date.min)
    assert "过期未续" not in page(), "what nobody has looked at yet is not late"


def test_a_store_that_is_not_configured_any_more_is_told(stores, page):
    record = filed.a_record(stores)
    Copy.objects.filter(object__record=record).update(store="old-store")
    assert "old-store" in page() and "不在当前配置中" in page()


def test_a_folder_that_is_not_mounted_is_told(tmp_path, monkeypatch, page):
    monkeypatch.setenv("ARCHIVE_STORES", "far")
    monkeypatch.setenv("FAR_PATH", str(tmp_path / "far"))
    archive_stores.forget()
    assert (
        "可能没有挂载" not in page() and "剩 " in page()
    )  # nothing was ever stored: the first file makes it
    filed.a_record(["far"])
    assert "可能没有挂载" not in page()
    (tmp_path / "far").rename(tmp_path / "gone")
    assert "可能没有挂载" in page()
    archive_stores.forget()


def test_promises_are_told_with_the_day_on_which_they_were_tried(stores, page, monkeypatch):
    early = timezone.localtime().replace(hour=1)  # yesterday still, in Greenwich
    monkeypatch.setattr(timezone, "now", lambda: early)
    list(promises.try_out())
    assert "都做到了" in page() and f"{early:%F} 真的写、锁、试删过" in page()


def test_a_broken_promise_stands_beside_its_store(stores, page):
    result = ProbeResult(name="lock", state="failed", message="锁定之后还能删除。")
    promises.remember(stores["local"].config, [result])
    html = page()
    assert "1 项没有做到" in html and "锁定之后还能删除" in html and "要处理" in html


def test_backup_and_snapshot_are_told_with_their_age(stores, page):
    now = timezone.now()
    row = Backup.objects.create(
        taken_at=now,
        name="archive-x.backup",
        bytes=2048,
        sha256="0" * 64,
        expires_on=date(2027, 1, 1),
        made_by_name="x",
    )
    fonds = filed.a_fonds()
    CatalogueSnapshot.objects.create(fonds=fonds, taken_at=now, rows=1, bytes=1, sha256="0" * 64)
    assert "今天有" in page() and "保存到 2027-01-01" in page()
    Backup.objects.filter(pk=row.pk).update(taken_at=now - timedelta(days=4))
    other = filed.a_fonds("L010")
    html = page()
    assert "4 天前" in html and other.code in html and "个全宗还没有" in html


def test_no_file_name_no_title_and_no_code_of_a_record_is_on_the_page(stores, page):
    record = filed.a_record(stores, title="张三增员")
    copy = Copy.objects.filter(object__record=record)[0]
    Copy.objects.filter(pk=copy.pk).update(state="damaged", fault="missing")
    html = page()
    assert "张三" not in html and record.reference_code not in html


def test_a_view_costs_the_same_with_much_in_the_stores(stores):
    client = reader("sysadmin")
    filed.a_record(stores)
    readings.take()
    few = queries(client, PAGE)
    for _ in range(4):
        filed.a_record(stores, contents=(b"x", b"y"))
    for days in range(2, 60):
        StoreReading.objects.create(
            store="local", day=timezone.localdate() - timedelta(days=days), objects_count=days, bytes=days, behind=0,
            damaged=0, locks_due=0,
        )  # fmt: skip
    assert queries(client, PAGE) == few


def test_a_chart_is_svg_with_words_and_every_value_stands_in_a_table(stores, page):
    today = timezone.localdate()
    for days in (1, 2, 5):
        StoreReading.objects.create(
            store="local", day=today - timedelta(days=days), objects_count=12_345 + days, bytes=(10 - days) * 1024**3, behind=days,
            damaged=0, locks_due=0,
        )  # fmt: skip
    html = page()
    svg = html[html.index('<svg class="chart"') :].partition("</svg>")[0] + "</svg>"
    drawn = ElementTree.fromstring(svg)
    assert drawn.find("title").text == "每天增加" and "最高 1.0 GB" in drawn.find("desc").text
    assert len(drawn.findall("rect")) == 1, "of a day after a gap nobody knows what it added"
    assert html.count('class="bar"') == 4 and "style=" not in html
    assert all(f"12,34{5 + days}" in html for days in (1, 2)) and "按日的数字" in html


def test_a_chart_draws_each_day_in_its_place_and_nothing_for_what_is_not_known():
    until = date(2026, 11, 21)
    drawn = day_chart(
        [(until, 10), (until - timedelta(days=89), 5), (until - timedelta(days=90), 99)], "x", "10", until
    )
    left, right = sorted(float(bar["x"]) for bar in drawn["bars"])
    assert left == 0 and right + float(drawn["bar_width"]) <= drawn["width"]
    assert day_chart([], "x", "0", until)["bars"] == []
