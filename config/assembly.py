"""What the apps offer, put together. Each app has its own small tables; `archive` holds only the mechanism.

`assemble()` runs once when Django is ready. `tests/apps/test_assembly.py` walks the result: nothing doubled,
nothing dangling, every table known to the database.
"""

from archive import audit, permissions, triggers
from ingest import permissions as ingest_permissions
from ingest import triggers as ingest_triggers

TRIGGER_RULES: list[triggers.Rule] = [*triggers.RULES, *ingest_triggers.RULES]
PERMISSIONS = [ingest_permissions.TABLE]
AUDIT_SENTENCES = [ingest_permissions.SENTENCES]


def assemble() -> None:
    """Permissions and audit sentences of the middle apps join those of the archive."""
    permissions.assemble(*PERMISSIONS)
    audit.assemble(*AUDIT_SENTENCES)
