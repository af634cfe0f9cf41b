"""rebuild: a new catalogue from the stores alone (and the key file), into an empty database.

In this order, each phase committed in pieces and repeatable, so that a killed rebuild is simply started again:
1. the newest whole snapshot of the site and of each fonds (archive/snapshots.py), in one transaction with the mark
   that a rebuild is under way;
2. the ledgers, from the seals and their pages, every row proven (archive/ledgers.py);
3. every record the stores hold, from its newest manifest: it is younger than any snapshot and alone has the cipher text;
   its copies from the listing;
4. the stubs of destroyed records, believed only where nothing of the record is there;
5. what follows from rows: chains, relations, numbers.
A file that is damaged or unreadable is named with its reason, never fatal; a store that does not answer is.
"""

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID

from django.core.management.color import no_style
from django.db import connection, transaction

from archive import audit, catalogue, changes, ledgers, locks, permissions, seals, snapshots, stores
from archive.catalogue import TABLE
from archive.errors import StorageFailed, WrongState
from archive.identifiers import new_id
from archive.models import Access, CatalogueSnapshot, Change, Event, Fonds, Seal
from archive.permissions import Actor
from archive.rebuilding import rest
from archive.rebuilding.loading import Loader
from archive.rebuilding.records import Restorer
from archive.rebuilding.report import Report
from archive.rebuilding.salvage import Found, Holdings, manifest_of
from archive.storage import StoredVersion

MARK = "rebuild"
"""The topic of the one message in the outbox that says that a rebuild is under way."""
BATCH = 100
THREADS = 8
Progress = Callable[[str, int], None]


def rebuild(
    *, actor: Actor, progress: Progress = lambda what, count: None, with_snapshots: bool = True
) -> Report:
    """Raises WrongState for a database that holds something, StorageFailed when a store does not answer."""
    permissions.require(actor, "catalogue.rebuild")
    report = Report()
    with locks.alone("rebuild") as ours, ExitStack() as stack:
        if not ours:
            raise WrongState(what="目录", state="正由另一个进程重建", verb="再重建")
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=snapshots.scratch())))
        if not Change.objects.filter(topic=MARK).exists():
            _require_empty()
            _load_snapshots(folder, report, progress, with_snapshots)
        _load_ledgers(report, progress)
        holdings = stack.enter_context(Holdings(folder))
        if strange := holdings.fill(progress):
            report.problem("—", f"存储里有 {strange} 个不认识的对象，没有动它们")
        restorer = Restorer(holdings, report)
        _load_records(holdings, restorer, report, progress)
        rest.papers(restorer, report)
        rest.lost(holdings, report)
        progress("收尾", restorer.done)
        rest.settle(holdings)
        _finish(report, actor)
    return report


def _require_empty() -> None:
    labels = [table.label for table in TABLE] + ["archive.event", "archive.access", "archive.seal"]
    for label in labels:
        model = catalogue.models_by_label()[label]
        if model._base_manager.exists():
            raise WrongState(
                what="数据库",
                state=f"已有数据（{model._meta.verbose_name}）",
                verb="重建：只能装进刚迁移过的空库",
            )


# Snapshots


def _load_snapshots(folder: Path, report: Report, progress: Progress, wanted: bool) -> None:
    opened = _newest(folder, report) if wanted else []
    with transaction.atomic():
        loader = Loader(report)
        # All files table by table, so that what a row refers to is there, whichever file it stands in.
        streams = [_Stream(one.rows()) for one in opened]
        for table in TABLE:
            for stream in streams:
                loader.load(table.label, stream.of(table.label))
                progress(f"目录快照 {table.label}", report.counts[table.label])
        for one in opened:
            _know(one)
        Change.objects.create(topic=MARK, subject=new_id())


class _Stream:
    """The rows of a snapshot, asked for table after table."""

    def __init__(self, rows) -> None:
        self.rows, self.ahead = rows, None

    def of(self, label: str):
        while row := self.ahead or next(self.rows, None):
            self.ahead = row
            if row[0] != label:
                return
            self.ahead = None
            yield row[1]


def _newest(folder: Path, report: Report) -> list[snapshots.Opened]:
    """The newest whole file of the site and of each fonds."""
    found = []
    for code, keys in sorted(snapshots.listed().items(), key=lambda one: (one[0] != snapshots.SITE, one[0])):
        for key in reversed(keys):
            try:
                opened = snapshots.open_whole(keys[key], folder)
            except ValueError as fault:
                report.problem(key, f"{fault}；改用更早的目录快照")
                continue
            found.append(opened)
            report.snapshots.append(key)
            break
        else:
            report.problem(code, "没有一份完整的目录快照")
    return found


def _know(opened: snapshots.Opened) -> None:
    """The row of the snapshot itself, which cannot stand in it."""
    fonds = Fonds.objects.filter(code=opened.header["fonds"]).first()
    CatalogueSnapshot.objects.get_or_create(
        id=opened.header["id"],
        defaults={
            "fonds": fonds,
            "taken_at": opened.header["taken_at"],
            "rows": opened.count,
            "bytes": opened.versions[0].bytes,
            "sha256": opened.sha256,
            "copies": [
                {"store": one.store, "key": one.key, "version": one.version} for one in opened.versions
            ],
        },
    )


# Ledgers


def _load_ledgers(report: Report, progress: Progress) -> None:
    """Seals in order, as far as they form a chain, and the rows that their pages prove."""
    files: dict[int, list[StoredVersion]] = {}
    for store in stores.configured().values():
        for one in store.iterate(seals.PREFIX):
            number = one.key.removeprefix(seals.PREFIX).partition(".")[0]
            if number.isdigit() and not one.marker:
                files.setdefault(int(number), []).append(one)
    last = Seal.objects.order_by("-number").first()
    number, previous = (last.number + 1, last.digest) if last else (1, "")
    while number in files:
        sealed = _sealed(files[number], number, previous, report)
        if sealed is None:
            break
        with transaction.atomic():
            previous = _know_seal(sealed, files[number]).digest
            _load_page(sealed, report)
        progress("账本", number)
        number += 1
    if beyond := [one for one in files if one >= number]:
        report.problem(seals.PREFIX, f"第 {number} 号封存读不出来，此后 {len(beyond)} 号的账没有恢复")


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


def _know_seal(sealed: seals.Sealed, versions: list[StoredVersion]) -> Seal:
    copies = {one.store: one.version for one in reversed(versions)}
    seal = seals.row_of(sealed, seals.key_of(sealed.number), copies)
    seal.save(force_insert=True)
    return seal


def _load_page(sealed: seals.Sealed, report: Report) -> None:
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
                model.objects.bulk_create(mine, batch_size=500, ignore_conflicts=True)
                report.counts[model._meta.label_lower] += len(mine)
            return
    report.problem(key, "；".join(faults) or "没有这一号封存的账页，其中的记录没有恢复")


# Records


def _load_records(holdings: Holdings, restorer: Restorer, report: Report, progress: Progress) -> None:
    part: list[tuple[str, UUID]] = []
    with ThreadPoolExecutor(THREADS, thread_name_prefix="rebuild") as pool:

        def bring_back() -> None:
            asked = [(fonds, pk, holdings.versions_of(pk)) for fonds, pk in part]
            found: list[Found] = list(pool.map(lambda one: manifest_of(*one), asked))
            for one in found:
                for fault in one.faults:
                    report.problem(*fault)
            restorer.restore(found, pool)
            progress("档案", restorer.done)

        for one in holdings.records():
            part.append(one)
            if len(part) == BATCH:
                bring_back()
                part.clear()
        if part:
            bring_back()


def _finish(report: Report, actor: Actor) -> None:
    models = [catalogue.models_by_label()[table.label] for table in TABLE] + [Event, Access, Seal]
    with transaction.atomic():
        with connection.cursor() as cursor:  # numbers of rows go on behind those that came back
            for statement in connection.ops.sequence_reset_sql(no_style(), models):
                cursor.execute(statement)
        audit.record(
            actor=actor,
            action="catalogue.rebuilt",
            kind="site",
            subject="catalogue",
            data={
                "records": report.counts["archive.record"],
                "snapshots": len(report.snapshots),
                "problems": report.faults,
                "from": report.snapshots[:50],
            },
        )
        Change.objects.filter(topic=MARK).delete()


def under_way() -> bool:
    """A rebuild was begun and has not ended: the catalogue is not whole."""
    return changes.waiting(MARK) > 0
