"""Which rules an examination went by, and which packages still to be settled were examined by older ones.

The rules of a source are this engine and the files of its packs: whichever changes, what was returned or waits is marked
and can be examined again. Reports are never changed by that; each says which rules it went by.
"""

from django.db.models import Q, QuerySet

from archive import profiles
from ingest.examination import ENGINE
from ingest.models import Submission

SETTLED_BY_PEOPLE = ("returned", "waiting")
"""The states in which an examination of today may come to another end."""


def rules_of(source: str) -> str:
    """What stands in `Submission.rules` when a package of this source is examined now; an unknown source has none of
    its own, and gets some on the day a pack is put in for it."""
    return f"{ENGINE}/{profiles.fingerprint(source)}"


def is_outdated(submission: Submission) -> bool:
    return submission.state in SETTLED_BY_PEOPLE and submission.rules != rules_of(submission.source)


def outdated(rows: QuerySet) -> QuerySet:
    """Those of these submissions that are returned or waiting by rules that are not today's."""
    known = profiles.registry().sources()
    now = ~Q(source__in=known) & ~Q(rules=rules_of(""))
    for source in known:
        now |= Q(source=source) & ~Q(rules=rules_of(source))
    return rows.filter(now, state__in=SETTLED_BY_PEOPLE)
