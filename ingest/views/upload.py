"""移交信息包: zips from the browser. Each is received while the person watches; the worker does the rest, and the
page shows how far each one is."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_http_methods

from archive import privacy
from archive.errors import ArchiveError, WrongInput
from archive.http import actor_of, allowed
from archive.inspection.fence import Fence
from archive.permissions import Actor
from ingest import claims, receiving, states, wording
from ingest.models import Submission
from ingest.receiving import Received
from ingest.transports import direct
from ingest.views.forms import HandIn

ENVELOPE = 1024 * 1024
"""What a request may be larger than the package in it: names, boundaries, the other fields."""
SHOWN, SHOWN_FOR = 40, timedelta(hours=12)
STALLED_AFTER = timedelta(seconds=30)


@csrf_exempt
@require_http_methods(["GET", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    """The token is checked one step later: whoever reads it reads the whole body, and a body that is too large is
    to be refused before it fills the disk."""
    try:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        length = 0
    if length > settings.MAX_PACKAGE_BYTES + ENVELOPE:
        limit = settings.MAX_PACKAGE_BYTES // 1024**2
        raise WrongInput(field="信息包", reason=f"超过单包上限 {limit} MB，没有接收。请拆分后再交。")
    return _upload(request)


upload.takes_packages = True  # see config/middleware.py


@csrf_protect
@allowed("submission.hand_in")
def _upload(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    if request.method == "GET":
        response = render(request, "ingest/upload.html", _page(actor))
        if place := direct.landing():
            response.connect_to = place.origin  # see config/middleware.py
        return response
    files = request.FILES.getlist("files")
    if not files:
        raise WrongInput(field="文件", reason="没有选择文件。请选择一个或多个 zip 信息包。")
    form = HandIn(request.POST, actor=actor)
    if not form.is_valid():
        raise WrongInput(field="全宗", reason="请在列表里选择您有权移交的全宗。")
    if request.headers.get("Accept", "").startswith("application/json"):
        return JsonResponse(answer(_take(files[0], form.cleaned_data["fonds"], actor), actor))
    for file in files:  # without scripts: all in one post, each with its own answer
        try:
            said = answer(_take(file, form.cleaned_data["fonds"], actor), actor)
        except ArchiveError as fault:
            messages.error(request, f"{privacy.mask_text(file.name)}：{fault}")
            continue
        say = messages.success if said["tone"] == "progress" else messages.warning
        say(request, f"{privacy.mask_text(file.name)}：{said['word']}。{said['message']}")
    return redirect("ingest:upload")


def _take(file: UploadedFile, fonds: str, actor: Actor) -> Received:
    if not file.size:
        raise WrongInput(
            field=privacy.mask_text(file.name), reason="文件是空的（0 字节），没有接收。请重新导出后再交。"
        )
    with Fence() as fence:
        return receiving.receive_stream(
            file.file, file.name, actor=actor, fence=fence, channel="web", default_fonds=fonds, claim=False
        )


def answer(received: Received, actor: Actor) -> dict[str, str]:
    """What static/js/upload.js says beside the file."""
    row = received.submission
    url = reverse("ingest:submission", args=[row.pk])
    if row.state == "refused":
        return {
            "state": "refused",
            "word": "拒收",
            "tone": "danger",
            "message": row.reason.removeprefix("拒收："),
            "url": url,
        }
    if not received.duplicate:
        message = "已完整收到，正在检测；走到哪一步见下方。"
        return {"state": "received", "word": "已接收", "tone": "progress", "message": message, "url": url}
    seen = Submission.objects.visible_to(actor).filter(pk=row.pk).exists()
    state = states.SUBMISSION_STATES[row.state]
    message = f"同一个包已于 {wording.moment(row.received_at)} 收过（{state}），没有重复收存。"
    return {
        "state": "duplicate",
        "word": "重复",
        "tone": "warning",
        "message": message,
        "url": url if seen else "",
    }


@require_GET
@allowed("submission.hand_in")
def progress(request: HttpRequest) -> HttpResponse:
    """The part that asks again by itself while something is underway."""
    return render(request, "ingest/_underway.html", _underway(actor_of(request)))


def _page(actor: Actor) -> dict[str, Any]:
    crumbs = [{"label": "收集"}, {"label": "移交信息包"}]
    return {
        "form": HandIn(actor=actor),
        "max_bytes": settings.MAX_PACKAGE_BYTES,
        "direct_from": direct.FROM_BYTES if direct.landing() else 0,
        "breadcrumbs": crumbs,
        **_underway(actor),
    }


def _underway(actor: Actor) -> dict[str, Any]:
    """What this person handed in by the browser of late, the newest first."""
    now = timezone.now()
    mine = Submission.objects.filter(received_by_id=actor.id, channel="web", received_at__gte=now - SHOWN_FOR)
    rows = mine.select_related("record").prefetch_related("findings").order_by("-received_at", "-id")[:SHOWN]
    found = wording.ways(list(rows))
    underway = any(way.open for way in found)
    return {"ways": found, "underway": underway, "stalled": underway and stalled(now)}


def stalled(now) -> bool:
    """Nobody works: something has been waiting for longer than a worker ever lets it, and nothing is in hand."""
    free = Submission.objects.filter(state__in=states.OPEN, attempts=0)
    if not free.filter(claimed_until=None, received_at__lt=now - STALLED_AFTER).exists():
        return False
    held = Submission.objects.filter(state__in=states.OPEN, claimed_until__gt=now)
    return all(claims.gone(owner) for owner in held.values_list("claimed_by", flat=True).distinct())
