"""The child behind the fence: reads requests from its standard input, answers on its standard output.

Started by `fence.py` as `python -m archive.inspection.child MODULE LIMITS`. It puts itself under limits before
it touches a foreign byte, and imports no Django. This is the only place in the product where a broad `except`
is right: whatever a parser raises on bad bytes is a fact about those bytes.
"""

import ctypes
import importlib
import json
import os
import resource
import signal
import struct
import sys

HEADER = struct.Struct(">I")
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38


def main() -> None:
    limits = json.loads(sys.argv[2])
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not stand between two answers
    isolation = leave_network()
    die_with(limits["parent"])
    restrict(limits)
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


def leave_network() -> dict:
    """Into an empty network namespace, where the kernel permits; else say so and go on."""
    libc = ctypes.CDLL(None, use_errno=True)
    for flags in (CLONE_NEWNET, CLONE_NEWUSER | CLONE_NEWNET):
        if libc.unshare(flags) == 0:
            return {"network": "closed", "why": ""}
    return {"network": "open", "why": os.strerror(ctypes.get_errno())}


def die_with(parent: int) -> None:
    """Killed when the parent goes. After leaving the network: changing credentials would undo it."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def restrict(limits: dict) -> None:
    # RLIMIT_DATA, not RLIMIT_AS: the PRONOM library reserves far more addresses than it ever uses.
    lower(resource.RLIMIT_DATA, limits["memory_bytes"])
    lower(resource.RLIMIT_FSIZE, limits["file_bytes"])
    lower(resource.RLIMIT_NOFILE, 256)
    lower(resource.RLIMIT_CORE, 0)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writing then raises OSError, a finding like any other


def lower(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))


def grant_time(seconds: float) -> None:
    """CPU time counts over the life of the process, so each call is granted its own share."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime + seconds) + 2, hard))


if __name__ == "__main__":
    main()
