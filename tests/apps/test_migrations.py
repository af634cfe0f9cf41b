"""The migrations say what the models say."""

import io

import pytest
from django.core.management import call_command

pytestmark = pytest.mark.django_db(databases="__all__")


def test_no_model_has_changed_without_a_migration():
    said = io.StringIO()
    try:
        call_command("makemigrations", check=True, dry_run=True, stdout=said)
    except SystemExit:
        pytest.fail(said.getvalue())


def test_every_constraint_and_index_has_a_name_of_ours():
    """Names that Django makes up change with it, and tell nobody in an error what was wrong."""
    from django.apps import apps

    nameless = [
        f"{model.__name__}: {thing}"
        for label in ("archive", "ingest", "retention")
        for model in apps.get_app_config(label).get_models()
        for thing in (*model._meta.constraints, *model._meta.indexes)
        if not thing.name or thing.name.startswith(f"{label}_")
    ]
    assert not nameless
