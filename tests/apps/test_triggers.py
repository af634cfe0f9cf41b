"""What the database refuses, whoever asks: the ORM, raw SQL, and after a migration has rebuilt a table."""

import pytest
from django.db import DatabaseError, connection, migrations, models, transaction
from django.utils import timezone

from archive import audit, triggers
from archive.identifiers import new_id
from archive.models import (
    Access,
    Block,
    ChainHead,
    Copy,
    Counter,
    Damage,
    Determination,
    DigitalObject,
    Event,
    FixityRun,
    LockModeChange,
    ManualConfirmation,
    ObjectKey,
    Paper,
    QuarantinedVersion,
    Record,
    RecordParty,
    Relation,
    RetentionClass,
    Seal,
    StoreRetirement,
    TrustedRoot,
)
from config.apps import install_triggers
from config.assembly import TRIGGER_RULES
from ingest import triggers as ingest_triggers
from ingest.models import Submission
from tests import filed

pytestmark = pytest.mark.django_db


@pytest.fixture
def everything(stores, actor):
    """One row at least in every table that has a rule."""
    now = timezone.now()
    record = filed.a_record(stores)
    filed.a_department()
    RecordParty.objects.create(
        record=record, kind="unit", position=0, name="某公司", name_key="某公司", party_key="x"
    )
    Relation.objects.create(record=record, business_no="EARLIER", kind="更正")
    Block.objects.create(record=record, kind="hold", reference=new_id(), reason="诉讼", placed_at=now)
    Determination.objects.create(
        key="1-2", kind="determined", period="10", basis="依据", decided_at=now, decided_by_name="李四"
    )
    RetentionClass.objects.create(
        schedule="2009", valid_from=now.date(), code="1-2", class_no=1, class_name="参保", source_count=2
    )
    with transaction.atomic():
        audit.access(actor=actor, action="record.viewed", record=record)
    Seal.objects.create(
        number=1, sealed_at=now, events=1, accesses=1, root="r", digest="d", key="seals/0000000001.json.gz"
    )
    Paper.objects.create(
        fonds=record.fonds,
        number=1,
        kind="清册",
        title="销毁清册",
        made_at=now,
        made_by_name="李四",
        mime="x",
        bytes=1,
    )
    run = FixityRun.objects.create(started_at=now, extent="all")
    copy = Copy.objects.first()
    Damage.objects.create(run=run, copy=copy, fault="missing", found_at=now)
    QuarantinedVersion.objects.create(
        copy=copy, version="v", fault="missing", ordered_at=now, ordered_by_name="李四"
    )
    ObjectKey.objects.create(object=record.digital_objects.get(position=0), kek="k", wrapped="w", made_at=now)
    TrustedRoot.objects.create(
        name="根",
        serial="1",
        sha256="0" * 64,
        der="x",
        basis="文",
        not_before=now,
        not_after=now,
        added_at=now,
    )
    ManualConfirmation.objects.create(
        check_id="GD-4-1", extent="site", verdict="passed", statement="已装", confirmed_at=now,
        confirmed_by=filed.a_user(), valid_from=now.date(), valid_until=now.date(),
    )  # fmt: skip
    LockModeChange.objects.create(
        fonds=record.fonds,
        reason="上级要求",
        asked_at=now,
        asked_by=filed.a_user(),
        asked_by_name="李四",
        confirm_from=now.date(),
    )
    StoreRetirement.objects.create(
        store="second", reason="到期", medium="lost", gone_on=now.date(), paper="1", asked_at=now, asked_by=filed.a_user(),
        asked_by_name="李四",
    )  # fmt: skip
    Submission.objects.create(channel="cli", arrived_as="a.zip", received_at=now, blob="", blob_bytes=1)
    return record


# The decisions of `retention` are tried out where they are made.
TABLES = sorted({rule.table for rule in [*triggers.RULES, *ingest_triggers.RULES]})
APPEND_ONLY = [
    (Event, "actor_name"), (Access, "actor_name"), (Seal, "root"), (Determination, "basis"), (Damage, "detail"),
    (Paper, "title"),
]  # fmt: skip
FIXED = [
    (Record, "reference_code", "X"), (Record, "number", 9), (Record, "formed_on", "2001-01-01"),
    (Record, "source", "x"), (Record, "business_no", "x"), (DigitalObject, "sha256", "x"),
    (DigitalObject, "bytes", 1), (DigitalObject, "role", "report"),
]  # fmt: skip


def refused(work):
    with pytest.raises(DatabaseError), transaction.atomic():
        work()


def run(sql, *values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


@pytest.mark.parametrize("table", TABLES)
def test_no_row_under_a_rule_can_be_deleted(everything, table):
    assert count(table), "the test needs a row, else it proves nothing"
    refused(lambda: run(f"DELETE FROM {table}"))
    if connection.vendor == "postgresql":
        refused(lambda: run(f"TRUNCATE {table} CASCADE"))
    assert count(table)


@pytest.mark.parametrize("model", [Event, Access, Seal, Damage, Record, Copy, ChainHead, Counter, Submission])
def test_the_orm_is_refused_as_raw_sql_is(everything, model):
    refused(lambda: model.objects.all()._raw_delete("default"))


@pytest.mark.parametrize(("model", "field"), APPEND_ONLY)
def test_a_ledger_row_cannot_be_changed(everything, model, field):
    refused(lambda: model.objects.update(**{field: "changed"}))
    refused(lambda: run(f"UPDATE {model._meta.db_table} SET {field} = 'changed'"))


@pytest.mark.parametrize(("model", "field", "value"), FIXED)
def test_what_was_filed_never_changes(everything, model, field, value):
    refused(lambda: model.objects.update(**{field: value}))


def test_what_may_change_still_changes(everything):
    assert Record.objects.update(title="更正后的题名") == 1
    assert Copy.objects.update(checked_at=timezone.now()) >= 1


def test_a_chain_only_grows_and_a_number_is_never_drawn_twice(everything):
    refused(lambda: ChainHead.objects.filter(kind="record").update(count=1))
    refused(lambda: ChainHead.objects.filter(kind="record").update(digest="0" * 64))
    refused(lambda: Counter.objects.update(last=0))
    assert Counter.objects.update(last=7)


def test_destroyed_is_the_end(everything):
    Record.objects.update(state="disposing")
    Record.objects.update(state="destroyed", destroyed_at=timezone.now())
    refused(lambda: Record.objects.update(state="archived", destroyed_at=None))


def test_a_destroyed_key_never_comes_back(everything):
    ObjectKey.objects.update(wrapped="", destroyed_at=timezone.now())
    refused(lambda: ObjectKey.objects.update(wrapped="w", destroyed_at=None))


def test_a_confirmed_lock_mode_stays_confirmed(everything):
    LockModeChange.objects.update(confirmed_at=timezone.now(), confirmed_by_name="王五")
    refused(lambda: LockModeChange.objects.update(confirmed_at=None))
    refused(lambda: LockModeChange.objects.update(reason="另一个理由"))


def test_every_rule_is_installed_after_migrate_and_a_dropped_one_is_named():
    assert triggers.missing(connection, TRIGGER_RULES) == []
    on = " ON archive_event" if connection.vendor == "postgresql" else ""
    run(f"DROP TRIGGER refuse_delete_archive_event{on}")
    assert triggers.missing(connection, TRIGGER_RULES) == ["refuse_delete_archive_event"]
    install_triggers(using="default")
    assert triggers.missing(connection, TRIGGER_RULES) == []


def test_triggers_survive_a_migration_that_rebuilds_the_table(committed):
    """SQLite drops them with the old table, without a word; `post_migrate` puts them back."""
    Event.objects.create(
        kind="site", subject="x", sequence=1, action="user.signed_in", at=timezone.now(), digest="d"
    )
    rebuild(models.CharField(max_length=61))
    if connection.vendor == "sqlite":
        assert "refuse_update_archive_event" in triggers.missing(connection, TRIGGER_RULES)
    emit_post_migrate()
    try:
        assert triggers.missing(connection, TRIGGER_RULES) == []
        refused(lambda: Event.objects.update(actor_name="changed"))
    finally:
        rebuild(models.CharField(max_length=60))


def rebuild(field):
    from django.apps import apps
    from django.db.migrations.state import ProjectState

    state = ProjectState.from_apps(apps)
    change = migrations.AlterField("event", "actor_name", field)
    after = state.clone()
    change.state_forwards("archive", after)
    # Bring the state to the table as it is, then alter it.
    before = state
    if field.max_length == 60:
        before = state.clone()
        migrations.AlterField("event", "actor_name", models.CharField(max_length=61)).state_forwards(
            "archive", before
        )
    with connection.schema_editor() as editor:
        change.database_forwards("archive", editor, before, after)


def emit_post_migrate():
    from django.core.management.sql import emit_post_migrate_signal

    emit_post_migrate_signal(verbosity=0, interactive=False, db="default")


def count(table):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return cursor.fetchone()[0]
