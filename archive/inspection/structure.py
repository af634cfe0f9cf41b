"""Is submission.json of the form that `archive-submission/1` asks for? Safe on any JSON value; pure.

`structure_findings` comes before everything else: when it reports nothing, all other code may rely on the keys and
types below, on real dates and moments, and on text that can be stored. It says everything at once, so that one
correction round is enough. Values inside `fields` and `lines` may still be anything: the packs judge them.
"""

import math
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

from archive import profiles
from archive.profiles import moment

from .base import Finding

FORMAT = "archive-submission/1"

TOP = {
    "format": "text", "source": "text", "item": "text", "business_no": "text", "revision": "count", "fonds": "text?",
    "department": "text?", "handled_on": "day", "title": "text?", "insurances": "texts?", "security": "text?",
    "responsible": "text?", "document_no": "text?", "stage": "text?", "retention": "period?", "unit": "object?",
    "persons": "objects?", "fields": "object", "lines": "objects?", "materials": "objects", "process": "objects",
    "relates": "objects?", "system": "object",
}  # fmt: skip
"""Key → kind; ? = may be absent or null."""
UNIT = {"name": "text", "uscc": "text?", "unit_no": "text?"}
PERSON = {"name": "text", "id_type": "text?", "id_no": "text?", "personal_no": "text?"}
MATERIAL = {"code": "text?", "name": "text?", "files": "objects"}
FILE = {
    "path": "text", "pages": "size?", "bytes": "size", "sha256": "digest", "sm3": "digest?", "original": "flag?",
    "sealed": "flag?", "signed": "flag?", "copies": "count?",
}  # fmt: skip
STEP = {"action": "text", "actor": "text", "at": "moment"}
RELATION = {"business_no": "text", "relation": "text"}
SYSTEM = {"name": "text", "version": "text?", "exported_at": "moment?"}

KINDS = {
    "text": "文字", "texts": "文字的列表", "count": "1至9999的整数", "size": "不小于0的整数", "flag": "true 或 false",
    "object": "对象", "objects": "对象的列表", "day": "YYYY-MM-DD 的真实日期", "moment": "ISO 8601 的真实时间",
    "digest": "64位十六进制摘要", "period": "文字或整数",
}  # fmt: skip

MISSING, TYPE, VALUE, CHARACTERS, STEPS = "GD-2-3", "GD-1-3", "GD-1-4", "GD-1-6", "GD-2-5"
_PROPERTY = {
    MISSING: "integrity",
    TYPE: "authenticity",
    VALUE: "authenticity",
    CHARACTERS: "authenticity",
    STEPS: "integrity",
}
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
DEPTH = 20
FIX = "请由业务系统改正后重新导出。"


def structure_findings(submission: Any) -> list[Finding]:
    """Every fault of form, each failed; an empty list = the rest may rely on it. Never raises."""
    if not isinstance(submission, dict):
        message = f"submission.json 应是一个对象，现在却是{profiles.kind_of(submission)}。{FIX}"
        return [_finding(TYPE, "submission.json", message, "顶层是对象")]
    if _deeper_than(submission, DEPTH):
        message = f"submission.json 的嵌套超过{DEPTH}层，不是归档信息包的格式。{FIX}"
        return [_finding(TYPE, "submission.json", message, f"嵌套不超过{DEPTH}层")]
    findings = list(_table("", submission, TOP))
    if isinstance(submission.get("format"), str) and submission["format"] != FORMAT:
        value = profiles.shown(submission["format"])
        message = f"format 为“{value}”，本系统只收“{FORMAT}”。{FIX}"
        findings.append(_finding(VALUE, "format", message, f"format = {FORMAT}", value))
    if isinstance(submission.get("unit"), dict):
        findings += _table("unit", submission["unit"], UNIT)
    if isinstance(submission.get("system"), dict):
        findings += _table("system", submission["system"], SYSTEM)
    for key, keys in (("persons", PERSON), ("process", STEP), ("relates", RELATION), ("materials", MATERIAL)):
        for place, row in _objects(key, submission.get(key)):
            findings += _table(place, row, keys)
    findings += _materials(submission.get("materials"))
    findings += _unstorable(submission)
    return findings


def _deeper_than(value: Any, depth: int) -> bool:
    """Level by level: what is too deep for Python's own recursion is found here, before anything recurses."""
    level = [value]
    for _ in range(depth):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return any(isinstance(inner, dict | list) for inner in level)


def _table(where: str, table: dict, keys: dict[str, str]) -> Iterator[Finding]:
    for key, kind in keys.items():
        place = f"{where}.{key}" if where else key
        value = table.get(key)
        if value is None or (isinstance(value, str) and not value.strip() and not kind.endswith("?")):
            if not kind.endswith("?"):
                check = STEPS if where.startswith("process") else MISSING
                message = f"submission.json 缺少“{place}”，或它是空的；应为{KINDS[kind]}。{FIX}"
                yield _finding(check, place, message, "必备的元数据项")
        elif not _is_kind(value, kind.rstrip("?")):
            shown = profiles.shown(value, personal=key == "id_no")
            message = f"submission.json 的“{place}”应为{KINDS[kind.rstrip('?')]}，现为{profiles.kind_of(value)}“{shown}”。{FIX}"
            yield _finding(TYPE, place, message, "数据类型与格式", shown)


def _objects(key: str, value: Any) -> Iterator[tuple[str, dict]]:
    for number, row in enumerate(value if isinstance(value, list) else ()):
        if isinstance(row, dict):
            yield f"{key}[{number}]", row


def _materials(materials: Any) -> Iterator[Finding]:
    for place, row in _objects("materials", materials):
        if not any(isinstance(row.get(key), str) and row[key].strip() for key in ("code", "name")):
            yield _finding(
                MISSING, place, f"{place} 既没有代码（code）也没有名称（name）。{FIX}", "必备的元数据项"
            )
        for file_place, file in _objects(f"{place}.files", row.get("files")):
            yield from _table(file_place, file, FILE)


def _is_kind(value: Any, kind: str) -> bool:
    if kind in ("texts", "objects"):
        return isinstance(value, list) and all(
            isinstance(row, str if kind == "texts" else dict) for row in value
        )
    if kind == "flag":
        return isinstance(value, bool)
    if kind == "object":
        return isinstance(value, dict)
    if kind in ("count", "size", "period") and isinstance(value, int) and not isinstance(value, bool):
        return {"count": 1 <= value <= 9999, "size": 0 <= value < 2**63}.get(kind, True)
    if kind in ("count", "size") or not isinstance(value, str):
        return False
    if kind == "day":
        return is_day(value)
    if kind == "moment":
        return moment(value) is not None
    return kind != "digest" or re.fullmatch(r"[0-9a-fA-F]{64}", value) is not None


def is_day(text: str) -> bool:
    """YYYY-MM-DD and a real day of 1900 or later."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return False
    try:
        return date.fromisoformat(text).year >= 1900
    except ValueError:
        return False


def strings(value: Any) -> Iterator[tuple[str, str]]:
    """(place, text) of every string in a JSON value, keys included; no recursion, so depth does no harm."""
    stack: list[tuple[str, Any]] = [("", value)]
    while stack:
        place, value = stack.pop()
        if isinstance(value, str):
            yield place, value
        elif isinstance(value, dict):
            for key, inner in value.items():
                inner_place = f"{place}.{key}" if place else str(key)
                yield inner_place, str(key)
                stack.append((inner_place, inner))
        elif isinstance(value, list):
            stack += [(f"{place}[{number}]", inner) for number, inner in enumerate(value)]


def _unstorable(submission: dict) -> Iterator[Finding]:
    for place, text in strings(submission):
        found = _UNSTORABLE.search(text)
        if found:
            place = profiles.shown(place) or ""
            message = f"submission.json 的“{place}”含有不能保存的字符 U+{ord(found.group()):04X}。{FIX}"
            yield _finding(CHARACTERS, place, message, "不含空字符和残缺的编码", profiles.shown(text))
    stack: list[Any] = [submission]
    while stack:
        value = stack.pop()
        if isinstance(value, float) and not math.isfinite(value):
            message = f"submission.json 含有 NaN 或无穷大，不是合法的数。{FIX}"
            yield _finding(TYPE, "submission.json", message, "数据类型与格式")
        elif isinstance(value, dict | list):
            stack += value.values() if isinstance(value, dict) else value


def _finding(check: str, field: str, message: str, rule: str, value: str | None = None) -> Finding:
    return Finding(
        check=check, property=_PROPERTY[check], verdict="failed", file="submission.json", field=field[:120],
        value=value, rule=rule, message=message,
    )  # fmt: skip
