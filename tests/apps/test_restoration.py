"""恢复: damage is repaired on an order, from a good copy, and nothing is lost on the way, wherever it is interrupted."""

from datetime import timedelta

import pytest
from django.utils import timezone

from archive import contents, fixity, keeping, restoration
from archive.errors import NotAllowed, StorageFailed, WrongInput, WrongState
from archive.models import Copy, Event, QuarantinedVersion, Record
from archive.restoration import NoGoodCopy, restore, restore_all, state_loss
from config import worker
from retention import disposal
from tests import filed
from tests.damaged import content_of, copies, damage

pytestmark = pytest.mark.django_db
CONTENT = b"%PDF-1.7 a form that must not be lost"
WHY = "更换磁盘后核验发现"
REWRITTEN = ["missing", "all missing", "changed", "truncated", "described otherwise"]


@pytest.fixture
def record(two_stores) -> Record:
    return filed.a_record(two_stores, contents=(CONTENT,))


@pytest.fixture
def archivist():
    return filed.an_actor("archivist")


def bad(two_stores, record, kind, actor, store="second") -> Copy:
    """The copy of the file in that store, damaged and found."""
    copy = copies(record, store)[0]
    damage(two_stores, copy, kind)
    fixity.sweep(actor=actor, everything=True)
    copy.refresh_from_db()
    assert copy.state == "damaged"
    return copy


def catch_up(actor):
    return keeping.catch_up(busy=lambda ids: set(), actor=actor)


def read(stores, copy) -> bytes:
    with stores[copy.store].open(copy.key, copy.version) as stream:
        return stream.read()


def said(record) -> list[str]:
    rows = Event.objects.filter(kind="record", subject=str(record.pk)).order_by("sequence")
    return list(rows.values_list("action", flat=True))


@pytest.mark.parametrize("kind", REWRITTEN)
def test_content_is_written_anew_as_a_new_version_and_proven(two_stores, record, actor, archivist, kind):
    copy = bad(two_stores, record, kind, actor)
    was = copy.version
    assert restore(copy.pk, actor=archivist, reason=WHY).state == "pending"
    assert catch_up(actor) == 1
    copy.refresh_from_db()
    assert (copy.state, copy.fault) == ("stored", "") and copy.version not in ("", was)
    assert read(two_stores, copy) == CONTENT
    held = two_stores["second"].head(copy.key, copy.version)
    assert held.lock_until == copy.lock_until and copy.lock_until > timezone.now() + timedelta(days=3000)
    assert said(record)[-2:] == ["copy.restore_ordered", "copy.restored"]
    assert fixity.sweep(actor=actor, record=record).damaged == 0
    quarantined = list(QuarantinedVersion.objects.values_list("copy", "version", "ordered_by_name"))
    assert quarantined == ([] if "missing" in kind else [(copy.pk, was, archivist.name)])


@pytest.mark.parametrize("kind", ["lock", "no lock"])
def test_a_lost_lock_is_set_again_and_read_back_and_nothing_is_rewritten(
    two_stores, record, actor, archivist, kind
):
    copy = bad(two_stores, record, kind, actor)
    restored = restore(copy.pk, actor=archivist, reason=WHY)
    assert (restored.state, restored.version) == ("stored", copy.version)
    assert two_stores["second"].head(copy.key, copy.version).lock_until == copy.lock_until
    assert len(two_stores["second"].versions(copy.key)) == 1
    assert said(record)[-1] == "copy.relocked" and not QuarantinedVersion.objects.exists()
    assert fixity.sweep(actor=actor, record=record).damaged == 0


def test_a_copy_that_lost_more_than_its_lock_is_rewritten(two_stores, record, actor, archivist):
    copy = bad(two_stores, record, "no lock", actor)
    damage(two_stores, copy, "changed")  # while nobody looked
    assert restore(copy.pk, actor=archivist, reason=WHY).state == "pending"
    catch_up(actor)
    copy.refresh_from_db()
    assert copy.state == "stored" and read(two_stores, copy) == CONTENT
    assert QuarantinedVersion.objects.get().fault == "changed"


def test_nobody_reads_a_damaged_or_quarantined_version(two_stores, record, actor, archivist):
    copy = bad(two_stores, record, "changed", actor, store="local")  # the one that is read first
    item = copy.object

    def content():
        with contents.open_object(item) as stream:
            return stream.read()

    assert content() == CONTENT
    restore(copy.pk, actor=archivist, reason=WHY)
    assert content() == CONTENT
    catch_up(actor)
    assert content() == CONTENT


def test_a_quarantined_version_is_never_taken_up_again_even_if_it_reads_well_today(
    two_stores, record, actor, archivist
):
    copy = bad(two_stores, record, "changed", actor)
    was = copy.version
    restore(copy.pk, actor=archivist, reason=WHY)
    content_of(two_stores, Copy(store="second", key=copy.key, version=was)).write_bytes(CONTENT)
    Copy.objects.filter(pk=copy.pk).update(
        attempts=1
    )  # as after a kill: what lies there is looked through first
    catch_up(actor)
    copy.refresh_from_db()
    assert copy.state == "stored" and copy.version != was


def test_without_a_good_copy_it_is_refused_and_says_what_to_do(two_stores, record, actor, archivist):
    bad(two_stores, record, "missing", actor, store="local")
    copy = bad(two_stores, record, "changed", actor)
    with pytest.raises(NoGoodCopy, match="自己的备份.*两人登记灭失"):
        restore(copy.pk, actor=archivist, reason=WHY)
    copy.refresh_from_db()
    assert copy.state == "damaged" and not QuarantinedVersion.objects.exists()


def test_what_was_brought_back_from_a_backup_is_found_sound_and_gives_the_other_copy(
    two_stores, record, actor, archivist
):
    local = bad(two_stores, record, "changed", actor, store="local")
    second = bad(two_stores, record, "missing", actor)
    content_of(two_stores, local).write_bytes(CONTENT)
    assert fixity.sweep(actor=archivist, record=record).damaged == 1
    restore(second.pk, actor=archivist, reason="本机副本已从备份还原")
    catch_up(actor)
    assert set(Copy.objects.filter(object=local.object).values_list("state", flat=True)) == {"stored"}


def test_a_loss_is_written_down_by_two_persons(two_stores, record, actor, archivist):
    bad(two_stores, record, "missing", actor, store="local")
    copy = bad(two_stores, record, "missing", actor)
    manager = filed.an_actor("manager")
    assert not state_loss(copy.object_id, actor=archivist, reason="两处磁盘都坏了").confirmed
    with pytest.raises(WrongState, match="等另一人确认"):
        state_loss(copy.object_id, actor=archivist, reason="两处磁盘都坏了")
    assert state_loss(copy.object_id, actor=manager, reason="已核对备份").confirmed
    with pytest.raises(WrongState, match="已登记灭失"):
        state_loss(copy.object_id, actor=filed.an_actor("archivist"), reason="又一次")
    assert said(record)[-2:] == ["object.loss_stated", "object.loss_confirmed"]
    copy.refresh_from_db()
    assert copy.state == "damaged"  # whatever turns up again is found


def test_what_still_has_a_good_copy_cannot_be_called_lost(two_stores, record, actor, archivist):
    copy = bad(two_stores, record, "missing", actor)
    with pytest.raises(WrongState, match="完好"):
        state_loss(copy.object_id, actor=archivist, reason="找不到")


def test_only_an_archivist_of_that_scope_orders_and_says_why(two_stores, record, actor, archivist):
    copy = bad(two_stores, record, "changed", actor)
    for other in (filed.an_actor("manager"), filed.an_actor("archivist", fonds=filed.a_fonds("L010"))):
        with pytest.raises(NotAllowed):
            restore(copy.pk, actor=other, reason=WHY)
    with pytest.raises(WrongInput, match="为什么"):
        restore(copy.pk, actor=archivist, reason=" ")
    assert said(record)[-1] == "copy.damaged"


def test_a_sound_copy_and_a_record_being_destroyed_are_refused(two_stores, record, actor, archivist):
    with pytest.raises(WrongState, match="完好"):
        restore(copies(record)[0].pk, actor=archivist, reason=WHY)
    copy = bad(two_stores, record, "changed", actor)
    Record.objects.filter(pk=record.pk).update(state="disposing")
    with pytest.raises(WrongState, match="销毁执行中"):
        restore(copy.pk, actor=archivist, reason=WHY)


def test_a_source_that_turns_out_rotten_is_booked_and_another_one_is_taken(
    tmp_path, monkeypatch, actor, archivist
):
    from archive import stores as archive_stores

    monkeypatch.setenv("ARCHIVE_STORES", "local,second,third")
    for name in ("local", "second", "third"):
        monkeypatch.setenv(f"{name.upper()}_PATH", str(tmp_path / name))
    archive_stores.forget()
    three = archive_stores.configured()
    record = filed.a_record(three, contents=(CONTENT,))
    copy = bad(three, record, "missing", actor, store="third")
    damage(three, copies(record, "local")[0], "changed")  # nobody has looked since
    restore(copy.pk, actor=archivist, reason=WHY)
    assert catch_up(actor) == 0
    assert copies(record, "local")[0].state == "damaged"
    Copy.objects.update(try_after=None)
    assert catch_up(actor) == 1
    copy.refresh_from_db()
    assert copy.state == "stored" and read(three, copy) == CONTENT
    archive_stores.forget()


def test_a_lost_store_is_ordered_at_once_and_what_is_hopeless_is_counted(two_stores, actor, archivist):
    made = [filed.a_record(two_stores, contents=(CONTENT, CONTENT + b"2")) for _ in range(3)]
    single = filed.a_record(["second"], contents=(b"nowhere else",))
    for record in (*made, single):
        for copy in copies(record, "second"):
            damage(two_stores, copy, "all missing")
    two_stores["second"].objects.joinpath("D019").mkdir(parents=True, exist_ok=True)
    filed.a_record(two_stores)  # the bucket is in use again
    fixity.sweep(actor=actor, everything=True)
    rows = Copy.objects.filter(store="second")
    done = restore_all(rows, actor=archivist, reason="存储桶丢失，已重建")
    assert (done.owed, done.hopeless) == (12, 3) and not done.faults
    assert Event.objects.filter(action="copy.restore_ordered").count() == 3  # one a record, not one a copy
    assert catch_up(actor) == 3
    assert rows.filter(state="damaged").count() == 3 and rows.filter(state="pending").count() == 0
    assert restore_all(rows, actor=archivist, reason="再试一次").owed == 0


class Kill(BaseException):
    pass


def kill(*_, **__):
    raise Kill


STEPS = {
    "before anything was booked": lambda patch, store: patch.setattr(restoration, "_owe", kill),
    "before the bytes were put": lambda patch, store: patch.setattr(store, "put", kill),
    "after the bytes were put": lambda patch, store: patch.setattr("archive.copying._prove", kill),
    "before the copy was booked": lambda patch, store: patch.setattr(keeping, "_book", kill),
}


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_nothing_is_lost_and_it_goes_on(
    two_stores, record, actor, archivist, monkeypatch, step
):
    copy = bad(two_stores, record, "changed", actor)
    with monkeypatch.context() as patched:
        STEPS[step](patched, two_stores["second"])
        with pytest.raises(Kill):
            restore(copy.pk, actor=archivist, reason=WHY)
            catch_up(actor)
    with contents.open_object(copy.object) as stream:
        assert stream.read() == CONTENT
    copy.refresh_from_db()
    if copy.state == "damaged":
        restore(copy.pk, actor=archivist, reason=WHY)
    catch_up(actor)
    copy.refresh_from_db()
    assert copy.state == "stored" and read(two_stores, copy) == CONTENT
    assert (
        len(two_stores["second"].versions(copy.key)) == 2
    )  # the quarantined one and ours: what was left was adopted
    assert QuarantinedVersion.objects.count() == 1


def test_killed_between_lock_and_row_the_next_check_finds_it_sound(
    two_stores, record, actor, archivist, monkeypatch
):
    copy = bad(two_stores, record, "no lock", actor)
    with monkeypatch.context() as patched:
        patched.setattr(restoration, "_book_relocked", kill)
        with pytest.raises(Kill):
            restore(copy.pk, actor=archivist, reason=WHY)
    assert fixity.sweep(actor=actor, record=record).damaged == 0
    copy.refresh_from_db()
    assert copy.state == "stored"


def test_a_store_that_refuses_leaves_the_copy_damaged_and_says_so(
    two_stores, record, actor, archivist, monkeypatch
):
    copy = bad(two_stores, record, "no lock", actor)

    def down(*_, **__):
        raise StorageFailed(store="second", kind="unreachable", reason="连不上。")

    monkeypatch.setattr(two_stores["second"], "extend_lock", down)
    with pytest.raises(StorageFailed, match="连不上"):
        restore(copy.pk, actor=archivist, reason=WHY)
    copy.refresh_from_db()
    assert copy.state == "damaged"


def test_a_store_that_is_down_is_asked_once_a_turn_and_the_copies_wait(
    two_stores, actor, archivist, monkeypatch
):
    for _ in range(3):
        record = filed.a_record(two_stores, contents=(CONTENT, CONTENT))
        for copy in copies(record, "second"):
            damage(two_stores, copy, "missing")
    fixity.sweep(actor=actor, everything=True)
    restore_all(Copy.objects.all(), actor=archivist, reason=WHY)
    asked = []

    def down(*_, **__):
        asked.append(1)
        raise StorageFailed(store="second", kind="unreachable", reason="连不上。")

    with monkeypatch.context() as patched:
        patched.setattr(two_stores["second"], "put", down)
        assert catch_up(actor) == 0
    assert len(asked) == 1
    assert (
        Copy.objects.filter(state="failed").count() == 4 and Copy.objects.filter(state="pending").count() == 8
    )
    Copy.objects.update(try_after=None)
    assert catch_up(actor) == 3
    assert set(Copy.objects.values_list("state", flat=True)) == {"stored"}


def test_the_worker_writes_what_was_ordered(two_stores, record, actor, archivist):
    copy = bad(two_stores, record, "changed", actor)
    restore(copy.pk, actor=archivist, reason=WHY)
    for follower in worker.FOLLOWERS[-2:]:
        follower(actor)
    copy.refresh_from_db()
    assert copy.state == "stored"


def test_destruction_removes_the_quarantined_version_and_waits_for_its_lock(
    two_stores, record, actor, archivist
):
    from concurrent.futures import ThreadPoolExecutor

    copy = bad(two_stores, record, "changed", actor)
    was = copy.version
    restore(copy.pk, actor=archivist, reason=WHY)
    catch_up(actor)
    store = two_stores["second"]
    places = disposal.places_of([record.pk])
    with ThreadPoolExecutor(2) as pool:
        found = disposal.found(disposal.look(places, pool))[record.pk]
        assert ["second", copy.key, was] in found.versions
        assert found.not_before >= store.head(copy.key, was).lock_until  # it waits like any other
        for one in two_stores.values():
            one.clock = lambda: timezone.now() + timedelta(days=365 * 120)
        plans = {record.pk: found.versions}
        gone = disposal.proven(
            disposal.Gone(), places[record.pk], disposal.clear(places, plans, pool)[record.pk]
        )
    assert not gone.fault and store.versions(copy.key) == []
    assert ["second", copy.key, was] in gone.evidence["removed"]
    assert not content_of(two_stores, Copy(store="second", key=copy.key, version=was)).exists()


def test_bytes_whose_description_is_gone_are_still_destroyed(two_stores, record, actor):
    copy = copies(record, "second")[0]
    content, description = two_stores["second"]._paths(copy.key, copy.version)
    description.unlink()
    (listed,) = two_stores["second"].versions(copy.key)
    assert listed.version == copy.version
    two_stores["second"].remove(copy.key, copy.version)
    assert not content.exists() and two_stores["second"].versions(copy.key) == []
