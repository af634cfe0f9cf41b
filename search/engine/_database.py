"""The embedded engine: the index lies in a database that Django already knows, SQLite (FTS5) or PostgreSQL.

Both keep two plain tables, `search_fact` (what lists, counts and ranks) and `search_text` (what was indexed), and an
inverted index over the tokens of `documents`; the two dialects differ only in that index (`_sqlite`, `_postgres`).

Why it is fast: a row's `position` is its place in time, so "newest first" is the order of the key and a question
stops as soon as it has enough; scope and filters are tokens inside the inverted index, so a clerk's question skips
what he may not see instead of fetching it first; ranking looks at short fields of at most RANKED hits, never at
statistics of the whole index (which would also tell a clerk what others hold).
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import connections, transaction
from django.db.utils import OperationalError, ProgrammingError

from archive.errors import NotConfigured
from archive.scopes import Scope
from search.documents import FILTERS, Document, contains, mark
from search.engine import _postgres, _sqlite
from search.engine._base import EXACT_TO, RANKED, Hit, SearchResult
from search.query import RELEVANCE, Cursor, SearchQuery

LAYOUT = 1
"""Raise it whenever the tables or the cutting change: the next `ensure` throws the old index away."""

BATCH = 50
"""Documents in one write transaction, so that no reader or other writer waits long."""

_FACT = (
    "position", "record_id", "reference_code", "title", "year", "stage", "insurances", "fonds", "category", "state",
    "department", "names", "heading",
)  # fmt: skip
_COLUMN = {name: "insurances" if name == "insurance" else name for name in FILTERS}
_SHOWN = ("position", "record_id", "reference_code", "title", "year", "stage")

# How much a phrase counts by where it stands.
FIRST, WHOLE_NAME, IN_NAME, IN_HEADING, IN_TEXT = 100.0, 8.0, 5.0, 3.0, 1.0


class DatabaseEngine:
    """See `_base.Engine`."""

    def __init__(self, alias: str) -> None:
        self.alias = alias

    @property
    def connection(self):
        return connections[self.alias]

    @property
    def dialect(self):
        return _postgres if self.connection.vendor == "postgresql" else _sqlite

    @property
    def name(self) -> str:
        return self.dialect.NAME

    # The index as a whole

    def ensure(self) -> None:
        with transaction.atomic(using=self.alias):
            tables = set(self.connection.introspection.table_names())
            if "search_layout" in tables and self._rows("SELECT version FROM search_layout") == [(LAYOUT,)]:
                return
            for table in ("search_words", "search_text", "search_fact", "search_layout"):
                self._do(f"DROP TABLE IF EXISTS {table}")
            self._do("CREATE TABLE search_layout (version integer NOT NULL, complete integer NOT NULL)")
            self._do("INSERT INTO search_layout VALUES (%s, 0)", [LAYOUT])
            self._do(
                f"CREATE TABLE search_fact (position {self.dialect.KEY} PRIMARY KEY, record_id char(32) NOT NULL UNIQUE, "
                "reference_code text NOT NULL, title text NOT NULL, year integer NOT NULL, stage text NOT NULL, "
                "insurances text NOT NULL, fonds text NOT NULL, category text NOT NULL, state text NOT NULL, "
                "department text NOT NULL, names text NOT NULL, heading text NOT NULL)"
            )
            for statement in self.dialect.CREATE:
                self._do(statement)

    @property
    def needs_rebuild(self) -> bool:
        return self._ask("SELECT version, complete FROM search_layout") != [(LAYOUT, 1)]

    def mark_complete(self) -> None:
        self.settle()
        self._do("UPDATE search_layout SET complete = 1")

    def settle(self) -> None:
        for _ in self.dialect.settle(self._rows):
            pass  # each step is a transaction of its own

    def count(self) -> int:
        return self._ask("SELECT count(*) FROM search_fact")[0][0]

    def clear(self) -> None:
        with transaction.atomic(using=self.alias):
            self._do("UPDATE search_layout SET complete = 0")
            self._do("DELETE FROM search_fact")
            for statement in self.dialect.CLEAR:
                self._do(statement)

    def ids(self, after: UUID | None = None, limit: int = 1000) -> list[UUID]:
        rows = self._ask(
            "SELECT record_id FROM search_fact WHERE record_id > %s ORDER BY record_id LIMIT %s",
            [after.hex if after else "", limit],
        )
        return [UUID(row[0]) for row in rows]

    def prove_absent(self, record_id: UUID) -> bool:
        """Asks the inverted index itself, not only the table of what should be in it."""
        if self._ask("SELECT 1 FROM search_fact WHERE record_id = %s", [record_id.hex]):
            return False
        return not self._hits(_Wanted(tokens=(frozenset({mark("id", record_id.hex)}),)), limit=1)

    # Writing

    def put(self, documents: Iterable[Document]) -> None:
        for batch in _batches({document.record_id: document for document in documents}.values(), BATCH):
            with self._writing():
                self._remove([document.record_id for document in batch])
                for document in batch:
                    self._add(document)

    def remove(self, record_ids: Iterable[UUID]) -> None:
        for batch in _batches(record_ids, BATCH):
            with self._writing():
                self._remove(batch)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One writer at a time on either database: the first statement takes the lock."""
        with transaction.atomic(using=self.alias):
            self._do("UPDATE search_layout SET version = version")
            yield

    def _remove(self, record_ids: list[UUID]) -> None:
        marks = ", ".join(["%s"] * len(record_ids))
        found = self._rows(
            f"SELECT position FROM search_fact WHERE record_id IN ({marks})", [one.hex for one in record_ids]
        )
        for (position,) in found:
            self.dialect.remove(self._rows, position)
            self._do("DELETE FROM search_fact WHERE position = %s", [position])

    def _add(self, document: Document) -> None:
        position = self._free_position(document)
        values = (
            position, document.record_id.hex, document.reference_code, document.title, document.year, document.stage,
            f" {' '.join(document.insurances)} ", document.fonds, document.category, document.state,
            document.department, document.name_words, document.heading_words,
        )  # fmt: skip
        marks = ", ".join(["%s"] * len(_FACT))
        self._do(f"INSERT INTO search_fact ({', '.join(_FACT)}) VALUES ({marks})", values)
        self.dialect.add(self._rows, position, document.words, document.marks)

    def _free_position(self, document: Document) -> int:
        """Day, order, and 256 places for those of the same day and order; if full, the next free one."""
        start = document.formed_on.toordinal() << 32 | max(0, min(document.order, 0xFFFFFF)) << 8
        while True:
            [(last,)] = self._rows(
                "SELECT max(position) FROM search_fact WHERE position BETWEEN %s AND %s",
                [start, start | 0xFF],
            )
            if last is None:
                return start
            if last & 0xFF != 0xFF:
                return last + 1
            start += 0x100

    # Asking

    def search(self, query: SearchQuery, scope: Scope) -> SearchResult:
        started = time.perf_counter()
        wanted = _Wanted.of(query, scope)
        if wanted is None:
            return SearchResult(facets={name: [] for name in query.facets}, engine=self.name)
        cursor = Cursor.read(query.cursor) if query.cursor else None
        facets, inexact, newest = {}, frozenset(), None
        with self.dialect.asking(self.alias, self._rows):
            if cursor is None or query.facets:
                facets, inexact, newest = self._count(query, scope, wanted)
            hits, end = self._page(query, wanted, cursor, newest)
        if cursor is None:
            total, exact = min(len(newest), EXACT_TO), len(newest) <= EXACT_TO
        else:
            total, exact = cursor.total, cursor.exact
        return SearchResult(
            hits=hits,
            total=total,
            exact=exact,
            facets=facets,
            inexact_facets=inexact,
            cursor=str(Cursor(total, exact, *end)) if end else "",
            took_ms=round((time.perf_counter() - started) * 1000, 3),
            engine=self.name,
        )

    def _count(self, query: SearchQuery, scope: Scope, wanted: "_Wanted"):
        """The facets, which of them are inexact, and the positions of the newest hits, one more than EXACT_TO."""
        filtered = {name for name, _ in query.filters}
        together = [name for name in query.facets if name not in filtered]
        columns = ["position", *(_COLUMN[name] for name in together)]
        rows = self._hits(wanted, limit=EXACT_TO + 1, columns=columns)
        counted = {
            name: _tally(name, (row[i] for row in rows[:EXACT_TO])) for i, name in enumerate(together, 1)
        }
        inexact = set(together) if len(rows) > EXACT_TO else set()
        for name in filtered.intersection(query.facets):
            others = self._hits(
                _Wanted.of(query, scope, without=name), limit=EXACT_TO + 1, columns=[_COLUMN[name]]
            )
            counted[name] = _tally(name, (row[0] for row in others[:EXACT_TO]))
            if len(others) > EXACT_TO:
                inexact.add(name)
        return {name: counted[name] for name in query.facets}, frozenset(inexact), [row[0] for row in rows]

    def _page(self, query: SearchQuery, wanted: "_Wanted", cursor: Cursor | None, newest: list[int] | None):
        """The hits of one page, and (position, rank) of the last one when more follow."""
        limit = query.limit
        if query.sort != RELEVANCE:
            below = cursor.position if cursor else None
            rows = self._hits(wanted, limit=limit + 1, below=below, columns=_SHOWN)
            hits = [(row[0], None, row) for row in rows]
        else:
            hits = self._relevant(query, wanted, cursor, newest)
        page = tuple(
            Hit(
                record_id=UUID(row[1]), reference_code=row[2], title=row[3], year=row[4], stage=row[5],
                score=rank or 0.0,
            )
            for _, rank, row in hits[:limit]
        )  # fmt: skip
        return page, hits[limit - 1][:2] if len(hits) > limit else None

    def _relevant(
        self, query: SearchQuery, wanted: "_Wanted", cursor: Cursor | None, newest: list[int] | None
    ):
        """(position, rank, row) of one more than a page: first of the ranked hits, then of all the others."""
        limit = query.limit
        if newest is None:
            newest = [row[0] for row in self._hits(wanted, limit=RANKED)]
        newest = newest[:RANKED]
        first: list[int] = []
        if query.first:
            first = [row[0] for row in self._hits(wanted.also(query.first), limit=RANKED)]
        chosen = sorted({*newest, *first}, reverse=True)
        floor = min(newest, default=0)
        hits = []
        if cursor is None or cursor.rank is not None:
            ranked = self._ranked(query, chosen, set(first))
            if cursor is not None:
                ranked = [one for one in ranked if one > (-cursor.rank, -cursor.position)]
            head = ranked[: limit + 1]
            rows = self._facts([-position for _, position in head], _SHOWN)
            hits = [(-position, -rank, rows[-position]) for rank, position in head if -position in rows]
            below = floor
        else:
            below = cursor.position
        if len(hits) <= limit and len(newest) == RANKED:
            early = {position for position in first if position < below}
            rows = self._hits(wanted, limit=limit + 1 - len(hits) + len(early), below=below, columns=_SHOWN)
            hits += [(row[0], None, row) for row in rows if row[0] not in early]
        return hits

    def _ranked(self, query: SearchQuery, positions: list[int], first: set[int]) -> list[tuple[float, int]]:
        """(-score, -position), best first."""
        phrases = [phrase for condition in query.conditions for phrase in condition.phrases]
        if not phrases:
            return [(-FIRST if position in first else 0.0, -position) for position in positions]
        facts = self._facts(positions, ("position", "names", "heading"))
        return sorted(
            (-(FIRST if position in first else 0.0) - _score(phrases, names, heading), -position)
            for position, names, heading in facts.values()
        )

    def _facts(self, positions: list[int], columns: Iterable[str]) -> dict[int, tuple]:
        rows: dict[int, tuple] = {}
        for batch in _batches(positions, 500):
            marks = ", ".join(["%s"] * len(batch))
            found = self._ask(
                f"SELECT {', '.join(columns)} FROM search_fact WHERE position IN ({marks})", batch
            )
            rows.update((row[0], row) for row in found)
        return rows

    def _hits(
        self, wanted: "_Wanted", *, limit: int, below: int | None = None, columns=("position",)
    ) -> list[tuple]:
        """Columns of the newest hits."""
        source, values = self.dialect.match(wanted.tokens, wanted.conditions, wanted.clauses)
        if below is not None:
            source, values = f"{source} AND {self.dialect.POSITION} < %s", [*values, below]
        source = f"{source} ORDER BY {self.dialect.POSITION} DESC LIMIT %s"
        if tuple(columns) == ("position",):
            return self._ask(source, [*values, limit])
        fields = ", ".join(f"search_fact.{column}" for column in columns)
        return self._ask(
            f"WITH hit AS MATERIALIZED ({source}) SELECT {fields} FROM hit "
            "JOIN search_fact ON search_fact.position = hit.position ORDER BY hit.position DESC",
            [*values, limit],
        )

    # The database

    def _do(self, statement: str, values: Iterable = ()) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, list(values) or None)

    def _rows(self, statement: str, values: Iterable = ()) -> list[tuple]:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, list(values) or None)
            return cursor.fetchall() if cursor.description else []

    def _ask(self, statement: str, values: Iterable = ()) -> list[tuple]:
        try:
            return self._rows(statement, values)
        except (OperationalError, ProgrammingError) as fault:
            if "search_" in str(fault) and ("no such table" in str(fault) or "does not exist" in str(fault)):
                raise NotConfigured(reason="检索库还没有建立。请运行 manage.py setup。") from None
            raise


class _Wanted:
    """A question with its scope, in tokens and phrases."""

    def __init__(self, *, tokens=(), conditions=(), clauses=None) -> None:
        self.tokens = tokens  # a document has one token of each set
        self.conditions = conditions
        self.clauses = clauses  # None, or one clause holds: one token of each of its sets

    @classmethod
    def of(cls, query: SearchQuery, scope: Scope, without: str = "") -> "_Wanted | None":
        """None when the scope admits nothing at all."""
        clauses = scope.token_filter()
        if clauses is not None:
            clauses = [
                [{mark("in", token) for token in wanted} for wanted in clause]
                for clause in clauses
                if all(clause)
            ]
            if not clauses:
                return None
        return cls(tokens=query.filter_tokens(without), conditions=query.conditions, clauses=clauses)

    def also(self, tokens: frozenset[str]) -> "_Wanted":
        return _Wanted(tokens=(*self.tokens, tokens), conditions=self.conditions, clauses=self.clauses)


def _score(phrases: list[str], names: str, heading: str) -> float:
    """Where the phrases stand. How often does not matter: a record is about whom it names, not about repetition."""
    score = 0.0
    for phrase in phrases:
        if f" {phrase} " in names:
            score += WHOLE_NAME
        elif contains(names, phrase):
            score += IN_NAME
        elif contains(heading, phrase):
            score += IN_HEADING
        else:
            score += IN_TEXT
    return score


def _tally(name: str, values: Iterable) -> list[tuple]:
    """(value, count), most frequent first. A record of several insurances counts under each."""
    counts: Counter = Counter(values)
    if name == "insurance":
        each: Counter = Counter()
        for codes, count in counts.items():
            each.update(dict.fromkeys(codes.split(), count))
        counts = each
    counts.pop("", None)
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))


def _batches(items: Iterable, size: int) -> Iterator[list]:
    batch: list = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
