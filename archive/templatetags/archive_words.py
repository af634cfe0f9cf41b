"""How values are worded on every page: dates, sizes, periods, masked numbers, states, findings.

Pure presentation: no filter reads the database, none marks text as safe, none raises for a missing value (an
empty value gives an empty string, so that a page shows a gap and not a fault). Wording follows the look of the
house: dates 2019-12-10, periods 「100年（至2119-12-31）」, sizes in KB/MB, numbers masked.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from django import template
from django.http import QueryDict
from django.template import loader
from django.utils import timezone

from archive import periods, privacy, terms

register = template.Library()

TONES = {
    "neutral": "dot",
    "progress": "half",
    "waiting": "pause",
    "success": "check",
    "warning": "alert",
    "danger": "cross",
    "held": "lock",
    "unknown": "question",
    "gone": "minus",
}
"""Tone of a state → its shape (an icon of parts/icons.html). Nine tones, nine shapes: never a colour alone."""

VERDICT_TONES = {
    "passed": "success",
    "failed": "danger",
    "warning": "warning",
    "manual": "waiting",
    "not-run": "unknown",
}
VERDICT_ORDER = ("failed", "manual", "warning", "not-run", "passed")

PAGING = ("after", "before", "page", "trail")
"""Parameters that say where in a list one stands; they fall away when the list itself changes."""


# --- parts --------------------------------------------------------------------------------------------------


@register.simple_tag(takes_context=True)
def part(context: Mapping[str, Any], which: str, **variables: Any) -> str:
    """The part `templates/parts/<which>.html` with these variables and no others.

    An `{% include %}` sees everything the page has, so a page's own `code` or `action` would slip into the part;
    `include … only` would lose the form token. Here the part has the request, the token and what is given.
    """
    request = context.get("request")
    frame = {"csrf_token": context.get("csrf_token"), "request": request}
    return loader.get_template(f"parts/{which}.html").template.render(template.Context(frame | variables))


@register.filter
def may(actor: Any, code: str) -> bool:
    """Whether the person of this page may do that somewhere; for buttons. The view asks again."""
    return bool(actor) and actor.may(code)


# --- states -------------------------------------------------------------------------------------------------


@register.inclusion_tag("parts/status_chip.html")
def chip(state: Any, tone: str = "") -> dict[str, str]:
    """A state as a word with a shape. `state`: (code, word, tone), an object with `word` and `tone`, or a word
    with the tone given beside it. An unknown tone is shown as neutral."""
    if isinstance(state, tuple | list) and len(state) == 3:
        _, word, tone = state
    else:
        word, tone = getattr(state, "word", state), tone or getattr(state, "tone", "")
    tone = tone if tone in TONES else "neutral"
    return {"word": str(word or ""), "tone": tone, "shape": TONES[tone]}


@register.filter
def shape(tone: str) -> str:
    """The icon that belongs to a tone."""
    return TONES.get(tone, TONES["neutral"])


# --- findings -----------------------------------------------------------------------------------------------


def _of(finding: Any, name: str) -> Any:
    return finding.get(name) if isinstance(finding, Mapping) else getattr(finding, name, None)


@register.filter
def verdict_word(verdict: str) -> str:
    return terms.VERDICTS.get(verdict, verdict)


@register.filter
def verdict_tone(verdict: str) -> str:
    return VERDICT_TONES.get(verdict, "neutral")


FOLDS = {"项等待登记人工确认": "waiting", "项未检测": "unknown", "项通过": "success"}


def _fold(finding: Any) -> str:
    """The words of the fold to which a finding belongs; "" = it stands open."""
    if _of(finding, "verdict") == "manual" and _of(finding, "rule") == "人工确认":
        return "项等待登记人工确认"
    return {"not-run": "项未检测", "passed": "项通过"}.get(_of(finding, "verdict"), "")


@register.filter
def by_property(findings: Iterable[Any] | None) -> list[dict[str, Any]]:
    """The four properties in their order, each with its findings (the gravest first) and a count per verdict.

    A property without any finding is listed too, with `worst` = "not-run": silence is not a pass. `open` is what somebody
    has to look at; `folds` (words, tone, findings) is what may stay behind its count: what waits for the recorded
    confirmation of a person and hinders no package, what was not run, what passed.
    """
    findings = list(findings or ())
    groups = []
    for key, word in terms.PROPERTIES.items():
        mine = [f for f in findings if _of(f, "property") == key]
        counts = [(v, sum(_of(f, "verdict") == v for f in mine)) for v in VERDICT_ORDER]
        counts = [(verdict, number) for verdict, number in counts if number]
        mine.sort(key=lambda f: VERDICT_ORDER.index(v) if (v := _of(f, "verdict")) in VERDICT_ORDER else 9)
        worst = counts[0][0] if counts else "not-run"
        folds = [(words, tone, [f for f in mine if _fold(f) == words]) for words, tone in FOLDS.items()]
        group = {"key": key, "word": word, "findings": mine, "counts": counts, "worst": worst}
        group["open"] = [f for f in mine if not _fold(f)]
        groups.append(group | {"folds": [fold for fold in folds if fold[2]]})
    return groups


# --- dates, periods, amounts --------------------------------------------------------------------------------


@register.filter
def day(value: date | datetime | str | None) -> str:
    """2019-12-10, in local time where a time is given."""
    if isinstance(value, datetime):
        value = _local(value).date()
    return value.isoformat() if isinstance(value, date) else str(value or "")


@register.filter
def moment(value: datetime | str | None) -> str:
    """2019-12-10 09:31, local time."""
    return _local(value).strftime("%Y-%m-%d %H:%M") if isinstance(value, datetime) else str(value or "")


def _local(value: datetime) -> datetime:
    return timezone.localtime(value) if timezone.is_aware(value) else value


@register.filter
def age(value: datetime | date | None, now: datetime | None = None) -> str:
    """How long ago, as a clerk says it: 刚刚, 12 分钟, 3 小时, 2 天. Whole units, rounded down."""
    if not isinstance(value, date):
        return ""
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if timezone.is_naive(value):
        value = timezone.make_aware(value)
    seconds = ((now or timezone.now()) - value).total_seconds()
    if seconds < 60:
        return "刚刚"
    return span(seconds - seconds % 60)


@register.filter
def span(seconds: float | int | None) -> str:
    """A length of time in its largest unit: 40 秒, 12 分钟, 3 小时, 2 天."""
    if seconds is None or seconds == "":
        return ""
    for size, word in ((86400, "天"), (3600, "小时"), (60, "分钟")):
        if seconds >= size:
            return f"{int(seconds // size)} {word}"
    return f"{max(int(seconds), 0)} 秒"


@register.filter
def period(retention: str | int | None, due_on: date | None = None) -> str:
    """A retention period with its last day: 「100年（至2119-12-31）」.

    `due_on` is the first day on which appraisal is allowed, so the period ends the day before.
    """
    retention = str(retention or "")
    if retention in ("", "UNKNOWN"):
        return "待定"
    word = periods.spoken(retention)
    return f"{word}（至{(due_on - timedelta(days=1)).isoformat()}）" if due_on else word


@register.filter
def size(number: int | None) -> str:
    """Bytes for people: 81.2 KB, 2.4 MB. 1 KB is 1024 bytes."""
    if number is None or number == "":
        return ""
    amount = float(number)
    if amount < 1024:
        return f"{int(amount)} B"
    for unit in ("KB", "MB", "GB"):
        amount /= 1024
        if amount < 1023.95:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1024:.1f} TB"


@register.filter
def amount(number: int | float | None) -> str:
    """Thousands parted by commas: 12,345."""
    return f"{number:,}" if isinstance(number, int | float) else str(number or "")


@register.filter
def share(number: float | None, whole: float | None) -> int:
    """Per cent as a whole number from 0 to 100; 0 where the whole is not known. 100 only when all is done."""
    if not number or not whole:
        return 0
    return min(100, max(0, int(number * 100 / whole)))


# --- persons, numbers, codes --------------------------------------------------------------------------------


@register.filter
def mask(number: str | None) -> str:
    """4419**********1231."""
    return privacy.mask_number(str(number)) if number else ""


@register.filter
def masked(text: str | None) -> str:
    """Running text with every identity number and phone in it masked."""
    return privacy.mask_text(str(text)) if text else ""


@register.filter
def short(digest: str | None) -> str:
    """The first twelve places of a digest; put the whole one into the title."""
    return f"{digest[:12]}…" if digest and len(digest) > 14 else (digest or "")


@register.filter
def stage_word(code: str | None) -> str:
    return terms.STAGES.get(code or "", code or "")


@register.filter
def insurance_word(code: str | None) -> str:
    return terms.INSURANCES.get(code or "", code or "")


@register.filter
def security_word(level: int | None) -> str:
    return terms.SECURITY_LEVELS.get(level, "" if level is None else str(level))


# --- addresses ----------------------------------------------------------------------------------------------


@register.simple_tag(takes_context=True)
def with_param(context: Mapping[str, Any], name: str, value: Any = None) -> str:
    """The query string of this page with `name` set to `value` (None or "" takes it out), back at page one.

    Django's own `querystring` needs the name to be known when the template is written; filters do not.
    """
    request = context.get("request")
    params = request.GET.copy() if request else QueryDict(mutable=True)
    for key in (*PAGING, name):
        params.pop(key, None)
    if value not in (None, ""):
        params[name] = str(value)
    return "?" + params.urlencode()


@register.filter
def undo_address(extra_tags: str | None) -> str:
    """The address in a message's `extra_tags="undo=/…"`; only addresses of this site count."""
    for tag in (extra_tags or "").split():
        if tag.startswith("undo=/") and not tag.startswith("undo=//"):
            return tag[len("undo=") :]
    return ""


@register.filter
def unlocalise(number: int | float | None) -> str:
    """A number for an attribute (max, width, data-…): plain digits whatever the locale writes for people."""
    return "" if number is None else str(number)
