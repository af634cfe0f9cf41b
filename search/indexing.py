"""The index follows the archive: from the outbox, from rows, never from a payload.

A document is always made from the record's current state while its row is locked, so a slow worker can never put
back what another has just removed. A record has no document once its destruction has begun.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from uuid import UUID

from django.db import connection, transaction

from archive import changes
from archive.models import ObjectText, Record, RecordParty
from archive.scopes import scope_tokens
from search.documents import Document, document_text
from search.engine import engine

BATCH = 50
"""Documents in one transaction: well under the 100 ms for which a write may hold SQLite."""
TOPIC = "search"
GONE = ("disposing", "destroyed")


def follow(record_ids: Sequence[UUID]) -> None:
    """Bring the index up to date for these records."""
    for start in range(0, len(record_ids), BATCH):
        _index(record_ids[start : start + BATCH])


def drain(limit: int = 200) -> int:
    """Follow up on waiting messages once. Returns how many were done."""
    return changes.follow(TOPIC, follow, limit=limit)


def _index(record_ids: Sequence[UUID]) -> None:
    with transaction.atomic():
        rows = Record.objects.filter(pk__in=record_ids).select_related("fonds", "department").order_by("pk")
        if connection.vendor == "postgresql":
            rows = rows.select_for_update(of=("self",))
        found = {record.pk: record for record in rows}
        documents = list(documents_of([r for r in found.values() if r.state not in GONE]))
        live = {document.record_id for document in documents}
        if documents:
            engine().put(documents)
        gone = [pk for pk in record_ids if pk not in live]
        if gone:
            engine().remove(gone)


def documents_of(records: Sequence[Record]) -> Iterator[Document]:
    """The documents of these records, in three queries whatever their number."""
    ids = [record.pk for record in records]
    parties: dict[UUID, list[RecordParty]] = defaultdict(list)
    for party in RecordParty.objects.filter(record_id__in=ids).order_by("record_id", "kind", "position"):
        parties[party.record_id].append(party)
    texts: dict[UUID, list[ObjectText]] = defaultdict(list)
    rows = ObjectText.objects.filter(object__record_id__in=ids).order_by("object__position")
    for text in rows.select_related("object"):
        texts[text.object.record_id].append(text)
    for record in records:
        yield _document(record, parties[record.pk], texts[record.pk])


def _document(record: Record, parties: list[RecordParty], texts: list[ObjectText]) -> Document:
    persons = [party for party in parties if party.kind == "person"]
    units = [party for party in parties if party.kind == "unit"]
    text, found = document_text(
        [
            record.item_title,
            record.business_no,
            record.document_no,
            record.responsible,
            *(party.own_no for party in persons),
            *(text.text for text in texts),
        ]
    )
    tokens = {
        *found,
        *(token for text in texts for token in text.tokens.split()),
        *(party.id_token for party in parties if party.id_token),
        *(party.last_four_token for party in persons if party.last_four_token),
    }
    return Document(
        record_id=record.pk,
        reference_code=record.reference_code,
        title=record.title,
        fonds=record.fonds.code,
        year=record.year,
        stage=record.stage,
        category=record.category,
        insurances=tuple(record.insurances),
        state=record.state,
        department=record.department.name if record.department else "",
        names=tuple(party.name for party in persons),
        unit=" ".join(party.name for party in units),
        unit_codes=tuple(code for party in units for code in (party.uscc, party.own_no) if code),
        text=text,
        tokens=tuple(sorted(tokens)),
        scope=tuple(sorted(scope_tokens(record.facts))),
        formed_on=record.formed_on,
        order=min(record.number, 16_777_215),
    )


def rebuild(say: Callable[[int], None] = lambda _: None) -> int:
    """Make the index anew from rows, in order of the id; may run while others file. Returns how many there are."""
    engine().ensure()
    engine().clear()
    last, done = None, 0
    while True:
        rows = Record.objects.exclude(state__in=GONE).order_by("pk")
        if last is not None:
            rows = rows.filter(pk__gt=last)
        ids: list[UUID] = list(rows.values_list("pk", flat=True)[: BATCH * 4])
        if not ids:
            break
        follow(ids)
        last, done = ids[-1], done + len(ids)
        say(done)
    engine().mark_complete()
    return done


def complete() -> int:
    """Make the index anew when it is new, outdated or unfinished; else nothing. Returns how many were indexed."""
    engine().ensure()
    return rebuild() if engine().needs_rebuild else 0


def drift() -> Iterable[tuple[str, UUID]]:
    """("missing" | "extra", record id) wherever the index and the archive differ, piece by piece."""
    after: UUID | None = None
    rows = Record.objects.exclude(state__in=GONE).order_by("pk").values_list("pk", flat=True)
    while True:
        page = list((rows.filter(pk__gt=after) if after else rows)[:1000])
        there = engine().ids(after, 1000)
        if not page and not there:
            return
        # Compare up to the shorter page's end, where both are known.
        ends = [part[-1] for part in (page, there) if len(part) == 1000]
        end = min(ends) if ends else max([*page[-1:], *there[-1:]])
        archive, index = {pk for pk in page if pk <= end}, {pk for pk in there if pk <= end}
        yield from (("missing", pk) for pk in sorted(archive - index))
        yield from (("extra", pk) for pk in sorted(index - archive))
        after = end


class Traces:
    """What the index holds of a record, for destruction (archive/traces.py)."""

    name = "检索索引"

    @staticmethod
    def remove(record: Record) -> None:
        engine().remove([record.pk])

    @staticmethod
    def prove_absent(record: Record) -> list[str]:
        return [] if engine().prove_absent(record.pk) else [f"索引 {engine().name}"]
