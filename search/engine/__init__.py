"""The search engine of this installation, behind one interface (`Engine`). Nobody imports the private modules.

The index is a disposable copy: the archive's tables are the truth, an index can be made anew from them at any time.
"""

from functools import cache

from django.conf import settings

from search.engine._base import EXACT_TO, RANKED, Engine, Hit, SearchResult
from search.engine._database import DatabaseEngine

__all__ = ["EXACT_TO", "RANKED", "DatabaseEngine", "Engine", "Hit", "SearchResult", "engine"]


@cache
def engine() -> Engine:
    """The engine that the settings name. `ensure()` it once (setup and the worker do) before the first question."""
    return DatabaseEngine(settings.SEARCH_DATABASE)
