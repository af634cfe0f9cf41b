"""四性检测报告: of one examination and of a batch, on the screen, as PDF and as JSON; pictures of failing pages.

A report is evidence: every reading is in the ledger, whatever its form.
"""

from io import BytesIO
from typing import Any

from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_GET

from archive import audit, privacy, renditions
from archive.errors import NotFound
from archive.http import actor_of, allowed, attachment, file_name
from archive.templatetags.archive_words import moment
from ingest import batch_reports, pictures, rechecking, report_papers, reports, wording
from ingest.models import Submission
from ingest.moves import get_for
from ingest.reports import OUTCOMES, VERDICTS

TONES = {
    "failed": "danger", "manual": "waiting", "warning": "warning", "not-run": "unknown", "passed": "success",
    reports.NOT_ASKED: "gone",
}  # fmt: skip
OUTCOME_TONES = {
    "returned": "danger",
    "waiting": "waiting",
    "accepted": "success",
    reports.SOUND: "success",
    reports.FAULTY: "danger",
}
SHOWN = 500
"""Packages of a batch on one screen; its PDF and JSON name all."""


@require_GET
@allowed("submission.read")
def report(request: HttpRequest, pk) -> HttpResponse:
    submission, number, found = _read(request, pk)
    stored = found["stage"] == reports.KEPT
    context = {
        "submission": submission,
        "name": wording.name_of(submission),
        "title": wording.title_of(submission),
        "number": number,
        "stored": stored,
        "newest": stored or number == submission.examinations,
        "report": found,
        "outcome": _outcome(found["verdict"]),
        "facts": _facts(submission, found, number),
        "sums": _sums(found["counts"]),
        "groups": _groups(found["items"]),
        "own": _groups(found["own"]),
        "findings": [wording.advised(row) for row in found["findings"]],
        "history": _history(submission, request),
        "query": f"?stored={number}" if stored else f"?number={number}",
        "breadcrumbs": _way(wording.name_of(submission), submission, "检测报告"),
    }
    return render(request, "ingest/report.html", context)


@require_GET
@allowed("submission.read")
def report_pdf(request: HttpRequest, pk) -> FileResponse:
    submission, number, found = _read(request, pk)
    printed = report_papers.print_report(submission, found, number)
    return attachment(
        BytesIO(printed), _name(submission, "检测报告.pdf"), mime="application/pdf", size=len(printed)
    )


@require_GET
@allowed("submission.read")
def report_json(request: HttpRequest, pk) -> JsonResponse:
    submission, _, found = _read(request, pk)
    return _json(found, _name(submission, "检测报告.json"))


def _read(request: HttpRequest, pk) -> tuple[Submission, int, dict[str, Any]]:
    """The package, which examination of it is asked for (the newest unless `number` says), and its report."""
    actor = actor_of(request)
    submission = get_for(actor, pk)
    if not submission.report:
        raise NotFound(what="检测报告（这个信息包还没有检测过）")
    newest = submission.examinations
    number, stored = _number(request, "number") or newest, _number(request, "stored")
    if stored:
        name = reports.name_of(submission, stored, reports.STORED)
        _require(stored <= len(rechecking.history(submission.record)) if submission.record else False)
    else:
        name = submission.report if number == newest else reports.name_of(submission, number)
        _require(number <= newest)
    found = reports.read(name, actor)
    audit.access(actor=actor, action="report.viewed", data={"package": str(submission)})
    return submission, stored or number, found


def _number(request: HttpRequest, name: str) -> int:
    """0 for what makes no sense."""
    asked = request.GET.get(name, "")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 5 else 0


def _require(there: bool) -> None:
    if not there:
        raise NotFound(what="这一次检测的报告")


# --- a batch ----------------------------------------------------------------------------------------------------------


@require_GET
@allowed("submission.read")
def batch(request: HttpRequest, pk) -> HttpResponse:
    submission, found = _batch(request, pk)
    number = privacy.mask_text(found.batch_no)
    context = {
        "submission": submission,
        "batch": found,
        "number": number,
        "packages": found.packages[:SHOWN],
        "more": max(0, len(found.packages) - SHOWN),
        "facts": [
            {"label": "批次号", "value": number, "code": True},
            {"label": "来源系统", "value": "、".join(found.sources)},
            {"label": "全宗", "value": "、".join(found.fonds)},
            {"label": "信息包", "value": f"{len(found.packages)} 个"},
            {"label": "文件", "value": f"{found.files} 个"},
            {
                "label": "检测时间",
                "value": f"{moment(found.first)} 至 {moment(found.last)}" if found.first else "没有检测",
            },
            *([{"label": "没有报告", "value": f"{found.unexamined} 个"}] if found.unexamined else []),
            {"label": "检测规则", "value": "；".join(found.rules)},
        ],
        "sums": _sums(found.counts),
        "groups": _groups(found.items),
        "own": _groups(found.own),
        "breadcrumbs": _way(wording.name_of(submission), submission, "批次检测报告"),
    }
    return render(request, "ingest/batch_report.html", context)


@require_GET
@allowed("submission.read")
def batch_pdf(request: HttpRequest, pk) -> FileResponse:
    _, found = _batch(request, pk)
    printed = report_papers.print_batch(found)
    name = f"批次 {privacy.mask_text(found.batch_no)} 检测报告.pdf"
    return attachment(BytesIO(printed), name, mime="application/pdf", size=len(printed))


@require_GET
@allowed("submission.read")
def batch_json(request: HttpRequest, pk) -> JsonResponse:
    _, found = _batch(request, pk)
    return _json(found.as_dict(), f"批次 {privacy.mask_text(found.batch_no)} 检测报告.json")


def _batch(request: HttpRequest, pk) -> tuple[Submission, batch_reports.BatchReport]:
    actor = actor_of(request)
    submission = get_for(actor, pk)
    found = batch_reports.of(submission, actor)
    about = f"批次 {found.batch_no}（{len(found.packages)} 个）"
    audit.access(actor=actor, action="report.viewed", data={"package": about})
    return submission, found


# --- pictures ---------------------------------------------------------------------------------------------------------


@require_GET
@allowed("submission.examine")
def picture(request: HttpRequest, pk, position: int, page: int, width: int) -> HttpResponse:
    """A page that a finding names. Small ones tell nothing; a larger one is marked and its reading is in the ledger."""
    actor = actor_of(request)
    submission = get_for(actor, pk, "submission.examine")
    when = f"{timezone.localtime():%Y-%m-%d %H:%M}"
    place = submission.fonds.code if submission.fonds else ""
    marks = [f"{who} {when} {place}" for who in (actor.name, request.user.get_username())]
    try:
        drawn = pictures.picture(submission, position, page, width, mark=marks[0], plain_mark=marks[1])
    except renditions.NotShown as fault:
        return render(
            request,
            "records/no_page.svg",
            {"fault": fault},
            content_type="image/svg+xml",
            status=fault.status,
        )
    if width != renditions.THUMB:
        row = submission.findings.get(position=position)
        audit.access(
            actor=actor, action="page.viewed", data={"file": f"{submission} {row.file}", "page": page}
        )
    response = HttpResponse(drawn, content_type="image/jpeg")
    response["Cache-Control"] = "private, no-store" if width != renditions.THUMB else "private, max-age=600"
    return response


# --- words ------------------------------------------------------------------------------------------------------------


def _json(data: dict[str, Any], name: str) -> JsonResponse:
    response = JsonResponse(data, json_dumps_params={"ensure_ascii": False, "indent": 1})
    made = attachment(BytesIO(b""), file_name(name), mime="application/json")
    for header in ("Content-Disposition", "Content-Security-Policy", "X-Content-Type-Options"):
        response[header] = made[header]
    return response


def _name(submission: Submission, what: str) -> str:
    return f"{wording.name_of(submission).removesuffix('.zip')}-{submission.revision} {what}"


def _outcome(verdict: str) -> tuple[str, str, str]:
    return (
        verdict,
        (OUTCOMES | reports.STORED_OUTCOMES).get(verdict, "没有结论"),
        OUTCOME_TONES.get(verdict, "unknown"),
    )


def _facts(submission: Submission, found: dict[str, Any], number: int) -> list[dict[str, Any]]:
    at = parse_datetime(found.get("examined_at", "")) or submission.examined_at
    facts = [
        {"label": "业务编号", "value": wording.name_of(submission), "code": True},
        {"label": "修订号", "value": submission.revision},
        {"label": "检测环节", "value": found["stage"]},
        {"label": "检测时间", "value": f"{moment(at)}（第 {number} 次）"},
        {"label": "检测引擎", "value": f"第 {found['engine']} 版"},
        {"label": "配置包", "value": found["pack"] or "无", "code": True},
        {"label": "来源系统", "value": wording.source_name(submission.source)},
        {"label": "批次", "value": privacy.mask_text(submission.batch_no)},
    ]
    return [fact for fact in facts if fact["value"] not in ("", None)]


def _sums(counts: dict[str, dict[str, int]]) -> list[dict[str, Any]]:
    return [
        {
            "word": reports.terms.PROPERTIES[key],
            "tone": TONES.get(next(iter(numbers), ""), "unknown"),
            "counts": [{"word": VERDICTS[v], "tone": TONES[v], "number": n} for v, n in numbers.items()],
        }
        for key, numbers in counts.items()
    ]


def _groups(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """By property, each row with the words of its verdict, or with how many packages had which."""
    return [{"word": word, "rows": [_row(row) for row in mine]} for word, mine in reports.by_property(rows)]


def _row(row: dict[str, Any]) -> dict[str, Any]:
    if "packages" in row:
        told = [
            {"word": VERDICTS[v], "tone": TONES[v], "number": row["packages"][v]}
            for v in reports.VERDICT_ORDER
            if v in row["packages"]
        ]
        return row | {"told": told}
    return row | {
        "chip": (row["verdict"], VERDICTS.get(row["verdict"], ""), TONES.get(row["verdict"], "unknown"))
    }


def _history(submission: Submission, request: HttpRequest) -> list[dict[str, Any]]:
    rows = reports.history(submission, actor_of(request))
    for row in rows:
        row["outcome"] = _outcome(row["verdict"])
    return rows


def _way(name: str, submission: Submission, here: str) -> list[dict[str, Any]]:
    return [
        {"label": "收集"},
        {"label": "收件与检测", "url": reverse("ingest:list")},
        {"label": name, "code": True, "url": reverse("ingest:submission", args=[submission.pk])},
        {"label": here},
    ]
