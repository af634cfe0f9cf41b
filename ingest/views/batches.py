"""确认归档: what waits for nothing but a person's word, batch by batch."""

from itertools import groupby
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from archive.errors import ArchiveError, WrongInput
from archive.http import actor_of, allowed
from ingest import settling, wording
from ingest.models import JUDGEMENT, Submission

SHOWN = 500
"""Packages on one page; more than anybody confirms with care at a time. The rest follows when these are done."""


@require_http_methods(["GET", "POST"])
@allowed("submission.confirm")
def batches(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    if request.method == "POST":
        return _confirm(request)
    rows = Submission.objects.visible_to(actor, "submission.confirm").awaiting_confirmation()
    total = rows.count()
    rows = list(
        rows.select_related("fonds")
        .prefetch_related("findings")
        .order_by("batch_no", "received_at", "id")[:SHOWN]
    )
    groups = []
    for number, (batch_no, members) in enumerate(groupby(rows, key=lambda row: row.batch_no)):
        members = [_row(row) for row in members]
        groups.append({"id": f"batch-{number}", "batch_no": batch_no, "rows": members, "count": len(members)})
    context = {
        "groups": groups,
        "total": total,
        "shown": len(rows),
        "breadcrumbs": [{"label": "收集"}, {"label": "确认归档"}],
    }
    return render(request, "ingest/batches.html", context)


def _row(row: Submission) -> dict:
    judged = any(finding.check_id == JUDGEMENT for finding in row.findings.all())
    return {
        "pk": row.pk,
        "url": reverse("ingest:submission", args=[row.pk]),
        "name": wording.name_of(row),
        "title": wording.title_of(row),
        "source": wording.source_name(row.source),
        "place": row.fonds.code if row.fonds else "",
        "received_at": row.received_at,
        "reason": row.reason if judged else "",  # that a source is confirmed per batch is said in the head
    }


def _confirm(request: HttpRequest) -> HttpResponse:
    """Each by itself: what changed meanwhile is said and stops no other."""
    chosen = request.POST.getlist("pk")[:SHOWN]
    note = request.POST.get("reason", "").strip()[:500]
    if not chosen:
        raise WrongInput(field="信息包", reason="没有选中任何信息包。请先勾选，再点“确认归档”。")
    if not note:
        raise WrongInput(field="核对结论", reason="请写明核对了什么、结论是什么；它会记入审计。")
    done, refused = 0, []
    for pk in chosen:
        try:
            settling.confirm(_uuid(pk), note=note, actor=actor_of(request))
            done += 1
        except ArchiveError as fault:
            refused.append(str(fault))
    if done:
        messages.success(request, f"已确认 {done} 个信息包，正在检测归档。")
    for sentence in refused[:5]:
        messages.warning(request, sentence)
    if len(refused) > 5:
        messages.warning(request, f"另有 {len(refused) - 5} 个没有确认，原因相近。")
    return redirect("ingest:batches")


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise WrongInput(field="信息包", reason="编号不对，请刷新页面再选。") from None
