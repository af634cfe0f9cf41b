"""An engine that was filled with made-up records, beside the plain truth about them.

The truth knows no tokens and no index: phrases are substrings, scopes are their own predicate.
"""

import uuid
from collections import Counter

from django.conf import settings

from archive.scopes import EVERYTHING, Scope
from search.documents import contains
from search.engine import SearchResult
from search.query import SearchQuery, parse
from tests import generated

ALIAS = settings.SEARCH_DATABASE
COUNT = 900


class Archive:
    """An engine, and everything that was put into it."""

    def __init__(self, engine):
        self.engine = engine
        made = list(generated.records(COUNT))
        self.documents = [document for document, _, _ in made]
        self.facts = {document.record_id: facts for document, facts, _ in made}
        self.numbers = {document.record_id: numbers for document, _, numbers in made}

    def find(self, typed="", scope=EVERYTHING, **more) -> SearchResult:
        return self.engine.search(parse(typed, **more), scope)

    def truth(self, query: SearchQuery, scope: Scope, without="") -> list:
        """Newest first."""
        found = [
            document
            for document in self.documents
            if scope.admits(self.facts[document.record_id])
            and all(
                name == without or any(str(value) in values for value in document.values(name))
                for name, values in query.filters
            )
            and all(_holds(condition, document) for condition in query.conditions)
        ]
        return sorted(found, key=lambda document: (document.formed_on, document.order), reverse=True)

    def facets(self, query: SearchQuery, scope: Scope) -> dict:
        counted = {}
        for name in query.facets:
            counts = Counter(
                v for document in self.truth(query, scope, without=name) for v in document.values(name)
            )
            counted[name] = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
        return counted


def _holds(condition, document) -> bool:
    if condition.token and condition.token in document.marks:
        return True
    return bool(condition.phrases) and all(contains(document.words, phrase) for phrase in condition.phrases)


def ids(result: SearchResult) -> list[uuid.UUID]:
    return [hit.record_id for hit in result.hits]
