"""After a store was retired: nothing touches it any more, its copies say why they went, and destruction tells the truth."""

import shutil
from datetime import timedelta
from uuid import UUID

import pypdfium2
import pytest
from django.utils import timezone

from archive import (
    contents,
    evidence,
    fixity,
    fonds_file,
    keeping,
    ledgers,
    readings,
    rebuilding,
    renewal,
    restoration,
    retirement,
    seals,
    snapshots,
    spreading,
)
from archive import stores as archive_stores
from archive.errors import StorageFailed
from archive.models import CatalogueSnapshot, Copy, EvidenceLock, StoreRetirement
from archive.restoration import NoGoodCopy
from archive.storage.local import LocalStore
from config import checks, promises
from config.backup import reconciling
from retention import disposal
from search.engine import engine
from tests import filed
from tests.damaged import copies, damage
from tests.lost import lose_the_database
from tests.pages import reader, text
from tests.registers import SYSTEM, House, go_on, rows, soon
from tests.retired import GONE, asked, confirmed, retired, states

pytestmark = pytest.mark.django_db(databases="__all__")
URL = "/retirements/second/"


# From then on


@pytest.mark.parametrize("settled", [False, True])
def test_nothing_is_written_checked_renewed_owed_or_listed_there_even_where_it_is_still_configured(
    two_stores, actor, settled
):
    record = filed.a_record(two_stores)
    seals.seal_ledgers(actor=actor)
    renewal.renew(actor=actor)
    row = confirmed()
    if settled:
        retirement.follow([row.pk])
    shutil.rmtree(two_stores["second"].root)  # nobody notices
    assert set(archive_stores.configured()) == {"local"}
    fresh = filed.a_record(archive_stores.names_for(filed.a_fonds()))
    spreading.announce()
    assert spreading.spread() == 0 and not copies(fresh, "second")
    swept = fixity.sweep(actor=actor, everything=True)
    assert (swept.checked, swept.damaged) == (Copy.objects.filter(store="local").count(), 0)
    Copy.objects.exclude(state="removed").update(renew_on=timezone.localdate())
    EvidenceLock.objects.exclude(renew_on=None).update(renew_on=timezone.localdate())
    assert not renewal.renew(actor=actor).left
    readings.take()
    assert set(readings.standing(["local"])) == {"local"}
    assert [name for name, *_ in promises.try_out()] == ["local"]
    assert not list(evidence.wanting())
    with contents.open_object(record.digital_objects.get(position=0)) as stream:
        assert stream.read()
    late = Copy.objects.create(object=copies(fresh)[0].object, store="second", key=copies(fresh)[0].key)
    assert keeping.keep(fresh.pk, None, actor=actor)
    late.refresh_from_db()
    assert (late.state, late.attempts) == ("pending", 0)


def test_a_copy_says_with_which_store_it_went_and_its_locks_are_nobodys_work(two_stores, actor):
    record = filed.a_record(two_stores)
    seals.seal_ledgers(actor=actor)
    renewal.renew(actor=actor)
    retired()
    for copy in copies(record, "second"):
        assert (copy.state, copy.renew_on) == ("removed", None)
        assert copy.fault.startswith("随存储 second（") and "2026-17 号" in copy.fault
    assert EvidenceLock.objects.filter(store="second").exists()
    assert not EvidenceLock.objects.filter(store="second").exclude(renew_on=None).exists()


def test_the_ledgers_and_snapshots_go_on_when_the_first_store_is_gone_from_the_configuration(
    two_stores, actor, monkeypatch, settings
):
    filed.a_record(two_stores)
    seals.seal_ledgers(actor=actor)
    settings.SNAPSHOT_LOCK_DAYS = 1
    for age in (900, 800, 700, 600, 500):
        snapshots.take(actor=actor)
        taken = timezone.now() - timedelta(days=age)
        CatalogueSnapshot.objects.filter(taken_at__gt=timezone.now() - timedelta(days=1)).update(
            taken_at=taken
        )
    retired("local")
    monkeypatch.setenv("ARCHIVE_STORES", "second")
    archive_stores.forget()
    assert ledgers.write_pages() > 0
    archive_stores.opened()["second"].clock = lambda: timezone.now() + timedelta(days=30)
    assert snapshots.tidy()
    assert seals.seal_ledgers(actor=actor)


def test_copies_are_settled_in_bounded_batches_and_a_killed_one_goes_on(two_stores, monkeypatch, settings):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    monkeypatch.setattr(retirement, "BATCH", 4)
    for _ in range(3):
        filed.a_record(two_stores)
    confirmed()
    total = Copy.objects.filter(store="second").count() + 1
    assert retirement.settle() == 4
    retirement.cache.clear()  # whoever goes on knows nothing
    assert retirement.settle() == 4
    behind = copies(filed.a_record(["local"]))[0]  # committed late, where the pass has been already
    Copy.objects.create(id=UUID(int=1), object=behind.object, store="second", key=behind.key)
    while retirement.settle() or StoreRetirement.objects.filter(settled_at=None).exists():
        pass
    assert Copy.objects.filter(store="second", state="removed").count() == total
    late = copies(filed.a_record(["local"]))[0]  # was being filed when the confirmation came
    Copy.objects.create(object=late.object, store="second", key=late.key)
    retirement.announce()
    retirement.settle()
    assert states("second") == {"removed"}


def test_damage_found_there_before_and_booked_after_is_no_damage_any_more(two_stores, actor):
    copy = copies(filed.a_record(two_stores), "second")[0]
    outcome = fixity.Outcome(fixity.target_of(copy), "missing", "")
    confirmed()
    assert fixity.book_found([outcome], extent="all", actor=actor) == 0


def test_the_name_is_never_used_again_and_one_that_is_still_there_is_a_warning(
    two_stores, monkeypatch, tmp_path
):
    def told():
        return [message.id for message in checks.stores() if message.id in ("archive.E017", "archive.W006")]

    assert not told()
    retired()
    assert told() == ["archive.W006"]
    monkeypatch.setenv("SECOND_PATH", str(tmp_path / "a new disk"))
    assert told() == ["archive.E017"]
    monkeypatch.setenv("ARCHIVE_STORES", "local")
    assert not told()


@pytest.mark.parametrize("snapshot", [True, False])
def test_a_catalogue_rebuilt_without_the_store_knows_of_its_retirement_and_misses_nothing(
    two_stores, actor, committed, monkeypatch, snapshot
):
    engine().ensure()
    record = filed.a_record(two_stores)
    retired()
    snapshots.take(actor=actor)
    monkeypatch.setenv("ARCHIVE_STORES", "local")
    archive_stores.forget()
    if not snapshot:  # the manifest of the record alone tells of its copies
        shutil.rmtree(next(two_stores["local"].root.rglob("catalogue/D019")))
    lose_the_database()
    report = rebuilding.rebuild(actor=actor)
    assert not [words for words in report.problems if "second" in str(words)]
    assert set(archive_stores.retired()) == {"second"}
    assert {copy.state for copy in copies(record, "second")} == {"removed"}


def test_a_catalogue_rebuilt_before_the_copies_were_settled_settles_them(
    two_stores, actor, committed, monkeypatch
):
    engine().ensure()
    filed.a_record(two_stores)
    confirmed()
    snapshots.take(actor=actor)
    monkeypatch.setenv("ARCHIVE_STORES", "local")
    archive_stores.forget()
    lose_the_database()
    report = rebuilding.rebuild(actor=actor)
    assert not [words for words in report.problems if "second" in str(words)]
    retirement.announce()
    while retirement.settle():
        pass
    assert states("second") == {"removed"}


def test_reconciling_misses_nothing_in_a_store_whose_copies_are_not_settled_yet(
    two_stores, actor, monkeypatch
):
    filed.a_record(two_stores)
    confirmed()
    monkeypatch.setenv("ARCHIVE_STORES", "local")
    archive_stores.forget()
    found = reconciling.reconcile(actor=actor)
    assert (found.unasked, found.missing_copies, states("second")) == ("", 0, {"stored"})


def test_a_good_copy_that_went_with_its_store_restores_nothing(two_stores, actor):
    bad = copies(filed.a_record(two_stores))[0]
    confirmed()
    damage(two_stores, bad, "changed")
    fixity.sweep(actor=actor, everything=True)
    with pytest.raises(NoGoodCopy):
        restoration.restore(bad.pk, actor=filed.an_actor("archivist"), reason="换盘")


class Late(LocalStore):
    """Its store is retired, and the copies are settled, while it is written to; then it fails."""

    def put(self, *args, **more):
        if not archive_stores.retired():
            retired()
        raise StorageFailed(store=self.name, kind="unreachable", reason="断开了")


def test_what_could_not_be_written_while_the_store_was_retired_stays_settled(two_stores, actor):
    record = filed.a_record(["local"])
    for copy in copies(record):
        Copy.objects.create(object=copy.object, store="second", key=copy.key)
    two_stores["second"].__class__ = Late
    keeping.keep(record.pk, None, actor=actor)
    assert states("second") == {"removed"}


def test_what_is_owed_to_a_retired_store_alone_is_not_said_to_be_written(two_stores, actor):
    confirmed()  # while it was being filed
    record = filed.records.create(filed.a_new_record(), actor=actor, store_names=["second"])
    assert not keeping.keep(record.pk, None, actor=actor), "what was staged would be thrown away"


# Destruction


def words_of(paper) -> str:
    with pypdfium2.PdfDocument(fonds_file.open_paper(paper, actor=SYSTEM).read()) as printed:
        return "".join(page.get_textpage().get_text_range() for page in printed).replace("\r\n", "")


def test_a_store_burns_is_retired_and_a_record_that_had_a_copy_there_comes_to_its_stub(
    two_stores, monkeypatch
):
    """The whole way: two local stores, one folder is lost, its disk written off, a record destroyed."""
    engine().ensure()
    house = House(two_stores)
    records = house.due(2)
    register = house.approved(records)
    shutil.rmtree(two_stores["second"].root)
    monkeypatch.setenv("ARCHIVE_STORES", "local")
    archive_stores.forget()
    register = house.start(house.supervise(register))
    assert rows(go_on(register)) == {1: "listed", 2: "listed"}, "nobody can ask the store about their copies"
    retired(medium="lost", reason="机房失火", paper="事故报告 3 号")
    soon(register)
    register = go_on(register)
    assert rows(register) == {1: "destroyed", 2: "destroyed"} and register.state == "executed"
    row = register.rows.get(position=1)
    assert [one["store"] for one in row.evidence["retired"]] == ["second"]
    assert {store for store, _ in row.evidence["absent"]} == {"local"}, "nothing is claimed of the other"
    words = words_of(register.certificate)
    assert "其中 2 件还有副本在存储 second" in words and "事故报告 3 号" in words and "未经列举证明" in words
    assert {copy.fault[:1] for copy in copies(records[0], "second")} == {"随"}
    page = text(reader("archivist", "manager").get(f"/records/{records[0].pk}/"))
    assert "随存储退役" in page
    assert "随存储退役" in text(reader("archivist").get(f"/records/{records[0].pk}/?tab=copies"))


def test_a_record_that_never_had_a_copy_there_says_nothing_of_it(two_stores):
    record = filed.a_record(["local"])
    item = copies(record)[0].object
    Copy.objects.create(object=item, store="second", key="x", state="removed", fault=spreading.GIVEN_UP)
    retired()
    assert not retirement.went_with([record.pk])
    assert {place.store for place in disposal.places_of([record.pk])[record.pk]} == {"local"}


class Confirming:
    """A trace whose keeper retires the store: between marking and proving."""

    name = "无"

    def remove(self, record):
        confirmed()

    def prove_absent(self, record):
        return []


confirming = Confirming()


def test_what_was_removed_there_and_proven_did_not_go_with_a_store_retired_meanwhile(two_stores, settings):
    engine().ensure()
    filed.a_record(two_stores)
    house = House(two_stores)
    register = house.start(house.supervise(house.approved(house.due(1))))
    settings.TRACE_KEEPERS = [*settings.TRACE_KEEPERS, f"{__name__}.confirming"]
    register = go_on(register)
    assert rows(register) == {1: "destroyed"}
    proof = register.rows.get().evidence
    assert "retired" not in proof and "second" in {store for store, _ in proof["absent"]}


# The pages


def test_the_pages_lead_from_asking_to_confirming_and_say_what_it_means(two_stores):
    filed.a_record(two_stores)
    keeper, manager = reader("sysadmin"), reader("manager")
    assert f'href="{URL}"' in text(keeper.get("/system/storage/"))
    assert "请填写" in text(keeper.post(URL, {"medium": "destroyed"}))
    assert manager.post(URL, GONE | {"gone_on": "2026-01-05"}).status_code == 403
    assert keeper.post(URL, GONE | {"gone_on": "2026-01-05"}).status_code == 302
    assert "存储 second 等您确认退役" in text(manager.get("/"))
    assert "等您确认退役" not in text(keeper.get("/"))
    page = text(manager.get(URL))
    for words in (
        "我明白",
        "介质销毁单 2026-17 号",
        "每个在管的文件在别的存储里都有完好的副本",
        "这个名字永不再用",
    ):
        assert words in page, words
    assert manager.post(f"{URL}confirm/").status_code == 400
    assert manager.post(f"{URL}confirm/", {"understood": "on"}).status_code == 302
    assert "个副本，由后台逐批标明" in text(manager.get(URL))
    retirement.follow([StoreRetirement.objects.get().pk])
    page = text(keeper.get("/system/storage/"))
    assert "已退役的存储" in page and 'id="store-second"' not in page


def test_the_page_names_the_files_that_are_only_there_and_gives_no_button(two_stores):
    record = filed.a_record(["second"])
    asked(medium="lost")
    page = text(reader("manager").get(URL))
    assert record.reference_code in page and "只剩这里" in page and "确认退役" not in page
    item = record.digital_objects.first()
    assert f"/copies/loss/{item.pk}/" in page
    loss = reader("manager").get(f"/copies/loss/{item.pk}/")
    assert "申请退役的存储" in text(loss)
    assert f"/copies/loss/{item.pk}/" not in text(reader("sysadmin").get(URL))
