"""PostgreSQL: a tsvector of the tokens under a GIN index, and the canonical text beside it.

The vector holds no positions: it may hold 16,383 of them only, and 256 of one token, while a text has more. So the
index finds the documents with all tokens of a phrase, and the text itself says whether they stand together; what is
one token needs no second look.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from django.db import transaction

from search.documents import bounded, cut, cut_phrase

NAME = "postgresql"
KEY = "bigint"
POSITION = "position"
CREATE = (
    # Ordinary vectors stay in the row: fetching them from beside it doubles the cost of a broad question.
    "CREATE TABLE search_text (position bigint PRIMARY KEY, words text NOT NULL, tokens tsvector NOT NULL) "
    "WITH (toast_tuple_target = 4080)",
    # Planning knows then which tokens stand nearly everywhere, and walks the key instead of the index.
    "ALTER TABLE search_text ALTER COLUMN tokens SET STATISTICS 500",
    "CREATE INDEX search_text_tokens ON search_text USING gin (tokens)",
)
CLEAR = ("DELETE FROM search_text",)

VECTOR_BYTES = 900_000
"""A tsvector may have 1 MB. Only a text of hundreds of thousands of different pairs gets there: what comes last in
it is not found."""


PLANNING = (
    "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true), "
    "set_config('enable_mergejoin', 'off', true), set_config('max_parallel_workers_per_gather', '0', true), "
    "set_config('jit', 'off', true), set_config('random_page_cost', '1.1', true)"
)


@contextmanager
def asking(alias: str, run: Callable) -> Iterator[None]:
    """Every good plan here walks an index and stops early. The planner thinks more of reading whole tables, which is
    as fast today and ten times slower in an archive ten times larger; so for one transaction it may not."""
    with transaction.atomic(using=alias):
        run(PLANNING)
        yield


def add(run: Callable, position: int, words: str, marks: tuple[str, ...]) -> None:
    run(
        "INSERT INTO search_text VALUES (%s, %s, %s::tsvector)",
        [position, words, _vector([*marks, *cut(words)])],
    )


def remove(run: Callable, position: int) -> None:
    run("DELETE FROM search_text WHERE position = %s", [position])


def _vector(tokens: list[str]) -> str:
    parts, size = [], 0
    for token in dict.fromkeys(tokens):
        size += len(token.encode()) + 2
        if size > VECTOR_BYTES:
            break
        parts.append(f"'{token}'")
    return " ".join(parts)


def settle(run: Callable) -> Iterator[None]:
    """Nothing: autovacuum does it, and the application may not own the table."""
    return iter(())


def match(tokens: Iterable, conditions: Iterable, clauses: list | None) -> tuple[str, list]:
    """SELECT … WHERE …, to which more may be added with AND."""
    parts = [_any(wanted) for wanted in tokens]
    second_looks, looked_for = [], []
    for condition in conditions:
        cuts = [(phrase, *cut_phrase(phrase)) for phrase in condition.phrases]
        all_of = " & ".join(_tokens(found, unfinished) for _, found, unfinished in cuts)
        token = f"'{condition.token}'" if condition.token else ""
        parts.append(f"(({all_of}) | {token})" if all_of and token else all_of or token)
        look = " AND ".join("strpos(words, %s) > 0" for _, found, _ in cuts if len(found) > 1)
        if look:
            second_looks.append(f"(tokens @@ %s::tsquery OR ({look}))" if token else look)
            looked_for += [token] if token else []
            looked_for += [bounded(phrase) for phrase, found, _ in cuts if len(found) > 1]
    if clauses is not None:
        parts.append(
            "(" + " | ".join(f"({' & '.join(_any(one) for one in clause)})" for clause in clauses) + ")"
        )
    if not parts:
        return "SELECT position FROM search_text WHERE true", []
    where = " AND ".join(["tokens @@ %s::tsquery", *second_looks])
    return f"SELECT position FROM search_text WHERE {where}", [" & ".join(parts), *looked_for]


def _any(tokens: Iterable[str]) -> str:
    return "(" + " | ".join(f"'{token}'" for token in sorted(tokens)) + ")"


def _tokens(tokens: list[str], unfinished: bool) -> str:
    *head, last = tokens
    return " & ".join([*(f"'{token}'" for token in head), f"'{last}'" + (":*" if unfinished else "")])
