"""What the database itself refuses: changing a ledger, deleting evidence, turning a counter back.

Triggers are data here and are (re)installed after every migration, because SQLite drops them in silence when it
rebuilds a table. `missing()` compares what should be there with what is; `doctor` shows it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.backends.base.base import BaseDatabaseWrapper

from archive.states import RECORD_MOVES


@dataclass(frozen=True)
class Rule:
    """On `table`, refuse `event` (DELETE or UPDATE); an UPDATE only when `when` holds (SQL over OLD and NEW)."""

    table: str
    event: str
    sentence: str
    when: str = ""

    @property
    def name(self) -> str:
        suffix = "" if not self.when else "_some"
        return f"refuse_{self.event.lower()}_{self.table}{suffix}"


def append_only(table: str) -> list[Rule]:
    return [
        Rule(table, "DELETE", f"{table} is append-only"),
        Rule(table, "UPDATE", f"{table} is append-only"),
    ]


def kept(table: str) -> Rule:
    return Rule(table, "DELETE", f"{table} rows are kept for ever")


def fixed(table: str, *columns: str) -> Rule:
    """These columns never change once written."""
    when = " OR ".join(f'OLD."{c}" IS DISTINCT FROM NEW."{c}"' for c in columns)
    return Rule(table, "UPDATE", f"{table}: {', '.join(columns)} never change", when)


def moves_only(table: str, moves: Mapping[str, set[str]]) -> Rule:
    """A state changes only along `moves`."""
    allowed = " OR ".join(
        f'(OLD."state" = \'{old}\' AND NEW."state" IN ({", ".join(repr(new) for new in sorted(news))}))'
        for old, news in moves.items()
        if news
    )
    return Rule(table, "UPDATE", f"{table}: no such move", f'OLD."state" <> NEW."state" AND NOT ({allowed})')


RULES: list[Rule] = [
    *append_only("archive_event"),
    *append_only("archive_access"),
    *append_only("archive_seal"),
    *append_only("archive_determination"),
    *append_only("archive_damage"),
    kept("archive_chainhead"),
    Rule("archive_chainhead", "UPDATE", "a chain only grows", 'NEW."count" <= OLD."count"'),
    kept("archive_counter"),
    Rule("archive_counter", "UPDATE", "a number is never drawn twice", 'NEW."last" < OLD."last"'),
    kept("archive_record"),
    fixed("archive_record", "reference_code", "fonds_id", "formed_on", "number", "archived_at", "source", "business_no"),
    moves_only("archive_record", RECORD_MOVES),
    kept("archive_digitalobject"),
    fixed("archive_digitalobject", "record_id", "sha256", "sm3", "bytes", "role"),
    kept("archive_copy"),
    Rule("archive_copy", "UPDATE", "what was stored and removed stays removed", "OLD.\"state\" = 'removed' AND OLD.\"version\" <> '' AND NEW.\"state\" <> 'removed'"),
    kept("archive_recordparty"),
    kept("archive_relation"),
    kept("archive_block"),
    kept("archive_fixityrun"),
    kept("archive_retentionclass"),
    *append_only("archive_paper"),
    kept("archive_quarantinedversion"),
    kept("archive_objectkey"),
    Rule("archive_objectkey", "UPDATE", "a destroyed key stays destroyed", "OLD.\"wrapped\" = '' AND NEW.\"wrapped\" <> ''"),
    kept("archive_trustedroot"),
    fixed("archive_trustedroot", "der", "sha256", "name", "added_at", "basis"),
    kept("archive_manualconfirmation"),
    fixed("archive_manualconfirmation", "check_id", "extent", "reference", "verdict", "statement", "confirmed_at", "valid_from", "valid_until"),
    kept("archive_lockmodechange"),
    fixed("archive_lockmodechange", "fonds_id", "reason", "asked_at", "asked_by_id", "confirm_from"),
    Rule("archive_lockmodechange", "UPDATE", "what is confirmed stays", 'OLD."confirmed_at" IS NOT NULL AND NEW."confirmed_at" IS NULL'),
    kept("archive_storeretirement"),
    fixed("archive_storeretirement", "store", "reason", "medium", "gone_on", "paper", "asked_at", "asked_by_id"),
    Rule("archive_storeretirement", "UPDATE", "what is confirmed stays", 'OLD."confirmed_at" IS NOT NULL AND (NEW."confirmed_at" IS NULL OR OLD."confirmed_by_id" IS DISTINCT FROM NEW."confirmed_by_id" OR OLD."place" IS DISTINCT FROM NEW."place")'),
    kept("archive_fonds"),
    kept("archive_department"),
]  # fmt: skip


def _unique_names(rules: list[Rule]) -> dict[str, Rule]:
    names: dict[str, Rule] = {}
    for rule in rules:
        name, n = rule.name, 2
        while name in names:
            name, n = f"{rule.name}{n}", n + 1
        names[name] = rule
    return names


def install(connection: BaseDatabaseWrapper, rules: list[Rule]) -> None:
    """Drop and make every trigger whose table exists."""
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor))
        if connection.vendor == "postgresql":
            cursor.execute(
                "CREATE OR REPLACE FUNCTION archive_refuse() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation'; END $$"
            )
        for name, rule in _unique_names(rules).items():
            if rule.table in tables:
                _make(connection, cursor, name, rule)


def _make(connection, cursor, name: str, rule: Rule) -> None:
    if connection.vendor == "postgresql":
        cursor.execute(f'DROP TRIGGER IF EXISTS "{name}" ON "{rule.table}"')
        when = f"WHEN ({rule.when})" if rule.when else ""
        cursor.execute(
            f'CREATE TRIGGER "{name}" BEFORE {rule.event} ON "{rule.table}" FOR EACH ROW {when} '
            f"EXECUTE FUNCTION archive_refuse('{rule.sentence}')"
        )
        if rule.event == "DELETE":
            cursor.execute(f'DROP TRIGGER IF EXISTS "{name}_all" ON "{rule.table}"')
            cursor.execute(
                f'CREATE TRIGGER "{name}_all" BEFORE TRUNCATE ON "{rule.table}" FOR EACH STATEMENT '
                f"EXECUTE FUNCTION archive_refuse('{rule.sentence}')"
            )
        return
    when = rule.when.replace(" IS DISTINCT FROM ", " IS NOT ")
    cursor.execute(f'DROP TRIGGER IF EXISTS "{name}"')
    cursor.execute(
        f'CREATE TRIGGER "{name}" BEFORE {rule.event} ON "{rule.table}" FOR EACH ROW '
        f"{f'WHEN {when}' if when else ''} BEGIN SELECT RAISE(ABORT, '{rule.sentence}'); END"
    )


def uninstall(connection: BaseDatabaseWrapper, rules: list[Rule]) -> None:
    """For the test harness, which must empty its tables between tests. Nothing in the product calls it."""
    with connection.cursor() as cursor:
        for name, rule in _unique_names(rules).items():
            if connection.vendor == "postgresql":
                cursor.execute(f'DROP TRIGGER IF EXISTS "{name}" ON "{rule.table}"')
                cursor.execute(f'DROP TRIGGER IF EXISTS "{name}_all" ON "{rule.table}"')
            else:
                cursor.execute(f'DROP TRIGGER IF EXISTS "{name}"')


def missing(connection: BaseDatabaseWrapper, rules: list[Rule]) -> list[str]:
    """Names of the triggers that should be there and are not."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'")
        else:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        there = {row[0] for row in cursor.fetchall()}
    return sorted(set(_unique_names(rules)) - there)
