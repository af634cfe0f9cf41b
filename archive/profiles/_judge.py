"""What a case breaks of its item: fields, materials and rules, as plain violations. Pure; never raises.

The checks of `archive.inspection` put these under their DA/T 70 numbers; this module knows no check numbers.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from archive import privacy

from ._case import Normalised, holds_any
from ._model import Field
from ._rules import RULES, Breach
from ._values import DICTIONARY, FORMAT, LENGTH, REASON, Reading, is_empty

REQUIRED, UNKNOWN_FIELD, MATERIAL, UNKNOWN_MATERIAL = (
    "required",
    "unknown-field",
    "material",
    "unknown-material",
)
KINDS = (LENGTH, FORMAT, DICTIONARY, REASON, REQUIRED, UNKNOWN_FIELD, MATERIAL, UNKNOWN_MATERIAL)
SHOWN_LENGTH = 120


@dataclass(frozen=True, kw_only=True)
class Violation:
    """`kind` is one of KINDS; `value` is safe to show and to store (masked, cut, without control characters)."""

    kind: str
    severity: str  # failed | warning
    message: str
    rule: str
    field: str | None = None
    value: str | None = None
    file: str | None = None


def judge(case: Normalised) -> tuple[Violation, ...]:
    """Everything that is wrong with the case, in the order fields, lines, rules, materials."""
    return (*_fields(case), *_lines(case), *_unknown_fields(case), *_rules(case), *_materials(case))


def waiting_reasons(case: Normalised) -> tuple[str, ...]:
    """What the pack leaves to a person in this case (`needs_person`); empty = nothing."""
    return tuple(entry.reason for entry in case.item.needs_person if holds_any(entry.when, case))


def shown(raw: Any, *, personal: bool = False) -> str | None:
    """A value as findings may show it: numbers masked, control characters named, never too long."""
    if raw is None:
        return None
    if isinstance(raw, list | tuple):
        return "、".join(shown(part, personal=personal) or "空" for part in raw[:20])[:SHOWN_LENGTH]
    text = _clean(raw if isinstance(raw, str) else "对象" if isinstance(raw, dict) else str(raw))
    return privacy.mask_number(text[:SHOWN_LENGTH]) if personal else privacy.mask_text(text)[:SHOWN_LENGTH]


def _clean(text: str) -> str:
    """Characters that no page and no database should meet are named: U+0007."""
    strange = ("Cc", "Cs", "Co", "Cf")
    return "".join(
        f"U+{ord(character):04X}" if unicodedata.category(character) in strange else character
        for character in text[: SHOWN_LENGTH * 2]
    )


def _fields(case: Normalised) -> Iterator[Violation]:
    for field in case.item.fields:
        reading = case.readings.get(field.label)
        yield from _values_faults(case, field, reading)
        yield from _presence(case, field, reading)
    for label, key in case.contradictions:
        yield Violation(
            kind=REASON, severity="failed", field=label, rule="同一字段只有一个值",
            message=f"字段“{label}”又以“{shown(key)}”填了另一个值，两处不一致。请只留正确的一个。",
        )  # fmt: skip


def _lines(case: Normalised) -> Iterator[Violation]:
    for number, row in enumerate(case.line_readings, start=1):
        for field in case.item.line_fields:
            yield from _values_faults(case, field, row.get(field.label), line=number)
            if field.required and (field.label not in row or is_empty(row[field.label].raw)):
                yield _missing(field, number)


def _values_faults(case: Normalised, field: Field, reading: Reading | None, line: int | None = None):
    for kind, phrase in reading.faults if reading else ():
        value = shown(reading.raw, personal=field.personal)
        yield Violation(
            kind=kind, severity="failed", field=_place(field.label, line), value=value, rule=_value_rule(kind, field),
            message=f"{_named(field, line)}的值“{value}”不合要求：{phrase}。请改正后重新提交。",
        )  # fmt: skip


def _value_rule(kind: str, field: Field) -> str:
    if kind == LENGTH:
        return f"长度不超过{field.max_length}"
    if kind == DICTIONARY and field.dictionary:
        return f"代码表：{field.dictionary.name}"
    return {FORMAT: "数据类型与格式", REASON: "取值范围"}.get(kind, kind)


def _presence(case: Normalised, field: Field, reading: Reading | None) -> Iterator[Violation]:
    filled = reading is not None and not is_empty(reading.raw)
    if filled and holds_any(field.forbidden_when, case):
        value = shown(reading.raw, personal=field.personal)
        yield Violation(
            kind=REASON, severity="failed", field=field.label, value=value, rule=f"不应填写：{_why(field.forbidden_when)}",
            message=f"{_named(field)}填了“{value}”，但{_why(field.forbidden_when)}时不应填写。请删去或改正。",
        )  # fmt: skip
    if filled or holds_any(field.forbidden_when, case):
        return
    if holds_any(field.required_when, case):
        why = _why(tuple(c for c in field.required_when if holds_any((c,), case)))
        yield Violation(
            kind=REQUIRED, severity="failed", field=field.label, rule=f"{why}时必填",
            message=f"{_named(field)}没有填写，{why}时必填。请补齐后重新提交。",
        )  # fmt: skip
    elif field.required and not holds_any(field.not_required_when, case):
        yield _missing(field)
    elif field.wanted:
        yield Violation(
            kind=REQUIRED, severity="warning", field=field.label, rule="宜填",
            message=f"{_named(field)}没有填写，表中应有此项，建议补齐。",
        )  # fmt: skip


def _missing(field: Field, line: int | None = None) -> Violation:
    return Violation(
        kind=REQUIRED, severity="failed", field=_place(field.label, line), rule="必填",
        message=f"{_named(field, line)}必填，却没有填写。请补齐后重新提交。",
    )  # fmt: skip


def _unknown_fields(case: Normalised) -> Iterator[Violation]:
    for key in case.unknown_fields:
        yield Violation(
            kind=UNKNOWN_FIELD, severity="warning", field=shown(key), value=shown(case.readings[key].raw),
            rule="业务事项所列字段",
            message=f"业务事项“{case.item.title}”没有列出字段“{shown(key)}”，已照原样保存，请核对字段名。",
        )  # fmt: skip


def _rules(case: Normalised) -> Iterator[Violation]:
    for rule in case.item.rules:
        for breach in RULES[rule.function].function(case, rule.parameters):
            yield _broken(case, rule, breach)


def _broken(case: Normalised, rule, breach: Breach) -> Violation:
    label = breach.field
    personal = label in case.personal_fields or label == "persons.id_no"
    value = shown(breach.raw, personal=personal)
    words: Mapping[str, str] = {
        "field": label or "", "value": value or "", "line": f"第{breach.line}行" if breach.line else "",
        "handled_on": case.handled_on.isoformat(), **breach.words,
    }  # fmt: skip
    return Violation(
        kind=REASON, severity=breach.severity or rule.severity, field=_place(label, breach.line), value=value,
        rule=rule.id, message=rule.sentence.format_map(words),
    )  # fmt: skip


def _materials(case: Normalised) -> Iterator[Violation]:
    for material in case.item.materials:
        files = case.files_of(material.code)
        needed = holds_any(material.required_when, case) or (
            material.required and not holds_any(material.not_required_when, case)
        )
        if not files:
            if needed:
                why = "" if material.required else f"{_why(material.required_when)}时"
                yield Violation(
                    kind=MATERIAL, severity="failed", field=material.name, rule=f"{why}必须具备的材料",
                    message=f"缺少材料“{material.name}”（{why}必须具备），或这项材料下没有文件。请补交后重新提交。",
                )  # fmt: skip
            continue
        copies = sum(entry.copies for entry in case.materials if entry.known == material)
        if copies < material.copies_needed:
            yield Violation(
                kind=MATERIAL, severity="failed", field=material.name, value=str(copies),
                rule=f"份数不少于{material.copies_needed}",
                message=f"材料“{material.name}”应有{material.copies_needed}份，现有{copies}份。请补交。",
            )  # fmt: skip
        for file in files:
            must = material.sealed_required == "all" or (
                material.sealed_required == "copies" and file.get("original") is False
            )
            if must and file.get("sealed") is not True:
                yield Violation(
                    kind=MATERIAL, severity="failed", field=material.name, file=shown(file.get("path")), rule="加盖公章",
                    message=f"材料“{material.name}”的文件应加盖公章，却没有注明已盖章。请盖章后重新提交。",
                )  # fmt: skip
    yield from _declared_materials(case)


def _declared_materials(case: Normalised) -> Iterator[Violation]:
    for entry in case.materials:
        name = shown(entry.name)
        if entry.disagreeing:
            yield Violation(
                kind=UNKNOWN_MATERIAL, severity="warning", field=name, rule="材料名称与代码一致",
                message=f"材料“{name}”的代码指的是另一项材料，已按名称归入，请核对。",
            )  # fmt: skip
        if entry.known is None:
            yield Violation(
                kind=UNKNOWN_MATERIAL, severity="warning", field=name, value=name, rule="归档范围",
                message=f"业务事项“{case.item.title}”没有列出材料“{name}”，已照原样保存，请核对材料名称。",
            )  # fmt: skip
        elif not entry.files and case.files_of(entry.known.code) == [] and not entry.known.required:
            yield Violation(
                kind=UNKNOWN_MATERIAL, severity="warning", field=name, rule="材料下应有文件",
                message=f"材料“{name}”下没有文件。",
            )  # fmt: skip


def _named(field: Field, line: int | None = None) -> str:
    return f"{f'第{line}行的' if line else ''}字段“{field.shown}”"


def _place(label: str | None, line: int | None = None) -> str | None:
    return f"{label}（第{line}行）" if label and line else label


def _why(conditions: Iterable) -> str:
    """Conditions in words: 就业形式为“派遣就业”."""
    return "或".join(_one_why(condition) for condition in conditions)


def _one_why(condition) -> str:
    parts = []
    if condition.field:
        if condition.equals is not None:
            parts.append(f"{condition.field}为“{condition.equals}”")
        if condition.any_of:
            parts.append(f"{condition.field}为“{'”或“'.join(condition.any_of)}”")
        if condition.contains is not None:
            parts.append(f"{condition.field}含“{condition.contains}”")
        if condition.filled is not None:
            parts.append(f"{condition.field}{'已填' if condition.filled else '未填'}")
    if condition.handled_from:
        parts.append(f"{condition.handled_from.isoformat()}起办结")
    if condition.handled_before:
        parts.append(f"{condition.handled_before.isoformat()}以前办结")
    if condition.division:
        parts.append(f"单位信用代码的行政区划为{condition.division}")
    if condition.material_is_copy:
        parts.append(f"材料“{condition.material_is_copy}”为复印件")
    return "且".join(parts)
