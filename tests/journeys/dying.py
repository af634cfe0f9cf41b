"""`python -m tests.journeys.dying STEP COMMAND…`: manage.py that is killed at its STEP-th step on the disk.

A step is a rename, a link, a removal, a folder made or a file opened for writing. It kills itself the hard way: nothing
of Python runs afterwards.
"""

import os
import signal
import sys

STEPS = ("os.rename", "os.link", "os.remove", "os.mkdir", "sqlite3.connect", "subprocess.Popen")


def die_at(step: int, mark: str) -> None:
    """Counts from the moment on at which a name that holds `mark` is touched: what a command does before is no matter."""
    counted = 0

    def hear(event: str, words: tuple) -> None:
        nonlocal counted
        writes = event == "open" and isinstance(words[2], int) and words[2] & (os.O_WRONLY | os.O_RDWR)
        if event in STEPS or writes:
            if counted or any(mark in str(word) for word in words):
                counted += 1
                if counted == step:
                    os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hear)


if __name__ == "__main__":
    die_at(int(sys.argv[1]), sys.argv[2])
    from manage import main

    sys.argv = ["manage.py", *sys.argv[3:]]
    main()
