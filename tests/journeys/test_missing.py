"""The database comes back from a backup; what was filed and decided after it lies in the stores, and is taken in."""

from datetime import date

import pytest
from django.db import connection, transaction

from archive import audit, changes, extension, keeping, ledgers, rebuilding, seals, triggers
from archive.errors import WrongState
from archive.models import Copy, Fonds, Record, Relation
from archive.rebuilding.records import WORDS
from archive.triggers import RULES
from archive.verification import verify_audit
from config.backup import reconciling
from retention import holds, recovery
from retention.models import Hold
from tests import filed
from tests.aged import SYSTEM, Aged
from tests.lost import LISTED, LOST, as_it_is, differences, go_back_to, lose_the_database, rows

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)


def restore(then, *, asks=True):
    """As `manage.py restore` does, once the files are in their place. `asks`: the stores answer it."""
    lose_the_database()
    go_back_to(then)
    with transaction.atomic():
        data = {"taken_at": "2026-11-22 00:50:00", "records": Record.objects.count()}
        audit.record(actor=SYSTEM, action="backup.restored", kind="site", subject="backup", data=data)
    return reconciling.reconcile(actor=SYSTEM) if asks else None


def take_in():
    report, taken = rebuilding.take_in_missing(actor=SYSTEM)
    recovery.recover_holds()
    return report, dict(taken)


def destroy(life, records):
    with transaction.atomic():
        life.house.appraised(records)
    life.house.execute(life.house.supervised(records))


def test_what_was_filed_and_decided_after_the_backup_comes_back(two_stores):
    life = Aged(two_stores, count=16, destroyed=1)
    doomed = life.record()
    life.follow()
    then = as_it_is()
    life.later()
    manager = filed.an_actor("manager")
    brief, elsewhere = life.record(), life.record(fonds=filed.a_fonds("N001"), source="dalian")
    held = life.hold(life.young[3], manager)
    supplement = life.record(relates=((life.young[4].business_no, "补充"),))
    destroy(life, [doomed, brief])
    life.follow()
    before = rows()

    told = restore(then)
    assert told.destroyed == [str(doomed.pk)] and not told.faults
    report, taken = take_in()
    assert report.problems == []
    assert sorted(taken.values()) == ["存根", *["更新"] * 4, *["补入"] * 3]
    assert taken[brief.reference_code] == "存根" and taken[elsewhere.reference_code] == "补入"
    states = dict(Record.objects.filter(pk__in=[doomed.pk, brief.pk]).values_list("pk", "state"))
    assert set(states.values()) == {"destroyed"}, (
        "what was destroyed after the backup never comes back as living"
    )
    there = rows()
    found = {label: said for label, said in differences(before, there).items() if label not in LOST}
    assert found.pop("archive.record") == {"destroyed_at"}
    assert set(found.pop("archive.copy")) <= LISTED | {"stored_sha256", "stored_bytes"}
    assert found.pop("archive.paper") == {"made_at"}
    assert set(found.pop("archive.user")) <= {"username", "date_joined"}, "whoever joined after the backup"
    assert set(found.pop("retention.hold")) <= {"placed_at", "ended_at", "settled_at"}
    for label in ("archive.event", "archive.counter", "archive.fixityrun", "archive.chainhead"):
        assert not [one for one in found.pop(label, ()) if one.startswith("-")], f"{label}: nothing is lost"
    assert found == {}
    assert verify_audit().faults == []
    assert Hold.objects.filter(pk=held.pk, ended_at=None).exists()
    living = {supplement.pk, elsewhere.pk, life.young[-1].pk, life.young[2].pk}
    assert changes.among(WORDS, list(living)) == changes.among("search", list(living)) == living

    assert take_in()[1] == {} and rows() == there, "once is enough"
    life.house.executor = filed.an_actor("archivist")
    filed_next = life.record(
        formed_on=date(2019, 12, 10), retention="100", fonds=Fonds.objects.get(code="D019")
    )
    assert filed_next.number == life.young[-1].number + 1


def test_nothing_is_overwritten_and_what_is_refused_is_named(stores):
    due = {"formed_on": date(2008, 5, 4), "retention": "10"}
    decided, changed, still = (filed.a_record(stores, **due) for _ in range(3))
    follow()
    then = as_it_is()
    for record in (decided, changed, still):
        extend(record, "30")
    resent = filed.a_record(stores)
    follow()
    restore(then)
    extend(decided, "永久")
    given_up = Copy.objects.create(
        object=still.digital_objects.first(), store="old", key="x", state="removed"
    )
    again = filed.a_record(stores, business_no=resent.business_no, source=resent.source)
    triggers.uninstall(connection, RULES)
    changed.digital_objects.filter(role="original").update(sha256="0" * 64)
    triggers.install(connection, RULES)
    report, taken = take_in()
    named = dict(report.problems)
    assert "补办" in named[f"D019/{decided.pk}"] and "说法不同" in named[f"D019/{changed.pk}"]
    assert again.reference_code in named[f"D019/{resent.pk}"] and len(named) == 3
    periods = dict(Record.objects.values_list("pk", "retention"))
    assert (periods[decided.pk], periods[changed.pk], periods[still.pk]) == ("永久", "10", "30")
    assert Copy.objects.get(pk=given_up.pk).state == "removed", "its store was given up, it is not missing"
    assert resent.pk not in periods and taken == {still.reference_code: "更新"}


def test_a_run_that_is_killed_has_changed_nothing_and_is_simply_run_again(stores, monkeypatch):
    earlier = filed.a_record(stores)
    then = as_it_is()
    lost = filed.a_record(stores, relates=((earlier.business_no, "补充"),))
    follow()
    restore(then, asks=False)
    before = rows()

    class Killed(BaseException):
        pass

    def die(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("archive.rebuilding.rest.settle", die)
        with pytest.raises(Killed):
            take_in()
    assert rows() == before
    assert take_in()[1] == {lost.reference_code: "补入", earlier.reference_code: "更新"}
    assert Relation.objects.get().earlier_id == earlier.pk and verify_audit().faults == []


def test_a_hold_of_which_only_the_manifest_tells_can_be_ended_by_a_person(stores):
    """It was placed so shortly before the loss that the ledger was not sealed; another has its number since."""
    lost, other = filed.a_record(stores), filed.a_record(stores)
    then = as_it_is()
    held(lost, "诉讼")
    keeping.drain(actor=SYSTEM)
    restore(then)
    held(other, "审计")
    take_in()
    hold = Hold.objects.get(reason="诉讼")
    assert holds.covering(lost) and hold.number == 2 and "没有从存储恢复" in hold.authority
    holds.end(hold, "案件已审结", actor=filed.an_actor("manager"))
    assert not holds.covering(lost) and holds.covering(other)


def held(record, reason):
    given = {"reason": reason, "authority": "法院函〔2026〕1号", "records": [record.pk]}
    holds.place(record.fonds, "record", actor=filed.an_actor("manager"), **given)


def test_an_empty_catalogue_is_for_a_rebuild(stores):
    with pytest.raises(WrongState, match="不带 --missing"):
        take_in()


def extend(record, period):
    extension.extend(record.pk, period, basis="鉴定意见", decided_on=date(2026, 1, 5), actor=SYSTEM)


def follow():
    for _ in range(2):
        keeping.drain(actor=SYSTEM)
    seals.seal_ledgers(actor=SYSTEM)
    ledgers.write_pages()
