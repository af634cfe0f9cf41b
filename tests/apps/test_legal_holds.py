"""The stores' legal hold is what the database says, whatever was cut off, killed, restored or lost in between: no held
record is without it, and none is kept from destruction for ever by one that nobody lifts."""

import pytest
from django.utils import timezone

from archive import fixity, keeping, restoration
from archive.errors import StorageFailed
from archive.models import Change, Copy
from retention import holds
from tests import filed
from tests.damaged import copies, damage

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def manager():
    return filed.an_actor("manager")


@pytest.fixture
def record(two_stores):
    return filed.a_record(two_stores)


def hold(record, manager):
    why = {"reason": "劳动争议诉讼", "authority": "（2026）粤1971民初1号"}
    return holds.place(record.fonds, "record", records=[record.pk], actor=manager, **why).hold


def followed():
    Change.objects.update(try_after=None)
    holds.drain()


def held(stores, record):
    """What every store says of every version under the keys of the record."""
    return {
        stores[copy.store].head(copy.key, one.version).legal_hold
        for copy in Copy.objects.filter(object__record=record)
        for one in stores[copy.store].versions(copy.key)
    }


def restored(stores, record, actor, kind="changed"):
    """Its first copy in `second` is damaged, found and written anew."""
    copy = copies(record, "second")[0]
    damage(stores, copy, kind)
    fixity.sweep(actor=actor, everything=True)
    restoration.restore(copy.pk, actor=filed.an_actor("archivist"), reason="更换磁盘")
    assert keeping.catch_up(busy=lambda ids: set(), actor=actor) == 1
    return copy


def cut_off(monkeypatch, store):
    """The store does what it is asked; its answer does not arrive."""
    whole = store.set_legal_hold

    def unheard(key, version, on):
        whole(key, version, on)
        raise StorageFailed(store=store.name, kind="unreachable", reason="连接中断。")

    monkeypatch.setattr(store, "set_legal_hold", unheard)


def test_a_copy_that_was_written_anew_is_held_again(two_stores, record, manager, actor):
    hold(record, manager)
    followed()
    copy = restored(two_stores, record, actor)
    followed()
    copy.refresh_from_db()
    assert copy.legal_hold and two_stores["second"].head(copy.key, copy.version).legal_hold


def test_the_hold_is_lifted_from_the_damaged_version_in_quarantine_too(two_stores, record, manager, actor):
    """Destruction removes it with the others: held for ever, it would keep the record for ever."""
    placed = hold(record, manager)
    followed()
    restored(two_stores, record, actor)
    followed()
    holds.end(placed, "判决生效", actor=manager)
    followed()
    assert held(two_stores, record) == {False}


def test_a_hold_whose_answer_was_cut_off_is_lifted_all_the_same(two_stores, record, manager, monkeypatch):
    with monkeypatch.context() as patched:
        cut_off(patched, two_stores["second"])
        placed = hold(record, manager)
        with pytest.raises(StorageFailed):
            followed()
    holds.end(placed, "判决生效", actor=manager)
    followed()
    assert held(two_stores, record) == {False} and not Change.objects.filter(topic=holds.TOPIC).exists()


def test_a_lifting_whose_answer_was_cut_off_does_not_pass_for_a_hold(
    two_stores, record, manager, monkeypatch
):
    placed = hold(record, manager)
    followed()
    with monkeypatch.context() as patched:
        cut_off(patched, two_stores["second"])
        holds.end(placed, "判决生效", actor=manager)
        with pytest.raises(StorageFailed):
            followed()
    hold(record, manager)
    followed()
    assert held(two_stores, record) == {True}


def test_what_was_missing_while_its_hold_was_lifted_and_turns_up_again_is_freed(
    two_stores, record, manager, actor, monkeypatch
):
    placed = hold(record, manager)
    followed()
    copy = copies(record, "second")[0]
    content, description = two_stores["second"]._paths(copy.key, copy.version)
    there = {path: path.read_bytes() for path in (content, description)}
    damage(two_stores, copy, "all missing")
    fixity.sweep(actor=actor, everything=True)
    holds.end(placed, "判决生效", actor=manager)
    followed()
    for path, data in there.items():  # brought back from the store's own backup
        path.write_bytes(data)
    fixity.sweep(actor=actor, everything=True)
    holds.spread(actor=actor)
    followed()
    assert held(two_stores, record) == {False}


def test_a_hold_that_somebody_lifted_in_the_store_itself_is_damage_and_is_set_again(
    two_stores, record, manager, actor
):
    """Past the end of the period it is all that a store has against deleting."""
    hold(record, manager)
    followed()
    copy = copies(record, "second")[0]
    two_stores["second"].set_legal_hold(copy.key, copy.version, False)
    assert fixity.sweep(actor=actor, everything=True).damaged == 1
    copy.refresh_from_db()
    assert (copy.state, copy.fault) == ("damaged", "lock")
    restoration.restore(copy.pk, actor=filed.an_actor("archivist"), reason="查明是误操作")
    assert held(two_stores, record) == {True}
    assert fixity.sweep(actor=actor, everything=True).damaged == 0


def test_a_hold_lifted_by_its_person_while_the_copy_is_read_is_no_damage(
    two_stores, record, manager, actor, monkeypatch
):
    placed = hold(record, manager)
    followed()
    whole, ended = fixity._next_batch, []

    def meanwhile(*given):
        batch = whole(*given)
        if not ended:
            ended.append(holds.end(placed, "判决生效", actor=manager))
            followed()
        return batch

    monkeypatch.setattr(fixity, "_next_batch", meanwhile)
    fixity.sweep(actor=actor, everything=True)
    assert ended and {copy.state for copy in Copy.objects.all()} == {"stored"}


def test_a_row_that_still_says_held_after_a_backup_was_restored_comes_right_by_itself(
    two_stores, record, manager, actor
):
    """The hold was ended, and lifted in the stores, after the backup was taken."""
    placed = hold(record, manager)
    followed()
    holds.end(placed, "判决生效", actor=manager)
    followed()
    Copy.objects.update(legal_hold=True)
    fixity.sweep(actor=actor, everything=True)
    holds.spread(actor=actor)
    followed()
    fixity.sweep(actor=actor, everything=True)
    assert set(Copy.objects.values_list("state", "legal_hold")) == {("stored", False)}


def test_what_the_store_has_lost_keeps_no_message_waiting(two_stores, record, manager):
    """Nobody has noticed yet that it is gone: there is nothing to hold, and nothing to lift."""
    damage(two_stores, copies(record, "second")[0], "all missing")
    placed = hold(record, manager)
    followed()
    holds.end(placed, "判决生效", actor=manager)
    followed()
    assert not Change.objects.filter(topic=holds.TOPIC).exists() and held(two_stores, record) == {False}


def test_a_version_that_changed_while_the_store_was_asked_is_not_taken_for_held(
    two_stores, record, manager, monkeypatch
):
    """A restoration came between the question and the note of its answer."""
    copy, store = copies(record, "second")[0], two_stores["second"]
    whole = store.set_legal_hold

    def overtaken(key, version, on):
        found = whole(key, version, on)
        Copy.objects.filter(pk=copy.pk).update(version="another")
        return found

    hold(record, manager)
    with monkeypatch.context() as patched:
        patched.setattr(store, "set_legal_hold", overtaken)
        followed()
    copy.refresh_from_db()
    assert copy.version == "another" and not copy.legal_hold
    assert copy.written_at <= timezone.now()
