"""四性检测报告 of a batch: the newest report of every package of it, summed up. Reads and counts only.

A batch is what was handed in under one batch number and this actor may see. It tells checks and counts, never what a
finding says: that stands in each package's own report.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from archive.errors import NotFound, StorageFailed, WrongInput
from archive.permissions import Actor
from ingest import reports, staging, wording
from ingest.models import Submission
from ingest.states import SUBMISSION_STATES

MOST = 5_000
"""Packages of one report: each has a file of its own to be read."""
NAMED = 4


@dataclass
class BatchReport:
    batch_no: str
    packages: list[dict[str, Any]] = field(default_factory=list)  # in the order received
    items: list[dict[str, Any]] = field(
        default_factory=list
    )  # of the standard, with "packages": verdict → how many
    own: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, dict[str, int]] = field(
        default_factory=dict
    )  # property → verdict → items of all packages
    states: dict[str, int] = field(default_factory=dict)  # word → packages
    sources: list[str] = field(default_factory=list)
    fonds: list[str] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)  # "检测引擎 3，配置包 dongguan/2019-12"
    files: int = 0
    bytes: int = 0
    unexamined: int = 0
    first: datetime | None = None
    last: datetime | None = None

    def as_dict(self) -> dict[str, Any]:
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        moments = {
            name: value.isoformat(timespec="seconds") for name in ("first", "last") if (value := plain[name])
        }
        return {"format": "batch-examination-report/1"} | plain | moments


def of(submission: Submission, actor: Actor) -> BatchReport:
    """The batch in which this package came. Raises NotFound when it came in none, WrongInput when it is too large."""
    if not submission.batch_no:
        raise NotFound(what="批次（这个信息包不是成批移交的，没有批次号）")
    rows = Submission.objects.visible_to(actor).filter(batch_no=submission.batch_no)
    if rows.count() > MOST:
        reason = f"超过 {MOST} 个信息包，不能合成一份报告。请逐个查看信息包的检测报告。"
        raise WrongInput(field=f"批次 {submission.batch_no}", reason=reason)
    found = BatchReport(submission.batch_no)
    items, own, sums = {}, {}, {key: Counter() for key in reports.counts(())}
    states, sources, fonds, rules = Counter(), {}, {}, {}
    for row in rows.select_related("fonds", "record").order_by("received_at", "id"):
        report = _report(row)
        states[SUBMISSION_STATES[row.state]] += 1
        sources[wording.source_name(row.source)] = fonds[str(row.fonds or row.default_fonds)] = True
        if report is None:
            found.unexamined += 1
        else:
            _add(items, report["items"], "number")
            _add(own, report["own"], "check")
            for key, numbers in report["counts"].items():
                sums[key].update(numbers)
            rules[f"检测引擎 {report.get('engine', '1')}，配置包 {report.get('pack') or '无'}"] = True
            found.files += len(report.get("files", ()))
        found.bytes += row.blob_bytes
        if row.examined_at:
            found.first = min(found.first or row.examined_at, row.examined_at)
            found.last = max(found.last or row.examined_at, row.examined_at)
        found.packages.append(_package(row, report))
    found.items, found.own, found.states = list(items.values()), list(own.values()), dict(states)
    order = list(sums)
    found.own.sort(key=lambda row: (order.index(row["property"]), row["check"]))
    found.counts = {key: {v: n[v] for v in reports.VERDICT_ORDER if n[v]} for key, n in sums.items()}
    found.sources, found.fonds, found.rules = [x for x in sources if x], [x for x in fonds if x], list(rules)
    return found


def _report(row: Submission) -> dict[str, Any] | None:
    if not row.report:
        return None
    try:
        report = staging.read_report(row.report)
    except (StorageFailed, ValueError, OSError):
        return None  # told as not examined: nothing can be shown for it
    return report if "items" in report else report | reports.tables(report.get("findings", ()))


def _add(table: dict[str, dict], rows: list[dict], key: str) -> None:
    for row in rows:
        kept = table.setdefault(
            row[key], {k: v for k, v in row.items() if k not in ("verdict", "message")} | {"packages": {}}
        )
        kept["packages"][row["verdict"]] = kept["packages"].get(row["verdict"], 0) + 1


def _package(row: Submission, report: dict[str, Any] | None) -> dict[str, Any]:
    rows = [*report["items"], *report["own"]] if report else []
    failed = [f"{one['check']} {one['name']}" for one in rows if one["verdict"] == "failed"]
    more = f" 等 {len(failed)} 项" if len(failed) > NAMED else ""
    return {
        "id": str(row.pk),
        "name": wording.name_of(row),
        "revision": row.revision,
        "title": wording.title_of(row),
        "state": SUBMISSION_STATES[row.state],
        "verdict": report.get("verdict", "") if report else "",
        "failed": "；".join(failed[:NAMED]) + more,
        "failures": len(failed),
        "warnings": sum(one["verdict"] == "warning" for one in rows),
        "code": row.record.reference_code if row.record else "",
    }
