"""Which keys a pack.toml may have, and of what kind. The README's tables are tested against these.

Kinds: text, texts, flag, integer, number, date, table, tables (list of tables); a trailing ? = may be left out.
"""

from datetime import date, datetime

from archive.errors import WrongPack

PACK = {
    "source": "text", "system": "text", "version": "text", "valid_from": "date", "basis": "text?",
    "groups": "table?", "item": "tables", "rule": "tables?",
}  # fmt: skip
ITEM = {
    "code": "text", "title": "text", "subject": "text", "stage": "text?", "insurance": "text?",
    "schedule_classes": "texts", "basis": "text?", "channel": "text?", "groups": "texts?",
    "optional_groups": "texts?", "line_groups": "texts?", "require": "texts?", "want": "texts?", "materials": "tables",
    "needs_person": "tables?",
}  # fmt: skip
FIELD = {
    "label": "text", "code": "text?", "aliases": "texts?", "type": "text?", "required": "flag?", "wanted": "flag?",
    "required_when": "tables?", "not_required_when": "tables?", "forbidden_when": "tables?", "max_length": "integer?",
    "min": "number?", "max": "number?", "pattern": "text?", "pattern_words": "text?", "formats": "texts?",
    "special": "texts?", "dictionary": "text?", "role": "text?", "yearly": "flag?", "personal": "flag?",
}  # fmt: skip
MATERIAL = {
    "code": "text", "name": "text", "required": "flag?", "main": "flag?", "copies_needed": "integer?",
    "sealed_required": "text?", "required_when": "tables?", "not_required_when": "tables?", "yearly": "flag?",
}  # fmt: skip
CONDITION = {
    "field": "text?", "equals": "text?", "any_of": "texts?", "contains": "text?", "filled": "flag?",
    "handled_from": "date?", "handled_before": "date?", "division": "text?", "material_is_copy": "text?",
}  # fmt: skip
NEEDS_PERSON = {"when": "tables", "reason": "text"}
RULE = {"id": "text", "items": "texts?", "rule": "text", "severity": "text", "sentence": "text"}
"""A rule's own parameters stand beside these keys: see `_rules.RULES`."""

TABLES = {
    "pack.toml": PACK, "item": ITEM, "field": FIELD, "material": MATERIAL, "condition": CONDITION,
    "needs_person": NEEDS_PERSON, "rule": RULE,
}  # fmt: skip

SUBJECTS = ("unit", "person", "batch")
CHANNELS = ("", "online", "counter")
BASES = ("stated", "inferred")
SEVERITIES = ("failed", "warning")
SEALS = ("", "copies", "all")
ROLES = ("", "name", "idno", "id_type", "sex", "birth", "unit_name", "uscc", "row_name", "insurance", "place")


def check_table(file: str, where: str, table, keys: dict[str, str]) -> None:
    """Every key known, every required key there, every value of its kind. Raises WrongPack."""
    if not isinstance(table, dict):
        raise WrongPack(file=file, key=where, reason="应为表（table）")
    for key in table:
        if key not in keys:
            raise WrongPack(
                file=file, key=f"{where}.{key}", reason=f"没有这个键，可用的键：{'、'.join(keys)}"
            )
    for key, kind in keys.items():
        if key in table:
            check_kind(file, f"{where}.{key}", table[key], kind.rstrip("?"))
        elif not kind.endswith("?"):
            raise WrongPack(file=file, key=f"{where}.{key}", reason="必须有这个键")


def check_kind(file: str, where: str, value, kind: str) -> None:
    if not _is_kind(value, kind):
        raise WrongPack(file=file, key=where, reason=f"类型不对，应为{_KIND_WORDS[kind]}")
    if kind == "text" and not value.strip():
        raise WrongPack(file=file, key=where, reason="不能为空")


def one_of(file: str, where: str, value: str, allowed) -> None:
    if value not in allowed:
        words = "、".join(word or "（空）" for word in allowed)
        raise WrongPack(file=file, key=where, reason=f"没有“{value}”，只能是：{words}")


_KIND_WORDS = {
    "text": "文字", "texts": "文字的列表", "flag": "true 或 false", "integer": "整数", "number": "数字",
    "date": "日期（2019-12-01，不加引号）", "table": "表", "tables": "表的列表",
}  # fmt: skip


def _is_kind(value, kind: str) -> bool:
    if kind in ("texts", "tables"):
        inner = str if kind == "texts" else dict
        return isinstance(value, list) and all(isinstance(part, inner) for part in value)
    if isinstance(value, bool):
        return kind == "flag"
    return {
        "text": isinstance(value, str),
        "flag": False,
        "integer": isinstance(value, int),
        "number": isinstance(value, int | float),
        "date": isinstance(value, date) and not isinstance(value, datetime),
        "table": isinstance(value, dict),
    }[kind]
