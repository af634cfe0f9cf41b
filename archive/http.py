"""What every view shares: the actor of a request, whole page or part, keyset pages, downloads that are safe.

Views parse, call one verb, and render; refusals are raised and become pages in `config.middleware`.
"""

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from types import MappingProxyType
from typing import Any

from django.core import signing
from django.db.models import Q, QuerySet
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import content_disposition_header

from archive import audit, permissions
from archive.models import Event
from archive.permissions import Actor


def actor_of(request: HttpRequest) -> Actor:
    """The acting person, once a request; `SimpleLazyObject` users are resolved here."""
    actor = getattr(request, "_archive_actor", None)
    if actor is None:
        address = request.META.get("REMOTE_ADDR", "")[:60]
        actor = request._archive_actor = Actor.of(request.user, address=address)
    return actor


def allowed(action: str) -> Callable:
    """A view for whoever may do `action` at all; the reason otherwise. Records are asked for at their gate too."""

    def decorate(view: Callable) -> Callable:
        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            permissions.require(actor_of(request), action)
            return view(request, *args, **kwargs)

        return checked

    return decorate


def timeline(rows: Iterable[Event], tones: Mapping[str, str] = MappingProxyType({})) -> list[dict[str, Any]]:
    """Events as `parts/timeline.html` shows them; `tones`: action → tone."""
    return [
        {
            "at": row.at,
            "who": row.actor_name,
            "role": row.actor_role,
            "what": audit.sentence(row),
            "tone": tones.get(row.action, "neutral"),
        }
        for row in rows
    ]


def render_page(request: HttpRequest, page: str, part: str | None, context: dict[str, Any]) -> HttpResponse:
    """The part alone when htmx asks for it, the whole page otherwise."""
    wants_part = part is not None and request.htmx and not request.htmx.history_restore_request
    response = render(request, part if wants_part else page, context)
    response["Vary"] = "HX-Request"
    return response


@dataclass(frozen=True)
class Slice:
    """One page of a list: rows, and the cursors of the pages before and after ("" = none)."""

    rows: list
    after: str
    before: str
    total: int
    exact: bool


COUNT_TO = 10_000


def keyset(
    rows: QuerySet, fields: Sequence[str], request: HttpRequest, *, size: int = 50, counted: int | None = None
) -> Slice:
    """A page of `rows` ordered by `fields` ("-received_at", "-id"), by keyset: page 1,000 costs what page 1 does.

    `?after=` and `?before=` hold the values of the row at the edge, signed: a cursor that we did not make for a list
    in this order is ignored, so that no forged value (a year 0, half a letter) ever reaches the database.
    Totals are exact to COUNT_TO, then "more than". `counted`: how many rows there are, where the caller knows it.
    """
    if counted is None:
        counted = len(rows.order_by().values("pk")[: COUNT_TO + 1])
    backwards = bool(request.GET.get("before"))
    cursor = _read(request.GET.get("before") or request.GET.get("after") or "", fields)
    order = [_turned(field) for field in fields] if backwards and cursor else list(fields)
    found = rows.order_by(*order)
    if cursor:
        found = found.filter(_beyond(order, cursor))
    page = list(found[: size + 1])
    more, page = len(page) > size, page[:size]
    if backwards and cursor:
        page.reverse()
        has_before, has_after = more, True
    else:
        has_before, has_after = bool(cursor), more
    return Slice(
        rows=page,
        after=_written(page[-1], fields) if page and has_after else "",
        before=_written(page[0], fields) if page and has_before else "",
        total=min(counted, COUNT_TO),
        exact=counted <= COUNT_TO,
    )


def pager_of(request: HttpRequest, page: Slice) -> dict[str, str]:
    """For parts/pager.html: the same list, its filters kept, further on or back."""

    def url(**cursor: str) -> str:
        params = request.GET.copy()
        for name in ("after", "before"):
            params.pop(name, None)
        for name, value in cursor.items():
            params[name] = value
        return "?" + params.urlencode()

    return {
        "prev_url": url(before=page.before) if page.before else "",
        "next_url": url(after=page.after) if page.after else "",
        "first_url": url() if page.before else "",
    }


def _turned(field: str) -> str:
    return field[1:] if field.startswith("-") else f"-{field}"


def _beyond(order: Sequence[str], values: Sequence[Any]) -> Q:
    """Rows strictly behind the cursor in this order."""
    q, equal = Q(pk__in=[]), Q()
    for field, value in zip(order, values, strict=True):
        name, comparison = field.lstrip("-"), "lt" if field.startswith("-") else "gt"
        q |= equal & Q(**{f"{name}__{comparison}": value})
        equal &= Q(**{name: value})
    return q


def _written(row: Any, fields: Sequence[str]) -> str:
    values = []
    for field in fields:
        value = row
        for part in field.lstrip("-").split("__"):
            value = getattr(value, part)
        values.append(value.isoformat() if hasattr(value, "isoformat") else str(value))
    return signing.dumps(values, salt=_salt(fields))


def _read(text: str, fields: Sequence[str]) -> list[str] | None:
    try:
        return signing.loads(text, salt=_salt(fields))
    except signing.BadSignature:
        return None


def _salt(fields: Sequence[str]) -> str:
    return f"keyset {' '.join(fields)}"


def page_asked(text: str, last: int) -> int:
    """The page that an address asks for, from 1 to `last`; 1 for what makes no sense."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 1
    return max(1, min(number, last))


def attachment(
    stream: Any, name: str, *, mime: str, size: int | None = None, inline: bool = False
) -> FileResponse:
    """A file as a download. Never opened by the browser as a page of ours: sandboxed, typed, not sniffed."""
    response = FileResponse(stream, content_type=mime if inline else "application/octet-stream")
    response["Content-Disposition"] = content_disposition_header(not inline, file_name(name))
    response["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    if size is not None:
        response["Content-Length"] = str(size)
    return response


def file_name(name: str) -> str:
    """A name as every system takes it: nothing that ends a header or a path, and no character that is not seen (one
    of them turns the reading round, so that `…fdp.exe` looks like a PDF)."""
    seen = (
        "_" if character in '\\/:*?"<>|' or unicodedata.category(character)[0] == "C" else character
        for character in name
    )
    return "".join(seen).strip(" .")[:200] or "file"
