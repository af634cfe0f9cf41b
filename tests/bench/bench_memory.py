"""What all processes of `manage.py serve` hold: `python -m tests.bench.bench_memory`.

PSS (proportional set size) from /proc/PID/smaps_rollup, summed over the whole family; shared pages count once.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from tests.bench import place


def family(root: int) -> dict[int, str]:
    """Every living descendant of `root`, itself included: pid → command line."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parents.setdefault(int(stat[stat.rindex(")") + 2 :].split()[1]), []).append(int(entry.name))
    found, todo = {}, [root]
    while todo:
        pid = todo.pop()
        todo += parents.get(pid, [])
        try:
            found[pid] = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()
        except OSError:
            continue
    return found


def pss(pid: int) -> float:
    """MB; 0 when it is gone."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1]) / 1024


def weigh(when: str, root: int) -> None:
    sizes: dict[str, float] = {}
    count = 0
    for pid, command in family(root).items():
        kind = next(
            (
                word
                for word in ("gunicorn", "archive.inspection.child", "qcluster", " work", " serve")
                if word in command
            ),
            "other",
        )
        sizes[kind.strip()] = sizes.get(kind.strip(), 0) + pss(pid)
        count += 1
    parts = "，".join(f"{kind} {size:.0f}" for kind, size in sorted(sizes.items(), key=lambda one: -one[1]))
    place.row(when=when, processes=count, pss_mb=round(sum(sizes.values())), parts=parts)


def main() -> None:
    folder = place.fresh()
    place.manage("setup", "--fonds", "D019=东莞市社会保险基金管理中心")
    import django

    django.setup()
    from config.demonstration import catalogue

    paths = list(catalogue.light_packages(folder / "packages", 10))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "manage.py", "serve", "--bind", f"127.0.0.1:{port}"],
        cwd=place.ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        visit(f"http://127.0.0.1:{port}/sign-in/")
        time.sleep(10)
        weigh("started, ten pages asked, nothing to do", server.pid)
        hand_in(paths)
        weigh("just after ten packages", server.pid)
        time.sleep(75)  # the worker sends the fenced child home after a minute of rest
        weigh("idle again", server.pid)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


def visit(address: str) -> None:
    deadline = time.monotonic() + 60
    done = 0
    while done < 10:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                answer.read()
            done += 1
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def hand_in(paths: list[Path]) -> None:
    """Lay packages down for the worker, and wait until it has done them."""
    from django.db import connections

    from archive import stores
    from archive.inspection.fence import Fence
    from archive.permissions import system_actor
    from ingest import receiving, states
    from ingest.models import Submission

    stores.forget()
    with Fence() as fence:
        for path in paths:
            receiving.receive_path(
                path, actor=system_actor("bench"), fence=fence, channel="folder", claim=False
            )
    deadline = time.monotonic() + 120
    while Submission.objects.filter(state__in=states.OPEN).exists():
        if time.monotonic() > deadline:
            raise SystemExit(f"still open: {list(Submission.objects.values_list('state', 'reason'))}")
        time.sleep(0.5)
    connections.close_all()


if __name__ == "__main__":
    os.nice(0)
    main()
