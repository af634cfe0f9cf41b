"""rebuild: a new catalogue from the stores alone (and the key file), into an empty database.

In this order, each phase committed in pieces and repeatable, so that a killed rebuild is simply started again:
1. the newest whole snapshot of the site and of each fonds (archive/snapshots.py), in one transaction with the mark
   that a rebuild is under way;
2. the ledgers, from the seals and their pages, every row proven (journals.py);
3. every record the stores hold, from its newest manifest: it is younger than any snapshot and alone has the cipher text;
   its copies from the listing;
4. the stubs of destroyed records, believed only where nothing of the record is there;
5. what follows from rows: chains, relations, numbers.
A file that is damaged or unreadable is named with its reason, never fatal; a store that does not answer is.
"""

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID

from django.core.management.color import no_style
from django.db import connection, transaction

from archive import audit, catalogue, changes, locks, permissions, seals, snapshots
from archive.catalogue import TABLE
from archive.errors import WrongState
from archive.identifiers import new_id
from archive.models import CatalogueSnapshot, Change, Fonds
from archive.permissions import Actor
from archive.rebuilding import journals, rest
from archive.rebuilding.loading import Loader
from archive.rebuilding.records import Restorer
from archive.rebuilding.report import Report
from archive.rebuilding.salvage import Found, Holdings, manifest_of

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
        journals.load(report, progress)
        holdings = stack.enter_context(Holdings(folder))
        if strange := holdings.fill(progress):
            report.problem("—", f"存储里有 {strange} 个不认识的对象，没有动它们")
        restorer = Restorer(holdings, report)
        load_records(holdings.records(), restorer, progress)
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
        _reset_numbers()
        Change.objects.create(topic=MARK, subject=new_id())


def _reset_numbers() -> None:
    """On PostgreSQL: the numbers of rows that are made from here on go on behind those that a snapshot brought."""
    models = [catalogue.models_by_label()[table.label] for table in TABLE]
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), models):
            cursor.execute(statement)


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


# Records


def load_records(records: Iterator[tuple[str, UUID]], restorer: Restorer, progress: Progress) -> None:
    """Bring these records (fonds, id) back, each from its newest manifest, a batch in one transaction."""
    with ThreadPoolExecutor(THREADS, thread_name_prefix="rebuild") as pool:
        for part in seals.batches(records, BATCH):
            asked = [(fonds, pk, restorer.holdings.versions_of(pk)) for fonds, pk in part]
            found: list[Found] = list(pool.map(lambda one: manifest_of(*one), asked))
            for one in found:
                for fault in one.faults:
                    restorer.report.problem(*fault)
            restorer.restore(found, pool)
            progress("档案", restorer.done)


@transaction.atomic
def _finish(report: Report, actor: Actor) -> None:
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
