"""Which table lies where, and that all are there. Only SQLite knows files of their own for the index and the jobs."""

from django.conf import settings
from django.core.management import call_command


class Router:
    """The job library's tables go to JOBS_DATABASE; everything else to `default`. The search engine keeps its
    tables itself (they are a disposable copy) and is not routed."""

    def db_for_read(self, model, **hints):
        return settings.JOBS_DATABASE if model._meta.app_label == "django_q" else "default"

    db_for_write = db_for_read

    def allow_relation(self, one, other, **hints):
        return self.db_for_read(type(one)) == self.db_for_read(type(other))

    def allow_migrate(self, db, app_label, **hints):
        if app_label == "django_q":
            return db == settings.JOBS_DATABASE
        return db == "default"


def migrate() -> None:
    """Make or update every table. The jobs' own file is asked for its own app only: to play all migrations through for
    a file that takes none of them costs seconds."""
    call_command("migrate", database="default", verbosity=0, interactive=False)
    if settings.JOBS_DATABASE != "default":
        call_command("migrate", "django_q", database=settings.JOBS_DATABASE, verbosity=0, interactive=False)
