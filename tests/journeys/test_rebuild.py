"""The database and every backup of it are lost; the stores and the key file are there. The catalogue comes back."""

from datetime import date

import pytest
from django.db import connection, transaction

from archive import catalogue, fixity, privacy, rebuilding, snapshots, triggers
from archive.models import Event, Fonds, Record, User
from archive.verification import verify_audit
from config.assembly import TRIGGER_RULES
from retention import recovery
from tests import filed
from tests.aged import SYSTEM, Aged

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)

LEDGER = ("archive.event", "archive.access", "archive.seal", "archive.chainhead")
NATURAL = {
    "archive.chainhead": ("kind", "subject"),
    "archive.recordparty": ("record_id", "kind", "position"),
    "archive.relation": ("record_id", "business_no", "kind"),
    "archive.copy": ("object_id", "store"),
    "archive.counter": ("scope",),
    "archive.determination": ("key", "kind", "decided_at"),
    "archive.fonds": ("code",),
    "archive.department": ("name",),
}
"""Tables whose number of a row says nothing → what names a row of it."""

LISTED = {"id", "version", "lock_until", "lock_mode", "renew_on", "checked_at", "written_at", "attempts"}
"""Columns of a copy that come from the listing where no snapshot knows them."""


def rows():
    """Every row of the catalogue and the ledgers, by table and by what names it, column by column."""
    found = {}
    for label in [table.label for table in catalogue.TABLE] + list(LEDGER):
        model = catalogue.models_by_label()[label]
        hidden = next((table.without for table in catalogue.TABLE if table.label == label), ())
        named = NATURAL.get(label, (model._meta.pk.attname,))
        found[label] = {}
        for row in model._base_manager.all():
            values = catalogue.values_of(row, hidden)
            if label in NATURAL:
                values.pop("id")
            for column in ("fonds_id", "department_id"):  # by their numbers
                if label not in ("archive.fonds", "archive.department") and values.get(column) is not None:
                    values[column] = str(getattr(row, column.removesuffix("_id")))
            found[label][tuple(str(getattr(row, name)) for name in named)] = values
    return found


def lose_the_database():
    triggers.uninstall(connection, TRIGGER_RULES)
    with connection.constraint_checks_disabled(), transaction.atomic():
        for model in reversed(list(catalogue.models_by_label().values())):
            if model._meta.app_label in ("archive", "ingest", "retention") and not model._meta.proxy:
                model._base_manager.all()._raw_delete("default")
    triggers.install(connection, TRIGGER_RULES)
    assert not Record.objects.exists() and not User.objects.exists() and not Event.objects.exists()


def differences(before, after):
    """Table → rows that are new ("+name"), gone ("-name"), and columns that differ."""
    found = {}
    for label, old in before.items():
        new = after[label]
        said = {f"+{row}" for row in set(new) - set(old)} | {f"-{row}" for row in set(old) - set(new)}
        for name in set(old) & set(new):
            said |= {column for column in old[name] if old[name][column] != new[name].get(column)}
        if said:
            found[label] = said
    return found


def rebuild(**how):
    before = rows()
    lose_the_database()
    report = rebuilding.rebuild(actor=SYSTEM, **how)
    recovery.recover_holds()
    after = rows()
    our = Event.objects.get(action="catalogue.rebuilt")
    del after["archive.event"][(str(our.pk),)], after["archive.chainhead"]["site", "catalogue"]
    before["archive.chainhead"].pop(("site", "catalogue"), None)
    return report, differences(before, after)


def the_archive_goes_on(life):
    """Numbers continue, both ledgers are proven, every copy is whole, personal numbers can be read."""
    ours = Record.objects.filter(fonds__code="D019", formed_on__year=2019, retention="100")
    last = max(ours.values_list("number", flat=True))
    life.seal()
    assert verify_audit().faults == []
    swept = fixity.sweep(actor=SYSTEM, everything=True)
    assert swept.checked and not swept.damaged
    party = life.young[0].parties.get(kind="person")
    assert privacy.decrypt(party.id_no).startswith("4419")
    life.fonds = Fonds.objects.get(code="D019")
    life.house.executor = filed.an_actor("archivist")
    filed_next = life.record(formed_on=date(2019, 12, 10), retention="100")
    assert filed_next.number == last + 1


def test_everything_comes_back_from_a_fresh_snapshot(two_stores):
    life = Aged(two_stores)
    snapshots.take(actor=SYSTEM)
    life.seal()
    report, found = rebuild()
    assert report.problems == [] and len(report.snapshots) == 3
    assert found == {}
    the_archive_goes_on(life)


def test_what_happened_after_the_snapshot_comes_back_from_manifests_and_ledger(two_stores):
    life = Aged(two_stores)
    snapshots.take(actor=SYSTEM)
    life.later()
    report, found = rebuild()
    assert report.problems == []
    assert set(found.pop("archive.copy")) <= LISTED
    assert set(found.pop("archive.user")) <= {"username", "date_joined"}, "whoever joined after the snapshot"
    assert set(found.pop("retention.hold")) <= {"ended_at", "settled_at"}, "to the millisecond"
    assert found == {}
    the_archive_goes_on(life)


def test_without_any_snapshot_manifests_stubs_and_ledger_are_enough_for_the_records(two_stores):
    life = Aged(two_stores)
    report, found = rebuild()
    assert report.problems == [] and report.snapshots == []
    assert {label for label in found if label.startswith("retention.")} == LOST | {"retention.hold"}
    assert found.pop("retention.hold") <= {"placed_at", "ended_at", "settled_at"}
    found = {label: said for label, said in found.items() if label not in LOST}
    assert found.pop("archive.paper") == {"made_at"}
    assert found.pop("archive.record") == {"destroyed_at"}
    assert set(found.pop("archive.copy")) <= LISTED | {"stored_sha256", "stored_bytes"}, (
        "the last two: of stubs"
    )
    gaps = found.pop("archive.counter")
    assert not any(one.startswith("-") and "销毁清册" not in one and "appraisal" not in one for one in gaps)
    people = found.pop("archive.user")
    assert {one for one in people if not one.startswith("-")} <= {"username", "date_joined"}
    assert found == {}
    assert Record.objects.filter(state="destroyed").count() == 3
    the_archive_goes_on(life)


LOST = {
    "retention.person", "retention.signature", "retention.group", "retention.member", "retention.appraisal",
    "retention.appraisalitem", "retention.opinion", "retention.opinionitem", "retention.register", "retention.edition",
    "retention.registerrow", "retention.supervision",
}  # fmt: skip
"""What only a snapshot brings back as rows. What was decided stands in the ledger and the fonds file."""
