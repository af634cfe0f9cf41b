"""The outbox and the index behind it: nothing announced is lost, and what the index remembers wrongly is not shown."""

import pytest
from django.utils import timezone

from archive import changes
from archive.identifiers import new_id
from archive.models import Change, Record
from config import worker
from search import access
from search.engine import engine
from search.query import parse
from tests.filed import a_new_record, a_record, an_actor

pytestmark = pytest.mark.django_db(databases="__all__")


class Broken(Exception):
    pass


def test_a_message_stays_until_its_work_is_done():
    changes.announce("search", one := new_id(), two := new_id(), one)

    def fail(subjects):
        raise Broken

    with pytest.raises(Broken):
        changes.follow("search", fail)
    assert changes.waiting("search") == 3
    assert changes.follow("search", fail) == 0, "it waits a while before it is tried again"
    Change.objects.update(try_after=timezone.now())
    seen = []
    assert changes.follow("search", seen.extend) == 3
    assert seen == [one, two] and not changes.waiting("search")


def test_a_message_is_still_there_while_its_work_goes_on():
    changes.announce("search", new_id())
    seen = []
    changes.follow("search", lambda subjects: seen.append(changes.waiting("search")))
    assert seen == [1], "a kill now must lose nothing"


def test_what_comes_while_the_work_goes_on_is_not_deleted_with_it():
    changes.announce("search", new_id())
    changes.follow("search", lambda subjects: changes.announce("search", *subjects))
    assert changes.waiting("search") == 1


def test_other_topics_are_left_alone():
    changes.announce("other", new_id())
    assert changes.follow("search", lambda subjects: None) == 0
    assert changes.waiting("other") == 1


# Between a change and its arrival in the index


@pytest.fixture
def indexed(stores):
    engine().ensure()
    engine().clear()
    record = a_record(stores, title="甘井子区某某物流有限公司")
    worker.follow_changes()
    return record


def found_by(reader, words="甘井子区某某物流"):
    return access.find(parse(words), actor=reader)


def test_a_record_that_left_a_readers_scope_is_not_shown_though_the_index_still_has_it(indexed):
    clerk = an_actor("clerk")
    assert [row.pk for row in found_by(clerk).records] == [indexed.pk]
    Record.objects.filter(pk=indexed.pk).update(security=3)
    stale = found_by(clerk)
    assert (stale.records, stale.total) == ([], 0)
    assert changes.among("search", [indexed.pk]) == {indexed.pk}, "the index is told that it is behind"


def test_a_search_is_asked_and_answered_inside_the_readers_scope(indexed):
    elsewhere = an_actor("clerk", departments=[])
    nothing = found_by(elsewhere)
    assert (nothing.records, nothing.total) == ([], 0)
    cleared = an_actor("archivist", security=3)
    assert found_by(cleared).total == 1


def test_a_record_that_was_never_indexed_is_found_after_the_worker_followed(indexed, actor):
    from archive import records

    late = records.create(a_new_record(title="中山区某某服装有限公司"), actor=actor, store_names=[])
    assert found_by(actor, "中山区某某服装").total == 0
    worker.follow_changes()
    assert [row.pk for row in found_by(actor, "中山区某某服装").records] == [late.pk]
