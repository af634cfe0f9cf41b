"""What follows once the records are back: stubs, papers, what is lost, chains, relations and numbers."""

import gzip
import re
import zlib
from collections import defaultdict
from collections.abc import Iterator
from uuid import UUID

from django.db import transaction
from django.db.models import F, Max

from archive import catalogue, fonds_file, manifests, seals, stores
from archive.errors import StorageFailed
from archive.models import Copy, Counter, Event, Fonds, Paper, Record, Relation
from archive.rebuilding import journals
from archive.rebuilding.records import Restorer
from archive.rebuilding.report import Report
from archive.rebuilding.salvage import Holdings
from archive.storage import StoredObject

UNREADABLE = (OSError, EOFError, zlib.error, ValueError, LookupError, TypeError, RecursionError)


def papers(restorer: Restorer, report: Report) -> None:
    """The fonds file: rows from the ledger, bytes where the listing shows them; a paper of stubs tells of records."""
    said = _said()
    for paper, copies in sorted(_listed(report).items()):
        first = copies[0]
        about = first.metadata.get("about", "")
        if about.startswith(manifests.STUBS):
            _stubs(copies, restorer, report)
        if Paper.objects.filter(pk=paper).exists():
            continue
        events = said.get((first.key.split("/")[1], first.sha256))
        event = events.pop(0) if events else None
        fonds = Fonds.objects.filter(code=first.key.split("/")[1]).first()
        if event is None or fonds is None:
            report.problem(first.key, "账本里没有它存入全宗卷的登记，编号不明，没有恢复；内容还在存储里")
            continue
        Paper.objects.create(
            id=paper,
            fonds=fonds,
            number=event.data["number"],
            kind=event.data["kind"],
            title=event.data["title"],
            about=about,
            made_at=event.at,
            made_by_name=event.actor_name,
            mime=first.content_type,
            bytes=first.bytes,
            sha256=first.sha256,
            copies=[{"store": one.store, "key": one.key, "version": one.version} for one in copies],
        )
        report.counts["archive.paper"] += 1


def _said() -> dict[tuple[str, str], list[Event]]:
    """What the ledger says of papers that have no row yet; two of the same bytes in the order of their numbers, which
    is that of their ids."""
    there = set(Paper.objects.values_list("fonds__code", "number"))
    found: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for row in Event.objects.filter(kind="fonds", action="paper.kept").order_by("sequence").iterator(500):
        if (row.subject, row.data["number"]) not in there:
            found[row.subject, row.data["sha256"]].append(row)
    return found


def _listed(report: Report) -> dict[UUID, list[StoredObject]]:
    """Paper → its copies, one a store."""
    found: dict[UUID, list[StoredObject]] = defaultdict(list)
    for store in stores.configured().values():
        for one in store.iterate(f"{fonds_file.PREFIX}/"):
            if one.marker or not one.latest:
                continue
            try:
                found[UUID(one.key.rpartition("/")[2])].append(store.head(one.key, one.version))
            except (StorageFailed, ValueError) as fault:
                report.problem(f"{store.name}:{one.key}", str(fault))
    return found


def _stubs(copies: list[StoredObject], restorer: Restorer, report: Report) -> None:
    for copy in copies:
        try:
            for manifest in list(_lines(copy)):
                restorer.stub(manifest)
            return
        except (StorageFailed, *UNREADABLE) as fault:
            report.problem(f"{copy.store}:{copy.key}", f"留证目录读不出：{fault}")


def _lines(copy: StoredObject) -> Iterator[dict]:
    with stores.get(copy.store).open(copy.key, copy.version) as stream, gzip.open(stream) as lines:
        for text in lines:
            yield manifests.parse(text)


def lost(holdings: Holdings, report: Report) -> None:
    """Records that a snapshot knows as kept, and of which no store holds anything."""
    rows = Record.objects.exclude(state="destroyed").values_list("pk", "reference_code")
    for pk, code in rows.order_by("pk").iterator(500):
        if not holdings.holds(pk):
            Copy.objects.filter(object__record=pk, state="stored").update(state="damaged", fault="missing")
            report.problem(code, "目录快照里有这件档案，存储里没有它的任何对象，也没有留证目录")


@transaction.atomic
def settle(holdings: Holdings) -> None:
    for record, business_no, kind, earlier in holdings.later():
        if Record.objects.filter(pk=earlier).exists():
            rows = Relation.objects.filter(record=record, business_no=business_no, kind=kind)
            rows.update(earlier=earlier)
    _begun()
    journals.heads()
    _counters()


def _begun() -> None:
    """A destruction that had passed its point of no return only goes on."""
    begun = Event.objects.filter(kind="record", action="record.disposal_begun").values_list(
        "subject", flat=True
    )
    for part in seals.batches(begun.iterator(500)):
        rows = Record.objects.filter(pk__in=part, state="archived")
        rows.update(state="disposing", revision=F("revision") + 1)


def _counters() -> None:
    """The last number of every scope: no number is drawn twice."""
    highest: dict[str, int] = {}
    for code in Record.objects.values_list("reference_code", flat=True).iterator(1000):
        scope, _, number = code.rpartition("-")
        highest[scope] = max(highest.get(scope, 0), int(number))
    for fonds in Fonds.objects.annotate(number=Max("papers__number")):
        if fonds.number:
            highest[f"{fonds_file.PREFIX}:{fonds.code}"] = fonds.number
    for scope, number in _lost_numbers().items():
        highest[scope] = max(highest.get(scope, 0), number)
    for scope, number in highest.items():
        counter, new = Counter.objects.get_or_create(scope=scope, defaults={"last": number})
        if not new and counter.last < number:
            Counter.objects.filter(pk=counter.pk).update(last=number)


NUMBERED = {
    "hold": ("retention.hold", "hold:{fonds}:{year}"),
    "appraisal": ("retention.appraisal", "appraisal:{fonds}:{year}"),
    "register": ("retention.register", "{fonds}-销毁清册·{year}"),
}
"""Kind of chain → the table of what it speaks of, and the scope in which that is numbered."""
_NUMBER = re.compile(r"〔(\d{4})〕(\d+)号")


def _lost_numbers() -> dict[str, int]:
    """Numbers of what the ledger speaks of and no snapshot brought back. Its fonds is not known: no fonds draws them
    again."""
    found: dict[str, int] = {}
    codes = list(Fonds.objects.values_list("code", flat=True))
    for kind, (label, scope) in NUMBERED.items():
        model = catalogue.models_by_label()[label]
        there = {str(pk) for pk in model._base_manager.values_list("pk", flat=True)}
        rows = Event.objects.filter(kind=kind, sequence=1).values_list("subject", "subject_name")
        for subject, name in rows.iterator(500):
            if subject not in there and (match := _NUMBER.search(name)):
                for code in codes:
                    key = scope.format(fonds=code, year=match[1])
                    found[key] = max(found.get(key, 0), int(match[2]))
    return found
