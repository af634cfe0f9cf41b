"""After a rebuild: holds that the ledger knows and no snapshot does. Their blocks came back with the records' manifests,
so that nothing is destroyed meanwhile; without its own row nobody could end such a hold.

Appraisals and registers do not come back from the ledger: what was decided stands in it and in the fonds file, and an
appraisal that was under way is opened again.
"""

from uuid import UUID

from django.db import transaction

from archive.models import Event, Fonds, User
from retention.models import Hold


@transaction.atomic
def recover_holds() -> int:
    """Make the rows of holds placed after the newest snapshot, and end those that were ended since. How many."""
    done = 0
    fonds = {row.code: row for row in Fonds.objects.all()}
    for placed in Event.objects.filter(kind="hold", action="hold.placed").order_by("at").iterator(200):
        if not Hold.objects.filter(pk=placed.subject).exists() and placed.data.get("fonds") in fonds:
            _placed(placed, fonds[placed.data["fonds"]])
            done += 1
    standing = Hold.objects.filter(ended_at=None)
    ended = Event.objects.filter(
        kind="hold", action="hold.ended", subject__in=[str(one.pk) for one in standing]
    )
    for event in ended:
        done += Hold.objects.filter(pk=event.subject, ended_at=None).update(
            ended_at=event.at,
            ended_by=_user(event),
            end_reason=event.data["reason"],
            settled_at=None,  # the worker settles what is left
        )
    return done


def _placed(event: Event, fonds: Fonds) -> None:
    kinds = {word: code for code, word in Hold.KINDS.items()}
    Hold.objects.create(
        id=UUID(event.subject),
        fonds=fonds,
        number=event.data["number"],
        year=event.data["year"],
        kind=kinds[event.data["kind"]],
        about=event.data["about"],
        party_key=event.data["party_key"],
        reason=event.data["reason"],
        authority=event.data["authority"],
        placed_at=event.at,
        placed_by=_user(event),
        placed_by_name=event.actor_name,
        wanted=event.data["records"],
        settled_at=event.at,
    )


def _user(event: Event) -> User | None:
    """Whoever it was: where no snapshot knows him, a row that says his name and nobody signs in with."""
    if event.actor is None:
        return None
    unknown = {"username": f"unknown-{event.actor}", "name": event.actor_name, "is_active": False}
    return User.objects.get_or_create(id=event.actor, defaults=unknown)[0]
