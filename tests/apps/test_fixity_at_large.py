"""Among ten thousand copies one hundred are damaged in every way there is: exactly those are found."""

import random
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from archive import fixity
from archive import stores as archive_stores
from archive.models import Copy, Damage
from tests import filed
from tests.damaged import content_of, damage, laid_down

pytestmark = pytest.mark.django_db
COPIES = 10_000
WAYS = ["changed", "truncated", "all missing", "missing", "swapped", "lock", "no lock", "described otherwise"]
FAULTS = {"all missing": "missing", "swapped": "changed", "no lock": "lock", "described otherwise": "changed"}


@pytest.fixture
def quick_store(monkeypatch):
    """A local store in memory where there is such a place: a disk takes longer to make twenty thousand files than all
    the rest."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        monkeypatch.setenv("ARCHIVE_STORES", "local")
        monkeypatch.setenv("LOCAL_PATH", folder)
        archive_stores.forget()
        yield archive_stores.configured()
    archive_stores.forget()


@pytest.fixture
def holdings(quick_store, actor):
    laid_down(quick_store, COPIES, actor=actor)
    return quick_store


def test_of_ten_thousand_copies_exactly_the_hundred_damaged_ones_are_found(holdings, actor):
    draw = random.Random(2026)
    chosen = draw.sample(list(Copy.objects.order_by("id")), 100)
    expected, left = {}, list(chosen)
    while left:
        way = WAYS[len(left) % len(WAYS)]
        copy = left.pop()
        if way == "swapped" and left:
            other = left.pop()
            one, two = content_of(holdings, copy), content_of(holdings, other)
            first = one.read_bytes()
            for path, content in ((one, two.read_bytes()), (two, first)):
                path.chmod(0o600)
                path.write_bytes(content)
            expected[copy.pk] = expected[other.pk] = "changed"
        else:
            way = "truncated" if way == "swapped" else way
            damage(holdings, copy, way)
            expected[copy.pk] = FAULTS.get(way, way)
    assert len(expected) == 100 and len(set(expected.values())) == 4

    found = fixity.sweep(actor=actor, everything=True)
    assert (found.checked, found.damaged) == (COPIES, 100)
    assert dict(Damage.objects.values_list("copy", "fault")) == expected
    assert dict(Copy.objects.filter(state="damaged").values_list("pk", "fault")) == expected


def test_of_two_fonds_the_one_that_is_asked_for_is_checked(stores, actor):
    mine, other = filed.a_record(stores), filed.a_record(stores, fonds=filed.a_fonds("L010"))
    for record in (mine, other):
        damage(stores, Copy.objects.filter(object__record=record).order_by("object__position")[0], "changed")
    found = fixity.sweep(actor=actor, fonds=mine.fonds)
    assert (found.checked, found.damaged) == (3, 1)
    assert Damage.objects.get().copy.object.record_id == mine.pk
    assert Damage.objects.get().run.extent == "fonds:D019"


def test_a_fonds_outside_the_scope_is_refused(stores, actor):
    with pytest.raises(fixity.NotAllowed, match="L010"):
        fixity.sweep(actor=filed.an_actor("archivist"), fonds=filed.a_fonds("L010"))


def test_batches_smaller_than_the_extent_miss_nothing_where_times_are_equal(stores, actor, monkeypatch):
    monkeypatch.setattr(fixity, "BATCH", 2)
    for _ in range(4):
        filed.a_record(stores)
    Copy.objects.update(checked_at=timezone.now() - timedelta(days=1))
    assert fixity.sweep(actor=actor, everything=True).checked == 12
    assert fixity.sweep(actor=actor, fonds=filed.a_fonds()).checked == 12
    assert fixity.sweep(actor=actor, limit=5).checked == 5
