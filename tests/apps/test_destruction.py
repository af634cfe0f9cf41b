"""The point of no return: whatever forbids a destruction is asked again under the record's lock, and wins."""

import pytest
from django.utils import timezone

from archive import destruction
from archive.identifiers import new_id
from archive.models import Block, Copy
from archive.storage.local import LocalStore
from retention import execution
from search.engine import engine
from tests.filed import a_record
from tests.registers import SYSTEM, House, fresh, rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def record(stores):
    return a_record(stores)


def begin(record, actor, obstacles=()):
    return destruction.begin(
        record.pk, actor=actor, action="record.destroying", data={"register": "1"}, obstacles=obstacles
    )


def test_any_open_block_stops_it_before_it_begins(record, actor):
    block = Block.objects.create(
        record=record, kind="hold", reference=new_id(), reason="诉讼", placed_at=timezone.now()
    )
    assert begin(record, actor) == ["暂缓销毁：诉讼"]
    record.refresh_from_db()
    assert record.state == "archived"
    Block.objects.filter(pk=block.pk).update(lifted_at=timezone.now())
    assert begin(record, actor, ["别的原因"]) == ["别的原因"]


def test_a_copy_that_is_still_to_be_written_stops_it(record, actor):
    Copy.objects.filter(object__record=record).update(state="pending", version="")
    assert begin(record, actor) == ["还有副本没有写好"]


class Pretending(LocalStore):
    """A store that answers "removed" and keeps everything."""

    def remove(self, key, version):
        return None


@pytest.mark.django_db(databases="__all__")
def test_a_store_that_only_says_it_removed_is_found_out_by_listing(stores):
    engine().ensure()
    house = House(stores)
    (record,) = house.due()
    register = house.executing([record])
    stores["local"].__class__ = Pretending
    try:
        execution.work(actor=SYSTEM)
    finally:
        stores["local"].__class__ = LocalStore
    record.refresh_from_db()
    assert record.state == "disposing" and rows(fresh(register)) == {1: "removing"}
    assert "仍列出" in register.rows.get().fault
    assert list(stores["local"].iterate(f"D019/{record.pk}/"))
