"""The web pages, the worker and the schedule as one small family of processes: for one machine and for the demo.

Bigger sites run gunicorn, `manage.py work` and `manage.py qcluster` under their own supervisor (docs/operations.md).
When one of the family dies it is started again; when this process is told to stop, or dies itself, all stop.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time

from config.commands import ArchiveCommand

MOST_RESTARTS, WITHIN_SECONDS = 5, 60
STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)  # SIGHUP: the terminal was closed
WHEN_PARENT_DIES = 1
"""PR_SET_PDEATHSIG of Linux."""


class Command(ArchiveCommand):
    help = "启动网页、工作进程和定时任务（单机）。"

    def arguments(self, parser) -> None:
        parser.add_argument("--bind", default="127.0.0.1:8000", metavar="HOST:PORT")
        parser.add_argument("--threads", type=int, default=4)

    def run(self, *, bind: str, threads: int, **_: object) -> int:
        manage = [sys.executable, sys.argv[0]]
        gunicorn = [
            sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", bind, "--workers", "1",
            "--worker-class", "gthread", "--threads", str(threads), "--timeout", "120",
            "--graceful-timeout", "10", "--max-requests", "20000", "--log-level", "warning",
            "--worker-tmp-dir", "/dev/shm" if os.path.isdir("/dev/shm") else "/tmp",
        ]  # fmt: skip
        commands = {"网页": gunicorn, "工作进程": [*manage, "work"], "定时任务": [*manage, "qcluster"]}
        self.stopping = False
        for number in STOPS:
            signal.signal(number, self.on_signal)
        family = {name: self.start(command) for name, command in commands.items()}
        self.say(f"网页在 http://{bind}/ ，按 Ctrl-C 停止。")
        deaths: list[float] = []
        try:
            while not self.stopping:
                time.sleep(0.5)
                for name, process in family.items():
                    if process.poll() is None or self.stopping:
                        continue
                    deaths = [at for at in deaths if time.monotonic() - at < WITHIN_SECONDS] + [
                        time.monotonic()
                    ]
                    if len(deaths) > MOST_RESTARTS:
                        self.note(
                            f"{name}反复退出（状态 {process.returncode}），请运行 manage.py doctor 查看原因。"
                        )
                        return 3
                    self.note(f"{name}已退出（状态 {process.returncode}），重新启动。")
                    family[name] = self.start(commands[name])
        finally:
            self.end(list(family.values()))
        return 0

    @staticmethod
    def start(command: list[str]) -> subprocess.Popen:
        return subprocess.Popen(
            command, start_new_session=True, stdin=subprocess.DEVNULL, preexec_fn=end_with_parent
        )

    @staticmethod
    def end(processes: list[subprocess.Popen]) -> None:
        for process in processes:
            process.terminate()
        deadline = time.monotonic() + 15
        for process in processes:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def on_signal(self, *_: object) -> None:
        self.stopping = True


def end_with_parent() -> None:
    """In the child: be told to stop when `serve` is gone without a word, else the next one finds its port taken."""
    if tell := getattr(ctypes.CDLL(None), "prctl", None):
        tell(WHEN_PARENT_DIES, signal.SIGTERM)
