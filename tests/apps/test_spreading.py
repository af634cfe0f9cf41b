"""全宗的存储: what is filed goes where the fonds says; a store that is added catches up; one taken out keeps what it has."""

import io
from datetime import date

import pytest

from archive import contents, editions, fixity, keeping, spreading
from archive import stores as archive_stores
from archive.errors import NotAllowed, WrongInput
from archive.extension import extend
from archive.models import Change, Copy, Event, Fonds
from archive.spreading import choose, progress, spread
from tests import filed
from tests.damaged import copies, damage

pytestmark = pytest.mark.django_db


@pytest.fixture
def fonds() -> Fonds:
    return filed.a_fonds()


@pytest.fixture
def keeper(fonds):
    """A system administrator of the whole site."""
    from archive.models import Assignment
    from archive.permissions import Actor

    user = filed.a_user()
    Assignment.objects.create(user=user, role="sysadmin", fonds=None)
    return Actor.of(user)


def states(store: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for state in Copy.objects.filter(store=store).values_list("state", flat=True):
        found[state] = found.get(state, 0) + 1
    return found


def work(actor) -> None:
    """As the worker does it, turn by turn, until nothing is left."""
    for _ in range(50):
        if not spread() + keeping.catch_up(busy=lambda ids: set(), actor=actor) and not Change.objects.filter(
            topic=spreading.TOPIC
        ):
            return
    raise AssertionError("it never ends")


def test_what_is_filed_goes_to_the_stores_of_its_fonds(two_stores, fonds, keeper):
    assert archive_stores.names_for(fonds) == ["local", "second"]
    choose(fonds.pk, ["second"], actor=keeper)
    fonds.refresh_from_db()
    assert archive_stores.names_for(fonds) == ["second"]
    event = Event.objects.get(action="fonds.stores_chosen")
    assert (event.data["stores"], event.data["before"]) == ("second", "全部")


def test_an_unknown_store_and_none_at_all_are_refused_and_only_an_administrator_chooses(
    two_stores, fonds, keeper
):
    with pytest.raises(WrongInput, match="没有配置“third”.*local、second"):
        choose(fonds.pk, ["local", "third"], actor=keeper)
    with pytest.raises(WrongInput, match="至少留一个"):
        choose(fonds.pk, [], actor=keeper)
    with pytest.raises(NotAllowed):
        choose(fonds.pk, ["local"], actor=filed.an_actor("archivist"))
    fonds.refresh_from_db()
    assert fonds.store_names == [] and not Event.objects.filter(action="fonds.stores_chosen").exists()


def test_a_store_that_is_added_gets_everything_held_in_bounded_batches(
    two_stores, fonds, keeper, actor, monkeypatch
):
    monkeypatch.setattr(spreading, "BATCH", 4)
    choose(fonds.pk, ["local"], actor=keeper)
    for number in range(4):
        filed.a_record(["local"], contents=(b"one %d" % number, b"two %d" % number))
    other = filed.a_record(["local"], fonds=filed.a_fonds("L010"))
    objects = Copy.objects.filter(store="local").exclude(object__record=other).count()
    choose(fonds.pk, None, actor=keeper)
    assert spread() == 4 and states("second") == {"pending": 4}
    assert spread() == 0  # no more is owed than the bound, however often it is asked
    work(actor)
    assert states("second") == {"stored": objects}
    assert not Copy.objects.filter(object__record=other, store="second").exists()
    for copy in Copy.objects.filter(store="second"):
        with two_stores["second"].open(copy.key, copy.version) as stream:
            assert len(stream.read()) == copy.stored_bytes
    second = next(row for row in progress(fonds) if row.store == "second")
    assert (second.stored, second.waiting, second.missing, second.chosen) == (objects, 0, 0, True)


def test_the_copies_come_from_a_good_copy_and_never_from_a_damaged_one(two_stores, fonds, keeper, actor):
    record = filed.a_record(["local"], contents=(b"a good one", b"a bad one"))
    good, bad, *_ = copies(record)
    damage(two_stores, bad, "changed")
    fixity.sweep(actor=actor, everything=True)
    spreading.announce()
    work(actor)
    assert Copy.objects.get(object=good.object, store="second").state == "stored"
    assert not Copy.objects.filter(object=bad.object, store="second").exists()


def test_a_store_that_is_taken_out_gets_nothing_new_keeps_what_it_has_and_is_still_checked(
    two_stores, fonds, keeper, actor
):
    old = filed.a_record(two_stores)
    choose(fonds.pk, ["local"], actor=keeper)
    new = filed.a_record(archive_stores.names_for(Fonds.objects.get()))
    work(actor)
    assert not Copy.objects.filter(object__record=new, store="second").exists()
    assert {copy.state for copy in copies(old, "second")} == {"stored"}
    damage(two_stores, copies(old, "second")[0], "changed")
    assert fixity.sweep(actor=actor, everything=True).damaged == 1


def test_what_a_store_was_still_owed_is_given_up_with_it_and_owed_again_with_it(
    two_stores, fonds, keeper, actor
):
    record = filed.a_record(["local"])
    spreading.announce()
    owed = spread()
    choose(fonds.pk, ["local"], actor=keeper)
    work(actor)
    choose(fonds.pk, ["second", "local"], actor=keeper)
    work(actor)
    assert states("second") == {"stored": owed} and Fonds.objects.get().store_names == ["local", "second"]
    assert {copy.fault for copy in copies(record, "second")} == {""}


def test_a_store_that_was_given_up_is_owed_no_new_edition(two_stores, fonds, keeper, actor):
    record = filed.a_record(["local"])
    spreading.announce()
    owed = spread()
    choose(fonds.pk, ["local"], actor=keeper)
    spread()
    extend(record.pk, "永久", basis="更正", decided_on=date(2026, 1, 5), actor=actor)
    editions.follow([record.pk])
    assert states("second") == {"removed": owed} and states("local")["pending"] == 2


def test_what_is_owed_to_a_store_alone_is_not_given_up(two_stores, fonds, keeper, actor):
    new = filed.a_new_record(objects=(filed.an_object(b"not yet written"),))
    from archive import records

    record = records.create(new, actor=actor, store_names=["second"])
    choose(fonds.pk, ["local"], actor=keeper)
    spread()
    assert states("second") == {"pending": 1}
    assert keeping.catch_up(busy=lambda ids: set(), actor=actor) == 0  # nobody has its bytes but who files it
    assert keeping.keep(record.pk, lambda item: io.BytesIO(b"not yet written"), actor=actor)


def test_a_record_whose_files_are_still_being_written_is_left_to_who_writes_them(two_stores, actor):
    record = filed.a_record(["local"])
    spreading.announce()
    spread()
    assert keeping.catch_up(busy=lambda ids: {record.pk}, actor=actor) == 0
    assert keeping.catch_up(busy=lambda ids: set(), actor=actor) == 1


def test_destroyed_records_are_not_copied(two_stores, actor):
    record = filed.a_record(["local"])
    type(record).objects.filter(pk=record.pk).update(state="disposing")
    spreading.announce()
    assert spread() == 0 and not Change.objects.filter(topic=spreading.TOPIC).exists()


def test_a_pass_that_forgot_where_it_was_still_ends_with_nothing_missing(
    two_stores, fonds, actor, monkeypatch
):
    from django.core.cache import cache

    monkeypatch.setattr(spreading, "BATCH", 2)
    for _ in range(3):
        filed.a_record(["local"])
    spreading.announce()
    for _ in range(40):
        cache.clear()
        spread()
        keeping.catch_up(busy=lambda ids: set(), actor=actor)
    assert states("second") == states("local")


def test_encrypted_objects_are_encrypted_in_the_new_store_too(two_stores, fonds, actor):
    from archive import records

    content = b"a name and a number that nobody may read on the disk"
    new = filed.a_new_record(objects=(filed.an_object(content, encrypted=True),))
    record = records.create(new, actor=actor, store_names=["local"])
    assert keeping.keep(record.pk, lambda item: io.BytesIO(content), actor=actor)
    spreading.announce()
    work(actor)
    copy = copies(record, "second")[0]
    with two_stores["second"].open(copy.key, copy.version) as stream:
        assert content not in stream.read()
    Copy.objects.filter(object=copy.object, store="local").update(state="damaged", fault="changed")
    with contents.open_object(copy.object) as stream:
        assert stream.read() == content


def test_what_is_owed_to_a_dead_store_alone_is_owed_to_those_that_are_chosen_instead(
    two_stores, fonds, keeper, actor
):
    choose(fonds.pk, ["second"], actor=keeper)
    item = filed.an_object(b"staged")
    record = filed.records.create(filed.a_new_record(objects=(item,)), actor=actor, store_names=["second"])
    two_stores["second"].root.parent.mkdir()
    two_stores["second"].root.touch()  # no folder any more
    assert not keeping.keep(record.pk, lambda item: io.BytesIO(b"staged"), actor=actor)
    choose(fonds.pk, None, actor=keeper)
    work(actor)
    keeping.keep(record.pk, lambda item: io.BytesIO(b"staged"), actor=actor)
    assert set(states("local")) == {"stored"} and set(states("second")) == {"failed"}
