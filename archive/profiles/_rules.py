"""The named rules that a pack may use. A pack writes the name, the parameters, the severity and the sentence.

A rule is a function `(case, parameters) -> Iterable[Breach]`, registered with the kinds of its parameters so that the
loader can refuse a wrong pack. A rule that cannot be judged (a value is absent or was not readable) is silent: the
missing or wrong value has a finding of its own. "Now" is the day of 办结 (`case.handled_on`).
"""

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from ._case import Normalised, holds_any
from ._model import plain
from ._values import THIS_MONTH, Reading, as_date, as_month, as_number, half_width

Parameters = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Breach:
    """One violation. `words` fill the {names} of the pack's sentence; `severity` overrides the rule's own."""

    field: str | None = None
    raw: Any = None
    line: int | None = None  # counted from 1
    severity: str = ""
    words: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class RuleFunction:
    name: str
    function: Callable[[Normalised, Parameters], Iterable[Breach]]
    parameters: Mapping[str, str]  # name → kind, a trailing ? = optional
    words: tuple[str, ...]  # what its sentence may name beside COMMON_WORDS
    meaning: str  # the first line of the function's docstring


RULES: dict[str, RuleFunction] = {}


COMMON_WORDS = ("field", "value", "line", "handled_on")


def rule(*words: str, **parameters: str):
    """Register a rule and the words its breaches bring. Kinds: field, fields, text, texts, integer, severity, conditions, material, flag, pattern."""

    def register(function):
        meaning = (function.__doc__ or "").strip().splitlines()[0]
        RULES[function.__name__] = RuleFunction(function.__name__, function, parameters, words, meaning)
        return function

    return register


def _tables(case: Normalised, p: Parameters) -> list[tuple[int | None, Mapping[str, Reading]]]:
    """Where a rule looks: the form's own fields, or each of its lines (`lines = true`)."""
    return list(enumerate(case.line_readings, start=1)) if p.get("lines") else [(None, case.readings)]


def _value(table: Mapping[str, Reading], label: str) -> Any:
    reading = table.get(label)
    return reading.value if reading and not reading.faults else None


def _raw(table: Mapping[str, Reading], label: str) -> Any:
    return table[label].raw if label in table else None


def _month_of(case: Normalised, value: Any) -> date | None:
    if isinstance(value, str) and half_width(value) == THIS_MONTH:
        return case.handled_on.replace(day=1)
    return as_month(value)


def _day(value: Any) -> date | None:
    return as_date(value) or as_month(value)


def _shift(month: date, months: int) -> date:
    count = month.year * 12 + month.month - 1 + months
    return date(count // 12, count % 12 + 1, 1)


@rule("earliest", field="field", months="integer")
def not_before_month_offset(case, p):
    """The date is not earlier than the first day of the month of handling, shifted by `months`."""
    value = as_date(_value(case.readings, p["field"]))
    earliest = _shift(case.handled_on.replace(day=1), p["months"])
    if value and value < earliest:
        words = {"earliest": earliest.isoformat()}
        yield Breach(field=p["field"], raw=_raw(case.readings, p["field"]), words=words)


@rule("expected", "found", field="field", of="field", later="severity?")
def month_equals(case, p):
    """The month of `field` is that of the date `of`; earlier = the rule's severity, later = `later`."""
    of = as_date(_value(case.readings, p["of"]))
    month = _month_of(case, _value(case.readings, p["field"]))
    if of and month and month != of.replace(day=1):
        severity = p.get("later", "") if month > of else ""
        words = {"expected": of.strftime("%Y-%m"), "found": month.strftime("%Y-%m")}
        yield Breach(field=p["field"], raw=_raw(case.readings, p["field"]), severity=severity, words=words)


@rule("first", first="field", then="field", lines="flag?")
def date_order(case, p):
    """The date `then` is not before the date `first` (a special value such as 99999999 is never before)."""
    for line, table in _tables(case, p):
        first, then = _day(_value(table, p["first"])), _day(_value(table, p["then"]))
        if first and then and then < first:
            yield Breach(
                field=p["then"], raw=_raw(table, p["then"]), line=line, words={"first": first.isoformat()}
            )


@rule(field="field", lines="flag?")
def not_after_handled(case, p):
    """The date is not after the day of handling."""
    for line, table in _tables(case, p):
        value = as_date(_value(table, p["field"]))
        if value and value > case.handled_on:
            yield Breach(field=p["field"], raw=_raw(table, p["field"]), line=line)


@rule("expected", "found", total="field", plus="fields", minus="fields?", when_equal="fields?", lines="flag?")
def sum_equals(case, p):
    """`total` = Σ `plus` − Σ `minus` (blank = 0); only where the fields of `when_equal` are equal."""
    for line, table in _tables(case, p):
        equal = [as_number(_value(table, label)) for label in p.get("when_equal", ())]
        total = as_number(_value(table, p["total"]))
        if total is None or None in equal or len(set(equal)) > 1:
            continue
        parts = [*p["plus"], *p.get("minus", ())]
        if any(label in table and table[label].faults for label in parts):
            continue
        numbers = {label: as_number(_value(table, label)) for label in parts}
        if all(number is None for number in numbers.values()):
            continue
        expected = sum((numbers[label] or Decimal(0) for label in p["plus"]), Decimal(0))
        expected -= sum((numbers[label] or Decimal(0) for label in p.get("minus", ())), Decimal(0))
        if expected != total:
            words = {"expected": f"{expected:f}", "found": f"{total:f}"}
            yield Breach(field=p["total"], raw=_raw(table, p["total"]), line=line, words=words)


@rule("expected", "found", "column", row="field", total="texts", columns="fields", lines="flag")
def row_sum(case, p):
    """In every column, the line named by one of `total` equals the sum of all other lines (blank = 0)."""
    wanted = {plain(word) for word in p["total"]}
    rows = list(enumerate(case.line_readings, start=1))
    totals = [(number, row) for number, row in rows if _is_total(row, p["row"], wanted)]
    others = [row for _, row in rows if not _is_total(row, p["row"], wanted)]
    if len(totals) != 1 or not others:
        return
    number, total_row = totals[0]
    for label in p["columns"]:
        if any(label in row and row[label].faults for _, row in rows):
            continue
        total = as_number(_value(total_row, label))
        parts = [part for row in others if (part := as_number(_value(row, label))) is not None]
        if total is None and not parts:
            continue
        if sum(parts, Decimal(0)) != (total or 0):
            words = {"expected": f"{sum(parts, Decimal(0)):f}", "found": f"{total or 0:f}", "column": label}
            yield Breach(field=label, raw=_raw(total_row, label), line=number, words=words)


def _is_total(row: Mapping[str, Reading], label: str, wanted: set[str]) -> bool:
    """By the column that names the row; where the form sent it under another key, by any value that says so."""
    if label in row:
        return plain(str(row[label].raw)) in wanted
    return any(isinstance(reading.raw, str) and plain(reading.raw) in wanted for reading in row.values())


@rule(fields="fields")
def at_least_one(case, p):
    """At least one of the fields is filled in."""
    if all(case.value(label) is None for label in p["fields"]):
        yield Breach(field=p["fields"][0])


@rule(fields="fields")
def all_or_none(case, p):
    """Where one of the fields is filled in, all are."""
    missing = [label for label in p["fields"] if case.value(label) is None]
    if missing and len(missing) < len(p["fields"]):
        for label in missing:
            yield Breach(field=label)


@rule("missing", field="field", value="text", needs="texts")
def contains_implies(case, p):
    """Where the choice contains `value`, it contains every word of `needs` too."""
    value = case.value(p["field"])
    chosen = {plain(word) for word in value} if isinstance(value, tuple) else {plain(value or "")}
    missing = [word for word in p["needs"] if plain(word) not in chosen]
    if plain(p["value"]) in chosen and missing:
        yield Breach(
            field=p["field"], raw=_raw(case.readings, p["field"]), words={"missing": "、".join(missing)}
        )


@rule(fields="fields")
def differs(case, p):
    """The fields do not all hold the same value (two persons, not one)."""
    values = [case.value(label) for label in p["fields"]]
    if all(values) and len({plain(str(value)) for value in values}) == 1:
        yield Breach(field=p["fields"][-1], raw=values[-1])


@rule(fields="fields", persons="flag?")
def upper_case(case, p):
    """Letters stand in upper case as they were sent; with `persons`, in the identity numbers of the parties too."""
    for label in p["fields"]:
        raw = _raw(case.readings, label)
        if isinstance(raw, str) and half_width(raw) != half_width(raw).upper():
            yield Breach(field=label, raw=raw)
    for person in case.persons if p.get("persons") else ():
        if person.given_no != person.given_no.upper():
            yield Breach(field="persons.id_no", raw=person.given_no)


@rule("due", "quarter", dates="texts", period="field?", on="field?")
def due_by(case, p):
    """A quarterly return came by the `dates` (month-day) after its quarter; the quarter is `period`, else the last."""
    stated = as_date(_value(case.readings, p.get("on", "")))
    delivered = max(case.handled_on, stated or case.handled_on)
    quarter = _quarter(case.value(p["period"]) if p.get("period") else None) or _last_quarter(delivered)
    month = _shift(date(quarter[0], quarter[1] * 3, 1), 1)
    day = next((int(text[3:]) for text in p["dates"] if int(text[:2]) == month.month), None)
    if day and delivered > month.replace(day=day):
        yield Breach(
            field=p.get("on"),
            raw=delivered.isoformat(),
            words={"due": month.replace(day=day).isoformat(), "quarter": f"{quarter[0]}年第{quarter[1]}季度"},
        )


def _quarter(text: Any) -> tuple[int, int] | None:
    """2015年第1季度, 2015年一季度, 2015Q1, 2015-1季度, 2015年3月 → (2015, 1)."""
    if not isinstance(text, str):
        return None
    text = half_width(text).upper()
    found = re.search(r"((?:19|20)\d{2}).{0,3}?(?:Q([1-4])|第?([1-4一二三四])季)", text, re.ASCII)
    if found:
        return int(found[1]), "一二三四".find(found[3]) + 1 if found[3] in tuple("一二三四") else int(
            found[2] or found[3]
        )
    month = as_month(text)
    return (month.year, (month.month + 2) // 3) if month else None


def _last_quarter(day: date) -> tuple[int, int]:
    number = (day.month - 1) // 3
    return (day.year, number) if number else (day.year - 1, 4)


@rule("other", field="field", lines="flag")
def unique_in_lines(case, p):
    """No two lines hold the same value of the field."""
    seen: dict[Any, int] = {}
    for number, row in enumerate(case.line_readings, start=1):
        value = _value(row, p["field"])
        if value is None:
            continue
        if value in seen:
            yield Breach(field=p["field"], raw=value, line=number, words={"other": str(seen[value])})
        seen.setdefault(value, number)


@rule(when="conditions", field="field?")
def never_when(case, p):
    """The conditions do not hold."""
    if holds_any(p["when"], case):
        label = p.get("field")
        yield Breach(field=label, raw=_raw(case.readings, label) if label else None)


@rule(pattern="pattern")
def unit_name_unlike(case, p):
    """The unit's name does not look like this pattern."""
    if case.unit and re.search(p["pattern"], case.unit.name):
        yield Breach(field="unit.name", raw=case.unit.name)


@rule(material="material")
def signed(case, p):
    """No file of the material says of itself that it is unsigned."""
    files = case.files_of(p["material"])
    if files and all(file.get("signed") is False for file in files):
        yield Breach(field="materials.signed", raw="false")


@rule(count="integer")
def max_persons(case, p):
    """The case names no more persons than this."""
    if len(case.persons) > p["count"]:
        yield Breach(field="persons", raw=str(len(case.persons)))
