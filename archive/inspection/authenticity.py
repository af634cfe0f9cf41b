"""真实性 of the metadata: are the values what they claim to be, and do they agree with each other?

Judges what submission.json says, by its pack and by the national standards of code numbers (`codes.py`); the bytes
of files are other rooms' business. The checks rely on `structure_findings` having found the types right. Values of
personal fields appear masked.
"""

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from archive import privacy, profiles, terms
from archive.profiles import Item, Normalised, as_date, as_month

from . import codes
from .base import Check, Finding, Package, check
from .integrity import case_of, reported
from .structure import strings

LIMITS = {
    "business_no": 120, "title": 300, "department": 80, "fonds": 12, "responsible": 120, "document_no": 80,
    "stage": 20, "unit.name": 200, "unit.uscc": 30, "unit.unit_no": 60, "persons.name": 100, "persons.id_type": 40,
    "persons.id_no": 40, "persons.personal_no": 60, "materials.code": 60, "materials.name": 120,
    "process.action": 40, "process.actor": 60, "relates.business_no": 120, "system.name": 120, "system.version": 60,
}  # fmt: skip
"""Longest text, in characters, that the archive keeps of a key of the format itself."""

OLD_NUMBERS_UNTIL = date(2013, 1, 1)
"""Identity cards of the first generation (numbers of 15 places) ended on this day (居民身份证法, 2011)."""
ORGANISATION_CODES_UNTIL = date(2018, 1, 1)
"""Until the credit code had replaced every other code, a unit may show its organisation code of 9 places."""


@check("GD-1-2", "authenticity", "元数据项数据长度")
def lengths(check: Check, package: Package) -> Iterator[Finding]:
    for key, field, text in _own_texts(package.submission):
        if len(text) > LIMITS[key]:
            message = (
                f"submission.json 的“{field}”最长{LIMITS[key]}个字符，现为{len(text)}个。请缩短后重新提交。"
            )
            yield check.finding(
                "failed", message, field=field, value=profiles.shown(text, personal=key == "persons.id_no"),
                rule=f"长度不超过{LIMITS[key]}",
            )  # fmt: skip
    yield from reported(check, package, "length")


def _own_texts(submission: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(key of LIMITS, place, text) of the format's own texts that have a limit."""
    for key in LIMITS:
        table, _, inner = key.partition(".")
        value = submission.get(table)
        rows = value if isinstance(value, list) else [value]
        for number, row in enumerate(rows):
            text = row.get(inner) if inner and isinstance(row, dict) else row
            if isinstance(text, str):
                place = f"{table}[{number}].{inner}" if isinstance(value, list) else key
                yield key, place, text


@check("GD-1-3", "authenticity", "元数据项数据类型、格式")
def formats(check: Check, package: Package) -> Iterator[Finding]:
    yield from reported(check, package, "format")


@check("GD-1-4", "authenticity", "设定值域的符合度")
def dictionaries(check: Check, package: Package) -> Iterator[Finding]:
    """Code tables of the form, and those of the format itself."""
    submission, case = package.submission, case_of(package)
    for number, word in enumerate(submission.get("insurances") or ()):
        if not profiles.insurances_of([word]) and word.strip() != terms.COMBINED:
            known = "、".join(name for name in terms.INSURANCES.values() if name != terms.COMBINED)
            yield _outside(check, f"insurances[{number}]", word, f"险种：{known}")
    if submission.get("retention") is not None and case.retention is None:
        yield _outside(
            check, "retention", submission["retention"], f"保管期限：{'、'.join(terms.RETENTIONS)}"
        )
    if case.security and case.security.strip() not in terms.SECURITY_CODES:
        yield _outside(check, "security", case.security, f"密级：{'、'.join(terms.SECURITY_CODES)}")
    stage = (submission.get("stage") or "").strip()
    if stage and stage not in terms.STAGE_CODES:
        yield _outside(check, "stage", stage, f"业务环节：{'、'.join(terms.STAGE_CODES)}")
    for number, row in enumerate(submission.get("relates") or ()):
        if row["relation"] not in terms.RELATIONS:
            yield _outside(
                check, f"relates[{number}].relation", row["relation"], f"关系：{'、'.join(terms.RELATIONS)}"
            )
    for number, person in enumerate(case.persons):
        if person.id_type and not profiles.is_identity_type(person.id_type):
            message = f"第{number + 1}个当事人的证件类型“{profiles.shown(person.id_type)}”不在证件类型表内，号码未按类型检验，请核对。"
            yield check.finding(
                "warning", message, field=f"persons[{number}].id_type", value=profiles.shown(person.id_type),
                rule="代码表：证件类型",
            )  # fmt: skip
    yield from reported(check, package, "dictionary")


def _outside(check: Check, field: str, value: Any, rule: str) -> Finding:
    shown = profiles.shown(value)
    message = f"submission.json 的“{field}”的值“{shown}”不在值域内（{rule}）。请改正后重新提交。"
    return check.finding("failed", message, field=field, value=shown, rule=rule)


@check("GD-1-5", "authenticity", "数据值合理性")
def reasonable(check: Check, package: Package) -> Iterator[Finding]:
    """handled_on against today, what is said twice, and the item's cross-field rules."""
    case, item = case_of(package), package.item
    today = package.today or date.today()
    if case.handled_on > today:
        value = case.handled_on.isoformat()
        message = f"办结日期（{value}）晚于今天（{today.isoformat()}），未办结的业务不能归档。请改正。"
        yield check.finding("failed", message, field="handled_on", value=value, rule="办结日期不晚于今天")
    stage = (package.submission.get("stage") or "").strip()
    if stage in terms.STAGE_CODES and item.stage and stage != item.stage:
        message = f"submission.json 的业务环节“{stage}”与业务事项“{item.title}”的“{item.stage}”不同，以业务事项为准，请核对。"
        yield check.finding("warning", message, field="stage", value=stage, rule=f"业务环节：{item.stage}")
    of_form = profiles.insurances_of_form(case)
    if of_form and case.declared_insurances and of_form != case.declared_insurances:
        value = "、".join(case.declared_insurances)
        message = (
            f"submission.json 的险种（{value}）与表上的险种（{'、'.join(of_form)}）不同，以表为准，请核对。"
        )
        yield check.finding("warning", message, field="insurances", value=value, rule="险种前后一致")
    yield from reported(check, package, "reason")


@check("GD-1-6", "authenticity", "包含特殊字符")
def special_characters(check: Check, package: Package) -> Iterator[Finding]:
    """Control, format, private-use and replacement characters. Rare characters of names are none of these."""
    for place, text in strings(package.submission):
        free = place.startswith(("fields.", "lines["))
        found = next((character for character in text if _is_special(character, free)), None)
        if found:
            shown = profiles.shown(place) or ""
            message = (
                f"submission.json 的“{shown}”含有特殊字符 U+{ord(found):04X}（{_SPECIAL[unicodedata.category(found)]}）。"
                "请去掉，或换成该字的标准编码后重新提交。"
            )
            yield check.finding(
                "failed", message, field=shown, value=profiles.shown(text), rule="不含控制字符、自造字和乱码"
            )


_SPECIAL = {
    "Cc": "控制字符", "Cf": "不可见的格式字符", "Co": "自造字，别处不能显示", "Cs": "残缺的编码", "Cn": "未定义的字符",
    "So": "无法识别的字符", "Zl": "分行符", "Zp": "分段符",
}  # fmt: skip


def _is_special(character: str, line_breaks_allowed: bool) -> bool:
    if character.isascii() and character.isprintable() or "\u4e00" <= character <= "\u9fff":
        return False
    if character in "\t\r\n\u2028\u2029":
        return not line_breaks_allowed
    category = unicodedata.category(character)
    if category == "Cn":
        return not 0x20000 <= ord(character) <= 0x3FFFF  # newer ideographs than this Python knows
    return category in ("Cc", "Cf", "Co", "Cs") or character == "\ufffd"


@check("GD-1-8", "authenticity", "数据重复性", severity="warning")
def duplicates(check: Check, package: Package) -> Iterator[Finding]:
    """What the caller found in the archive already: `facts["duplicates"]` = [{kind, reference_code, file?, value?}]."""
    words = {"digest": "同样的文件", "person": "同一人同日的同一业务事项", "case": "同一件业务"}
    for row in package.facts.get("duplicates") or ():
        what = words.get(row.get("kind", ""), "相同的内容")
        message = (
            f"馆内已有{what}：档号 {row.get('reference_code') or '未编'}。已照常处理，请核对是否重复归档。"
        )
        yield check.finding(
            "warning", message, file=row.get("file"), value=row.get("value"), rule="与馆藏不重复"
        )


@dataclass(frozen=True)
class _Sheet:
    """The person that one set of fields describes: the form itself, or one of its lines."""

    place: str
    line: int | None
    values: Mapping[str, str]  # role → value
    labels: Mapping[str, str]  # role → field label


def _sheets(item: Item, case: Normalised) -> Iterator[_Sheet]:
    tables = [
        (None, item.fields, case.readings),
        *((n, item.line_fields, r) for n, r in enumerate(case.line_readings, 1)),
    ]
    for line, fields, readings in tables:
        values, labels = {}, {}
        for field in fields:
            value = readings[field.label].value if field.label in readings else None
            if field.role and isinstance(value, str):
                values[field.role] = value
                labels[field.role] = f"{field.label}（第{line}行）" if line else field.label
        yield _Sheet(f"第{line}行的" if line else "", line, values, labels)


@check("X-IDENTITY", "authenticity", "公民身份号码")
def identity(check: Check, package: Package) -> Iterator[Finding]:
    """GB 11643, and birth date and sex as stated. Other kinds of papers have no such number."""
    case = case_of(package)
    residents: dict[str | None, bool] = {}  # by number: whether it is a resident's for all declared with it
    for number, person in enumerate(case.persons):
        residents[person.id_no] = residents.get(person.id_no, True) and person.has_resident_number
        if person.id_no and person.has_resident_number:
            whose = f"当事人“{profiles.shown(person.name)}”" if person.name else f"第 {number + 1} 位当事人"
            yield from _number(check, case, f"persons[{number}].id_no", person.id_no, whose)
    for sheet in _sheets(package.item, case):
        id_no = sheet.values.get("idno", "")
        if id_no and _is_resident(sheet, residents):
            yield from _number(check, case, sheet.labels["idno"], id_no, f"“{sheet.labels['idno']}”")
        if (
            not id_no
            and sheet.line is None
            and len(case.persons) == 1
            and case.persons[0].has_resident_number
        ):
            id_no = case.persons[0].id_no
        if id_no and _is_resident(sheet, residents):
            yield from _agreement(check, sheet, id_no)


def _is_resident(sheet: _Sheet, residents: Mapping[str | None, bool]) -> bool:
    if "id_type" in sheet.values:
        return sheet.values["id_type"] == profiles.RESIDENT
    return residents.get(sheet.values.get("idno"), True)


def _number(check: Check, case: Normalised, field: str, id_no: str, whose: str) -> Iterator[Finding]:
    verdict, fault = "failed", codes.identity_fault(id_no, case.handled_on)
    if len(id_no) == 15 and codes.birth_date(id_no):
        fault = "是第一代身份证的15位号码，2013年1月1日起停止使用"
        verdict = "failed" if case.handled_on >= OLD_NUMBERS_UNTIL else "warning"
    if fault:
        value = profiles.shown(id_no, personal=True)
        message = f"{whose}的公民身份号码“{value}”{fault}（GB 11643）。请核对证件后改正。"
        yield check.finding(verdict, message, field=field, value=value, rule="GB 11643")


def _agreement(check: Check, sheet: _Sheet, id_no: str) -> Iterator[Finding]:
    sex, stated = codes.sex(id_no), sheet.values.get("sex", "")[:1]
    if sex and stated in (codes.MALE, codes.FEMALE) and stated != sex:
        message = f"{sheet.place}性别“{stated}”与公民身份号码所示的“{sex}”不符。请核对证件后改正。"
        yield check.finding(
            "failed", message, field=sheet.labels["sex"], value=stated, rule="性别与公民身份号码一致"
        )
    born, text = codes.birth_date(id_no), sheet.values.get("birth", "")
    day, month = as_date(text), as_month(text)
    if born and (day and day != born or not day and month and month != born.replace(day=1)):
        message = f"{sheet.place}出生日期“{profiles.shown(text)}”与公民身份号码所示的{born.isoformat()}不符。请核对证件后改正。"
        yield check.finding(
            "failed",
            message,
            field=sheet.labels["birth"],
            value=profiles.shown(text),
            rule="出生日期与公民身份号码一致",
        )


@check("X-CREDIT", "authenticity", "统一社会信用代码")
def credit_code(check: Check, package: Package) -> Iterator[Finding]:
    """GB 32100 and the GB 11714 code in it; before 2018 an organisation code alone is taken too."""
    case = case_of(package)
    found = [("unit.uscc", case.unit.uscc)] if case.unit and case.unit.uscc else []
    for field in package.item.fields:
        value = case.value(field.label)
        if field.type == "uscc" and isinstance(value, str):
            found.append((field.label, value))
    for place, code in found:
        organisation = len(code) == 9 and case.handled_on < ORGANISATION_CODES_UNTIL
        fault = codes.organisation_fault(code) if organisation else codes.credit_fault(code)
        if fault:
            value = profiles.shown(code)
            whose = "单位" if place == "unit.uscc" else f"“{place}”"
            message = f"{whose}的统一社会信用代码“{value}”{fault}。请核对营业执照后改正。"
            yield check.finding("failed", message, field=place, value=value, rule="GB 32100、GB 11714")


@check("X-DIVISION", "authenticity", "行政区划代码")
def division(check: Check, package: Package) -> Iterator[Finding]:
    """GB/T 2260 with the added codes: by code, or by name where a field wants the code."""
    case, item = case_of(package), package.item
    tables = [("", item.fields, case.readings)]
    tables += [(f"（第{n}行）", item.line_fields, row) for n, row in enumerate(case.line_readings, 1)]
    for suffix, fields, readings in tables:
        for field in fields:
            value = readings[field.label].value if field.label in readings else None
            if not isinstance(value, str) or not (field.type == "division" or field.role == "place"):
                continue
            fault = _division_fault(value, field.type == "division")
            if fault:
                shown = profiles.shown(value)
                message = f"字段“{field.shown}”{suffix}的值“{shown}”{fault[1]}。"
                yield check.finding(
                    fault[0], message, field=field.label + suffix, value=shown, rule="GB/T 2260"
                )


def _division_fault(value: str, code_wanted: bool) -> tuple[str, str] | None:
    if value.isascii() and value.isdigit():
        return codes.division_fault(value) if code_wanted or len(value) == 6 else None
    if not code_wanted or codes.division_by_name(value):
        return None
    if any(value.startswith(name[:2]) for code, name in codes.divisions().items() if code.endswith("0000")):
        return "warning", "是地名，但不在系统所载的行政区划名称内，请改填6位代码"
    return "failed", "既不是6位行政区划代码，也不是已知的行政区划名称（GB/T 2260）"


@check("X-PARTIES", "authenticity", "当事人前后一致")
def parties(check: Check, package: Package) -> Iterator[Finding]:
    """The person of the form is one of `persons`; the unit of a unit's form is `unit`."""
    case, item = case_of(package), package.item
    names: dict[str | None, set[str]] = {}  # of those who are declared with that number
    for person in case.persons:
        names.setdefault(person.id_no, set()).add(privacy.normal_name(person.name))
    for sheet in _sheets(item, case):
        if case.persons:
            yield from _same_person(check, names, sheet)
        if item.subject == "unit" and sheet.line is None and case.unit:
            yield from _same_unit(check, case, sheet)


def _same_person(check: Check, names: Mapping[str | None, set[str]], sheet: _Sheet) -> Iterator[Finding]:
    name, id_no = sheet.values.get("name", ""), sheet.values.get("idno", "")
    same_number = names.get(id_no, set()) if id_no else set()
    if id_no and not same_number and sheet.line is None:
        value = profiles.shown(id_no, personal=True)
        message = f"表上的证件号码“{value}”不是任何当事人（persons）的号码。请核对后改正。"
        yield check.finding("failed", message, field=sheet.labels["idno"], value=value, rule="表与当事人一致")
    candidates = set().union(*names.values()) if sheet.line is None and not id_no else same_number
    if name and candidates and privacy.normal_name(name) not in candidates:
        value = profiles.shown(name)
        message = f"{sheet.place or '表上的'}姓名“{value}”与当事人（persons）的姓名不符。请核对后改正。"
        yield check.finding("failed", message, field=sheet.labels["name"], value=value, rule="表与当事人一致")


def _same_unit(check: Check, case: Normalised, sheet: _Sheet) -> Iterator[Finding]:
    pairs = (("unit_name", privacy.normal_name(case.unit.name)), ("uscc", case.unit.uscc))
    for role, expected in pairs:
        stated = sheet.values.get(role, "")
        normal = privacy.normal_name(stated) if role == "unit_name" else stated
        if stated and expected and normal != expected:
            value = profiles.shown(stated)
            message = f"表上的{sheet.labels[role]}“{value}”与单位（unit）不符。请核对后改正。"
            yield check.finding("failed", message, field=sheet.labels[role], value=value, rule="表与单位一致")
