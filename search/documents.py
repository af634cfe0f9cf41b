"""What the index holds of a record, and how text is cut into tokens. Pure (but for the key ring of `privacy`).

Every engine gets the same tokens from here, so every engine finds the same set:
- Chinese is cut into overlapping pairs (劳动合同 → 劳动 动合 合同 同): no dictionary, so no rare name is lost. The
  last single character lets one-character questions work as a prefix.
- Anything else that is a letter or a digit stays a whole word in lower case, cut at 64 characters.
- `marks` begin with "_", which no typed text can produce: scope tokens, filters, number tokens, the record's id.

The meaning of "a document contains a phrase" needs no tokens at all and is what the tests compare with: the
phrase's canonical form is a substring of the document's, where words that are not Chinese match as a whole.

Two promises: nothing number-like enters the index in clear, whatever the caller passes; and the fields do not run
into one another, so no phrase matches across two of them.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from uuid import UUID

from archive import privacy

TEXT_LIMIT = 500_000
"""Characters of a record's text that are indexed (about 500 dense pages). What lies behind is not found."""

# 〇 々, radicals, extension A to the compatibility ideographs, the private areas (rare characters of identity
# cards were put there for decades), planes 2 and 3.
_HAN = r"\u3005\u3007\u2e80-\u2eff\u3400-\u9fff\ue000-\uf8ff\uf900-\ufaff\U00020000-\U0003ffff\U000f0000-\U0010ffff"
_PIECE = re.compile(rf"[{_HAN}]+|[^\W_{_HAN}]{{1,64}}")
_IS_HAN = re.compile(rf"[{_HAN}]")
# Between two Chinese characters a blank is layout (申 请 表, a line break in a PDF) and a dot is part of a name.
_LAYOUT = re.compile(rf"(?<=[{_HAN}])[\s·•・‧]+(?=[{_HAN}])")
# Invisible, and ideographic variation selectors: 葛 with or without one is the same character to a reader.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef]")
_PLAIN = re.compile(r"[a-z0-9]+")

BORDER = "_"
FILTERS = ("year", "stage", "insurance", "fonds", "category", "state", "department")
"""The fields by which a search may be narrowed, and whose values are counted."""


def clean(text: str) -> str:
    """NFKC without invisible characters. Numbers are looked for in clean text only: see `without_numbers`."""
    return unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))


def without_numbers(text: str) -> tuple[str, list[str]]:
    """Clean text with a blank for every personal number, and the tokens by which the numbers are found."""
    return privacy.tokenise_numbers(clean(text))


def canonical(text: str) -> str:
    """NFKC, lower case, every run of Chinese or of other letters and digits once, one blank between them.

    >>> canonical("阿卜杜·热西提  Ｄ019-ZY·DJ")
    '阿卜杜热西提 d019 zy dj'
    """
    return " ".join(match.group().lower() for match in _PIECE.finditer(_LAYOUT.sub("", clean(text))))


def is_han(piece: str) -> bool:
    return _IS_HAN.match(piece) is not None


def cut(words: str) -> list[str]:
    """The tokens of a canonical text, in order."""
    tokens: list[str] = []
    for piece in words.split():
        if is_han(piece):
            tokens += [piece[i : i + 2] for i in range(len(piece))]
        else:
            tokens.append(piece)
    return tokens


def cut_phrase(phrase: str) -> tuple[list[str], bool]:
    """The tokens that stand one after another wherever the canonical `phrase` stands, and whether the last of
    them is only the beginning of a token (a single Chinese character at the end)."""
    tokens = cut(phrase)
    last = phrase.split()[-1]
    if not is_han(last):
        return tokens, False
    if len(last) == 1:
        return tokens, True
    return tokens[:-1], False  # the text may go on after the last pair


def bounded(phrase: str) -> str:
    """`phrase` with a blank on each side that must be the border of a word; Chinese has no such borders."""
    pieces = phrase.split()
    return ("" if is_han(pieces[0]) else " ") + phrase + ("" if is_han(pieces[-1]) else " ")


def contains(words: str, phrase: str) -> bool:
    """Whether a padded canonical text contains a canonical phrase: the truth that every engine must tell."""
    return bounded(phrase) in words


def mark(kind: str, value: object) -> str:
    """One token for a value that is no word: ASCII letters, digits and "_" only, so that no engine cuts it, and of
    a length that every engine takes."""
    text = str(value).lower()
    if not _PLAIN.fullmatch(text):
        text = "0x" + text.encode("utf-8", "replace").hex()
    return f"_{kind}_{text if len(text) <= 200 else hashlib.sha256(text.encode()).hexdigest()}"


def code_mark(reference_code: str) -> str:
    return mark("code", canonical(reference_code))


def document_text(parts: Iterable[str]) -> tuple[str, tuple[str, ...]]:
    """The texts of a record's materials as one, every personal number in it replaced by a token.

    Returns what goes into `Document.text` and `Document.tokens`. Cut at TEXT_LIMIT characters.
    """
    pieces: list[str] = []
    tokens: dict[str, None] = {}
    left = TEXT_LIMIT
    for part in parts:
        if left <= 0:
            break
        piece, found = without_numbers(part[:left])
        pieces.append(piece)
        tokens.update(dict.fromkeys(found))
        left -= len(part)
    return "\f".join(pieces), tuple(tokens)


@dataclass(frozen=True, kw_only=True)
class Document:
    """One record as the index knows it. Equal documents make equal index entries."""

    record_id: UUID
    reference_code: str
    title: str
    fonds: str  # code
    year: int
    stage: str  # code, "" where the category has none
    category: str  # code
    insurances: tuple[str, ...]  # codes of all under which it is found, the one of filing included
    state: str
    department: str = ""
    names: tuple[str, ...] = ()
    unit: str = ""
    unit_codes: tuple[str, ...] = ()  # credit code, unit number
    text: str = ""  # from `document_text`
    tokens: tuple[str, ...] = ()  # number tokens "n…", and "l…" of name and last four
    scope: tuple[str, ...]  # archive.scopes.scope_tokens
    formed_on: date
    order: int = 0  # newest first = formed_on, then order (0 to 16,777,215), both falling

    def values(self, field: str) -> tuple[object, ...]:
        """The values of one of FILTERS under which the document is found and counted; "" counts as none."""
        found = self.insurances if field == "insurance" else (getattr(self, field),)
        return tuple(value for value in found if value != "")

    @cached_property
    def _short(self) -> tuple[str, str, tuple[str, ...]]:
        """Names, heading, and the tokens of numbers that stood in them."""
        tokens: list[str] = []

        def safe(text: str) -> str:
            rest, found = without_numbers(text)
            tokens.extend(found)
            return canonical(rest)

        names = _joined(safe(name) for name in self.names)
        heading = _joined(
            safe(text) for text in (self.title, self.unit, *self.unit_codes, self.reference_code)
        )
        return names, heading, tuple(tokens)

    @property
    def name_words(self) -> str:
        """The names, padded canonical: a hit here counts most."""
        return self._short[0]

    @property
    def heading_words(self) -> str:
        """Title, unit, its codes and the reference code, padded canonical."""
        return self._short[1]

    @cached_property
    def words(self) -> str:
        """Everything that is found by words, padded canonical."""
        names, heading, _ = self._short
        body, _ = without_numbers(self.text[:TEXT_LIMIT])
        return _joined((names.strip(), heading.strip(), canonical(body)))

    @cached_property
    def marks(self) -> tuple[str, ...]:
        """Everything that is found by tokens, each once."""
        found = {"_all": None, mark("id", self.record_id.hex): None, code_mark(self.reference_code): None}
        for field in FILTERS:
            found.update({mark(field, value): None for value in self.values(field)})
        found.update({mark("in", token): None for token in self.scope})
        found.update({mark("has", token): None for token in (*self.tokens, *self._short[2])})
        return tuple(found)


def _joined(texts: Iterable[str]) -> str:
    return f" {f' {BORDER} '.join(text for text in texts if text)} "
