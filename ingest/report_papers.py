"""四性检测报告 as printed: A4, one package or a batch, with room for the signatures and the seal. Printing only."""

import re
from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from archive import printing, terms
from archive.templatetags.archive_words import moment, size
from ingest import reports, wording
from ingest.batch_reports import BatchReport
from ingest.models import Submission
from ingest.reports import OUTCOMES, VERDICT_ORDER, VERDICTS


def print_report(submission: Submission, report: Mapping[str, Any], number: int) -> bytes:
    """PDF/A of one examination. `report` as `reports.read` gives it."""
    at = parse_datetime(report.get("examined_at", "")) or submission.examined_at
    stored = report["stage"] == reports.KEPT
    outcome = (OUTCOMES | reports.STORED_OUTCOMES).get(report["verdict"], "—")
    data = {
        "title": "电子档案四性检测报告",
        "facts": [
            ("业务编号", f"{wording.name_of(submission)}（修订 {submission.revision}）"),
            ("题名", wording.title_of(submission)),
            ("来源系统", wording.source_name(submission.source)),
            ("形成部门", submission.department_name or "—"),
            ("批次", submission.batch_no or "—"),
            ("大小", size(submission.blob_bytes)),
            ("检测环节", report["stage"]),
            ("检测时间", f"{moment(at)}（第 {number} 次检测）"),
            ("检测引擎", f"第 {report['engine']} 版"),
            ("配置包", report["pack"] or "无"),
        ],
        "digest": [f"信息包摘要 SHA-256：{submission.blob_sha256}", f"信息包摘要 SM3：{submission.blob_sm3}"],
        "outcome": outcome,
        "reasons": list(report["reasons"])
        or ([submission.reason] if submission.reason and outcome != "合格" and not stored else []),
        "counts": _counts(report["counts"]),
        "verdicts": [VERDICTS[verdict] for verdict in VERDICT_ORDER],
        "items": [_row(row) for row in report["items"]],
        "own": [
            {"property": word, "rows": [_row(row) for row in rows]}
            for word, rows in reports.by_property(report["own"])
        ],
    }
    files = [
        {
            "path": _breaking(file["path"]),
            "format": " ".join(filter(None, [file.get("format"), file.get("puid")])) or "—",
            "pages": str(file.get("pages") or "—"),
            "bytes": size(file.get("bytes")),
            "sha256": file.get("sha256", ""),
        }
        for file in report["files"]
    ]
    fonds = submission.fonds or submission.default_fonds or "—"
    return printing.pdf("ingest/report", data, fonds=fonds, printed_on=timezone.localdate(), rows=files)


def print_batch(batch: BatchReport) -> bytes:
    """PDF/A of a batch."""
    span = "—" if batch.first is None else f"{moment(batch.first)} 至 {moment(batch.last)}"
    data = {
        "title": "电子档案四性检测报告（批次）",
        "facts": [
            ("批次号", batch.batch_no),
            ("来源系统", "、".join(batch.sources) or "—"),
            ("信息包", f"{len(batch.packages)} 个，{size(batch.bytes)}"),
            ("文件", f"{batch.files} 个"),
            ("检测环节", reports.STAGE),
            ("检测时间", span),
            ("没有检测", f"{batch.unexamined} 个"),
            ("结果", "，".join(f"{word} {number} 个" for word, number in batch.states.items())),
        ],
        "rules": "；".join(batch.rules) or "—",
        "counts": _counts(batch.counts),
        "verdicts": [VERDICTS[verdict] for verdict in VERDICT_ORDER],
        "items": [_summed(row) for row in batch.items],
        "own": [
            {"property": word, "rows": [_summed(row) for row in rows]}
            for word, rows in reports.by_property(batch.own)
        ],
    }
    rows = [
        {
            "no": str(number),
            "name": f"{row['name']}.{row['revision']}",
            "title": row["title"],
            "state": row["state"],
            "failed": row["failed"] or "—",
        }
        for number, row in enumerate(batch.packages, 1)
    ]
    fonds = "、".join(batch.fonds) or "—"
    return printing.pdf("ingest/batch", data, fonds=fonds, printed_on=timezone.localdate(), rows=rows)


def _counts(counts: Mapping[str, Mapping[str, int]]) -> list[list[str]]:
    return [
        [word, *(str(counts.get(key, {}).get(verdict, 0) or "—") for verdict in VERDICT_ORDER)]
        for key, word in terms.PROPERTIES.items()
    ]


def _breaking(words: str) -> str:
    """The names of files have no blanks: without places to break, a long one runs over its column."""
    return re.sub(r"[!-~]{24}", "\\g<0>\u200b", words)


def _row(row: Mapping[str, Any]) -> dict[str, str]:
    return {
        "number": row.get("number") or row["check"],
        "name": row["name"],
        "answer": row["answer"],
        "verdict": VERDICTS.get(row["verdict"], row["verdict"]),
        "message": _breaking(row["message"]),
        "open": row["verdict"] in ("failed", "manual", "warning"),
    }


def _summed(row: Mapping[str, Any]) -> dict[str, str]:
    told = [
        f"{VERDICTS[v]} {row['packages'][v]}"
        for v in VERDICT_ORDER
        if v in row["packages"] and v != reports.NOT_ASKED
    ]
    return {
        "number": row.get("number") or row["check"],
        "name": row["name"],
        "answer": row["answer"],
        "verdict": "，".join(told) or VERDICTS[reports.NOT_ASKED],
        "open": "failed" in row["packages"],
    }
