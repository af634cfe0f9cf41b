"""An archive of its own in a folder of its own, looked at from outside: set up, served, stopped.

    with Living(folder, fonds="D019=东莞市社会保险基金管理中心:stage") as archive:
        archive.person("zhou", "周归", "archivist")
        ... archive.base is http://127.0.0.1:<free port> ...

Commands and pages run in processes of the product, under its own settings: nothing of the test process is theirs.
"""

import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from tests.installation import ROOT, Installation
from tests.services.ports import free_port

PASSWORD = "tests-only-2026"
FAMILY = {"web": "gunicorn", "work": "work", "qcluster": "qcluster"}
"""The processes of `serve`: name → the word of their command line that tells them."""

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


class Living(Installation):
    """A context manager: inside it the pages answer and the worker works; after it no process of ours is left.

    `fonds` as `setup --fonds` takes it; `demo` fills the archive as `make demo` does."""

    def __init__(self, folder: Path, *, fonds: str = "", demo: bool = False) -> None:
        super().__init__(folder)
        self.fonds, self.demo = fonds, demo
        self.log = folder / "serve.log"
        self.pid_file = folder / "serve.pid"
        """Only while it runs; whoever cleans up after a killed test run (.ci/run) stops what is named there."""
        self.serving: subprocess.Popen | None = None

    def __enter__(self) -> "Living":
        self.manage("setup", *(["--fonds", self.fonds] if self.fonds else []))
        if self.demo:
            self.manage("demo", "--no-serve")
        self.serve()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
        super().__exit__(*error)

    def manage(self, *words: str) -> None:
        """Run a command that must succeed; whatever it said is told when it does not."""
        process = self.start(*words)
        said = "".join(process.communicate())
        assert process.returncode == 0, f"manage.py {words[0]} ended with {process.returncode}:\n{said}"

    def person(self, username: str, name: str, role: str, fonds: str = "D019") -> None:
        """Somebody who signs in with PASSWORD."""
        self.manage(
            "shell", "-c", MAKE_PERSON.format(values=(username, name, role, fonds), password=PASSWORD)
        )

    def serve(self) -> None:
        """Start the family of processes and wait until the sign-in page answers."""
        port = free_port()
        self.base = f"http://127.0.0.1:{port}"
        with self.log.open("ab") as log:
            self.serving = subprocess.Popen(
                [sys.executable, "manage.py", "serve", "--bind", f"127.0.0.1:{port}"],
                cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self.pid_file.write_text(str(self.serving.pid))
        wait_for(self.answers, seconds=600, what=lambda: f"no answer of {self.base}:\n{self.log.read_text()}")

    def answers(self) -> bool:
        assert self.serving.poll() is None, self.log.read_text()
        try:
            with urllib.request.urlopen(self.base + "/sign-in/", timeout=30) as page:
                return page.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def stop(self, number: int = signal.SIGTERM) -> int | None:
        """Tell the family to stop, by that signal; the exit status of its head."""
        if self.serving is None:
            return None
        self.serving.send_signal(number)
        try:
            return self.serving.wait(120)
        except subprocess.TimeoutExpired:
            self.serving.kill()
            raise
        finally:
            self.serving = None
            self.pid_file.unlink()

    def family(self) -> dict[str, int]:
        """The living processes right below `serve`, by their names in FAMILY."""
        found = {}
        children = Path(f"/proc/{self.serving.pid}/task/{self.serving.pid}/children").read_text().split()
        for pid in children:
            try:
                words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
            except FileNotFoundError:  # ended just now
                continue
            for name, word in FAMILY.items():
                if word in words:  # of what has ended or not yet begun there are no words
                    found[name] = int(pid)
        return found


class Client:
    """Somebody who speaks HTTP to a Living archive, without a browser."""

    def __init__(self, base: str) -> None:
        self.base = base
        cookies = urllib.request.HTTPCookieProcessor()
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), cookies)

    def get(self, path: str) -> str:
        with self.opener.open(self.base + path, timeout=120) as answer:
            return answer.read().decode()

    def sign_in(self, username: str) -> "Client":
        self.send("/sign-in/", {"username": username, "password": PASSWORD})
        return self

    def send(self, path: str, fields: dict[str, str], files: dict[str, Path] | None = None) -> str:
        """Fill in the form of that page and send it; the answer. Raises OSError when there is none."""
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.get(path)).group(1)
        edge, body = "edge-of-a-part", b""
        for name, value in ({"csrfmiddlewaretoken": token} | fields).items():
            body += f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, file in (files or {}).items():
            head = f'Content-Disposition: form-data; name="{name}"; filename="{file.name}"'
            body += f"--{edge}\r\n{head}\r\n\r\n".encode() + file.read_bytes() + b"\r\n"
        headers = {
            "Content-Type": f"multipart/form-data; boundary={edge}",
            "Accept": "application/json" if files else "text/html",
        }
        body += f"--{edge}--\r\n".encode()
        request = urllib.request.Request(self.base + path, body, headers)
        with self.opener.open(request, timeout=120) as answer:
            return answer.read().decode()


def wait_for(condition, *, seconds: float, what="it did not happen") -> object:
    """The first true answer of `condition`, asked again and again. `seconds` only bounds a failure."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, what() if callable(what) else what
        time.sleep(0.05)
    return answer
