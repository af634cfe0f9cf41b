"""The pages of deciding as the persons who decide ask for them."""

from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from archive.models import User
from archive.permissions import Actor
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
