"""One line of the doctor's answer."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from django.db import DatabaseError

from archive.errors import ArchiveError

SETUP = "请运行 manage.py setup。"


@dataclass(frozen=True, kw_only=True)
class Part:
    """`state` is ok, warning, failed, or absent (an optional part that is not there, or a question that has no sense
    here); `message` and `remedy` are Chinese sentences."""

    part: str
    state: str = "ok"
    version: str = ""
    message: str = ""
    remedy: str = ""


Look = Callable[[], Iterable[Part]]


def guarded(name: str, look: Look) -> Iterator[Part]:
    """What `look` finds. A part that cannot even be asked has failed, and says why."""
    try:
        yield from look()
    except (ArchiveError, DatabaseError, OSError) as fault:
        remedy = SETUP if isinstance(fault, DatabaseError) else ""
        yield Part(part=name, state="failed", message=str(fault), remedy=remedy)
