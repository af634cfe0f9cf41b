"""交接目录: folders of packages on the server, each taken over with one button; the worker does it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_http_methods

from archive.errors import WrongInput
from archive.http import actor_of, allowed
from ingest.models import Submission
from ingest.transports import incoming
from ingest.views.forms import HandIn


@require_http_methods(["GET", "POST"])
@allowed("submission.take_over")
def handover(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    form = HandIn(request.POST or None, actor=actor)
    if request.method == "POST":
        if not form.is_valid():
            raise WrongInput(field="全宗", reason="请在列表里选择您有权移交的全宗。")
        name = request.POST.get("folder", "")
        incoming.ask(name, fonds=form.cleaned_data["fonds"], actor=actor)
        messages.success(request, f"交接目录“{name}”已排队接收；可以离开本页。")
        return redirect("ingest:handover")
    folders = [_row(folder) for folder in incoming.listing()]
    context = {
        "folders": folders,
        "form": form,
        "busy": any(row["asked_by"] for row in folders),
        "root": "incoming",
        "underway_count": Submission.objects.visible_to(actor)
        .filter(channel="folder", state="received")
        .count(),
        "breadcrumbs": [{"label": "收集"}, {"label": "交接目录"}],
    }
    return render(request, "ingest/handover.html", context)


def _row(folder: incoming.Folder) -> dict:
    done = folder.done or {}
    at = parse_datetime(str(done.get("at", ""))) if done else None
    faults = (
        [str(fault) for fault in done.get("faults", ())][:5] if isinstance(done.get("faults"), list) else []
    )
    state = (
        ("asked", f"正在接收 {folder.looked}/{folder.packages}" if folder.looked else "排队接收", "progress") if folder.asked_by
        else ("done", "已接收", "success") if done and not faults
        else ("part", "部分未接收", "warning") if done
        else ("new", "未接收", "neutral")
    )  # fmt: skip
    return {
        "name": folder.name,
        "packages": folder.packages,
        "batch_no": folder.batch_no,
        "notes": [*folder.notes, *faults],
        "changed_at": folder.changed_at,
        "asked_by": folder.asked_by,
        "state": state,
        "done_at": at,
        "counts": {key: done.get(key) for key in ("received", "duplicate", "refused")} if done else None,
        "again": bool(done),
        "list_url": reverse("ingest:list"),
    }
