"""What every search engine must do with what is put into it: replaced, removed and proved absent, listed, thrown away."""

import uuid
from datetime import date

import pytest
from django.db import connections

from archive.scopes import Grant, Scope
from tests import generated
from tests.contracts.searched import ALIAS, COUNT, ids

pytestmark = pytest.mark.django_db(databases=["default", ALIAS])


def test_putting_again_changes_nothing_and_a_change_replaces_all_of_the_old(archive):
    engine, old = archive.engine, archive.documents[3]
    before = archive.find(generated.COMMON, limit=1000)
    engine.put([old, old])
    assert ids(archive.find(generated.COMMON, limit=1000)) == ids(before)
    new = generated.changed(
        old,
        title="改后的题名龘龘",
        names=("新名人",),
        text="全新内容",
        tokens=(),
        year=1999,
        formed_on=date(1999, 5, 5),
        scope=("fzz",),
    )
    engine.put([new])
    assert engine.count() == COUNT
    assert (
        ids(archive.find("新名人"))
        == ids(archive.find("龘龘"))
        == ids(archive.find(years=[1999]))
        == [old.record_id]
    )
    for typed in (old.names[0], archive.numbers[old.record_id][0], generated.COMMON):
        assert old.record_id not in ids(archive.find(typed, limit=1000))
    assert archive.find("新名人", Scope(grants=(Grant(fonds=old.fonds, security=3),))).total == 0


def test_what_was_removed_is_absent_and_the_proof_says_so(archive):
    engine, gone = archive.engine, archive.documents[5]
    assert not engine.prove_absent(gone.record_id)
    engine.remove([gone.record_id, uuid.uuid4()])
    assert engine.prove_absent(gone.record_id) and engine.prove_absent(uuid.uuid4())
    assert engine.count() == COUNT - 1
    for typed in ("", gone.reference_code, gone.names[0], archive.numbers[gone.record_id][0]):
        assert gone.record_id not in ids(archive.find(typed, limit=1000))


def test_absence_is_asked_of_the_inverted_index_and_not_of_the_list_of_what_should_be_in_it(archive):
    gone = archive.documents[6]
    with connections[ALIAS].cursor() as cursor:
        cursor.execute("DELETE FROM search_fact WHERE record_id = %s", [gone.record_id.hex])
    assert not archive.engine.prove_absent(gone.record_id)


def test_ids_come_in_order_and_in_pieces(archive):
    seen, after = [], None
    while piece := archive.engine.ids(after, 250):
        seen += piece
        after = piece[-1]
    assert seen == sorted(document.record_id for document in archive.documents)


def test_records_of_the_same_day_and_order_each_keep_their_place(archive):
    same = [
        generated.changed(archive.documents[0], record_id=uuid.uuid4(), title="同日同号", order=9)
        for _ in range(300)
    ]
    archive.engine.put(same)
    assert set(ids(archive.find("同日同号", limit=1000))) == {one.record_id for one in same}


def test_an_index_of_another_layout_is_thrown_away_and_says_that_it_needs_a_rebuild(archive):
    engine = archive.engine
    engine.mark_complete()
    engine.ensure()
    assert not engine.needs_rebuild and engine.count() == COUNT
    with connections[ALIAS].cursor() as cursor:
        cursor.execute("UPDATE search_layout SET version = version - 1")
    assert engine.needs_rebuild
    engine.ensure()
    assert engine.needs_rebuild and engine.count() == 0
    assert archive.find("张三").total == 0
    engine.put(archive.documents[:3])
    assert archive.find().total == 3


def test_cleared_means_empty_and_incomplete(archive):
    engine = archive.engine
    engine.mark_complete()
    engine.clear()
    assert (engine.count(), archive.find("社会保险").total, engine.needs_rebuild) == (0, 0, True)
    engine.put(archive.documents[:2])
    assert archive.find("社会保险").total == 2
