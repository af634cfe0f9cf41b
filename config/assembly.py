"""What the apps offer, put together. Each app has its own small tables; `archive` holds only the mechanism.

`assemble()` runs once when Django is ready. `tests/apps/test_assembly.py` walks the result: nothing doubled,
nothing dangling, every table known to the database.
"""

from archive import audit, permissions, triggers
from archive.pages import audit as audit_pages
from archive.pages import people as people_pages
from archive.pages import trust as trust_pages
from config import backup, copies
from config import places as config_places
from ingest import permissions as ingest_permissions
from ingest import places as ingest_places
from ingest import triggers as ingest_triggers
from retention import permissions as retention_permissions
from retention import places as retention_places
from retention import triggers as retention_triggers
from search import permissions as search_permissions
from search import places as search_places

TRIGGER_RULES: list[triggers.Rule] = [*triggers.RULES, *ingest_triggers.RULES, *retention_triggers.RULES]
PERMISSIONS = [ingest_permissions.TABLE, retention_permissions.TABLE, search_permissions.TABLE]
AUDIT_SENTENCES = [ingest_permissions.SENTENCES, retention_permissions.SENTENCES, backup.SENTENCES]
NAVIGATION: list[tuple[str, str, str, str]] = [
    ("", "待办", "home", ""),
    *search_places.PLACES,
    *ingest_places.PLACES,
    *retention_places.PLACES,
    *config_places.PLACES,
    *people_pages.PLACES,
    *trust_pages.PLACES,
    *audit_pages.PLACES,
]
"""(group, label, name of the address, action that opens it; "" = whoever is signed in). Groups keep this order."""
TODOS = [search_places.todos, ingest_places.todos, retention_places.todos, copies.todos]
"""Each tells what waits for an actor: list of {label, count, url, oldest, hint} (config/navigation.py)."""


def assemble() -> None:
    """Permissions and audit sentences of the middle apps join those of the archive."""
    permissions.assemble(*PERMISSIONS)
    audit.assemble(*AUDIT_SENTENCES)
