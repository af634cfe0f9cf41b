"""For whom and why one reads: a purpose holds for one served customer, not for one click (design §5.2).

While a purpose is current, record pages show the numbers that the reader may reveal, and every reading in the ledger
carries it. It lies in the session, masked, and ends by itself after MINUTES, by hand, or at sign-out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.sessions.backends.base import SessionBase
from django.utils import timezone

from archive import audit, privacy
from archive.errors import WrongInput
from archive.models import Access, Record
from archive.permissions import Actor

PLACE = "purpose"
MINUTES = 30
LEAST, MOST = 4, 120
"""Characters of a purpose: "查" tells nobody anything."""
SAME_READING = timedelta(minutes=10)
"""Turning pages of one file, or tabs of one record, within this time is one reading in the ledger."""


@dataclass(frozen=True)
class Purpose:
    text: str
    started: datetime
    expires: datetime


def start(session: SessionBase, text: str) -> Purpose:
    """Raises WrongInput when the text says nothing."""
    text = " ".join(privacy.mask_text(text.replace("\0", "")).split())
    if not LEAST <= len(text) <= MOST:
        raise WrongInput(
            field="查阅目的",
            reason=f"请写明为谁、办什么事（{LEAST} 至 {MOST} 字），例如“张三本人窗口核实参保时间”。",
        )
    now = timezone.now()
    purpose = Purpose(text, now, now + timedelta(minutes=MINUTES))
    session[PLACE] = [text, now.isoformat(), purpose.expires.isoformat()]
    return purpose


def current(session: SessionBase) -> Purpose | None:
    kept = session.get(PLACE)
    if not kept:
        return None
    text, started, expires = kept
    purpose = Purpose(text, datetime.fromisoformat(started), datetime.fromisoformat(expires))
    return purpose if purpose.expires > timezone.now() else None


def end(session: SessionBase) -> None:
    session.pop(PLACE, None)


def note(
    actor: Actor,
    action: str,
    record: Record,
    *,
    purpose: Purpose | None,
    data: dict | None = None,
    same: str = "",
) -> None:
    """One line in the ledger of readings. With `same` (a key of `data`, or "record") what was read moments ago
    for the same purpose by the same person is not written again."""
    words = purpose.text if purpose else ""
    if same:
        lately = Access.objects.filter(
            record=record.pk,
            actor=actor.id,
            action=action,
            at__gt=timezone.now() - SAME_READING,
            purpose=words,
        )
        if same in (data or {}):
            lately = lately.filter(**{f"data__{same}": data[same]})
        if lately.exists():
            return
    audit.access(actor=actor, action=action, record=record, purpose=words, data=data)


def readings_of(record_id: UUID, *, limit: int = 200) -> Sequence[Access]:
    """Who read this record, the latest first. Ask for `reading.ledger` before."""
    return Access.objects.filter(record=record_id).order_by("-id")[:limit]
