"""Snapshots of the catalogue: every table in or out with a reason, one moment, whole or refused, nothing personal."""

import gzip
import json
from datetime import timedelta

import pytest
from django.utils import timezone

from archive import catalogue, ledgers, records, seals, snapshots
from archive.errors import NotAllowed
from archive.models import Access, CatalogueSnapshot, Event
from archive.permissions import system_actor
from tests import filed

pytestmark = pytest.mark.django_db(databases="__all__")

SYSTEM = system_actor("测试")
NUMBER = "441900199003071234"


def test_every_model_stands_in_the_catalogue_or_apart_with_a_reason():
    inside = [table.label for table in catalogue.TABLE]
    assert len(inside) == len(set(inside))
    assert not set(inside) & set(catalogue.APART)
    assert set(inside) | set(catalogue.APART) == set(catalogue.models_by_label())
    assert all(catalogue.APART.values())


def test_what_a_row_refers_to_is_loaded_before_it():
    order = {table.label: number for number, table in enumerate(catalogue.TABLE)}
    wrong = [
        (label, field.name)
        for label, number in order.items()
        for field in catalogue.columns(catalogue.models_by_label()[label])
        if field.is_relation
        and (target := field.related_model._meta.label_lower) != label
        and order[target] > number
    ]
    assert not wrong


def opened(tmp_path, code):
    keys = snapshots.listed()[code]
    return snapshots.open_whole(keys[max(keys)], tmp_path)


def test_a_snapshot_says_of_a_record_no_more_than_its_stub(stores, tmp_path):
    record = filed.a_record(
        stores,
        parties=(records.NewParty(kind="person", name="张三", id_no=NUMBER),),
        description={"fields": {"电话": "13800138000", "人数": "3"}},
        personal=frozenset({"电话"}),
    )
    site, ours = snapshots.take(actor=SYSTEM)
    assert site.fonds is None and ours.fonds == record.fonds
    text = gzip.decompress(opened(tmp_path, "D019").path.read_bytes()).decode()
    assert record.reference_code in text and "人数" in text
    assert "enc:" not in text and NUMBER not in text and "13800138000" not in text


def test_all_files_are_of_one_moment_and_each_holds_its_own_fonds(stores, tmp_path):
    first, second = filed.a_record(stores), filed.a_record(stores, fonds=filed.a_fonds("L010"))
    taken = snapshots.take(actor=SYSTEM)
    assert len({row.taken_at for row in taken}) == 1
    for record in (first, second):
        found = [
            values["id"]
            for label, values in opened(tmp_path, record.fonds.code).rows()
            if label == "archive.record"
        ]
        assert found == [str(record.pk)]
    labels = {label for label, _ in opened(tmp_path, snapshots.SITE).rows()}
    assert "archive.counter" in labels and "archive.record" not in labels


def test_a_file_is_locked_in_every_store_and_its_digest_stands_in_the_ledger(two_stores, settings):
    filed.a_record(two_stores)
    for row in snapshots.take(actor=SYSTEM):
        assert {copy["store"] for copy in row.copies} == {"local", "second"}
        for copy in row.copies:
            held = two_stores[copy["store"]].head(copy["key"], copy["version"])
            assert held.sha256 == row.sha256
            assert (held.lock_until - timezone.now()).days in (
                settings.SNAPSHOT_LOCK_DAYS - 1,
                settings.SNAPSHOT_LOCK_DAYS,
            )
        assert Event.objects.filter(action="catalogue.snapshot", data__sha256=row.sha256).count() == 1


@pytest.mark.parametrize("damage", [lambda b: b[:-20], lambda b: b[:50] + b"x" + b[51:], lambda b: b""])
def test_a_file_that_was_cut_or_changed_is_refused_and_another_store_is_read(two_stores, tmp_path, damage):
    filed.a_record(two_stores)
    snapshots.take(actor=SYSTEM)
    (key,) = snapshots.listed()["D019"]
    versions = snapshots.listed()["D019"][key]
    path = next((tmp_path / "stores" / "local").rglob(f"{key.rpartition('/')[2]}@*-????????"))
    path.chmod(0o600)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match="local"):
        snapshots.open_whole([one for one in versions if one.store == "local"], tmp_path)
    assert snapshots.open_whole(versions, tmp_path).count


def test_a_snapshot_is_due_when_the_newest_is_too_old(stores, settings):
    assert snapshots.due()
    snapshots.take(actor=SYSTEM)
    assert not snapshots.due()
    CatalogueSnapshot.objects.update(taken_at=timezone.now() - timedelta(days=settings.SNAPSHOT_DAYS))
    assert snapshots.due()


def test_old_files_go_except_the_newest_three_and_the_last_of_each_year(stores, settings):
    settings.SNAPSHOT_LOCK_DAYS = 1
    now = timezone.now()
    for age in range(12):
        snapshots.take(actor=SYSTEM)
        CatalogueSnapshot.objects.filter(taken_at__gte=now).update(
            taken_at=now - timedelta(days=200 * (12 - age))
        )
    stores["local"].clock = lambda: now + timedelta(days=30)
    removed = snapshots.tidy()
    kept = CatalogueSnapshot.objects.exclude(copies=[]).order_by("-taken_at")
    years = {row.taken_at.year for row in CatalogueSnapshot.objects.all()}
    assert removed and {row.taken_at.year for row in kept} == years
    assert kept.count() + removed == 12
    newest = CatalogueSnapshot.objects.order_by("-taken_at")[:3]
    assert all(row.copies for row in newest)
    assert snapshots.tidy() == 0


def test_only_who_keeps_the_system_takes_one(stores):
    with pytest.raises(NotAllowed):
        snapshots.take(actor=filed.an_actor("archivist"))


# The pages of the ledgers


def test_the_page_of_a_seal_gives_back_every_row_and_each_is_proven(two_stores):
    record = filed.a_record(two_stores)
    from archive import audit

    audit.access(actor=SYSTEM, action="record.viewed", record=record)
    seal = seals.seal_ledgers(actor=SYSTEM)
    assert ledgers.write_pages() == 1 and ledgers.write_pages() == 0
    sealed = seals.parse(seals.read_file(two_stores["local"], seal.key, seal.copies["local"]))
    for store in two_stores.values():
        (page,) = store.versions(ledgers.key_of(1))
        rows = list(ledgers.rows_of(seals.read_file(store, page.key, page.version), sealed))
        assert {row.pk for row in rows} == {
            pk for model in (Event, Access) for pk in model.objects.values_list("pk", flat=True)
        }


def test_a_page_that_was_changed_is_not_believed(stores):
    filed.a_record(stores)
    seal = seals.seal_ledgers(actor=SYSTEM)
    ledgers.write_pages()
    store = stores["local"]
    sealed = seals.parse(seals.read_file(store, seal.key, seal.copies["local"]))
    content = seals.read_file(store, ledgers.key_of(1), store.versions(ledgers.key_of(1))[0].version)
    header, first, *rest = gzip.decompress(content).splitlines()
    row = json.loads(first)
    row[1]["actor_name"] = "别人"
    for lines in ([header, json.dumps(row).encode(), *rest], [b"{}", first], [header, b"[]"], [b"x"]):
        with pytest.raises(ValueError):
            list(ledgers.rows_of(gzip.compress(b"\n".join(lines)), sealed))


def test_pages_that_are_missing_are_written_by_the_next_run(stores):
    for _ in range(3):
        filed.a_record(stores)
        seals.seal_ledgers(actor=SYSTEM)
    assert ledgers.write_pages() == 3
    assert [len(stores["local"].versions(ledgers.key_of(number))) for number in (1, 2, 3)] == [1, 1, 1]
