"""存储退役: a store that is gone for good goes with two persons' word, and never takes the last good copy of anything."""

import shutil
from datetime import timedelta
from threading import Thread

import pytest
from django.db import IntegrityError, connections, transaction
from django.utils import timezone

from archive import (
    audit,
    evidence,
    fixity,
    keeping,
    restoration,
    retirement,
    seals,
    spreading,
)
from archive import stores as archive_stores
from archive.errors import NotAllowed, NotFound, WrongInput, WrongState
from archive.models import Copy, Event, Record, StoreRetirement
from archive.permissions import ROLES
from archive.retirement import StillNeeded
from tests import filed
from tests.damaged import content_of, copies, damage, files_of
from tests.retired import a_keeper, asked, confirmed, retired, states

pytestmark = pytest.mark.django_db(databases="__all__")


# Two persons


def test_one_asks_another_confirms_and_the_database_holds_them_to_it(two_stores):
    filed.a_record(two_stores)
    both = filed.an_actor("manager", "sysadmin")
    row = asked(actor=both)
    assert set(archive_stores.configured()) == {"local", "second"}, "asking changes nothing"
    with pytest.raises(NotAllowed, match="申请人不能自己确认"):
        retirement.confirm(row.pk, understood=True, actor=both)
    other = filed.an_actor("approver")
    with pytest.raises(WrongInput, match="我明白"):
        retirement.confirm(row.pk, understood=False, actor=other)
    with pytest.raises(IntegrityError), transaction.atomic():
        StoreRetirement.objects.update(confirmed_by=row.asked_by, confirmed_at=timezone.now())
    retirement.confirm(row.pk, understood=True, actor=other)
    for verb in (
        lambda: retirement.confirm(row.pk, understood=True, actor=other),
        lambda: retirement.withdraw(row.pk, reason="反悔", actor=other),
        asked,
    ):
        with pytest.raises(WrongState):
            verb()
    for values in ({"confirmed_at": None}, {"withdrawn_at": timezone.now()}, {"paper": "x"}, {"place": "x"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            StoreRetirement.objects.update(**values)
    said = [audit.sentence(event) for event in Event.objects.filter(subject="stores").order_by("sequence")]
    assert "介质销毁单 2026-17 号" in said[0] and both.name in said[1]


def test_until_it_is_confirmed_either_side_withdraws_and_it_may_be_asked_again(two_stores):
    row = asked()
    with pytest.raises(WrongInput):
        retirement.withdraw(row.pk, reason=" ", actor=a_keeper())
    retirement.withdraw(row.pk, reason="还读得到", actor=filed.an_actor("manager"))
    with pytest.raises(WrongState):
        retirement.confirm(row.pk, understood=True, actor=filed.an_actor("manager"))
    assert asked().pk != row.pk


def test_only_who_keeps_the_stores_asks_and_only_who_answers_for_the_archive_confirms(two_stores, actor):
    row = asked()
    for role in ROLES:
        someone = filed.an_actor(role)
        if role != "sysadmin":
            with pytest.raises(NotAllowed):
                asked("local", someone)
        if role not in ("manager", "approver"):
            with pytest.raises(NotAllowed):
                retirement.confirm(row.pk, understood=True, actor=someone)
    with pytest.raises(NotAllowed):
        asked("local", actor)
    with pytest.raises(NotAllowed):
        retirement.confirm(row.pk, understood=True, actor=actor)


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"reason": " "}, WrongInput), ({"paper": ""}, WrongInput), ({"medium": "sold"}, WrongInput),
        ({"gone_on": timezone.localdate() + timedelta(days=1)}, WrongInput), ({"store": "third"}, NotFound),
    ],
)  # fmt: skip
def test_an_application_says_what_became_of_the_medium_when_and_by_which_paper(two_stores, changed, refusal):
    with pytest.raises(refusal):
        asked(**changed)
    assert not StoreRetirement.objects.exists()


# Never the last good copy


def refused(row: StoreRetirement, gone=frozenset()) -> str:
    with pytest.raises(StillNeeded) as told:
        retirement.confirm(row.pk, understood=True, actor=filed.an_actor("manager"))
    assert set(archive_stores.retired()) == set(gone)
    return str(told.value)


def test_the_only_store_and_one_that_a_fonds_has_chosen_are_refused(two_stores):
    spreading.choose(filed.a_fonds().pk, ["second"], actor=a_keeper())
    row = asked()
    assert "全宗 D019 还选定着它" in refused(row)
    spreading.choose(filed.a_fonds().pk, None, actor=a_keeper())
    retirement.confirm(row.pk, understood=True, actor=filed.an_actor("manager"))
    assert "唯一" in str(pytest.raises(StillNeeded, retired, "local").value)


def test_files_without_another_good_copy_are_counted_by_fonds_and_refused_until_they_have_one(
    two_stores, actor
):
    filed.a_record(["second"], contents=(b"one", b"two"))
    filed.a_record(["second"], fonds=filed.a_fonds("L010"))
    filed.a_record(two_stores)
    row = asked()
    said = refused(row)
    count = Copy.objects.filter(store="second").count() - Copy.objects.filter(store="local").count()
    assert f"{count} 个文件" in said and "D019 全宗 1 件档案、L010 全宗 1 件档案" in said
    spreading.announce()
    while spreading.spread() + keeping.catch_up(busy=lambda ids: set(), actor=actor):
        pass
    retirement.confirm(row.pk, understood=True, actor=filed.an_actor("manager"))


def test_a_copy_elsewhere_that_is_damaged_pending_or_in_a_retired_store_is_no_good_copy(two_stores, actor):
    record = filed.a_record(two_stores)
    bad = copies(record)[0]
    damage(two_stores, bad, "changed")
    fixity.sweep(actor=actor, everything=True)
    row = asked()
    assert "1 个文件" in refused(row)
    restoration.restore(bad.pk, actor=filed.an_actor("archivist"), reason="换盘")
    assert "1 个文件" in refused(row)
    keeping.keep(record.pk, None, actor=actor)
    retirement.confirm(row.pk, understood=True, actor=filed.an_actor("manager"))
    assert "唯一" in str(pytest.raises(StillNeeded, retired, "local").value)


def test_a_copy_in_a_store_that_was_just_retired_is_no_good_copy_either(two_stores, monkeypatch, tmp_path):
    monkeypatch.setenv("ARCHIVE_STORES", "local,second,third")
    monkeypatch.setenv("THIRD_PATH", str(tmp_path / "third"))
    archive_stores.forget()
    filed.a_record(["second", "third"])
    confirmed("third")  # its copies are not settled yet
    assert "全宗 1 件档案" in refused(asked(), gone={"third"})


def test_a_copy_in_a_store_that_is_asked_for_too_is_no_good_copy(two_stores, monkeypatch, tmp_path):
    monkeypatch.setenv("ARCHIVE_STORES", "local,second,third")
    monkeypatch.setenv("THIRD_PATH", str(tmp_path / "third"))
    archive_stores.forget()
    filed.a_record(["second", "third"])
    row, third = asked(), asked("third")
    assert "全宗 1 件档案" in refused(row)
    retirement.withdraw(third.pk, reason="弄错了", actor=a_keeper())
    retirement.confirm(row.pk, understood=True, actor=filed.an_actor("manager"))


def test_a_copy_in_a_store_that_is_not_mounted_is_no_good_copy(two_stores):
    filed.a_record(two_stores)
    two_stores["local"].root.rename(two_stores["local"].root.with_name("unmounted"))
    row = asked()
    assert "local 现在读不到" in refused(row)
    two_stores["local"].root.with_name("unmounted").rename(two_stores["local"].root)
    retirement.confirm(row.pk, understood=True, actor=filed.an_actor("manager"))


def test_where_nothing_was_filed_yet_a_store_may_go(two_stores, actor):
    row = asked()
    seals.seal_ledgers(actor=actor)
    retirement.confirm(row.pk, understood=True, actor=filed.an_actor("manager"))


def test_what_was_lost_and_turned_up_again_in_the_store_needs_it_until_it_is_lost_again(two_stores, actor):
    record = filed.a_record(two_stores)
    both = [copies(record, name)[0] for name in two_stores]
    kept = content_of(two_stores, both[1]).read_bytes()
    one, two = filed.an_actor("archivist"), filed.an_actor("manager")
    for copy in both:
        damage(two_stores, copy, "changed")
    fixity.sweep(actor=actor, everything=True)
    for person in (one, two):
        restoration.state_loss(both[0].object_id, actor=person, reason="找不到")
    content_of(two_stores, both[1]).write_bytes(kept)
    fixity.sweep(actor=actor, everything=True)
    row = asked()
    assert "1 个文件" in refused(row)
    damage(two_stores, both[1], "changed")
    assert not restoration.state_loss(both[0].object_id, actor=one, reason="又坏了").confirmed
    restoration.state_loss(both[0].object_id, actor=two, reason="又坏了")
    retirement.confirm(row.pk, understood=True, actor=two)


def test_what_is_lost_with_the_store_is_written_down_by_two_persons_first(two_stores):
    record = filed.a_record(["second"])
    row = asked(medium="lost")
    refused(row)
    one, two = filed.an_actor("archivist"), filed.an_actor("manager")
    with pytest.raises(WrongState, match="还完好"):
        restoration.state_loss(copies(record, "second")[0].object_id, actor=one, reason="机房失火")
    shutil.rmtree(two_stores["second"].root)
    for copy in copies(record, "second"):
        restoration.state_loss(copy.object_id, actor=one, reason="机房失火")
    refused(row)
    for copy in copies(record, "second"):
        restoration.state_loss(copy.object_id, actor=two, reason="机房失火")
    retirement.confirm(row.pk, understood=True, actor=two)
    retirement.settle()
    assert states("second") == {"removed"} and Record.objects.get(pk=record.pk).state == "archived"


def test_a_loss_is_not_stated_of_what_lies_in_a_store_that_nobody_retires(two_stores):
    copy = copies(filed.a_record(["second"]), "second")[0]
    with pytest.raises(WrongState):
        restoration.state_loss(copy.object_id, actor=filed.an_actor("archivist"), reason="找不到")


def test_a_seal_that_only_this_store_has_is_put_elsewhere_first_or_named_as_lost(
    two_stores, actor, monkeypatch
):
    filed.a_record(two_stores)
    monkeypatch.setenv("ARCHIVE_STORES", "second")
    archive_stores.forget()
    seals.seal_ledgers(actor=actor)
    monkeypatch.setenv("ARCHIVE_STORES", "local,second")
    archive_stores.forget()
    row = asked()
    assert "第 1 号封存" in refused(row)
    for found in evidence.wanting():
        evidence.put_again(found, actor=filed.an_actor("archivist"), reason="退役之前")
    retirement.confirm(row.pk, understood=True, actor=filed.an_actor("manager"))


def test_a_seal_that_another_store_was_found_to_lack_is_only_here(two_stores, actor):
    filed.a_record(two_stores)
    seals.seal_ledgers(actor=actor)
    for path in files_of(two_stores["local"]):
        if "seals" in path.parts:
            path.chmod(0o600)
            path.write_bytes(b"rotten")
    for days in range(evidence.ROUND_DAYS):
        evidence.check(timezone.localdate() + timedelta(days=days), actor=actor)
    row = asked()
    assert "第 1 号封存" in refused(row)
    for found in evidence.wanting():
        evidence.put_again(found, actor=filed.an_actor("archivist"), reason="退役之前")
    retirement.confirm(row.pk, understood=True, actor=filed.an_actor("manager"))


def test_what_is_damaged_while_it_is_being_confirmed_comes_before_the_proof(two_stores, committed):
    record = filed.a_record(two_stores)
    row, manager = asked(), filed.an_actor("manager")
    told = []

    def confirm():
        try:
            retirement.confirm(row.pk, understood=True, actor=manager)
        except StillNeeded as fault:
            told.append(fault)
        finally:
            connections.close_all()

    thread = Thread(target=confirm)
    with transaction.atomic():  # as fixity books it, and has not committed yet
        Copy.objects.filter(object__record=record, store="local").update(state="damaged", fault="changed")
        thread.start()
        thread.join(timeout=1)  # whoever does not wait for us has confirmed by now
    thread.join(timeout=120)
    assert told and not archive_stores.retired()
