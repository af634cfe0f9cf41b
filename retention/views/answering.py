"""What the pages of this room share: the password asked again before a signature, refusals told on the page one came
from, a form that counts once however often it is sent, the rows of one's own request."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

from django.contrib import messages
from django.contrib.auth import authenticate
from django.forms import Form
from django.http import HttpRequest
from django.shortcuts import redirect

from archive.errors import ArchiveError, NotFound, WrongInput
from archive.models import Record
from archive.permissions import Actor

ONCE, KEPT = "sent", 20


def confirm(request: HttpRequest) -> bool:
    """True when the password typed is that of the person who is signed in; wrong ones count as at sign-in."""
    password = request.POST.get("password", "")
    user = (
        authenticate(request, username=request.user.get_username(), password=password) if password else None
    )
    if user is None or user.pk != request.user.pk:
        raise WrongInput(field="密码", reason="不对，没有签署。请再输入一次您的登录密码。")
    return True


@contextmanager
def told(request: HttpRequest) -> Iterator[None]:
    """A refusal is said on the page that the person is led back to. What is not found stays not found."""
    try:
        yield
    except NotFound:
        raise
    except ArchiveError as fault:
        messages.error(request, str(fault))


@contextmanager
def at_form(form: Form, **fields: str) -> Iterator[None]:
    """A refusal is said at the form: beside the field it speaks of (its Chinese name → field), else above."""
    try:
        yield
    except NotFound:
        raise
    except ArchiveError as fault:
        field = fields.get(str(fault.fields.get("field", "")))
        form.add_error(field, str(fault.fields["reason"]) if field else str(fault))


def once() -> str:
    """The mark of a form, sent with it."""
    return secrets.token_urlsafe(9)


def sent_before(request: HttpRequest):
    """The answer that the same form got when it was first sent; None the first time."""
    known = dict(request.session.get(ONCE, []))
    return redirect(known[mark]) if (mark := request.POST.get(ONCE, "")) in known else None


def answer(request: HttpRequest, url: str):
    """Lead on, and remember where this form led."""
    if mark := request.POST.get(ONCE, ""):
        request.session[ONCE] = [*request.session.get(ONCE, []), [mark, url]][-KEPT:]
    return redirect(url)


def number(text: str) -> int | None:
    """A number that a page sent back; None for what is none of ours."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else None


def edition_seen(request: HttpRequest) -> int | None:
    """The edition of the register that the page showed: another tab may have been left open for long."""
    return number(request.POST.get("edition", ""))


def ids_of(request: HttpRequest, name: str = "pk") -> list[UUID]:
    try:
        return list(dict.fromkeys(UUID(text) for text in request.POST.getlist(name)))
    except ValueError:
        raise WrongInput(field="档案", reason="编号不对，请刷新页面再选。") from None


def readable(actor: Actor, ids: Sequence[UUID]) -> dict[UUID, Record]:
    """Those of the records that this person may read; the others are shown without title and link. One query."""
    rows = Record.objects.visible_to(actor.scope("record.read")).defer("description")
    return rows.in_bulk(list(ids))
