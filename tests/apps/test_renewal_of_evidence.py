"""续锁 of what the archive itself keeps: papers and seals are found in the stores and live on, results need not."""

from datetime import timedelta

import pytest
from django.utils import timezone

from archive import fixity, fonds_file, renewal, seals
from archive import stores as archive_stores
from archive.models import EvidenceLock
from tests import filed
from tests.locked import a_record, age, calls, held, years

pytestmark = pytest.mark.django_db(databases="__all__")


def test_papers_and_seals_are_found_by_listing_and_live_on(two_stores, actor):
    paper = fonds_file.keep_paper(
        filed.a_fonds(), kind="鉴定会议纪要", title="纪要", content=b"%PDF", mime="application/pdf", about="x:1",
        actor=actor,
    )  # fmt: skip
    seal = seals.seal_ledgers(actor=actor)
    done = renewal.renew(actor=actor)
    keys = {(copy["store"], copy["key"], copy["version"]) for copy in paper.copies}
    keys |= {(name, seal.key, version) for name, version in seal.copies.items()}
    assert set(EvidenceLock.objects.values_list("store", "key", "version")) == keys and done.failed == 0
    for row in EvidenceLock.objects.all():
        age(two_stores[row.store], row, years(4))
    assert renewal.renew(actor=actor).evidence == len(keys)
    for row in EvidenceLock.objects.all():
        assert (
            row.lock_until == held(two_stores, row).lock_until == archive_stores.horizon(timezone.localdate())
        )
    assert renewal.renew(actor=actor).evidence == 0


def test_what_need_not_live_on_is_not_renewed(stores, actor):
    a_record(stores)
    fixity.sweep(actor=actor, everything=True)
    renewal.renew(actor=actor)
    assert list(stores["local"].iterate("fixity/")) and not EvidenceLock.objects.exists()


def test_the_stores_are_listed_once_a_month(stores, actor, monkeypatch):
    seals.seal_ledgers(actor=actor) or a_record(stores)
    seals.seal_ledgers(actor=actor)
    renewal.renew(actor=actor)
    listed = calls(stores["local"], monkeypatch, "iterate")
    renewal.renew(actor=actor)
    assert "seals/" not in listed
    EvidenceLock.objects.update(found_at=timezone.now() - timedelta(days=31))
    renewal.renew(actor=actor)
    assert "seals/" in listed


def test_every_kind_of_key_that_the_archive_writes_has_its_horizon_decided():
    assert archive_stores.lives_on("seals/1") and not archive_stores.lives_on("fixity/1")
    assert not archive_stores.lives_on("D019/0193/0194")
