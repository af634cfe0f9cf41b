"""An archive of its own in a folder of its own, looked at from outside: set up, served, stopped.

    with Living(folder, fonds="D019=东莞市社会保险基金管理中心:stage") as archive:
        archive.person("zhou", "周归", "archivist")
        ... archive.base is http://127.0.0.1:<free port> ...

Commands and pages run in processes of the product, under its own settings: nothing of the test process is theirs.
"""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PASSWORD = "tests-only-2026"
OURS = ("ARCHIVE_", "DATABASE_", "DJANGO_", "LOCAL_", "SECOND_")
ELSEWHERE = ("CLAMD_URL", "ELASTICSEARCH_URL", "REDIS_URL", "VERAPDF_JAR")

MAKE_PERSON = """
from archive import people
from archive.models import Fonds
from archive.permissions import system_actor
username, name, role, fonds = {values!r}
actor = system_actor("测试")
user, _ = people.make_user(username, name, password={password!r}, actor=actor)
extent = people.Extent(fonds=Fonds.objects.get(code=fonds) if fonds else None, security=2)
people.assign(user.pk, role, extent, actor=actor)
"""


class Living:
    """A context manager: inside it the pages answer and the worker works; after it no process of ours is left.

    `fonds` as `setup --fonds` takes it; `demo` fills the archive as `make demo` does."""

    def __init__(self, folder: Path, *, fonds: str = "", demo: bool = False) -> None:
        self.folder, self.fonds, self.demo = folder, fonds, demo
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(OURS) and name not in ELSEWHERE
        } | {"ARCHIVE_DATA": str(folder), "PYTHONUNBUFFERED": "1"}
        self.server: subprocess.Popen | None = None

    def __enter__(self) -> "Living":
        self.manage("setup", *(["--fonds", self.fonds] if self.fonds else []))
        if self.demo:
            self.manage("demo", "--no-serve")
        self.serve()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def manage(self, *words: str, status: int = 0) -> str:
        """Run a command; what it said. Another exit status than `status` is a failed test, with all it said."""
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == status, f"manage.py {words[0]} ended with {done.returncode}:\n{done.stdout}"
        return done.stdout

    def person(self, username: str, name: str, role: str, fonds: str = "D019") -> None:
        """Somebody who signs in with PASSWORD."""
        self.manage(
            "shell", "-c", MAKE_PERSON.format(values=(username, name, role, fonds), password=PASSWORD)
        )

    def serve(self) -> None:
        """Start the family of processes and wait until the sign-in page answers."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.base = f"http://127.0.0.1:{port}"
        self.log = self.folder / "serve.log"
        with self.log.open("ab") as log:
            self.server = subprocess.Popen(
                [sys.executable, "manage.py", "serve", "--bind", f"127.0.0.1:{port}"],
                cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        wait_for(self.answers, seconds=60, what=lambda: f"no answer of {self.base}:\n{self.log.read_text()}")

    def answers(self) -> bool:
        assert self.server.poll() is None, self.log.read_text()
        try:
            with urllib.request.urlopen(self.base + "/sign-in/", timeout=5) as page:
                return page.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def stop(self, number: int = signal.SIGTERM) -> int | None:
        """Tell the family to stop, by that signal; the exit status of its head."""
        if self.server is None:
            return None
        self.server.send_signal(number)
        try:
            return self.server.wait(40)
        except subprocess.TimeoutExpired:
            self.server.kill()
            raise
        finally:
            self.server = None

    def family(self) -> dict[str, int]:
        """The processes right below `serve`, by their work: web, work, qcluster."""
        found = {}
        children = Path(f"/proc/{self.server.pid}/task/{self.server.pid}/children").read_text().split()
        for pid in children:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
            found["web" if "gunicorn" in words else words[2]] = int(pid)
        return found


def wait_for(condition, *, seconds: float, what="it did not happen") -> object:
    """The first true answer of `condition`, asked again and again. `seconds` only bounds a failure."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, what() if callable(what) else what
        time.sleep(0.05)
    return answer
