"""What a lost database is compared by, when it comes back.

before = rows()      lose_the_database()      … rebuild …      differences(before, rows())
then = as_it_is()    … time goes by …         lose_the_database()      go_back_to(then)      as a restore does
"""

from django.core.management.color import no_style
from django.db import connection, transaction

from archive import catalogue, triggers
from archive.models import Event, Record, User
from archive.rebuilding.loading import insert
from config.assembly import TRIGGER_RULES

LEDGER = ("archive.event", "archive.access", "archive.seal", "archive.chainhead")
NATURAL = {
    "archive.chainhead": ("kind", "subject"),
    "archive.recordparty": ("record_id", "kind", "position"),
    "archive.relation": ("record_id", "business_no", "kind"),
    "archive.copy": ("object_id", "store"),
    "archive.counter": ("scope",),
    "archive.determination": ("key", "kind", "decided_at"),
    "archive.fonds": ("code",),
    "archive.department": ("fonds", "name"),
}
"""Tables whose number of a row says nothing → what names a row of it."""

LISTED = {"id", "version", "lock_until", "lock_mode", "renew_on", "checked_at", "written_at", "attempts"}
"""Columns of a copy that come from the listing where no snapshot knows them."""


LOST = {
    "retention.person", "retention.signature", "retention.group", "retention.member", "retention.appraisal",
    "retention.appraisalitem", "retention.opinion", "retention.opinionitem", "retention.register", "retention.edition",
    "retention.registerrow", "retention.supervision",
}  # fmt: skip
"""What only a snapshot brings back as rows. What was decided stands in the ledger and the fonds file."""


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
                if values.get(column) is not None:
                    values[column] = str(getattr(row, column.removesuffix("_id")))
            found[label][tuple(str(getattr(row, name)) for name in named)] = values
    return found


def _models():
    ours = ("archive", "ingest", "retention")
    found = catalogue.models_by_label().values()
    return [model for model in found if model._meta.app_label in ours and not model._meta.proxy]


def lose_the_database():
    triggers.uninstall(connection, TRIGGER_RULES)
    with connection.constraint_checks_disabled(), transaction.atomic():
        for model in reversed(_models()):
            model._base_manager.all()._raw_delete("default")
    _number_rows()
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


def as_it_is():
    return [(model, list(model._base_manager.all())) for model in _models()]


def go_back_to(then):
    with connection.constraint_checks_disabled(), transaction.atomic():
        for model, found in then:
            insert(model, found)
    _number_rows()


def _number_rows():
    """The next row gets the number behind the last one, as in a database that was just made or put back."""
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), _models()):
            cursor.execute(statement)
