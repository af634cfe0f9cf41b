"""rebuild --missing: into a catalogue that came from a backup, what the stores know since and it does not.

Contract:
- Looked at are the records of which a store holds an object without a row here. Every decision is an edition of the
  manifest, which is two objects, so nothing decided later escapes.
- A record that is not here comes in whole, as a rebuild brings it; one that is here goes on to its newest edition, but
  only forward. Refused and named, never overwritten: a record about which something was decided since the restore, one
  whose fixed columns or digests are others, one whose 档号 or case another record has taken, and a destroyed one.
- The ledgers come back as far as their chains were not continued since (journals.py); papers of the fonds file, and the
  stubs of what was filed and destroyed after the backup, come in as well. A record that is here and of which the stores
  hold nothing is the matter of the restore itself (config/backup/reconciling.py).
- All or nothing: one transaction. Again: nothing is left to do. Nobody else works meanwhile; the caller sees to it.
"""

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.db import transaction
from django.db.models import Max, Q

from archive import audit, catalogue, changes, locks, permissions, snapshots
from archive.errors import WrongState
from archive.models import DigitalObject, Event, Fonds, Record
from archive.permissions import Actor
from archive.rebuilding import journals, order, rest
from archive.rebuilding.records import FIXED, Contradiction, Part, Restorer
from archive.rebuilding.report import Report
from archive.rebuilding.salvage import Found, Holdings


def take_in_missing(
    *, actor: Actor, progress: order.Progress = lambda what, count: None
) -> tuple[Report, list[tuple[str, str]]]:
    """What came in, and (档号, what became of it) of every record. Raises WrongState for an empty catalogue or one that
    is being rebuilt, StorageFailed when a store does not answer: then nothing is changed."""
    permissions.require(actor, "catalogue.rebuild")
    report = Report()
    with locks.alone("rebuild") as ours, tempfile.TemporaryDirectory(dir=snapshots.scratch()) as folder:
        if not ours or order.under_way():
            raise WrongState(what="目录", state="正在重建", verb="补入：请先做完 manage.py rebuild")
        if not Fonds.objects.exists():
            raise WrongState(what="目录", state="空的", verb="补入：请用不带 --missing 的 rebuild")
        with Holdings(Path(folder)) as holdings, transaction.atomic():
            holdings.fill(progress)
            first = Event.objects.filter(action="seal.adopted").values_list("data", flat=True)
            first = min((data["first"] for data in first), default=None)
            journals.load(report, progress, first=first, living=True)
            restorer = _Newer(holdings, report)
            order.load_records(holdings.unknown(), restorer, progress)
            rest.papers(restorer, report)
            rest.settle(holdings)
            if restorer.taken or report.counts["archive.event"]:
                words = [word for _, word in restorer.taken]
                data = {
                    name: words.count(word)
                    for name, word in (("added", "补入"), ("moved", "更新"), ("stubs", "存根"))
                }
                data["problems"] = report.faults
                audit.record(
                    actor=actor, action="catalogue.completed", kind="site", subject="catalogue", data=data
                )
    return report, restorer.taken


class _Newer(Restorer):
    """Brings in only what does not contradict. `taken`: (档号, 补入 | 更新 | 存根)."""

    def __init__(self, holdings: Holdings, report: Report) -> None:
        super().__init__(holdings, report)
        self.taken: list[tuple[str, str]] = []
        restored = Event.objects.filter(action="backup.restored")
        self._restored_at: datetime | None = restored.aggregate(at=Max("at"))["at"]

    def _without_manifest(self, one: Found, pool: ThreadPoolExecutor) -> None:
        said = "存储里有目录不认识的对象，却没有可读的元数据清单，没有动它们"
        self.report.problem(f"{one.fonds}/{one.record}", said)

    def _bring(self, found: Sequence[Found], pool: ThreadPoolExecutor | None) -> None:
        here = set(Record.objects.filter(pk__in=[one.record for one in found]).values_list("pk", flat=True))
        super()._bring(found, pool)
        rows = Record.objects.filter(pk__in=[one.record for one in found])
        for pk, code, state in rows.values_list("pk", "reference_code", "state"):
            if pk not in here or state != "destroyed":
                self.taken.append(
                    (code, "更新" if pk in here else "存根" if state == "destroyed" else "补入")
                )
        changes.announce("search", *rows.values_list("pk", flat=True))

    def _part(self, one: Found, before: dict[UUID, str]) -> Part:
        if one.record in before:
            self._require_forward(one)
        else:
            _require_free(one.manifest["record"])
        return super()._part(one, before)

    def _require_forward(self, one: Found) -> None:
        told = Event.objects.filter(kind="record", subject=str(one.record))
        since = told.filter(at__gt=self._restored_at) if self._restored_at else told.none()
        if DigitalObject.objects.filter(pk=one.object).exists() or since.exists():
            raise Contradiction(
                "存储里有它在备份之后的清单，而恢复之后这里又对它作过决定，或更新的清单读不出。没有改动；"
                "请对照存储里的清单，把缺的决定补办一次"
            )
        record = Record.objects.select_related("fonds").get(pk=one.record)
        said = one.manifest["record"] | {"fonds": one.manifest["fonds"]["code"]}
        ours = catalogue.plain({name: getattr(record, name) for name in FIXED if name != "fonds"})
        digests = {item["id"]: item["sha256"] for item in one.manifest["objects"]}
        files = dict(record.digital_objects.values_list("pk", "sha256"))
        if {name: said[name] for name in FIXED} != ours | {"fonds": record.fonds.code} or any(
            digests.get(str(pk), digest) != digest for pk, digest in files.items()
        ):
            raise Contradiction(
                "存储里的清单与目录对同一件说法不同（档号、来源或文件摘要），请查清哪一个被改动过"
            )

    def stub(self, manifest: dict) -> None:
        if not Record.objects.filter(pk=manifest["record"]["id"]).exists():
            super().stub(manifest)


def _require_free(values: dict) -> None:
    case = Q(**{name: values[name] for name in ("source", "business_no", "business_revision")})
    other = Record.objects.filter(Q(reference_code=values["reference_code"]) | case).first()
    if other:
        raise Contradiction(
            f"它的档号或业务已属于目录里的 {other.reference_code}，多半是恢复之后重新移交的。没有补入，它的文件仍在存储里"
        )
