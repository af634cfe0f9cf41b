"""After a rebuild: holds that the ledger knows and no snapshot does. Their blocks came back with the records' manifests,
so that nothing is destroyed meanwhile; without its own row nobody could end such a hold. One that was placed so late
that no sealed page tells of it is made from its blocks, and says so.

Appraisals and registers do not come back from the ledger: what was decided stands in it and in the fonds file, and an
appraisal that was under way is opened again.
"""

from collections import defaultdict
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from archive import numbering
from archive.models import Block, Event, Fonds, User
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
    done += _from_blocks()
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


def _from_blocks() -> int:
    bare = Block.objects.filter(kind="hold", lifted_at=None).exclude(reference__in=Hold.objects.values("pk"))
    found: dict[UUID, list[Block]] = defaultdict(list)
    for block in bare.select_related("record__fonds").order_by("placed_at", "pk"):
        found[block.reference].append(block)
    for reference, blocks in found.items():
        first = blocks[0]
        year = timezone.localdate(first.placed_at).year
        Hold.objects.create(
            id=reference,
            fonds=first.record.fonds,
            number=_number(first.record.fonds, year),
            year=year,
            kind="record",
            about=f"{len(blocks)} 件",
            # A block names its hold before the reason.
            reason=first.reason.partition("，")[2] or first.reason,
            authority="登记没有从存储恢复，请查明后再解除",
            placed_at=first.placed_at,
            placed_by_name="—",
            wanted=[str(block.record_id) for block in blocks],
            settled_at=first.placed_at,
        )
    return len(found)


def _number(fonds: Fonds, year: int, said: int = 0) -> int:
    """As the ledger says, where no other hold has taken it since."""
    taken = Hold.objects.filter(fonds=fonds, year=year, number=said).exists()
    return said if said and not taken else numbering.draw(f"hold:{fonds.code}:{year}")


def _placed(event: Event, fonds: Fonds) -> None:
    kinds = {word: code for code, word in Hold.KINDS.items()}
    Hold.objects.create(
        id=UUID(event.subject),
        fonds=fonds,
        number=_number(fonds, event.data["year"], event.data["number"]),
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
