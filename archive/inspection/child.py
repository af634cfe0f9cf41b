"""The child behind the fence: reads requests from its standard input, answers on its standard output.

Started by `fence.py` as `python -m archive.inspection.child MODULE LIMITS`. It puts itself under limits before
it touches a foreign byte, and imports no Django. This is the only place in the product where a broad `except`
is right: whatever a parser raises on bad bytes is a fact about those bytes.
"""

import importlib
import json
import os
import resource
import signal
import struct
import sys

from .walls import die_with, forbid, leave_network, lower, renounce

HEADER = struct.Struct(">I")
RESERVED = 3 << 30
"""Addresses beyond the memory that may be used: the PRONOM library reserves a gigabyte and never touches it."""


def main() -> None:
    limits = json.loads(sys.argv[2])
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not stand between two answers
    isolation = leave_network()
    renounce()
    die_with(limits["parent"])
    restrict(limits)
    if forbid():
        isolation = {"network": "closed", "why": ""}
    functions = importlib.import_module(sys.argv[1]).FUNCTIONS
    send(answers, isolation)
    requests = sys.stdin.buffer
    while True:
        head = requests.read(HEADER.size)
        if len(head) < HEADER.size:
            return
        request = json.loads(requests.read(HEADER.unpack(head)[0]))
        grant_time(request["seconds"])
        send(answers, answer(functions, request))


def answer(functions: dict, request: dict) -> dict:
    try:
        return functions[request["name"]](**request["arguments"])
    except MemoryError:
        return {"crashed": "内存用尽，已中止"}
    except Exception as fault:
        return {"crashed": f"解析出错（{type(fault).__name__}：{str(fault)[:120]}）"}


def send(stream, value: dict) -> None:
    # No NUL and no half surrogate leaves the child: databases and UTF-8 know neither.
    data = json.dumps(clean(value), ensure_ascii=False).encode()
    stream.write(HEADER.pack(len(data)) + data)
    stream.flush()


def clean(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\0", "")
    if isinstance(value, dict):
        return {clean(str(key)): clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [clean(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return clean(str(value))


def restrict(limits: dict) -> None:
    lower(resource.RLIMIT_DATA, limits["memory_bytes"])
    lower(resource.RLIMIT_AS, limits["memory_bytes"] + RESERVED)
    lower(resource.RLIMIT_FSIZE, limits["file_bytes"])
    lower(resource.RLIMIT_NOFILE, 256)
    lower(resource.RLIMIT_CORE, 0)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writing then raises OSError, a finding like any other


def grant_time(seconds: float) -> None:
    """CPU time counts over the life of the process, so each call is granted its own share."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime + seconds) + 2, hard))


if __name__ == "__main__":
    main()
