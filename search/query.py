"""What a person typed → SearchQuery. Pure (but for the key ring of `privacy`).

The language has nothing to learn: words between blanks must all be found, each as one phrase; "…" or “…” keeps blanks
inside a phrase. Nothing else has a meaning, so nothing typed can be a mistake.

- A whole identity number or phone becomes a keyed token at once and is kept nowhere in clear (`shown` is masked);
  `personal` says that the question must not stand in a URL or a log.
- 张三 1231: name and last four digits, found by their common token or as ordinary words.
- A whole reference code puts that record first.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from archive import privacy, terms
from search.documents import FILTERS, canonical, clean, code_mark, contains, is_han, mark, without_numbers

TYPED_LIMIT = 300
"""Characters that are read; words that begin behind are ignored and `hints` says so."""
PAGE_LIMIT = 1000

RELEVANCE, NEWEST = "relevance", "newest"

NO_WORDS = "no-words"  # something was typed, but neither letter, digit nor number
CUT_SHORT = "cut-short"  # only the first TYPED_LIMIT characters were read

_TERM = re.compile(r'["“”]([^"“”]+)["“”]|([^\s"“”,;、]+)')
_LAST_FOUR = re.compile(r"\d{3}[\dXx]")
# A number written in groups, as on a card; `privacy` knows numbers without blanks only.
_GROUPED = re.compile(
    r"(?<![0-9A-Za-z])(?:\d{6}[ -]\d{8}[ -]\d{3}[\dXx]|1[3-9]\d[ -]\d{4}[ -]\d{4})(?![0-9A-Za-z])"
)
_CODE = re.compile(r"[^\s-]{1,20}-[A-Z]{2}(?:·[0-9A-Z]+)*(?:-[0-9A-Z]+)*-\d+")


@dataclass(frozen=True, kw_only=True)
class Condition:
    """All `phrases` stand in the document, or `token` is one of its marks. At least one of the two is given."""

    phrases: tuple[str, ...] = ()  # canonical
    token: str = ""

    def holds(self, words: str, marks: frozenset[str]) -> bool:
        return bool(self.token and self.token in marks) or (
            bool(self.phrases) and all(contains(words, phrase) for phrase in self.phrases)
        )


@dataclass(frozen=True, kw_only=True)
class SearchQuery:
    """A question, ready for any engine. All conditions and all filters must hold."""

    conditions: tuple[Condition, ...] = ()
    first: frozenset[str] = (
        frozenset()
    )  # marks that put a hit before all others: exact code, name and last four
    filters: tuple[tuple[str, tuple[str, ...]], ...] = ()  # field of FILTERS, any of these values
    sort: str = NEWEST
    limit: int = 20
    cursor: str = ""  # from the page before
    facets: tuple[str, ...] = ()  # which fields to count
    personal: bool = False
    reference_code: str = ""
    shown: str = ""  # what was typed, masked
    hints: tuple[str, ...] = field(default=(), compare=False)

    def filter_tokens(self, without: str = "") -> tuple[frozenset[str], ...]:
        """One set per filtered field: the document must have a token of each. `without` leaves a field out."""
        return tuple(
            frozenset(mark(name, value) for value in values)
            for name, values in self.filters
            if name != without
        )


def parse(
    typed: str = "",
    *,
    years: Iterable[int | str] = (),
    stages: Iterable[str] = (),
    insurances: Iterable[str] = (),
    fonds: Iterable[str] = (),
    categories: Iterable[str] = (),
    states: Iterable[str] = (),
    departments: Iterable[str] = (),
    sort: str = "",
    limit: int = 20,
    cursor: str = "",
    facets: Iterable[str] = (),
) -> SearchQuery:
    """Never raises for what a person can type. Stages and insurances may be given by code or by Chinese name;
    unknown ones find nothing. `sort` defaults to relevance when there are words, else to newest."""
    text = clean(typed)
    hints = []
    if len(text) > TYPED_LIMIT:
        text = text[:TYPED_LIMIT]
        hints.append(CUT_SHORT)
    shown = privacy.mask_text(text).strip()
    grouped = _GROUPED.search(text)
    if grouped:
        shown = _GROUPED.sub(lambda match: privacy.mask_number(privacy.normal_number(match.group())), shown)
        text = _GROUPED.sub(lambda match: privacy.normal_number(match.group()), text)
    code = _reference_code(text)
    rest, numbers = without_numbers(text)
    conditions = [Condition(token=mark("has", token)) for token in numbers]
    words, pairs = _conditions(rest)
    conditions += words
    if text.strip() and not conditions:
        hints.append(NO_WORDS)
    filters = {
        "year": tuple(str(year) for year in years),
        "stage": tuple(terms.STAGE_CODES.get(value, value) for value in stages),
        "insurance": tuple(terms.INSURANCE_CODES.get(value, value) for value in insurances),
        "fonds": tuple(fonds),
        "category": tuple(categories),
        "state": tuple(states),
        "department": tuple(departments),
    }
    return SearchQuery(
        conditions=tuple(dict.fromkeys(conditions)),
        first=frozenset(pairs) | ({code_mark(code)} if code else frozenset()),
        filters=tuple((name, values) for name, values in filters.items() if values),
        sort=sort if sort in (RELEVANCE, NEWEST) else RELEVANCE if conditions else NEWEST,
        limit=max(1, min(limit, PAGE_LIMIT)),
        cursor=cursor,
        facets=tuple(name for name in FILTERS if name in set(facets)),
        personal=bool(numbers or pairs),
        reference_code=code,
        shown=shown,
        hints=tuple(hints),
    )


def _reference_code(text: str) -> str:
    """The whole text as a reference code, or "". Any dot will do, and any case."""
    code = re.sub(r"\s*[·•・‧.]\s*", "·", text.strip()).upper()
    return code if _CODE.fullmatch(code) else ""


def _conditions(text: str) -> tuple[list[Condition], list[str]]:
    """The conditions of the words, and the tokens of the pairs (name, last four) among them."""
    phrases = [phrase for match in _TERM.finditer(text) if (phrase := canonical(match[1] or match[2]))]
    conditions: list[Condition] = []
    pairs: list[str] = []
    at = 0
    while at < len(phrases):
        pair = phrases[at : at + 2]
        name, four = (
            pair if len(pair) == 2 and is_han(pair[0]) else pair[::-1] if len(pair) == 2 else ("", "")
        )
        if is_han(name) and " " not in name and 2 <= len(name) <= 20 and _LAST_FOUR.fullmatch(four):
            token = mark("has", privacy.name_and_last_four_token(name, four))
            conditions.append(Condition(phrases=(name, four), token=token))
            pairs.append(token)
            at += 2
        else:
            conditions.append(Condition(phrases=(phrases[at],)))
            at += 1
    return conditions, pairs


@dataclass(frozen=True)
class Cursor:
    """Where a page ended. `rank` is None once the ranked hits are through and the rest follows newest first.
    The total travels along, so that a later page costs the page only."""

    total: int
    exact: bool
    position: int
    rank: float | None = None

    def __str__(self) -> str:
        parts = [self.total, self.exact, self.position, self.rank]
        return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> "Cursor | None":
        """None for "" and for anything that `str` did not make: then the first page is shown."""
        try:
            parts = json.loads(base64.urlsafe_b64decode(text.encode() + b"=="))
            total, exact, position, rank = parts
            if (
                type(total) is int
                and type(exact) is bool
                and type(position) is int
                and 0 <= position < 1 << 63
            ):
                return cls(total, exact, position, None if rank is None else float(rank))
        except (ValueError, TypeError, OverflowError, binascii.Error, RecursionError):
            pass
        return None
