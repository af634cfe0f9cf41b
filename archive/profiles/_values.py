"""Reading one value of a form by its declared type. Pure; any JSON value may come, none raises.

`read(field, raw)` answers a `Reading`: the plain value that the archive keeps, and what is wrong with it. Dates keep
the form's own notation: a field may name the notations it takes, else the usual ones are accepted.
"""

import math
import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from ._model import Field

BEIJING = ZoneInfo("Asia/Shanghai")

LENGTH, FORMAT, DICTIONARY, REASON = "length", "format", "dictionary", "reason"

DATE_FORMATS = {
    "YYYYMMDD": r"(\d{4})(\d{2})(\d{2})",
    "YYYY-MM-DD": r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?",
    "YYYY/MM/DD": r"(\d{4})/(\d{1,2})/(\d{1,2})",
    "YYYY.MM.DD": r"(\d{4})\.(\d{1,2})\.(\d{1,2})",
    "YYYY年MM月DD日": r"(\d{4})年(\d{1,2})月(\d{1,2})日",
}
MONTH_FORMATS = {
    "YYYYMM": r"(\d{4})(\d{2})",
    "YYYY-MM": r"(\d{4})-(\d{1,2})",
    "YYYY/MM": r"(\d{4})/(\d{1,2})",
    "YYYY.MM": r"(\d{4})\.(\d{1,2})",
    "YYYY年MM月": r"(\d{4})年(\d{1,2})月",
}
THIS_MONTH = "本月"

TYPES = {
    "text": "文字",
    "number": "数字",
    "integer": "整数",
    "date": "日期",
    "month": "年月",
    "choice": "代码表中的一项",
    "multichoice": "代码表中的一项或多项",
    "idno": "证件号码",
    "uscc": "统一社会信用代码",
    "phone": "电话号码",
    "division": "行政区划代码",
}
_NUMBERS_MAY_COME_AS_JSON_NUMBERS = {"number", "integer", "date", "month", "choice", "phone", "division"}


@dataclass(frozen=True)
class Reading:
    """`value`: None when nothing was filled in; a tuple for a multiple choice. `faults`: (kind, phrase) pairs."""

    value: str | tuple[str, ...] | None
    faults: tuple[tuple[str, str], ...] = ()
    raw: Any = None


def half_width(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip()


def is_empty(raw: Any) -> bool:
    """Not filled in: absent, null, blanks only, or a list of nothing else."""
    if isinstance(raw, list):
        return all(is_empty(part) for part in raw)
    return raw is None or (isinstance(raw, str) and not raw.strip())


def read(field: Field, raw: Any) -> Reading:
    if is_empty(raw):
        return Reading(None, raw=raw)
    if field.type == "multichoice":
        return _multichoice(field, raw)
    text = _as_text(field, raw)
    if text is None:
        return Reading(None, ((FORMAT, f"应为{TYPES[field.type]}，填的却是{kind_of(raw)}"),), raw)
    if half_width(text) in field.special:
        return Reading(half_width(text), raw=raw)
    value, faults = _READERS[field.type](field, text)
    faults = [*faults, *_general_faults(field, value if field.type == "text" else half_width(text))]
    return Reading(value, tuple(faults), raw)


def kind_of(raw: Any) -> str:
    """A JSON value's kind, in words."""
    if isinstance(raw, bool):
        return "真假值"
    if isinstance(raw, int | float):
        return "数值"
    return {str: "文字", list: "列表", dict: "对象", type(None): "空值"}.get(type(raw), "其他")


def _as_text(field: Field, raw: Any) -> str | None:
    if isinstance(raw, str):
        return raw.strip()
    if isinstance(raw, list) and len(raw) == 1 and field.type == "choice" and isinstance(raw[0], str):
        return raw[0].strip()
    if isinstance(raw, bool) or field.type not in _NUMBERS_MAY_COME_AS_JSON_NUMBERS:
        return None
    if isinstance(raw, int):
        return str(raw)
    if isinstance(raw, float) and math.isfinite(raw):
        return str(int(raw)) if raw == int(raw) and abs(raw) < 1e15 else repr(raw)
    return None


def _general_faults(field: Field, text: str) -> list[tuple[str, str]]:
    faults = []
    if field.max_length and field.type not in ("choice", "division") and len(text) > field.max_length:
        faults.append((LENGTH, f"最长{field.max_length}个字符，现为{len(text)}个"))
    if field.pattern and not re.fullmatch(field.pattern, half_width(text)):
        faults.append((FORMAT, f"应为{field.pattern_words or f'“{field.pattern}”'}"))
    return faults


def _text(field: Field, text: str):
    return text, []


def _number(field: Field, text: str):
    number = as_number(text)
    if number is None:
        return half_width(text), [(FORMAT, "应为数字")]
    if field.type == "integer" and number != number.to_integral_value():
        return half_width(text), [(FORMAT, "应为整数")]
    faults = []
    if field.min is not None and number < Decimal(str(field.min)):
        faults.append((REASON, f"不应小于{field.min:g}"))
    if field.max is not None and number > Decimal(str(field.max)):
        faults.append((REASON, f"不应大于{field.max:g}"))
    return half_width(text), faults


def _date(field: Field, text: str):
    formats = field.formats or tuple(DATE_FORMATS)
    if as_date(text, formats) is None:
        return half_width(text), [(FORMAT, f"应为真实的日期，写法为{'、'.join(formats)}")]
    return half_width(text), []


def _month(field: Field, text: str):
    if half_width(text) == THIS_MONTH or as_month(text, field.formats) is not None:
        return half_width(text), []
    wanted = field.formats or (*MONTH_FORMATS, "YYYYMMDD")
    return half_width(text), [(FORMAT, f"应为年月，写法为{'、'.join(wanted)}")]


def _choice(field: Field, text: str):
    entry = field.dictionary.resolve(text) if field.dictionary else None
    if entry is None:
        return half_width(text), [(DICTIONARY, f"不在代码表“{field.dictionary.name}”内")]
    return entry.label, []


def _multichoice(field: Field, raw: Any) -> Reading:
    parts = raw if isinstance(raw, list) else [raw]
    words: list[str] = []
    for part in parts:
        if isinstance(part, int) and not isinstance(part, bool):
            part = str(part)
        if not isinstance(part, str):
            if is_empty(part):
                continue
            return Reading(None, ((FORMAT, f"应为文字的列表，其中却有{kind_of(part)}"),), raw)
        if field.dictionary.resolve(part) or not re.search(r"[,，、;；|]", part):
            words.append(part)
        else:
            words += re.split(r"[,，、;；|]", part)
    labels: list[str] = []
    faults = []
    for word in words:
        if not word.strip():
            continue
        entry = field.dictionary.resolve(word)
        if entry is None:
            faults.append((DICTIONARY, f"“{half_width(word)[:40]}”不在代码表“{field.dictionary.name}”内"))
        labels.append(entry.label if entry else half_width(word))
    return Reading(tuple(dict.fromkeys(labels)) or None, tuple(faults), raw)


def _number_of_a_person(field: Field, text: str):
    return re.sub(r"[\s\-—]", "", half_width(text)).upper(), []


def _phone(field: Field, text: str):
    number = re.sub(r"[\s\-—()+]", "", half_width(text))
    if not re.fullmatch(r"[0-9]{5,20}", number):
        return half_width(text), [(FORMAT, "应为电话号码（5至20位数字，可带区号、短横）")]
    return half_width(text), []


def _division(field: Field, text: str):
    return half_width(text), []


_READERS = {
    "text": _text, "number": _number, "integer": _number, "date": _date, "month": _month, "choice": _choice,
    "idno": _number_of_a_person, "uscc": _number_of_a_person, "phone": _phone, "division": _division,
}  # fmt: skip


def as_number(value: Any) -> Decimal | None:
    """A finite number, thousands separators allowed; None when it is none."""
    text = half_width(value) if isinstance(value, str) else str(value) if _is_number(value) else ""
    if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", text):
        text = text.replace(",", "")
    if not re.fullmatch(r"[+-]?(\d{1,30}(\.\d{0,30})?|\.\d{1,30})([eE][+-]?\d{1,2})?", text, re.ASCII):
        return None
    try:
        return Decimal(text)
    except InvalidOperation:  # pragma: no cover - the pattern leaves nothing to refuse
        return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def as_date(value: Any, formats: tuple[str, ...] = ()) -> date | None:
    text = half_width(value) if isinstance(value, str) else ""
    for name in formats or DATE_FORMATS:
        found = re.fullmatch(DATE_FORMATS[name], text, re.ASCII)
        if found:
            try:
                return date(*(int(part) for part in found.groups()))
            except ValueError:
                return None
    return None


def as_month(value: Any, formats: tuple[str, ...] = ()) -> date | None:
    """The first day of the month; whole dates count as their month unless the field names its notations."""
    text = half_width(value) if isinstance(value, str) else ""
    for name in formats or MONTH_FORMATS:
        found = re.fullmatch(MONTH_FORMATS[name], text, re.ASCII)
        if found and 1 <= int(found[2]) <= 12 and int(found[1]) >= 1:
            return date(int(found[1]), int(found[2]), 1)
    whole = None if formats else as_date(text)
    return whole.replace(day=1) if whole else None


def as_moment(value: Any) -> datetime | None:
    """An ISO 8601 moment (a day alone counts as its beginning); without a zone it is Beijing time."""
    if not isinstance(value, str) or not re.match(r"^\d{4}-\d{2}-\d{2}", value.strip(), re.ASCII):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
        return moment.replace(tzinfo=BEIJING) if moment.tzinfo is None else moment.astimezone(BEIJING)
    except (ValueError, OverflowError):
        return None
