"""Run a foreign program on foreign bytes: no network where the kernel allows, limits, and it dies with its parent.

`python -m archive.inspection.confined LIMITS PROGRAM ARG…` confines itself and becomes the program. For parsers that
are programs of their own (veraPDF is Java); Python parsers live in the fenced child.
"""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

from .walls import die_with, leave_network, lower, renounce

LARGEST_ANSWER = 64 * 1024 * 1024


class Failed(Exception):
    """The program did not answer; the message says why, in Chinese."""


def run(program: list[str], *, seconds: float, cpu_seconds: int) -> bytes:
    """What the program writes on its standard output. Raises Failed when it is not there, takes too long, or dies."""
    limits = {"parent": os.getpid(), "cpu_seconds": cpu_seconds, "file_bytes": LARGEST_ANSWER}
    root = str(Path(__file__).resolve().parents[2])
    environment = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "PYTHONPATH": root,
        "LANG": "C.UTF-8",
        "HOME": "/",
    }
    command = [sys.executable, "-s", "-m", __name__, json.dumps(limits), *program]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd="/",
            timeout=seconds,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"处理超过 {seconds:g} 秒，已中止") from None
    except OSError as fault:
        raise Failed(f"不能启动（{fault.strerror}）") from None
    if not done.stdout:
        raise Failed(f"没有答复，退出码 {done.returncode}")
    return done.stdout[:LARGEST_ANSWER]


def main() -> None:
    limits, program = json.loads(sys.argv[1]), sys.argv[2:]
    leave_network()
    renounce()
    die_with(limits["parent"])
    lower(resource.RLIMIT_CPU, limits["cpu_seconds"])
    lower(resource.RLIMIT_FSIZE, limits["file_bytes"])
    lower(resource.RLIMIT_CORE, 0)
    os.execvp(program[0], program)


if __name__ == "__main__":
    main()
