"""The two ledgers from the stores: the seals in order, and the rows that their pages prove (archive/ledgers.py).

Into an empty ledger every proven row comes in. Into one that goes on (`living`) only what continues a chain as it
stands there: where something else was written in a chain since, its lost rows stay in their page, and are counted.
"""

from collections.abc import Callable, Iterator

from django.db import transaction

from archive import ledgers, seals, stores
from archive.errors import StorageFailed
from archive.models import Access, ChainHead, Event, Seal
from archive.rebuilding.report import Report
from archive.storage import StoredVersion

Chain = tuple[str, str]
"""Kind and subject."""


def load(
    report: Report, progress: Callable[[str, int], None], *, first: int | None = None, living: bool = False
) -> None:
    """Seals as far as they form a chain; from number `first`, which may be known, else after the last one. Into a living
    ledger in one transaction: its chains must not stand without their heads."""
    files: dict[int, list[StoredVersion]] = {}
    for store in stores.configured().values():
        for one in store.iterate(seals.PREFIX):
            number = one.key.removeprefix(seals.PREFIX).partition(".")[0]
            if number.isdigit() and not one.marker:
                files.setdefault(int(number), []).append(one)
    last = Seal.objects.order_by("-number").first()
    number = first or (last.number + 1 if last else 1)
    previous = Seal.objects.filter(number=number - 1).values_list("digest", flat=True).first() or ""
    forked: set[Chain] | None = set() if living else None
    while number in files:
        sealed = _sealed(files[number], number, previous, report)
        if sealed is None:
            break
        with transaction.atomic():
            if not Seal.objects.filter(number=number).exists():
                _know(sealed, files[number])
            _page(sealed, report, forked)
        previous = seals.digest_of(sealed)
        progress("账本", number)
        number += 1
    if beyond := [one for one in files if one >= number]:
        report.problem(seals.PREFIX, f"第 {number} 号封存读不出来，此后 {len(beyond)} 号的账没有恢复")
    if living:
        heads()


def _sealed(versions: list[StoredVersion], number: int, previous: str, report: Report) -> seals.Sealed | None:
    for one in versions:
        try:
            sealed = seals.parse(seals.read_file(stores.get(one.store), one.key, one.version))
            if (sealed.number, sealed.previous) == (number, previous):
                return sealed
            raise ValueError("接不上前一号")
        except (ValueError, StorageFailed) as fault:
            report.problem(f"{one.store}:{one.key}", str(fault))
    return None


def _know(sealed: seals.Sealed, versions: list[StoredVersion]) -> None:
    copies = {one.store: one.version for one in reversed(versions)}
    seals.row_of(sealed, seals.key_of(sealed.number), copies).save(force_insert=True)


def _page(sealed: seals.Sealed, report: Report, forked: set[Chain] | None) -> None:
    key, faults = ledgers.key_of(sealed.number), []
    for store in stores.configured().values():
        for one in store.versions(key):
            try:
                rows = list(ledgers.rows_of(seals.read_file(store, key, one.version), sealed))
            except (ValueError, StorageFailed) as fault:
                faults.append(f"{store.name}：{fault}")
                continue
            for model in (Event, Access):
                mine = [row for row in rows if isinstance(row, model)]
                if forked is not None:
                    mine = list(_new(model, mine))
                if forked is not None and model is Event:
                    before, mine = len(mine), list(_continuing(mine, forked))
                    report.counts["forked"] += before - len(mine)
                model.objects.bulk_create(mine, batch_size=500, ignore_conflicts=True)
                report.counts[model._meta.label_lower] += len(mine)
            return
    report.problem(key, "；".join(faults) or "没有这一号封存的账页，其中的记录没有恢复")


def _new(model: type[Event] | type[Access], rows: list) -> Iterator[Event | Access]:
    for part in seals.batches(rows):
        there = set(model.objects.filter(pk__in=[row.pk for row in part]).values_list("pk", flat=True))
        yield from (row for row in part if row.pk not in there)


def _continuing(rows: list[Event], forked: set[Chain]) -> Iterator[Event]:
    """Those that go on where their chain stands. `forked`: chains in which something else stands there."""
    for part in seals.batches(sorted(rows, key=lambda row: row.sequence)):
        chains = Event.objects.filter(subject__in={row.subject for row in part})
        there = {
            tuple(at): digest for *at, digest in chains.values_list("kind", "subject", "sequence", "digest")
        }
        for row in part:
            chain = (row.kind, row.subject)
            before = there.get((*chain, row.sequence - 1), row.previous)
            if chain in forked or (*chain, row.sequence) in there or before != row.previous:
                forked.add(chain)
                continue
            there[*chain, row.sequence] = row.digest
            yield row


def heads() -> None:
    """How long every chain is and where it ends, from its events."""
    there = set(ChainHead.objects.values_list("kind", "subject"))
    rows = Event.objects.order_by("kind", "subject", "sequence")
    columns = rows.values_list("kind", "subject", "sequence", "digest").iterator(1000)
    for part in seals.batches(_ends(columns)):
        new = [row for row in part if (row.kind, row.subject) not in there]
        ChainHead.objects.bulk_create(new)
        for row in part:
            if (row.kind, row.subject) in there:
                longer = ChainHead.objects.filter(kind=row.kind, subject=row.subject, count__lt=row.count)
                longer.update(count=row.count, digest=row.digest)


def _ends(rows: Iterator[tuple]) -> Iterator[ChainHead]:
    last = None
    for kind, subject, sequence, digest in rows:
        if last is not None and (last.kind, last.subject) != (kind, subject):
            yield last
        last = ChainHead(kind=kind, subject=subject, count=sequence, digest=digest)
    if last is not None:
        yield last
