"""Finding, for a person: the engine's answer, asked again of the archive before anything is shown.

The index may be seconds behind; a title that the reader may not see must not leak meanwhile. Totals and facets come
from the engine under the same scope, and are corrected by what the second look took away.
"""

from dataclasses import dataclass

from archive import audit, changes, permissions
from archive.models import Record
from archive.permissions import Actor
from search.engine import SearchResult, engine
from search.query import SearchQuery


@dataclass(frozen=True)
class Found:
    """`records` in the engine's order, each readable by whoever asked."""

    records: list[Record]
    scores: dict
    result: SearchResult
    total: int
    query: SearchQuery


def find(query: SearchQuery, *, actor: Actor, purpose: str = "") -> Found:
    """Search under the actor's reading scope; the reading is in the ledger, masked."""
    permissions.require(actor, "record.read")
    scope = actor.scope("record.read")
    result = engine().search(query, scope)
    ids = [hit.record_id for hit in result.hits]
    rows = (
        Record.objects.visible_to(scope)
        .exclude(state="destroyed")
        .select_related("fonds", "department")
        .defer("description")
        .in_bulk(ids)
    )
    stale = [pk for pk in ids if pk not in rows]
    if stale:  # the index is behind: say so to it
        changes.announce("search", *stale)
    if not actor.system and (query.shown or query.filters):
        audit.access(
            actor=actor,
            action="searched",
            purpose=purpose,
            data={"query": query.shown or "（仅筛选）", "total": result.total},
        )
    return Found(
        records=[rows[pk] for pk in ids if pk in rows],
        scores={hit.record_id: hit.score for hit in result.hits},
        result=result,
        total=max(0, result.total - len(stale)),
        query=query,
    )
