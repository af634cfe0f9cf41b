"""The two ends of a record's destruction: the point of no return, and the stub that stays.

Between them `retention.disposal` removes the bytes; nothing else calls either. Both lock the record row first, and
so does a hold: whoever comes second sees what the first did.
- `begin` reads the blocks again under that lock, and moves the record to 销毁执行中: from there it only goes on.
- `finish` comes after every proof of absence. What stays is the stub: metadata without cipher text, digests, events.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db import transaction

from archive import privacy, records
from archive.errors import WrongState
from archive.models import (
    Block,
    Copy,
    DigitalObject,
    MadeContent,
    ObjectText,
    Recognition,
    Record,
    RecordParty,
)
from archive.permissions import Actor
from archive.states import RECORD_STATES


def lock(record_ids: Sequence[UUID]) -> list[Record]:
    """Lock these records, in the order of their ids, as holds do."""
    records = Record.objects.select_for_update(of=("self",)).select_related("fonds")
    return list(records.filter(pk__in=record_ids).order_by("pk"))


@transaction.atomic(savepoint=False)
def begin(
    record_id: UUID, *, actor: Actor, action: str, data: dict, obstacles: Sequence[str] = ()
) -> list[str]:
    """Mark a record as being destroyed, unless something forbids it: then the reasons, and nothing is changed.

    `action` and `data`: the audit event that says on whose approval. Whoever begins several in one transaction locks
    them all first (`lock`), and reads `obstacles`, what else forbids it, under that lock.
    """
    record = Record.objects.select_for_update(of=("self",)).select_related("fonds").get(pk=record_id)
    reasons = []
    if record.state != "archived":
        reasons.append(f"档案目前是“{RECORD_STATES[record.state]}”")
    reasons += [
        f"{block.get_kind_display()}：{block.reason}"
        for block in Block.objects.filter(record=record, lifted_at=None).order_by("placed_at")
    ]
    if Copy.objects.filter(object__record=record, state__in=["pending", "failed"]).exists():
        reasons.append("还有副本没有写好")
    reasons += obstacles
    if not reasons:
        records.move(record.pk, "disposing", actor=actor, action=action, data=data)
    return reasons


@transaction.atomic(savepoint=False)
def finish(record_ids: Sequence[UUID], *, actor: Actor, action: str, data: Mapping[UUID, dict]) -> None:
    """Turn records whose every trace is proven absent into their stubs. Done already: nothing happens.

    `data`: the audit event's, a record each. Raises WrongState for a record that was never begun; then nothing is
    done to the others either.
    """
    stubs = [record for record in lock(record_ids) if record.state != "destroyed"]
    for record in stubs:
        if record.state != "disposing":
            raise WrongState(
                what=f"档案 {record.reference_code}", state=RECORD_STATES[record.state], verb="结束销毁"
            )
    ids = [record.pk for record in stubs]
    copies = Copy.objects.filter(object__record__in=ids).exclude(state="removed")  # those keep why they went
    copies.update(state="removed", legal_hold=False, fault="")
    MadeContent.objects.filter(object__record__in=ids).delete()  # of a copy that was owed and given up
    ObjectText.objects.filter(object__record__in=ids).delete()
    Recognition.objects.filter(object__record__in=ids).exclude(texts=[]).update(texts=[])
    DigitalObject.objects.filter(record__in=ids).exclude(sealed_path="").update(sealed_path="")
    RecordParty.objects.filter(record__in=ids).exclude(id_no="").update(id_no="")
    for record in stubs:
        blank = privacy.without_cipher_text(record.description)
        if blank != record.description:
            Record.objects.filter(pk=record.pk).update(description=blank)
        records.move(record.pk, "destroyed", actor=actor, action=action, data=data[record.pk])
