"""Signing in and out, in the ledger. The receivers are the only ones besides `post_migrate` (config/apps.py):
Django tells of a sign-in by signals alone, and nothing of the business hangs on them.
"""

from django.contrib.auth import views
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import transaction
from django.http import HttpRequest

from archive import audit, privacy
from archive.http import actor_of
from archive.models import User
from archive.permissions import Actor

FORM_METHODS = ["get", "head", "post", "options"]
"""Django's form views would take PUT for POST."""


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
    """Whose account was tried. A name that nobody has is not written down: it may be a password. That somebody tried
    one is; so both answers cost the same, and whoever tries names one after the other is seen."""
    user = User.objects.filter(username=str(credentials.get("username", ""))[:150]).first()
    nobody = Actor(id=None, name="未登录者", address=_address(request))
    if user is not None:
        return _write("user.refused", user, nobody)
    with transaction.atomic():
        audit.record(actor=nobody, action="user.unknown", kind="site", subject="sign-in", name="登录")


def tried_name(request: HttpRequest | None, credentials: dict | None = None) -> str:
    """The name under which the lock of the door counts: the account's, or a keyed hash of what nobody is called."""
    typed = str((credentials or (request.POST if request else {})).get("username", ""))[:150]
    known = User.objects.filter(username=typed).exists()
    return typed if known else f"?{privacy.keyed_hash('sign-in', typed)}"


class PasswordChange(views.PasswordChangeView):
    """One's own password. Other sessions end with the old one."""

    http_method_names = FORM_METHODS

    @transaction.atomic
    def form_valid(self, form):
        response = super().form_valid(form)
        _write("user.password_changed", form.user, actor_of(self.request))
        return response
