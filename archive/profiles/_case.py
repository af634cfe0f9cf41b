"""One submission read through its item: plain values, no judgement. Pure.

`normalise(item, submission)` expects a submission whose structure was found right (`integrity.structure_findings`);
values inside `fields` and `lines` may still be anything JSON can hold. What is wrong with them is `_judge`'s business.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from archive import privacy, terms

from . import _dictionaries
from ._model import Condition, Conditions, Item, Material, plain
from ._values import Reading, is_empty, read

RESIDENT = "居民身份证"
TITLE_LIMIT = 300
_LOOKS_PERSONAL = re.compile("证件号|身份证|身份号|手机|电话|护照号|银行账号|银行卡")


@dataclass(frozen=True, kw_only=True)
class Person:
    name: str
    id_type: str = ""  # label of the table 证件类型 where it is known there, else as given
    id_no: str = ""  # in normal form: NFKC, no blanks, upper case
    personal_no: str = ""
    given_no: str = ""  # as it came, half-width

    @property
    def has_resident_number(self) -> bool:
        return self.id_type in ("", RESIDENT)


@dataclass(frozen=True, kw_only=True)
class Unit:
    name: str
    uscc: str = ""  # in normal form
    unit_no: str = ""


@dataclass(frozen=True, kw_only=True)
class DeclaredMaterial:
    """One entry of `materials`; `known` is None where the item does not list it."""

    known: Material | None
    name: str  # the item's name where it is known
    code: str
    files: tuple[Mapping[str, Any], ...]
    disagreeing: bool = False  # code and name mean two different materials of the item

    @property
    def copies(self) -> int:
        return sum(file.get("copies") or 1 for file in self.files)


@dataclass(frozen=True, kw_only=True)
class Normalised:
    """A case in the archive's words. `fields` and `lines` are keyed by label; unknown keys stay as they came."""

    item: Item
    business_no: str
    revision: int
    fonds: str | None
    department: str
    handled_on: date
    stage: str
    insurances: tuple[str, ...]
    declared_insurances: tuple[str, ...]
    title: str
    unit: Unit | None
    persons: tuple[Person, ...]
    readings: Mapping[str, Reading]
    line_readings: tuple[Mapping[str, Reading], ...]
    unknown_fields: tuple[str, ...]
    contradictions: tuple[tuple[str, str], ...]  # (label, key): one field under two keys with two values
    materials: tuple[DeclaredMaterial, ...]
    personal_fields: frozenset[str]
    retention: str | None
    security: str | None
    responsible: str
    document_no: str

    @property
    def year(self) -> int:
        return self.handled_on.year

    @property
    def insurance(self) -> str:
        """Under which the case is filed: the item's own, the only one, else 综合."""
        if self.item.insurance != "form":
            return self.item.insurance
        return self.insurances[0] if len(self.insurances) == 1 else terms.COMBINED

    @cached_property
    def fields(self) -> dict[str, Any]:
        return {label: kept(reading) for label, reading in self.readings.items() if not is_empty(reading.raw)}

    @cached_property
    def lines(self) -> tuple[dict[str, Any], ...]:
        return tuple(
            {label: kept(reading) for label, reading in line.items() if not is_empty(reading.raw)}
            for line in self.line_readings
        )

    def value(self, label: str) -> str | tuple[str, ...] | None:
        reading = self.readings.get(label)
        return reading.value if reading else None

    def files_of(self, code: str) -> list[Mapping[str, Any]]:
        return [f for m in self.materials if m.known and m.known.code == code for f in m.files]


def kept(reading: Reading) -> Any:
    """What the archive keeps of a reading: the plain value, or what came where it could not be read."""
    if reading.value is None:
        return reading.raw
    return list(reading.value) if isinstance(reading.value, tuple) else reading.value


def normalise(item: Item, submission: Mapping[str, Any]) -> Normalised:
    handled_on = date.fromisoformat(submission["handled_on"])
    year = handled_on.year
    raw_fields = submission.get("fields") or {}
    readings, unknown, contradictions = _read_fields(item, raw_fields, year)
    lines = tuple(_read_fields(item, line, year, line=True)[0] for line in submission.get("lines") or ())
    persons = tuple(_person(person) for person in submission.get("persons") or ())
    unit = _unit(submission.get("unit"))
    declared = insurances_of(submission.get("insurances") or ())
    given = submission.get("title")
    return Normalised(
        item=item,
        business_no=submission["business_no"].strip(),
        revision=submission["revision"],
        fonds=submission.get("fonds") or None,
        department=(submission.get("department") or "").strip(),
        handled_on=handled_on,
        stage=item.stage or (submission.get("stage") or "").strip(),
        insurances=_of_form(item, readings) or declared or _fixed(item),
        declared_insurances=declared,
        title=privacy.mask_text(given.strip())
        if given and given.strip()
        else _title(item, handled_on, unit, persons, lines),
        unit=unit,
        persons=persons,
        readings=readings,
        line_readings=lines,
        unknown_fields=unknown,
        contradictions=contradictions,
        materials=tuple(_material(item, entry, year) for entry in submission.get("materials") or ()),
        personal_fields=_personal(item, readings, lines),
        retention=declared_retention(submission.get("retention")),
        security=submission.get("security") or None,
        responsible=(submission.get("responsible") or "").strip(),
        document_no=(submission.get("document_no") or "").strip(),
    )


def declared_retention(raw: Any) -> str | None:
    """What the business system says of the period, as a word of terms.RETENTIONS; None where it says none."""
    if raw is None or isinstance(raw, bool):
        return None
    word = re.sub("年$", "", plain(str(raw)))
    return word if word in terms.RETENTIONS else None


def holds_any(conditions: Conditions, case: Normalised) -> bool:
    return any(holds(condition, case) for condition in conditions)


def holds(condition: Condition, case: Normalised) -> bool:
    """Every part that the condition states is true of the case."""
    if condition.field:
        value = case.value(condition.field)
        parts = value if isinstance(value, tuple) else (value,) if value is not None else ()
        words = {plain(part) for part in parts}
        if condition.filled is not None and condition.filled != bool(words):
            return False
        if condition.equals is not None and words != {plain(condition.equals)}:
            return False
        if condition.any_of and words.isdisjoint(plain(word) for word in condition.any_of):
            return False
        if condition.contains is not None and plain(condition.contains) not in words:
            return False
    if condition.handled_from and case.handled_on < condition.handled_from:
        return False
    if condition.handled_before and case.handled_on >= condition.handled_before:
        return False
    if condition.division and not (case.unit and case.unit.uscc[2:8].startswith(condition.division)):
        return False
    if condition.material_is_copy:
        files = case.files_of(condition.material_is_copy)
        return bool(files) and all(file.get("original") is False for file in files)
    return True


def _read_fields(item: Item, raw: Mapping[str, Any], year: int, *, line: bool = False):
    readings: dict[str, Reading] = {}
    unknown: list[str] = []
    contradictions: list[tuple[str, str]] = []
    for key, value in raw.items():
        field = item.field_for(key, year, line=line)
        if field is None:
            unknown.append(key)
            readings.setdefault(key, Reading(None, raw=value))
            continue
        reading = read(field, value)
        earlier = readings.get(field.label)
        if earlier is not None and not is_empty(earlier.raw):
            if not is_empty(value) and reading.value != earlier.value:
                contradictions.append((field.label, key))
            continue
        readings[field.label] = reading
    return readings, tuple(unknown), tuple(contradictions)


def _person(raw: Mapping[str, Any]) -> Person:
    id_type = (raw.get("id_type") or "").strip()
    entry = _dictionaries.common()["证件类型"].resolve(id_type) if id_type else None
    return Person(
        name=raw["name"].strip(),
        id_type=entry.label if entry else id_type,
        id_no=privacy.normal_number(raw.get("id_no") or ""),
        personal_no=(raw.get("personal_no") or "").strip(),
        given_no=unicodedata.normalize("NFKC", raw.get("id_no") or "").strip(),
    )


def _unit(raw: Mapping[str, Any] | None) -> Unit | None:
    if not raw:
        return None
    return Unit(
        name=raw["name"].strip(),
        uscc=privacy.normal_number(raw.get("uscc") or ""),
        unit_no=(raw.get("unit_no") or "").strip(),
    )


def _material(item: Item, entry: Mapping[str, Any], year: int) -> DeclaredMaterial:
    code, name = (entry.get("code") or "").strip(), (entry.get("name") or "").strip()
    by_code = item.material_for(code, year) if code else None
    by_name = item.material_for(name, year) if name else None
    known = by_name or by_code
    return DeclaredMaterial(
        known=known,
        name=known.name if known else name or code,
        code=known.code if known else code,
        files=tuple(entry.get("files") or ()),
        disagreeing=bool(by_code and by_name and by_code != by_name),
    )


def insurances_of(words) -> tuple[str, ...]:
    """Insurance names of a list of words, in the order of terms.INSURANCES; unknown words are passed over."""
    table = _dictionaries.common()["险种"]
    found = {entry.insurance for word in words if (entry := table.resolve(word))}
    return tuple(name for name in terms.INSURANCES.values() if name in found)


def insurances_of_form(case: Normalised) -> tuple[str, ...]:
    """What the form's own fields say, whatever `insurances` says; empty where they say nothing."""
    return _of_form(case.item, case.readings)


def is_identity_type(word: str) -> bool:
    """Whether the table 证件类型 knows this kind of paper."""
    return _dictionaries.common()["证件类型"].resolve(word) is not None


def _of_form(item: Item, readings: Mapping[str, Reading]) -> tuple[str, ...]:
    found = set()
    for field in item.fields:
        if field.role == "insurance" and field.label in readings:
            value = readings[field.label].value
            for word in value if isinstance(value, tuple) else (value,):
                entry = field.dictionary.resolve(word) if word else None
                found.add(entry.insurance if entry else "")
    return tuple(name for name in terms.INSURANCES.values() if name in found)


def _fixed(item: Item) -> tuple[str, ...]:
    return () if item.insurance in ("form", terms.COMBINED) else (item.insurance,)


def _title(item: Item, handled_on: date, unit: Unit | None, persons, lines) -> str:
    """[单位][姓名|首名等N人][事项][年月]"""
    names = [person.name for person in persons] or _names_in_lines(item, lines)
    who = f"{names[0]}等{len(names)}人" if len(names) > 1 else "".join(names)
    unit_name = unit.name if unit else ""
    tail = f"{who[:60]}{item.title}{handled_on.year}年{handled_on.month}月"
    return privacy.mask_text(unit_name[: TITLE_LIMIT - len(tail)] + tail)


def _names_in_lines(item: Item, lines) -> list[str]:
    field = item.with_role("name", line=True)
    if field is None:
        return []
    values = [line[field.label].value for line in lines if field.label in line]
    return [value for value in values if isinstance(value, str)]


def _personal(item: Item, readings, lines) -> frozenset[str]:
    declared = {field.label for field in (*item.fields, *item.line_fields) if field.personal}
    strays = {
        key
        for group in (readings, *lines)
        for key, reading in group.items()
        if key not in declared and _looks_personal(key, reading.raw)
    }
    return frozenset(declared | strays)


def _looks_personal(key: str, raw: Any) -> bool:
    if _LOOKS_PERSONAL.search(key):
        return True
    texts = raw if isinstance(raw, list) else [raw]
    return any(_holds_number(str(text)) for text in texts if _is_text(text))


def _holds_number(text: str) -> bool:
    return any(match["number"] for match in privacy.PERSONAL.finditer(unicodedata.normalize("NFKC", text)))


def _is_text(raw: Any) -> bool:
    return isinstance(raw, str | int) and not isinstance(raw, bool)
