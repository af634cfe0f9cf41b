"""Signing in and out, in the ledger. The receivers are the only ones besides `post_migrate` (config/apps.py):
Django tells of a sign-in by signals alone, and nothing of the business hangs on them.
"""

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import transaction
from django.http import HttpRequest

from archive import audit
from archive.models import User
from archive.permissions import Actor


def connect() -> None:
    user_logged_in.connect(signed_in, dispatch_uid="ledger-in")
    user_logged_out.connect(signed_out, dispatch_uid="ledger-out")
    user_login_failed.connect(refused, dispatch_uid="ledger-refused")


def _address(request: HttpRequest | None) -> str:
    return request.META.get("REMOTE_ADDR", "")[:60] if request else ""


def _write(action: str, user: User, actor: Actor) -> None:
    with transaction.atomic():
        audit.record(actor=actor, action=action, kind="user", subject=user.pk, name=str(user))


def signed_in(sender, request, user, **_: object) -> None:
    _write("user.signed_in", user, Actor.of(user, address=_address(request)))


def signed_out(sender, request, user, **_: object) -> None:
    if user is not None:  # the session had ended by itself
        _write("user.signed_out", user, Actor.of(user, address=_address(request)))


def refused(sender, credentials, request=None, **_: object) -> None:
    """Whose account was tried. A name that nobody has is not written down: it may be a password."""
    user = User.objects.filter(username=str(credentials.get("username", ""))[:150]).first()
    if user is not None:
        nobody = Actor(id=None, name="未登录者", address=_address(request))
        _write("user.refused", user, nobody)
