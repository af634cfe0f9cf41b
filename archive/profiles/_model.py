"""What a pack says, as frozen values. Nothing here reads files or judges a case.

A pack = one version of one source system. Items share groups of fields; conditions and rules are data. Every name
in a pack that must exist elsewhere (a rule, a dictionary, a field, a stage) was checked by `_loader` at load.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

YEAR = re.compile(r"^([0-9]{4})年度?(?:第?[一二三四1-4]季度)?")
_YEAR_FIRST = re.compile(r"^([0-9]{4})(?=年度)")


def plain(text: str) -> str:
    """How labels, names and dictionary values are compared: NFKC, no blanks, no star, letters in upper case."""
    return re.sub(r"[\s*★:]", "", unicodedata.normalize("NFKC", text)).upper()


def without_year(name: str, yearly: bool, year: int | None) -> str:
    """`plain` name less the year that may stand before it.

    2014年度工资申报表 → 年度工资申报表; where the name is about a year (`yearly`), 2014年度登记证年检表 → 登记证年检表. A
    year after next year is no year of this case and stays.
    """
    text = plain(name)
    found = (YEAR if yearly else _YEAR_FIRST).match(text)
    if not found or (year is not None and int(found[1]) > year + 1):
        return text
    return text[found.end() :]


@dataclass(frozen=True)
class Entry:
    """One value of a dictionary. `insurance`: the insurance that choosing it means, "" where none."""

    code: str
    label: str
    aliases: tuple[str, ...] = ()
    insurance: str = ""


@dataclass(frozen=True)
class Dictionary:
    name: str
    entries: tuple[Entry, ...]

    @cached_property
    def _by_word(self) -> dict[str, Entry]:
        words: dict[str, Entry] = {}
        for entry in self.entries:
            for word in (entry.label, entry.code, *entry.aliases):
                if word:
                    words.setdefault(plain(word), entry)
        return words

    def resolve(self, word: str) -> Entry | None:
        """By label, code or alias; full-width forms and blanks make no difference."""
        return self._by_word.get(plain(word))


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A test on a case; every part that is given must hold.

    `field` with `equals` / `any_of` / `contains` / `filled`; `handled_from` and `handled_before` (day of 办结);
    `division` (places 3–8 of the unit's credit code); `material_is_copy` (a material lies there only as copies).
    """

    field: str = ""
    equals: str | None = None
    any_of: tuple[str, ...] = ()
    contains: str | None = None
    filled: bool | None = None
    handled_from: date | None = None
    handled_before: date | None = None
    division: str = ""
    material_is_copy: str = ""


Conditions = tuple[Condition, ...]
"""Any one of them holding is enough; none listed = never."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field of a form. `label` names it everywhere in the archive; `code` is its LD/T 92 key, if any."""

    label: str
    code: str = ""
    aliases: tuple[str, ...] = ()
    type: str = "text"
    required: bool = False
    wanted: bool = False  # its absence is a warning
    required_when: Conditions = ()
    not_required_when: Conditions = ()
    forbidden_when: Conditions = ()
    max_length: int | None = None
    min: float | None = None
    max: float | None = None
    pattern: str = ""
    pattern_words: str = ""  # what it asks for, as findings say it
    formats: tuple[str, ...] = ()  # of a date or month, in the form's own notation
    special: tuple[str, ...] = ()  # values allowed beside the type, such as 99999999
    dictionary: Dictionary | None = None
    role: str = ""  # name | idno | id_type | sex | birth | unit_name | uscc | row_name | insurance
    yearly: bool = False
    personal: bool = False

    @property
    def shown(self) -> str:
        return f"{self.label}（{self.code}）" if self.code else self.label

    @property
    def names(self) -> set[str]:
        """Every word, in `plain` form, under which the field may come."""
        return {plain(name) for name in (self.label, self.code, *self.aliases) if name}


@dataclass(frozen=True, kw_only=True)
class Material:
    code: str
    name: str
    required: bool = False
    main: bool = False
    copies_needed: int = 1
    sealed_required: str = ""  # "" | "copies" (every copy carries a seal) | "all"
    required_when: Conditions = ()
    not_required_when: Conditions = ()
    yearly: bool = False


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A named rule with its parameters. `function` is a key of `_rules.RULES`; `sentence` may use its {names}."""

    id: str
    function: str
    severity: str  # failed | warning
    sentence: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class NeedsPerson:
    """What only a person can settle: the case waits, and says why."""

    when: Conditions
    reason: str


@dataclass(frozen=True, kw_only=True)
class Item:
    """One business item (业务事项) in one version of its source."""

    source: str
    code: str
    title: str
    subject: str  # unit | person | batch
    stage: str = ""  # a name of terms.STAGES, "" where the item has none
    insurance: str = "form"  # "form" = what the form's own fields say, else a name of terms.INSURANCES
    schedule_classes: tuple[str, ...] = ()
    basis: str = "stated"  # stated | inferred
    channel: str = ""  # "" | online | counter
    materials: tuple[Material, ...] = ()
    fields: tuple[Field, ...] = ()
    line_fields: tuple[Field, ...] = ()
    rules: tuple[Rule, ...] = ()
    needs_person: tuple[NeedsPerson, ...] = ()

    @property
    def stated(self) -> bool:
        return self.basis == "stated"

    def material_for(self, name_or_code: str, year: int | None = None) -> Material | None:
        """The material of that code or name. A year may stand before names of yearly papers."""
        for material in self.materials:
            if name_or_code == material.code or plain(name_or_code) == plain(material.name):
                return material
        for material in self.materials:
            if without_year(name_or_code, material.yearly, year) == plain(material.name):
                return material
        return None

    @cached_property
    def _fields_by_name(self) -> tuple[dict[str, Field], dict[str, Field]]:
        return tuple(
            {name: f for f in fields for name in f.names} for fields in (self.fields, self.line_fields)
        )

    def field_for(self, key: str, year: int | None = None, *, line: bool = False) -> Field | None:
        """By label, code or alias; a year may stand before labels that are about a year."""
        names = self._fields_by_name[line]
        found = names.get(plain(key)) or names.get(without_year(key, False, year))
        if found is None:
            found = names.get(without_year(key, True, year))
            found = found if found and found.yearly else None
        return found

    def with_role(self, role: str, *, line: bool = False) -> Field | None:
        fields = self.line_fields if line else self.fields
        return next((field for field in fields if field.role == role), None)


@dataclass(frozen=True, kw_only=True)
class Pack:
    source: str
    system: str
    version: str
    valid_from: date
    basis: str
    items: tuple[Item, ...]

    def item(self, code: str) -> Item | None:
        return next((item for item in self.items if item.code == code), None)


@dataclass(frozen=True)
class Registry:
    """All packs that were loaded, newest version of a source last."""

    _packs: Mapping[str, tuple[Pack, ...]] = field(default_factory=dict)

    def sources(self) -> tuple[str, ...]:
        return tuple(sorted(self._packs))

    def packs(self, source: str) -> tuple[Pack, ...]:
        """Every version of a source, the oldest first; empty for an unknown source."""
        return self._packs.get(source, ())

    def pack(self, source: str, on: date) -> Pack | None:
        """The version valid on that day; the oldest governs everything before it. None for an unknown source."""
        packs = self.packs(source)
        return next((pack for pack in reversed(packs) if pack.valid_from <= on), packs[0] if packs else None)
