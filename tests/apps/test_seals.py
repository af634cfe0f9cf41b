"""Sealing: nothing announced is forgotten, no number comes twice, and a crash leaves nothing to repair by hand."""

import gzip
import io
import json
import threading
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.utils import timezone

from archive import audit, changes, seals
from archive.errors import NotAllowed, StorageFailed
from archive.locks import alone
from archive.models import Access, Change, Event, Seal
from archive.seals import SealRefused, merkle_root, seal_ledgers
from archive.verification import verify_audit
from tests import filed


def write_events(actor, count, subject="x"):
    with transaction.atomic():
        for _ in range(count):
            audit.record(actor=actor, action="user.signed_in", kind="site", subject=subject)


def lines_of(store, seal):
    content = seals.read_file(store, seal.key, seal.copies[store.name])
    return [json.loads(line) for line in gzip.decompress(content).splitlines()]


def put(store, content, number):
    sealed = seals.parse(content)
    return seals._put(store, seals.key_of(number), content, sealed)


@pytest.mark.django_db
def test_a_seal_holds_every_announced_row_of_both_ledgers_in_every_store(two_stores, actor):
    record = filed.a_record(two_stores)
    audit.access(actor=actor, action="record.viewed", record=record)
    seal = seal_ledgers(actor=actor)
    assert (seal.number, seal.events, seal.accesses) == (1, Event.objects.count(), 1)
    assert changes.waiting("seal-event") == changes.waiting("seal-access") == 0
    assert set(seal.copies) == {"local", "second"}
    for store in two_stores.values():
        header, *leaves = lines_of(store, seal)
        assert (header["number"], header["root"], header["previous"]) == (1, seal.root, "")
        assert {leaf[1] for leaf in leaves} == {
            str(pk) for model in (Event, Access) for pk in model.objects.values_list("pk", flat=True)
        }
        locked = store.head(seal.key, seal.copies[store.name]).lock_until
        assert locked.year == timezone.localdate().year + 10


@pytest.mark.django_db
def test_seals_form_a_chain_and_an_empty_hour_makes_none(stores, actor):
    write_events(actor, 2)
    first = seal_ledgers(actor=actor)
    assert seal_ledgers(actor=actor) is None
    write_events(actor, 1)
    second = seal_ledgers(actor=actor)
    assert (second.number, second.previous, second.events) == (2, first.digest, 1)
    assert verify_audit().faults == []


@pytest.mark.django_db
def test_much_becomes_several_seals(stores, actor, monkeypatch):
    monkeypatch.setattr(seals, "LEAVES", 4)
    write_events(actor, 10)
    assert seal_ledgers(actor=actor).number == 3
    assert list(Seal.objects.order_by("number").values_list("events", flat=True)) == [4, 4, 2]


@pytest.mark.django_db
def test_what_commits_late_comes_into_the_next_seal(stores, actor):
    write_events(actor, 2)
    late = Event.objects.order_by("id").first()
    Change.objects.filter(subject=late.pk).delete()  # its transaction is still open
    seal_ledgers(actor=actor)
    changes.announce("seal-event", late.pk)
    assert seal_ledgers(actor=actor).last_event == late.pk
    assert verify_audit().faults == []


@pytest.mark.django_db
def test_only_other_topics_stay_in_the_outbox(stores, actor):
    record = filed.a_record(stores)
    seal_ledgers(actor=actor)
    assert set(Change.objects.values_list("topic", "subject")) == {("search", record.pk)}


@pytest.mark.django_db
def test_only_the_auditor_and_the_system_may_seal(stores):
    with pytest.raises(NotAllowed, match="安全审计员"):
        seal_ledgers(actor=filed.an_actor("archivist"))


class Crash(BaseException):
    """As a kill: nobody catches it."""


@pytest.mark.django_db
def test_a_run_killed_between_store_and_row_is_completed_by_the_next(two_stores, actor, monkeypatch):
    write_events(actor, 3)
    with monkeypatch.context() as patched:
        patched.setattr(seals, "_book", lambda *_: (_ for _ in ()).throw(Crash))
        with pytest.raises(Crash):
            seal_ledgers(actor=actor)
    assert not Seal.objects.exists() and changes.waiting("seal-event") == 3
    assert verify_audit().faults == []  # unfinished is no fault
    write_events(actor, 1)
    assert seal_ledgers(actor=actor).number == 2
    assert list(Seal.objects.order_by("number").values_list("events", flat=True)) == [3, 1]
    for store in two_stores.values():
        assert [len(store.versions(seals.key_of(number))) for number in (1, 2, 3)] == [1, 1, 0]
    assert verify_audit().faults == []


@pytest.mark.django_db
def test_a_run_killed_between_two_stores_writes_the_same_file_into_the_other(two_stores, actor, monkeypatch):
    write_events(actor, 3)
    whole = seals._put

    def killed(store, *rest):
        if store.name == "second":
            raise Crash
        return whole(store, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(seals, "_put", killed)
        with pytest.raises(Crash):
            seal_ledgers(actor=actor)
    write_events(actor, 1)
    seal_ledgers(actor=actor)
    one, other = (
        seals.read_file(s, seals.key_of(1), s.versions(seals.key_of(1))[0].version)
        for s in two_stores.values()
    )
    assert one == other
    assert verify_audit().faults == []


@pytest.mark.django_db
def test_a_full_store_leaves_everything_announced(stores, actor, monkeypatch):
    write_events(actor, 2)

    def full(*_, **__):
        raise StorageFailed(store="local", kind="full", reason="磁盘已满。")

    monkeypatch.setattr(stores["local"], "put", full)
    with pytest.raises(StorageFailed):
        seal_ledgers(actor=actor)
    assert changes.waiting("seal-event") == 2 and not Seal.objects.exists()


@pytest.mark.django_db
def test_a_seal_whose_row_was_cut_away_is_not_taken_up_again_in_silence(stores, actor, without_triggers):
    write_events(actor, 2)
    seal_ledgers(actor=actor)
    Seal.objects.all().delete()
    write_events(actor, 1)
    with pytest.raises(SealRefused, match="被删除过"):
        seal_ledgers(actor=actor)


@pytest.mark.django_db
def test_a_leftover_that_the_ledger_contradicts_is_refused(stores, actor, without_triggers, monkeypatch):
    write_events(actor, 2)
    with monkeypatch.context() as patched:
        patched.setattr(seals, "_book", lambda *_: (_ for _ in ()).throw(Crash))
        with pytest.raises(Crash):
            seal_ledgers(actor=actor)
    Event.objects.filter(sequence=2).update(digest="0" * 64)
    with pytest.raises(SealRefused, match="账本不符"):
        seal_ledgers(actor=actor)


@pytest.mark.django_db
def test_rubbish_under_the_next_number_is_refused_with_a_sentence(stores, actor):
    write_events(actor, 1)
    seal_ledgers(actor=actor)
    store = stores["local"]
    content = seals.read_file(store, seals.key_of(1), store.versions(seals.key_of(1))[0].version)
    put(store, content, 2)
    write_events(actor, 1)
    with pytest.raises(SealRefused, match="接不上"):
        seal_ledgers(actor=actor)


def test_two_runners_make_one_chain(committed, stores, actor, monkeypatch):
    monkeypatch.setattr(seals, "LEAVES", 5)
    write_events(actor, 40)
    failures = []

    def run():
        try:
            for _ in range(6):
                seal_ledgers(actor=actor)
        except Exception as fault:
            failures.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    seal_ledgers(actor=actor)
    assert list(Seal.objects.order_by("number").values_list("number", flat=True)) == list(range(1, 9))
    store = stores["local"]
    assert all(len(store.versions(seals.key_of(number))) == 1 for number in range(1, 9))
    assert verify_audit().faults == []


def test_a_lock_is_held_by_one_and_freed_afterwards(committed):
    answers = []

    def other():
        with alone("test") as ours:
            answers.append(ours)
        connection.close()

    with alone("test") as ours:
        assert ours
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    with alone("test") as again:
        assert again
    assert answers == [False]


def test_the_root_depends_on_every_leaf_and_its_place():
    leaves = [bytes([n]) for n in range(5)]
    roots = {
        merkle_root(leaves),
        merkle_root(leaves[::-1]),
        merkle_root(leaves[:4]),
        merkle_root([*leaves, leaves[4]]),
    }
    roots |= {merkle_root(leaves[:n] + [b"x"] + leaves[n + 1 :]) for n in range(5)}
    assert len(roots) == 9
    # The two-leaf root by hand: nodes and leaves are told apart by their first byte.
    from hashlib import sha256

    left, right = (sha256(b"\0" + leaf).digest() for leaf in (b"a", b"b"))
    assert merkle_root([b"a", b"b"]) == sha256(b"\1" + left + right).hexdigest()


def a_file():
    leaves = tuple(seals.Leaf("seal-event", UUID(int=n), "d" * 64, "site", "x", n) for n in range(1, 4))
    return seals.write(seals.Sealed(1, "2026-01-01T00:00:00+00:00", "", "2036-01-01T00:00:00+00:00", leaves))


def test_the_same_seal_gives_the_same_bytes():
    assert a_file() == a_file()
    assert seals.write(seals.parse(a_file())) == a_file()


def _with(change):
    header, *lines = [json.loads(line) for line in gzip.decompress(a_file()).splitlines()]
    change(header, lines)
    return gzip.compress("\n".join(json.dumps(value) for value in [header, *lines]).encode())


def bomb():
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb") as file:
        for _ in range(70):
            file.write(bytes(1024 * 1024))
    return out.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"not gzip", id="no gzip"),
        pytest.param(a_file()[:-20], id="cut"),
        pytest.param(gzip.compress(b"[" * 200_000), id="deep nesting"),
        pytest.param(gzip.compress(b"{}\n"), id="no header"),
        pytest.param(gzip.compress(b"7\n8\n"), id="numbers"),
        pytest.param(_with(lambda header, lines: lines.pop()), id="leaf cut"),
        pytest.param(_with(lambda header, lines: lines[0].__setitem__(2, "0" * 64)), id="leaf changed"),
        pytest.param(_with(lambda header, lines: lines.reverse()), id="leaves reordered"),
        pytest.param(_with(lambda header, lines: header.update(previous="x")), id="chain changed"),
        pytest.param(_with(lambda header, lines: header.update(sealed_at="soon")), id="no date"),
        pytest.param(bomb(), id="bomb"),
    ],
)
def test_a_file_that_does_not_agree_with_itself_is_not_read(content):
    with pytest.raises(ValueError):
        seals.parse(content)
