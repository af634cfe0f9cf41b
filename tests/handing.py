"""Who looks at what `hand_in` (tests/apps/conftest.py) has handed in, and where."""

from django.urls import reverse

from archive.models import Fonds
from ingest.models import Submission
from tests.pages import reader

WRONG = {"fields": {"合同开始时间": "20201301"}}
"""What makes a package come back: no such day."""


def archivist(*roles):
    """Somebody with these roles (an archivist) in the fonds of the packages."""
    return reader(*(roles or ("archivist",)), fonds=Fonds.objects.get(code="D019"))


def at(name: str, row: Submission) -> str:
    return reverse(f"ingest:{name}", args=[row.pk])
