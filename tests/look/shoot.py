"""Take pictures: `python -m tests.look.shoot OUTDIR [--base URL --login NAME:PASSWORD] [PATH…]`,
or look for oneself: `python -m tests.look.shoot --serve`.

Without --base the gallery itself is served and its pages are taken; with it, the PATHs of a running site.
Every page is taken at both sizes. Exit status 1 when the browser complained about a page.
"""

import argparse
import os
import sys
import threading
from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from tests.look.camera import SIZES, Camera

PAGES = (
    "/", "/records/?stage=DJ&year=2019&sort=-formed_on", "/none/", "/record/", "/read/", "/package/", "/upload/",
    "/refused/", "/login/", "/password/", "/gallery/", "/missing/", "/fault/", "/register/",
)  # fmt: skip


class Threaded(ThreadingMixIn, WSGIServer):
    """A browser opens connections ahead of what it will ask: one alone would wait at the first that stays silent."""

    daemon_threads = True


class Silent(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served_gallery() -> Iterable[str]:
    """The gallery on a free port, for as long as the block lasts."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.look.settings"
    import django
    from django.contrib.staticfiles.handlers import StaticFilesHandler
    from django.core.wsgi import get_wsgi_application

    django.setup()
    server = make_server("127.0.0.1", 0, StaticFilesHandler(get_wsgi_application()), Threaded, Silent)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def file_name(page: str, width: int) -> str:
    """`/records/?stage=DJ` → `records-1366.png`: the address without its question."""
    return f"{page.partition('?')[0].strip('/').replace('/', '-') or 'home'}-{width}.png"


def take(base: str, pages: Iterable[str], folder: Path, *, login: tuple[str, str] | None = None) -> list[str]:
    """Pictures of every page at both sizes into `folder`; what the browser complained about."""
    complaints: list[str] = []
    for size in SIZES:
        with Camera(size) as camera:
            if login:
                camera.sign_in(f"{base}/login/", *login)
            for page in pages:
                camera.shoot(
                    base + page, folder / file_name(page, size[0]), whole=page.startswith("/gallery")
                )
            complaints += camera.complaints
    return complaints


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("pictures"))
    parser.add_argument("--base", help="address of a running site; without it the gallery is served")
    parser.add_argument("--login", help="NAME:PASSWORD for that site")
    parser.add_argument("--serve", action="store_true", help="only serve the gallery, until interrupted")
    parser.add_argument("pages", nargs="*", metavar="PATH")
    asked = parser.parse_args()
    if asked.serve:
        with served_gallery() as base:
            print(base, flush=True)
            threading.Event().wait()
    if asked.base:
        login = tuple(asked.login.split(":", 1)) if asked.login else None
        complaints = take(asked.base.rstrip("/"), asked.pages or ["/"], asked.folder, login=login)
    else:
        with served_gallery() as base:
            complaints = take(base, asked.pages or PAGES, asked.folder)
    # The pages for errors answer with their error: that is what they are for.
    complaints = [
        c for c in complaints if "/missing/" not in c and "/fault/" not in c and "/refused/" not in c
    ]
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
