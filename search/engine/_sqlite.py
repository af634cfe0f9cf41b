"""SQLite: one FTS5 column that holds words and marks alike.

Contentless, so the text is not stored twice; SQLite before 3.43 must then be told the old tokens to delete them,
and `search_text` keeps what they are cut from. The `ascii` tokenizer splits at blanks only and, unlike `unicode61`,
lets every character beyond ASCII pass. `rowid` is the position: FTS5 walks it backwards as cheaply as forwards.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext

from search.documents import cut, cut_phrase

NAME = "sqlite-fts5"
KEY = "integer"
POSITION = "rowid"
CREATE = (
    "CREATE TABLE search_text (position integer PRIMARY KEY, words text NOT NULL, marks text NOT NULL)",
    "CREATE VIRTUAL TABLE search_words USING fts5("
    "tokens, content='', columnsize=0, tokenize=\"ascii tokenchars '_'\")",
)
MERGE_PAGES = 500
CLEAR = ("DELETE FROM search_text", "INSERT INTO search_words (search_words) VALUES ('delete-all')")


def asking(alias: str, run: Callable) -> AbstractContextManager:
    """Nothing to prepare; a transaction would lock out writers."""
    return nullcontext()


def add(run: Callable, position: int, words: str, marks: tuple[str, ...]) -> None:
    joined = " ".join(marks)
    run("INSERT INTO search_text VALUES (%s, %s, %s)", [position, words, joined])
    run("INSERT INTO search_words (rowid, tokens) VALUES (%s, %s)", [position, _tokens(words, joined)])


def remove(run: Callable, position: int) -> None:
    for words, marks in run("SELECT words, marks FROM search_text WHERE position = %s", [position]):
        run(
            "INSERT INTO search_words (search_words, rowid, tokens) VALUES ('delete', %s, %s)",
            [position, _tokens(words, marks)],
        )
    run("DELETE FROM search_text WHERE position = %s", [position])


def _tokens(words: str, marks: str) -> str:
    return f"{marks} {' '.join(cut(words))}"


def settle(run: Callable) -> Iterator[None]:
    """Merge the segments that many small writes leave into one, a piece at each step: questions of a clerk are
    three times as fast afterwards (measured). The negative number starts a merge of everything."""
    pages = -MERGE_PAGES
    while True:
        before = run("SELECT total_changes()")[0][0]
        run("INSERT INTO search_words (search_words, rank) VALUES ('merge', %s)", [pages])
        if run("SELECT total_changes()")[0][0] - before < 2:  # FTS5's own sign that nothing was left to do
            return
        pages = MERGE_PAGES
        yield


def match(tokens: Iterable, conditions: Iterable, clauses: list | None) -> tuple[str, list]:
    """SELECT … WHERE …, to which more may be added with AND."""
    parts = [_any(wanted) for wanted in tokens]
    for condition in conditions:
        phrases = " AND ".join(_phrase(phrase) for phrase in condition.phrases)
        token = f'"{condition.token}"' if condition.token else ""
        parts.append(f"(({phrases}) OR {token})" if phrases and token else phrases or token)
    if clauses is not None:
        parts.append(
            "(" + " OR ".join(f"({' AND '.join(_any(one) for one in clause)})" for clause in clauses) + ")"
        )
    return (
        "SELECT rowid AS position FROM search_words WHERE search_words MATCH %s",
        [" AND ".join(parts) or '"_all"'],
    )


def _any(tokens: Iterable[str]) -> str:
    return "(" + " OR ".join(f'"{token}"' for token in sorted(tokens)) + ")"


def _phrase(phrase: str) -> str:
    tokens, unfinished = cut_phrase(phrase)
    return f'"{" ".join(tokens)}"' + (" *" if unfinished else "")
