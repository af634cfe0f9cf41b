"""What a library of C complains of on standard error, and tells nobody else. Inside the child."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

MOST = 60_000
"""Bytes. What the pipe does not take is lost: a library must not wait for us, nor fill the memory."""


@contextmanager
def heard() -> Iterator[list[str]]:
    """The lines written meanwhile; filled in at the end."""
    lines: list[str] = []
    before = os.dup(2)
    out, into = os.pipe2(os.O_NONBLOCK)
    os.dup2(into, 2)
    os.close(into)
    try:
        yield lines
    finally:
        os.dup2(before, 2)
        os.close(before)
        try:
            lines += os.read(out, MOST).decode("utf-8", "replace").splitlines()
        except BlockingIOError:
            pass  # silence
        os.close(out)
