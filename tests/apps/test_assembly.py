"""The tables that the apps offer, walked: nothing doubled, nothing dangling."""

import string

import pytest
from django.db import connection

from archive import audit, permissions
from config import assembly


def test_every_action_is_open_to_known_roles_only():
    for code, entry in permissions.actions().items():
        assert entry.roles, code
        assert entry.roles <= set(permissions.ROLES), code


def test_every_role_may_do_something():
    used = set().union(*(entry.roles for entry in permissions.actions().values()))
    assert used == set(permissions.ROLES)


def test_every_audit_sentence_names_plain_fields():
    for action, sentence in audit.sentences().items():
        assert "." in action and sentence, action
        for _, field, spec, conversion in string.Formatter().parse(sentence):
            assert field is None or (field.isidentifier() and not spec and not conversion), action


def test_events_and_accesses_share_no_name():
    assert not set(audit.sentences()) & set(audit.ACCESSES)


def test_the_same_action_in_two_tables_is_refused():
    with pytest.raises(ValueError, match="two tables"):
        permissions.assemble({"record.read": permissions.action("别的", "clerk")})
    with pytest.raises(ValueError, match="two tables"):
        audit.assemble({"record.filed": "别的"})


@pytest.mark.django_db
def test_every_trigger_rule_stands_on_a_real_table():
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor))
    assert {rule.table for rule in assembly.TRIGGER_RULES} <= tables
