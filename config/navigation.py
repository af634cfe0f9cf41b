"""The menu and the 待办 counts, put together from what each app offers. The base template knows no app.

An app offers `NAVIGATION`: groups of places with the action that opens them; and `todos(actor)`: what waits for
that actor, with count and age. A place that the actor may not open is not shown.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.cache import cache
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from archive.http import actor_of
from archive.models import Fonds
from config import assembly
from search import reading


@dataclass(frozen=True)
class Entry:
    label: str
    url: str
    current: bool


@dataclass(frozen=True)
class Group:
    label: str
    items: list[Entry]


def context(request: HttpRequest) -> dict:
    """For every page: menu, count of todos, name of the product, the purpose for which is being read."""
    if not getattr(request, "user", None) or not request.user.is_authenticated:
        return {"product": PRODUCT}
    actor = actor_of(request)
    fonds = sorted({grant.fonds for _, grant in actor.grants if grant})
    return {
        "product": PRODUCT,
        "purpose": reading.current(request.session),
        "roles": actor.role_names,
        "search_hidden": not actor.may("record.read"),
        "navigation": menu(request, actor),
        "todo_count": badge(request),
        "current_fonds": _fonds(fonds),
        "actor": actor,
    }


def _fonds(codes: list[str]) -> Fonds | str:
    if len(codes) == 1:
        return Fonds.objects.filter(code=codes[0]).first() or ""
    return f"{len(codes)} 个全宗" if codes else ""


PRODUCT = "电子业务档案管理系统"
OVERDUE = timedelta(days=5)
"""What has waited longer is marked."""


@dataclass(frozen=True)
class Todo:
    """Something that waits for this person: opens where it is done."""

    label: str
    count: int
    url: str
    oldest: datetime | None = None
    hint: str = ""

    @property
    def sentence(self) -> str:
        return self.hint

    @property
    def urgent(self) -> bool:
        return self.oldest is not None and timezone.now() - self.oldest > OVERDUE


def menu(request: HttpRequest, actor) -> list[Group]:
    groups: dict[str, list[Entry]] = {}
    for group, label, name, action in assembly.NAVIGATION:
        if action and not actor.may(action):
            continue
        url = reverse(name)
        # A view that belongs to a place under another address (a record to the search) says so in `place`.
        current = name == getattr(request, "place", None) or request.path == url
        current = current or (url != "/" and request.path.startswith(url))
        groups.setdefault(group, []).append(Entry(label, url, current))
    return [Group(label, items) for label, items in groups.items()]


def waiting(request: HttpRequest) -> list[Todo]:
    """What waits for whoever asks: looked up once a request, for the page and for the count in the menu."""
    if not hasattr(request, "_archive_todos"):
        request._archive_todos = waiting_for(actor_of(request))
    return request._archive_todos


BADGE_SECONDS = 20


def badge(request: HttpRequest) -> int:
    """The number in the menu: fresh where the page has asked anyway, else at most BADGE_SECONDS old. Counting
    everything that waits is most of what a page of an archivist costs (docs/figures.md)."""
    key = f"todos:{actor_of(request).id}"
    if not hasattr(request, "_archive_todos") and (known := cache.get(key)) is not None:
        return known
    count = sum(todo.count for todo in waiting(request))
    cache.set(key, count, BADGE_SECONDS)
    return count


def waiting_for(actor) -> list[Todo]:
    """What waits for this actor, over all apps, the oldest first."""
    found: Iterable = (Todo(**row) for source in assembly.TODOS for row in source(actor))
    return sorted((todo for todo in found if todo.count), key=lambda t: (t.oldest is None, t.oldest or 0))
