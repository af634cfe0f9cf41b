"""The pages of deciding as the persons who decide ask for them."""

from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from archive.models import Record, User
from archive.permissions import Actor
from retention import holds
from retention.models import Hold
from tests.pages import client_of, text

PASSWORD = "eight-places-and-two"


def of(actor: Actor):
    """A client signed in as this person."""
    return client_of(User.objects.get(pk=actor.id))


def at(name: str, *args) -> str:
    return reverse(f"retention:{name}", args=[getattr(one, "pk", one) for one in args])


def scan(content: bytes = b"%PDF-1.7 signed", mime: str = "application/pdf") -> SimpleUploadedFile:
    return SimpleUploadedFile("scan.pdf", content, mime)


def said(client) -> str:
    """What the next page tells: the message after a redirect."""
    return text(client.get("/"))


def hold_on(record: Record, actor: Actor, authority: str = "协查函1号") -> Hold:
    placed = holds.place(
        record.fonds, "record", records=[record.pk], reason="法院调查", authority=authority, actor=actor
    )
    return placed.hold
