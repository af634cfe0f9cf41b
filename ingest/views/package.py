"""One package: where it stands, what was found, what may be done with it now, and what happened to it."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from archive import audit, jobs, permissions, privacy, renditions
from archive.errors import NotFound
from archive.http import actor_of, allowed, attachment, timeline
from archive.models import Event
from archive.permissions import Actor
from archive.templatetags.archive_words import moment, size
from ingest import outdated, pictures, reading, reports, settling, staging, wording
from ingest.models import FindingRow, Submission
from ingest.moves import get_for, refuse

EVENTS_SHOWN = 60
TONES = {
    "submission.returned": "danger", "submission.refused": "danger", "submission.waiting": "waiting",
    "submission.accepted": "success", "submission.confirmed": "success", "submission.superseded": "gone",
}  # fmt: skip


@require_GET
@allowed("submission.read")
def package(request: HttpRequest, pk) -> HttpResponse:
    return render(request, "ingest/package.html", _page(request, pk))


@require_GET
@allowed("submission.examine")
def original(request: HttpRequest, pk) -> HttpResponse:
    """The package exactly as it came: of what was returned or refused nothing is ever lost."""
    submission = get_for(actor_of(request), pk, "submission.examine")
    if not submission.blob:
        raise NotFound(what="原包（已归档的，原件在档案里）")
    stream = staging.open_blob(submission.blob)
    _accessed(request, submission, "package.downloaded")
    name = f"{wording.name_of(submission).removesuffix('.zip')}-{submission.revision}.zip"
    return attachment(stream, name.replace("/", "_"), mime="application/zip", size=submission.blob_bytes)


@require_POST
@allowed("submission.examine")
def examine(request: HttpRequest, pk) -> HttpResponse:
    submission = settling.examine_again(pk, actor=actor_of(request))
    return _back(request, submission, "已排队重新检测")


@require_POST
@allowed("submission.confirm")
def confirm(request: HttpRequest, pk) -> HttpResponse:
    submission = settling.confirm(pk, note=request.POST.get("reason", "")[:500], actor=actor_of(request))
    return _back(request, submission, "已确认，正在归档")


@require_POST
@allowed("submission.examine")
def retry(request: HttpRequest, pk) -> HttpResponse:
    submission = settling.try_again(pk, actor=actor_of(request))
    return _back(request, submission, "已重新开始处理")


@require_POST
@allowed("submission.examine")
def recheck(request: HttpRequest, pk) -> HttpResponse:
    """A filed record examined again, from its stored bytes: it may take a while, so the worker does it."""
    actor = actor_of(request)
    submission = get_for(actor, pk, "submission.examine")
    if submission.state != "archived":
        refuse(submission, "按长期保存环节检测")
    jobs.enqueue("ingest.on_demand.recheck", submission.pk, actor.id, name=f"复检 {submission.pk}")
    messages.success(request, "已排队按长期保存环节检测；结果会出现在本页“以后的检测”里。")
    return redirect(f"{reverse('record', args=[submission.record_id])}?tab=findings")


def _back(request: HttpRequest, submission: Submission, done: str) -> HttpResponse:
    """To where the person came from, as the form says; else to the package."""
    messages.success(request, f"{wording.name_of(submission)} {done}。")
    to = request.POST.get("next", "")
    if to and url_has_allowed_host_and_scheme(to, allowed_hosts={request.get_host()}):
        return redirect(to)
    return redirect("ingest:submission", submission.pk)


def _accessed(request: HttpRequest, submission: Submission, action: str) -> None:
    audit.access(actor=actor_of(request), action=action, data={"package": str(submission)})


def _page(request: HttpRequest, pk) -> dict[str, Any]:
    actor = actor_of(request)
    submission = get_for(actor, pk)
    submission = Submission.objects.select_related("fonds", "record", "superseded_by", "received_by").get(
        pk=pk
    )
    findings = list(submission.findings.order_by("position"))
    waits = wording.waits_for(findings) if submission.state == "waiting" else ""
    indexed = not (submission.record_id and wording.not_indexed([submission.record_id]))
    name = wording.name_of(submission)
    may = {
        action: bool(permissions.check(actor, action))
        and Submission.objects.visible_to(actor, action).filter(pk=pk).exists()
        for action in ("submission.examine", "submission.confirm")
    }
    return {
        "submission": submission,
        "name": name,
        "title": wording.title_of(submission),
        "state": wording.chip_of(submission),
        "steps": wording.steps(submission, indexed=indexed, waits_for=waits),
        "findings": _shown(submission, findings, actor, may["submission.examine"]),
        "next_step": wording.next_step(submission, waits),
        "outdated": outdated.is_outdated(submission),
        "history": _history(submission, actor),
        "facts": _facts(submission),
        "events": _events(submission),
        "to_confirm": submission.state == "waiting" and may["submission.confirm"] and waits in CONFIRMED,
        "to_examine": submission.state in ("waiting", "returned") and may["submission.examine"],
        "to_retry": wording.stuck(submission) and may["submission.examine"],
        "to_determine": waits == wording.WAITS_FOR[wording.PERIOD] and actor.may("determination.read"),
        "to_download": bool(submission.blob) and may["submission.examine"],
        "moving": submission.state in wording.states.OPEN and not wording.stuck(submission),
        "breadcrumbs": [
            {"label": "收集"},
            {"label": "收件与检测", "url": reverse("ingest:list")},
            {"label": name, "code": True},
        ],
    }


def _shown(
    submission: Submission, rows: list[FindingRow], actor: Actor, may_look: bool
) -> list[dict[str, Any]]:
    """The findings as this actor may read them, with the pages they name where he may see those."""
    found = reading.seen_by(actor, [wording.finding_dict(row) for row in rows])
    if submission.record_id:
        drawn = reading.pages_in_record(submission.record, found, actor)
    else:
        pages = _pages(submission, rows) if may_look else {}
        drawn = [pages.get(row.position, []) for row in rows]
    return [told | {"pictures": pages} for told, pages in zip(found, drawn, strict=True)]


def _pages(submission: Submission, rows: list[FindingRow]) -> dict[int, list[dict[str, Any]]]:
    def address(position: int, page: int, width: int) -> str:
        return reverse("ingest:picture", args=[submission.pk, position, page, width])

    return {
        position: [
            {
                "number": page,
                "image": address(position, page, renditions.THUMB),
                "url": address(position, page, renditions.PAGE),
            }
            for page in pages
        ]
        for position, pages in pictures.of_findings(submission, rows).items()
    }


def _history(submission: Submission, actor: Actor) -> list[dict[str, Any]]:
    return [
        row | {"word": reports.OUTCOMES[row["verdict"]], "tone": TONES[f"submission.{row['verdict']}"]}
        for row in reports.history(submission, actor)
    ]


CONFIRMED = (wording.WAITS_FOR[wording.CONFIRMATION], wording.WAITS_FOR[wording.JUDGEMENT])


def _facts(submission: Submission) -> list[dict[str, Any]]:
    fonds = submission.fonds
    facts = [
        {"label": "业务编号", "value": privacy.mask_text(submission.business_no), "code": True},
        {"label": "修订号", "value": submission.revision},
        {"label": "业务事项", "value": wording.item_title(submission.source, submission.item)},
        {"label": "来源系统", "value": wording.source_name(submission.source)},
        {"label": "全宗", "value": str(fonds) if fonds else submission.default_fonds},
        {"label": "形成部门", "value": submission.department_name},
        {"label": "办结日期", "value": submission.handled_on.isoformat() if submission.handled_on else ""},
        {"label": "接收", "value": f"{moment(submission.received_at)}　{submission.get_channel_display()}"},
        {"label": "移交人", "value": submission.received_by.name if submission.received_by else "系统"},
        {"label": "批次", "value": submission.batch_no},
        {"label": "文件名", "value": submission.arrived_as, "code": True},
        {"label": "大小", "value": size(submission.blob_bytes)},
        {
            "label": "SHA-256",
            "value": submission.blob_sha256[:16] + "…",
            "title": submission.blob_sha256,
            "code": True,
        },
        {"label": "SM3", "value": submission.blob_sm3[:16] + "…", "title": submission.blob_sm3, "code": True},
        {"label": "配置包", "value": submission.pack_version, "code": True},
    ]
    return [fact for fact in facts if fact["value"] != ""]


def _events(submission: Submission) -> list[dict[str, Any]]:
    rows = Event.objects.filter(kind="submission", subject=str(submission.pk)).order_by("-sequence")
    return timeline(rows[:EVENTS_SHOWN], TONES)
