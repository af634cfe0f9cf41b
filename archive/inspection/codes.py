"""National code numbers: is this number well made, and what does it say?

Pure. Every `…_fault` answers None for a good number, else one Chinese phrase that says what is wrong, ready to
stand behind a field name. Numbers are expected in normal form (`archive.privacy.normal_number`).

- GB 11643 公民身份号码: 6 places of division, 8 of birth date, 3 of order (odd = male), one check character.
- GB 32100 统一社会信用代码: 18 places, of which 9–17 are a GB 11714 organisation code of its own.
- GB 11714 全国组织机构代码: 8 places and one check character.
- GB/T 2260 行政区划代码: `archive/data/divisions.csv`, with the codes the ministry added in
  `archive/data/divisions_added.csv`, which a site may lengthen.
"""

import csv
import re
from datetime import date
from functools import cache
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "data"

MALE, FEMALE = "男", "女"

_IDENTITY_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_IDENTITY_CHECK = "10X98765432"
_CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # GB 32100 leaves out I O Z S V
_ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_STATE = "10"
"""GB 32100 writes 100000 where the registering authority is a state organ; no person is born there."""


@cache
def divisions() -> dict[str, str]:
    """Six-digit code → name: GB/T 2260 (also codes since abolished) and the added ones."""
    table: dict[str, str] = {}
    for name in ("divisions.csv", "divisions_added.csv"):
        with (DATA / name).open(encoding="utf-8-sig", newline="") as file:
            table.update((row["code"].strip(), row["name"].strip()) for row in csv.DictReader(file))
    return table


def province_of(code: str) -> str | None:
    """The name of the province a division code (or a longer number beginning with one) lies in."""
    return divisions().get(code[:2] + "0000")


def division_fault(code: str) -> tuple[str, str] | None:
    """(verdict, phrase): unknown province = failed, known province but unknown code = warning."""
    if not re.fullmatch(r"[0-9]{6}", code):
        return "failed", "应为6位数字的行政区划代码（GB/T 2260）"
    if province_of(code) is None:
        return "failed", f"前两位“{code[:2]}”不是任何省级行政区的代码（GB/T 2260）"
    if code not in divisions():
        return "warning", f"属于{province_of(code)}，但不在系统所载的行政区划代码表内，请核对或补入扩充代码表"
    return None


def division_by_name(name: str) -> str | None:
    """The code of a division given by name: 贵州省, 遵义市, 红花岗区 or the whole 贵州省遵义市红花岗区."""
    return _division_names().get(re.sub(r"\s", "", name))


@cache
def _division_names() -> dict[str, str]:
    names: dict[str, str] = {}
    for code, name in divisions().items():
        parents = [divisions().get(code[:2] + "0000", ""), divisions().get(code[:4] + "00", "")]
        whole = "".join(dict.fromkeys([*parents, name]))
        names[whole] = code
        names.setdefault(name, code)
    return names


def identity_check_character(first17: str) -> str:
    """GB 11643 (ISO 7064 MOD 11-2)."""
    total = sum(int(digit) * weight for digit, weight in zip(first17, _IDENTITY_WEIGHTS, strict=True))
    return _IDENTITY_CHECK[total % 11]


def identity_fault(number: str, on: date | None = None) -> str | None:
    """What is wrong with a resident identity number. `on`: nobody is born after this day."""
    if not re.fullmatch(r"[0-9]{17}[0-9X]", number):
        return f"应为18位（前17位数字，末位数字或大写X），现为{len(number)}位或含有其他字符"
    if province_of(number) is None:
        return f"前两位“{number[:2]}”不是任何省级行政区的代码"
    born = birth_date(number)
    if born is None:
        return "第7至14位不是一个日期"
    if born.year < 1850 or (on is not None and born > on):
        return f"第7至14位的出生日期{born.isoformat()}不合理"
    expected = identity_check_character(number[:17])
    if number[17] != expected:
        return f"校验码不符，末位应为“{expected}”"
    return None


def identity_numbers(text: str) -> list[str]:
    """The well-made resident numbers that stand in a text; long serial numbers are none, but by rare chance."""
    return [found for found in re.findall(r"[0-9]{17}[0-9Xx]", text) if identity_fault(found.upper()) is None]


def birth_date(number: str) -> date | None:
    """The birth date in an identity number of 18 or 15 places; None when there is none."""
    if re.fullmatch(r"[0-9]{17}[0-9Xx]", number):
        digits = number[6:14]
    elif re.fullmatch(r"[0-9]{15}", number):
        digits = "19" + number[6:12]
    else:
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


def sex(number: str) -> str | None:
    """男 or 女 by the order number (odd = male); None when it is no identity number."""
    if re.fullmatch(r"[0-9]{17}[0-9Xx]", number):
        digit = number[16]
    elif re.fullmatch(r"[0-9]{15}", number):
        digit = number[14]
    else:
        return None
    return MALE if int(digit) % 2 else FEMALE


def organisation_check_character(first8: str) -> str:
    """GB 11714: letters count 10–35."""
    total = sum(int(place, 36) * weight for place, weight in zip(first8, _ORGANISATION_WEIGHTS, strict=True))
    return "0123456789X0"[11 - total % 11]


def organisation_fault(code: str) -> str | None:
    """What is wrong with an organisation code of 9 places (a dash before the last is taken out beforehand)."""
    if not re.fullmatch(r"[0-9A-Z]{8}[0-9X]", code):
        return "组织机构代码应为9位（前8位数字或大写字母，末位数字或X）"
    expected = organisation_check_character(code[:8])
    if code[8] != expected:
        return f"组织机构代码的校验码不符，末位应为“{expected}”（GB 11714）"
    return None


def credit_check_character(first17: str) -> str:
    """GB 32100: weight 3^i modulo 31."""
    total = sum(_CREDIT_ALPHABET.index(place) * pow(3, i, 31) for i, place in enumerate(first17))
    return _CREDIT_ALPHABET[-total % 31]


def credit_fault(code: str) -> str | None:
    """What is wrong with a unified social credit code, the organisation code inside it included."""
    if len(code) != 18:
        return f"应为18位，现为{len(code)}位"
    strange = [place for place in code if place not in _CREDIT_ALPHABET]
    if strange:
        return f"不得含有“{strange[0]}”（只用数字和除I、O、S、V、Z以外的大写字母）"
    if not re.fullmatch(r"[0-9]{6}", code[2:8]):
        return "第3至8位应为6位数字的登记管理机关行政区划码"
    if province_of(code[2:8]) is None and code[2:4] != _STATE:
        return f"第3至4位“{code[2:4]}”不是任何省级行政区的代码"
    fault = organisation_fault(code[8:17])
    if fault:
        return f"第9至17位：{fault}"
    expected = credit_check_character(code[:17])
    if code[17] != expected:
        return f"校验码不符，末位应为“{expected}”（GB 32100）"
    return None
