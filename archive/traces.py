"""Where a record leaves traces outside its rows and stored copies, and how each is removed and proven absent.

Destruction must reach the index, staging, refused evidence and renditions without importing their apps: this module
holds the protocol, `config` lists who implements it (settings.TRACE_KEEPERS), disposal calls the list.
"""

from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from archive.models import Record


class TraceKeeper(Protocol):
    name: str  # Chinese, for the certificate

    def remove(self, record: Record) -> None:
        """Remove every trace. Repeating it does no harm."""

    def prove_absent(self, record: Record) -> list[str]:
        """What is still there, in words; empty = nothing."""


def keepers() -> list[TraceKeeper]:
    return [import_string(path) for path in settings.TRACE_KEEPERS]
