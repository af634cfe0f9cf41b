"""The words in a file against the declaration: does the text give another person than the one declared?

A contradiction = behind the label of a name, number or declared date, beside it or below it in a table (`columns.py`),
stands another value, and nothing declared of that sort stands anywhere in the file. Not mentioned is no contradiction,
and in doubt there is none: an alarm that is false sends a good case back. Roles (经办人, 法定代表人 …) and table headings
are passed over.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from archive import privacy

from . import columns, surnames
from .base import Check, Finding, Package, check
from .probes.report import TEXT_LIMIT

NAME_LABEL = re.compile(r"^(?:参保人员?|职工|本人|申请人|被保险人|个人|人员|乙方)?姓名$")
NUMBER_LABEL = re.compile(
    r"^(?:参保人员?|职工|本人|申请人|被保险人|个人)?"
    r"(?:公民身份号码|公民身份证号码?|居民身份证号码?|身份证号码?|身份证件号码|社会保障号码?|证件号码|有效证件号码)$"
)
CREDIT_LABEL = re.compile(r"^(?:单位)?统一社会信用代码(?:证号码?)?$")
IDENTITY = re.compile(r"^(?:\d{17}[\dX]|\d{15})$")
CREDIT = re.compile(r"^[0-9A-HJ-NPQRTUWXY]{18}$")
ROLES = re.compile(
    r"经办|法定代表|法人|负责人|联系|代理|代办|受托|委托|监护|户主|配偶|父|母|子女|亲属|家属|遗属|供养|甲方|审核|复核"
    r"|受理|填表|填报|制表|领取|继承|变更前|原"
)
ROLE_REACH = 4
"""A role this many words before a label claims the label: 法定代表人 王五 身份证号码 …"""
NAME = re.compile(r"^[\u3400-\u9fff\U00020000-\U0003ffff]{2,4}$")
"""Longer names (阿卜杜·热西提) go unjudged: they look like headings."""
HEADING = re.compile(r"[名号码别族额期址称型类费险章签]|[0-9]")
"""Characters of headings. A given name with one of them goes unjudged."""
DATE = re.compile(
    r"(?<!\d)(\d{4})(?:年(\d{1,2})月(\d{1,2})日|([-./])(\d{1,2})\4(\d{1,2})(?!\d)|(\d{2})(\d{2})(?!\d))",
    re.ASCII,
)
DATE_LABEL = re.compile(r"^(?!.*出生)[\u3400-\u9fff]{2,12}(?:日期|时间)$")
"""Labels of days. Of birth there may be two in the right: the day of the files and the day of the identity card."""
HANDLED = ("办结日期", "办结时间")
MOST_DATES = 20
"""Of so many declared dates the labels are looked up; a declaration may be made to have a hundred thousand."""
DATE_REACH = 6
"""2019 年 11 月 15 日 is six words where a form prints the signs and leaves the gaps."""
DECORATION = "*＊★（）()【】[]《》<>,，。;；、|｜_—-"


@check("X-TEXT", "authenticity", "文本层与申报一致性", needs="submission")
def text_agrees(check: Check, package: Package) -> Iterator[Finding]:
    declared = Declared(package.submission)
    for path, file in package.files.items():
        if not file.text:
            continue
        for other in contradictions(file.text, declared, file.cells):
            found, said = masked(other.found), masked(other.said)
            if other.among > 1:
                message = f"{path}：表中列有 {other.among} 个{other.field}（“{found}”等），没有申报的“{said}”。请打开文件核对是否放错了。"
            else:
                message = (
                    f"{path}：文件中{other.field}为“{found}”，申报为“{said}”，两者不符。"
                    "请核对是否放错了文件，改正后重新提交。"
                )
            yield check.finding(
                "manual" if other.among > 1 else "failed",
                message,
                file=path,
                field=other.field,
                value=found,
                rule="文本层内容与申报的姓名、号码、日期一致",
                pages=other.pages,
            )


@dataclass(frozen=True)
class Contradiction:
    """`found` in the text, `said` in the declaration. `among`: of so many values of a table, more than were declared and
    none of them; 1 = the one value of its label."""

    field: str
    found: str
    said: str
    pages: tuple[int, ...]
    among: int = 1


class Declared:
    """What a submission says of persons and unit, in normal form; `everything` holds all its texts."""

    def __init__(self, submission: dict[str, Any] | None) -> None:
        submission = submission or {}
        self.everything = {_plain(text) for text in _texts(submission)}
        persons = submission.get("persons")
        persons = [p for p in persons if isinstance(p, dict)] if isinstance(persons, list) else []
        self.names = [
            _plain(p["name"]) for p in persons if isinstance(p.get("name"), str) and p["name"].strip()
        ]
        self.numbers = [
            _plain(p["id_no"]) for p in persons if isinstance(p.get("id_no"), str) and p["id_no"].strip()
        ]
        unit = submission.get("unit")
        code = unit.get("uscc") if isinstance(unit, dict) else None
        self.credits = [_plain(code)] if isinstance(code, str) and code.strip() else []
        fields = submission.get("fields")
        fields = fields if isinstance(fields, dict) else {}
        said = {_plain(label): value for label, value in fields.items()}
        said |= dict.fromkeys(HANDLED, submission.get("handled_on"))
        self.dates = {
            label: days[0]
            for label, value in said.items()
            if DATE_LABEL.match(label) and isinstance(value, str) and len(days := _dates(value)) == 1
        }
        self.every_date = {day for text in _texts(submission) for day in _dates(text)}


def contradictions(text: str, declared: Declared, cells: Iterable[list] = ()) -> Iterator[Contradiction]:
    """At most one per sort. `text`: a form feed ends each page; `cells`: where its pieces stand. Of a text that was cut
    off none: what was declared may stand behind. Pure."""
    if len(text) >= TEXT_LIMIT:
        return
    words, pages = _words(text)
    whole = _plain("".join(words))
    rows = columns.rows_of(cells, _bare)
    for field, label, shape, said in (
        ("姓名", NAME_LABEL, _is_name, declared.names),
        ("证件号码", NUMBER_LABEL, IDENTITY.match, [n for n in declared.numbers if IDENTITY.match(n)]),
        ("统一社会信用代码", CREDIT_LABEL, CREDIT.match, declared.credits),
    ):
        if not said or any(value in whole for value in said):
            continue
        for index, value in _values(words, label, shape):
            if value not in declared.everything:
                yield Contradiction(field, value, said[0], pages[index])
                break
        else:
            yield from _other_in_table(rows, field, label, shape, said, declared)
    yield from _other_dates(words, pages, rows, declared)


def _other_in_table(
    rows, field, label, shape, said: list[str], declared: Declared
) -> Iterator[Contradiction]:
    """A table of more persons than were declared may be of others in the right: a person looks."""

    def value_of(text: str) -> str | None:
        return value if shape(value := _plain(text)) else None

    for found in columns.values(rows, label.match, value_of, ROLES.search):
        if declared.everything.isdisjoint(found.values):
            among = len(found.values) if len(found.values) > len(said) else 1
            yield Contradiction(field, found.values[0], said[0], (found.page,), among)
            return


def _other_dates(words, pages, rows, declared: Declared) -> Iterator[Contradiction]:
    """The label has to be that of a declared date, to the letter: of the days in a form most are of something else."""
    spoken = {*_dates("".join(words)), *_dates(" ".join(words))}
    places: dict[str, list[int]] = {}
    for index, word in enumerate(words):
        places.setdefault(word, []).append(index)
    standing = {cell.text for row in rows for cell in row}
    here = [label for label in declared.dates if label in places or label in standing]
    for label in here[:MOST_DATES]:
        said = declared.dates[label]
        if said in spoken:
            continue
        for index in places.get(label, ()):
            if any(ROLES.search(w) for w in words[max(0, index - ROLE_REACH) : index]):
                continue
            behind = words[index + 1 : index + 1 + DATE_REACH]
            found = DATE.match(" ".join(behind)) or DATE.match("".join(behind))
            day = _day(found) if found else None
            if day and day not in declared.every_date:
                yield Contradiction(label, day, said, pages[index])
                return
        for found in columns.values(rows, label.__eq__, _one_day, ROLES.search):
            if len(found.values) == 1 and found.values[0] not in declared.every_date:
                yield Contradiction(label, found.values[0], said, (found.page,))
                return


def _one_day(text: str) -> str | None:
    found = DATE.fullmatch(re.sub(r"\s", "", text))
    return _day(found) if found else None


def _dates(text: str) -> list[str]:
    days = (_day(found) for found in DATE.finditer(unicodedata.normalize("NFKC", text)))
    return [day for day in days if day]


def _day(found: re.Match[str]) -> str | None:
    """ISO 8601; None for the 31st of June, and for what is a number and no day."""
    year, month, day = (int(part) for part in found.groups() if part and part.isdecimal())
    try:
        return date(year, month, day).isoformat() if 1900 <= year < 2200 else None
    except ValueError:
        return None


def _values(words: list[str], label: re.Pattern, shape) -> Iterator[tuple[int, str]]:
    """What stands right behind each label and looks like a value of its sort, with the place of the label."""
    for index, word in enumerate(words):
        if not label.match(word) or any(ROLES.search(w) for w in words[max(0, index - ROLE_REACH) : index]):
            continue
        behind = words[index + 1 : index + 4]
        # 李 四 is one name, a number may be printed in groups; two whole words are never one value.
        apart = bool(behind) and (len(behind[0]) == 1 or behind[0].isascii())
        for length in range(1, 1 + (len(behind) if apart else 1)):
            value = _plain("".join(behind[:length]))
            if shape(value):
                yield index, value
                break


def _words(text: str) -> tuple[list[str], list[tuple[int, ...]]]:
    """Words between blanks, colons and line ends; 姓　名 is one word, decoration is stripped. With the page of each, () where
    there are none."""
    words: list[str] = []
    pages: list[tuple[int, ...]] = []
    for number, page in enumerate(text.split("\f"), 1):
        page = re.sub(r"姓[ \t]{1,8}名", "姓名", unicodedata.normalize("NFKC", page))
        found = [word for part in re.split(r"[\s:：]+", page) if (word := part.strip(DECORATION))]
        words += found
        pages += [(number,) if "\f" in text else ()] * len(found)
    return words, pages


def _bare(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip(f"{DECORATION}:： ")


def _is_name(value: str) -> bool:
    if not NAME.match(value) or not surnames.begins_with_one(value):
        return False
    return value not in surnames.FORM_WORDS and not HEADING.search(value)


def _plain(value: str) -> str:
    return re.sub(r"[\s·•・‧\-—]", "", unicodedata.normalize("NFKC", value)).upper()


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def masked(value: str) -> str:
    """As it may stand in a report; a day of business stays as it is."""
    if _dates(value) == [value]:
        return value
    return value[0] + "*" * (len(value) - 1) if not value.isascii() else privacy.mask_number(value)
