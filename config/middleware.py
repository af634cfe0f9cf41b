"""What every request must be and every answer carries; and how a refusal becomes a page."""

from ipaddress import ip_address
from urllib.parse import unquote

from django.conf import settings
from django.contrib.auth import middleware as auth
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme

from archive.errors import ArchiveError, WrongInput
from archive.privacy import mask_text

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


class Proxy:
    """Behind our own proxy (BEHIND_PROXY) the address of a reader is the last one that the proxy added: for the
    ledgers, and for the lock of the door, which else would know one address for everybody."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.BEHIND_PROXY:
            last = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
            if _is_address(last):
                request.META["REMOTE_ADDR"] = last
        return self.get_response(request)


def _is_address(text: str) -> bool:
    try:
        return bool(ip_address(text))
    except ValueError:
        return False


class SmallBodies:
    """No page takes more than MAX_FORM_BYTES, files and all, but the one that says so itself (`takes_packages`). Stands
    before the check of tokens: that one reads the whole body onto the disk, also a stranger's."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view, args, kwargs) -> HttpResponse | None:
        length = request.META.get("CONTENT_LENGTH") or "0"
        small = length.isascii() and length.isdigit() and int(length[:20]) <= settings.MAX_FORM_BYTES
        if small or getattr(view, "takes_packages", False):
            return None
        limit = settings.MAX_FORM_BYTES // 1024**2
        fault = WrongInput(field="提交的内容", reason=f"超过 {limit} MB，没有接收。")
        return render(request, "refusal.html", {"fault": fault}, status=413)


class SignedIn(auth.LoginRequiredMiddleware):
    """To the door, and back afterwards; but a personal number in the address asked for travels nowhere."""

    def handle_no_permission(self, request: HttpRequest, view) -> HttpResponse:
        asked = unquote(request.META.get("QUERY_STRING", ""))
        if mask_text(asked) != asked:
            request.META["QUERY_STRING"] = ""
        return super().handle_no_permission(request, view)


class ContentSecurityPolicy:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        policy = POLICY
        if origin := getattr(response, "connect_to", ""):  # one page may also speak to the landing bucket
            policy = POLICY.replace("connect-src 'self'", f"connect-src 'self' {origin}")
        response.setdefault("Content-Security-Policy", policy)
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
        context = {"fault": fault, "back_url": _came_from(request)}
        return render(request, "refusal.html", context, status=fault.status)


def _came_from(request: HttpRequest) -> str:
    """The page of ours on which the refused thing was asked for; "" where the browser does not say."""
    page = request.META.get("HTTP_REFERER", "")
    ours = url_has_allowed_host_and_scheme(page, {request.get_host()}, require_https=request.is_secure())
    return page if ours and (request.method == "POST" or page != request.build_absolute_uri()) else ""
