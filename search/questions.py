"""Questions that must not stand in an address: they hold a personal number.

Such a question lies encrypted in the reader's session under a random key, and only the key travels: pages, filters
and the way back work as with any other question, and it is gone with the session.
"""

import secrets

from django.contrib.sessions.backends.base import SessionBase

from archive import privacy
from search.query import TYPED_LIMIT

PLACE = "questions"
KEPT = 20
"""Questions a session remembers; the oldest goes first."""


def keep(session: SessionBase, typed: str) -> str:
    """Remember what was typed; returns the key."""
    key = secrets.token_urlsafe(9)
    kept = [*session.get(PLACE, []), [key, privacy.encrypt(typed[:TYPED_LIMIT])]]
    session[PLACE] = kept[-KEPT:]
    return key


def recall(session: SessionBase, key: str) -> str | None:
    """What was typed, or None when the session does not know (any more)."""
    for known, sealed in session.get(PLACE, []):
        if known == key:
            return privacy.decrypt(sealed)
    return None
