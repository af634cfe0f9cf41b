"""全宗卷: minutes, registers, receipts, approvals, destruction records. Permanent, never due; each can be downloaded."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from archive import fonds_file
from archive.http import actor_of, allowed, attachment, keyset, pager_of
from archive.models import Paper
from retention.permissions import within
from retention.views.signatures import IMAGES

ENDINGS = {
    "application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png", "image/tiff": "tif",
    "application/gzip": "jsonl.gz",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
}  # fmt: skip


@require_GET
@allowed("paper.read")
def listing(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    rows = within(Paper.objects.select_related("fonds"), actor, "paper.read")
    kinds = sorted(rows.order_by().values_list("kind", flat=True).distinct())
    fonds = sorted(rows.order_by().values_list("fonds__code", flat=True).distinct())
    kind, code = request.GET.get("kind", ""), request.GET.get("fonds", "")
    if kind in kinds:
        rows = rows.filter(kind=kind)
    if code in fonds:
        rows = rows.filter(fonds__code=code)
    page = keyset(rows, ("-made_at", "-id"), request)
    context = {
        "rows": page.rows,
        "kinds": kinds,
        "kind": kind,
        "codes": fonds,
        "code": code,
        "total": page.total,
        "exact": page.exact,
        "unit": "份",
        "pager": pager_of(request, page),
        "breadcrumbs": [{"label": "鉴定销毁"}, {"label": "全宗卷"}],
    }
    return render(request, "retention/papers.html", context)


@require_GET
@allowed("paper.read")
def paper(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Its bytes. `?show=1`: a picture to be looked at in the page."""
    actor = actor_of(request)
    found = fonds_file.get_for(actor, pk)
    stream = fonds_file.open_paper(found, actor=actor)
    name = f"{found.fonds.code}-{found.number:04d} {found.title}.{ENDINGS.get(found.mime, 'bin')}"
    show = bool(request.GET.get("show")) and found.mime in IMAGES
    return attachment(stream, name.replace("/", "_"), mime=found.mime, size=found.bytes, inline=show)
