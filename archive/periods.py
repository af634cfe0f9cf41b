"""Retention arithmetic. Pure; all dates are plain dates.

Order 3 (2009) article 9: formed on D with N years, the period runs from 1 January of the year after D, ends on
31 December of year(D)+N, and appraisal is allowed from the next day on. Reaching the end permits appraisal, nothing
else.
"""

from datetime import date

from archive.terms import ACCOUNTING, PERMANENT, RETENTIONS

_LENGTH = {"10": 10, "30": 30, ACCOUNTING: 30.5, "50": 50, "100": 100, PERMANENT: float("inf")}
"""For comparing only. The accounting schedule keeps vouchers 30 years and annual reports for ever: it is taken as
longer than 30, shorter than 50, until its own schedule is loaded."""


SEVERAL = "、"
"""Between the classes of a key, when a case falls into several: "1-2、1-4"."""


def classes_of(key: str) -> list[str]:
    return key.split(SEVERAL)


def years(retention: str) -> int | None:
    """The number of years, or None for 永久 and 会计 (whose own schedule decides)."""
    if retention not in RETENTIONS:
        raise ValueError(retention)
    return None if retention in (PERMANENT, ACCOUNTING) else int(retention)


def runs_from(formed_on: date) -> date:
    return date(formed_on.year + 1, 1, 1)


def ends_on(formed_on: date, retention: str) -> date | None:
    count = years(retention)
    return None if count is None else date(formed_on.year + count, 12, 31)


def due_on(formed_on: date, retention: str) -> date | None:
    """The first day on which appraisal is allowed; None for 永久 and 会计."""
    count = years(retention)
    return None if count is None else date(formed_on.year + count + 1, 1, 1)


def longest(retentions) -> str:
    """The longest of several: an item whose materials fall into several classes takes it."""
    return max(retentions, key=_LENGTH.__getitem__)


def shorter(one: str, other: str) -> bool:
    """True when `one` is shorter than `other`."""
    return _LENGTH[one] < _LENGTH[other]


def in_words(formed_on: date, retention: str) -> str:
    """`100年（至2119-12-31）`, `永久`, `会计档案期限`."""
    end = ends_on(formed_on, retention)
    if end is None:
        return PERMANENT if retention == PERMANENT else "会计档案期限"
    return f"{retention}年（至{end.isoformat()}）"


def extension_fault(formed_on: date, old: str, new: str, decided_on: date) -> str:
    """Why `new` cannot be the period decided on that day, in words; "" = it can."""
    allowed = [period for period in RETENTIONS if period != ACCOUNTING]
    if new not in allowed:
        return f"“{new}”不是可以重新确定的期限，应为{'、'.join(allowed)}之一"
    if not shorter(old, new):
        return f"重新确定的期限（{spoken(new)}）必须比原期限（{spoken(old)}）长"
    end = ends_on(formed_on, new)
    if end is not None and end <= decided_on:
        return (
            f"从原起算日 {runs_from(formed_on).isoformat()} 算，{spoken(new)}到 {end.isoformat()} 为止，"
            f"不晚于作出结论的 {decided_on.isoformat()}，请选更长的期限"
        )
    return ""


def spoken(period: str) -> str:
    """10年, 永久."""
    return f"{period}年" if period.isdigit() else period
