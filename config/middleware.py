"""What every answer carries: a strict content policy; and how a refusal becomes a page."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from archive.errors import ArchiveError

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


class ContentSecurityPolicy:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.setdefault("Content-Security-Policy", POLICY)
        response.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        response.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        if getattr(request, "user", None) is not None and not request.path.startswith("/static/"):
            # Records must not stay in a shared computer's cache.
            response.setdefault("Cache-Control", "no-store")
        return response


class Refusals:
    """An ArchiveError becomes a page, a part of a page, or JSON with code, sentence and fields."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, fault: Exception) -> HttpResponse | None:
        if not isinstance(fault, ArchiveError):
            return None
        if request.headers.get("Accept", "").startswith("application/json"):
            return JsonResponse({"code": fault.code, "message": str(fault)}, status=fault.status)
        return render(request, "refusal.html", {"fault": fault}, status=fault.status)
