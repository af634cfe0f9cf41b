"""The four questions of static/js/direct.js: begin, which parts are missing and where to put them, finish, stop.

Every answer is JSON; refusals become JSON in one middleware. No bytes of a package pass here.
"""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_POST

from archive.errors import WrongInput
from archive.http import actor_of, allowed
from archive.storage import landing
from ingest.transports import direct
from ingest.views import upload as page
from ingest.views.forms import HandIn

MOST_DIGESTS = 100 * 10_000
"""Characters: so many parts no upload has."""


@require_POST
@allowed("submission.hand_in")
def begin(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    form = HandIn(request.POST, actor=actor)
    if not form.is_valid():
        raise WrongInput(field="全宗", reason="请在列表里选择您有权移交的全宗。")
    size = request.POST.get("size", "")
    if not (size.isascii() and size.isdigit() and len(size) < 16):
        raise WrongInput(field="文件大小", reason="应为字节数。")
    name = request.POST.get("name", "") or "package.zip"
    ticket, upload = direct.begin(name, int(size), fonds=form.cleaned_data["fonds"], actor=actor)
    return JsonResponse({"ticket": ticket, "parts": upload.parts, "part_bytes": landing.PART_BYTES})


@require_POST
@allowed("submission.hand_in")
def parts(request: HttpRequest) -> HttpResponse:
    ticket = direct.read(request.POST.get("ticket", ""), actor=actor_of(request))
    have, addresses = direct.progress(ticket)
    return JsonResponse({"have": have, "addresses": addresses})


@require_POST
@allowed("submission.hand_in")
def finish(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    ticket = direct.read(request.POST.get("ticket", ""), actor=actor)
    digests = request.POST.get("digests", "")[:MOST_DIGESTS].split()
    return JsonResponse(page.answer(direct.finish(ticket, digests, actor=actor), actor))


@require_POST
@allowed("submission.hand_in")
def stop(request: HttpRequest) -> HttpResponse:
    direct.give_up(direct.read(request.POST.get("ticket", ""), actor=actor_of(request)))
    return JsonResponse({})
