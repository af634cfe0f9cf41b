"""What the application's PostgreSQL role may do. It owns no table, so it can neither drop a trigger nor a ledger.

The owner's role runs the migrations and calls this afterwards (design §5.9). On SQLite there are no roles.
"""

import re

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from archive.errors import WrongInput

DELETABLE = (
    "archive_assignment",  # a role taken back; the ledger keeps that it was given
    "archive_change",  # the outbox: done is gone
    "archive_madecontent",  # bytes on their way into the stores
    "archive_objecttext",  # a rendition
    "archive_sourcesystem_fonds",
    "archive_user_groups",
    "archive_user_user_permissions",
    "auth_group",
    "auth_group_permissions",
    "axes_*",
    "django_q_*",
    "django_session",
    "ingest_findingrow",  # a new examination replaces them
    "search_*",  # a disposable copy
)
"""Tables in which the application deletes rows; a name may end in `*`. Everywhere else it cannot, trigger or not."""

HIDDEN = ("django_migrations",)
"""Read, never written: only the owner migrates."""


def rights_on(table: str, *, append_only: bool = False) -> tuple[str, ...]:
    if table in HIDDEN:
        return ("SELECT",)
    if append_only:
        return ("SELECT", "INSERT")
    if any(table == name or (name.endswith("*") and table.startswith(name[:-1])) for name in DELETABLE):
        return ("SELECT", "INSERT", "UPDATE", "DELETE")
    return ("SELECT", "INSERT", "UPDATE")


def grant_application_role(connection: BaseDatabaseWrapper, role: str) -> list[str]:
    """Give `role` exactly these rights on every table and sequence of the schema; the tables, sorted. Repeatable.

    `connection` is the owner's. Raises WrongInput when the role is no plain name, does not exist, or is the owner.
    """
    if connection.vendor != "postgresql":
        raise WrongInput(field="DATABASE_URL", reason="只有 PostgreSQL 才有角色授权。")
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,62}", role):
        raise WrongInput(field="角色", reason=f"“{role[:60]}”不是合法的角色名。")
    quote = connection.ops.quote_name
    # In one transaction: an application at work never finds itself without its rights.
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute("SELECT rolname = current_user FROM pg_roles WHERE rolname = %s", [role])
        found = cursor.fetchone()
        if found is None:
            raise WrongInput(field="角色", reason=f"数据库里没有角色“{role}”，请先由数据库管理员创建。")
        if found[0]:
            raise WrongInput(field="角色", reason=f"“{role}”就是表的所有者；应用应使用另一个角色登录。")
        cursor.execute("SELECT current_schema()")
        schema = quote(cursor.fetchone()[0])
        tables = sorted(connection.introspection.table_names(cursor))
        cursor.execute("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")
        guards = {row[0] for row in cursor.fetchall()}  # append-only is what refuses every update
        cursor.execute(f"GRANT USAGE ON SCHEMA {schema} TO {quote(role)}")
        cursor.execute(f"REVOKE CREATE ON SCHEMA {schema} FROM {quote(role)}")
        for table in tables:
            rights = rights_on(table, append_only=f"refuse_update_{table}" in guards)
            cursor.execute(f"REVOKE ALL ON TABLE {quote(table)} FROM {quote(role)}")
            cursor.execute(f"GRANT {', '.join(rights)} ON TABLE {quote(table)} TO {quote(role)}")
        cursor.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {quote(role)}")
    return tables


def owned_tables(connection: BaseDatabaseWrapper) -> list[str]:
    """Tables that the signed-in role owns or may act as the owner of. Should be none for the application."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c WHERE c.relkind IN ('r', 'p') "
            "AND c.relnamespace = current_schema()::regnamespace AND pg_has_role(c.relowner, 'MEMBER') ORDER BY 1"
        )
        return [row[0] for row in cursor.fetchall()]
