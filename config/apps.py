from django.apps import AppConfig, apps
from django.db import connections
from django.db.models.signals import post_migrate


class ConfigConfig(AppConfig):
    name = "config"
    label = "config"

    def ready(self) -> None:
        from config import form_words

        form_words.speak()
        from config import assembly, checks, sign_in  # noqa: F401  (checks register themselves)

        assembly.assemble()
        sign_in.connect()
        # Sent for each app when all migrations are done; once is enough.
        post_migrate.connect(install_triggers, sender=apps.get_app_config("archive"), dispatch_uid="triggers")


def install_triggers(*, using: str, **_: object) -> None:
    """SQLite drops the triggers of a table in silence when a migration rebuilds it, so they are made again after
    every `migrate` (and `flush`). Infrastructure, no business effect."""
    from archive import triggers
    from config.assembly import TRIGGER_RULES

    if using == "default":
        triggers.install(connections[using], TRIGGER_RULES)
