"""What every engine promises. `tests/contracts/test_search.py` holds each of them to it.

- The same set: a hit is a document in which all conditions, all filters and the scope hold, by the definitions of
  `search.documents` and `archive.scopes`, nothing more and nothing less.
- Totals are exact to EXACT_TO; beyond, `total` is EXACT_TO and `exact` is False ("more than").
- Facets are counted under the scope and the question, each with all filters but its own, so that the other choices
  stay visible. A field in `inexact_facets` has more than EXACT_TO hits: there the newest EXACT_TO are counted.
- Order: newest = formed_on, then order, both falling. Relevance = hits with a mark of `query.first`, then by score,
  then newest; the RANKED newest hits are ranked so, the rest follow newest first.
- Pages by cursor show every hit once as long as nothing changes, and cost the same on page 1 and page 1,000.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from archive.scopes import Scope
from search.documents import Document
from search.query import SearchQuery

EXACT_TO = 10_000
RANKED = 1_000


@dataclass(frozen=True, kw_only=True)
class Hit:
    record_id: UUID
    reference_code: str
    title: str
    year: int
    stage: str
    score: float  # of use within one answer only


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    hits: tuple[Hit, ...] = ()
    total: int = 0
    exact: bool = True
    facets: dict[str, list[tuple[str | int, int]]] = field(default_factory=dict)  # most frequent first
    inexact_facets: frozenset[str] = frozenset()
    cursor: str = ""  # of the next page, "" after the last one
    took_ms: float = 0.0
    engine: str = ""


class Engine(Protocol):
    """An index of documents. Methods raise `archive.errors.NotConfigured` when there is no index."""

    name: str

    def ensure(self) -> None:
        """Make what is missing. An index of another layout is thrown away; `needs_rebuild` tells."""

    @property
    def needs_rebuild(self) -> bool:
        """True from `ensure` of a new or outdated index, or `clear`, until `mark_complete`."""

    def mark_complete(self) -> None:
        """The caller has put every document there is. Settles too."""

    def settle(self) -> None:
        """Housekeeping after many writes, in short transactions; questions are answered faster afterwards."""

    def put(self, documents: Iterable[Document]) -> None:
        """Add or replace, in short transactions; the same document twice changes nothing."""

    def remove(self, record_ids: Iterable[UUID]) -> None:
        """Unknown ids are no mistake."""

    def search(self, query: SearchQuery, scope: Scope) -> SearchResult:
        """Only what `scope` admits is found, counted and ranked."""

    def ids(self, after: UUID | None = None, limit: int = 1000) -> list[UUID]:
        """Record ids in rising order, for comparing the index with the archive piece by piece."""

    def count(self) -> int: ...

    def clear(self) -> None: ...

    def prove_absent(self, record_id: UUID) -> bool:
        """True when no part of the index can bring this record up any more."""
