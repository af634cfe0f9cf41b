"""What misbehaving bytes do to a parser, on demand: functions for the fenced child of `test_fence.py`."""

import os
import signal
import socket
import time


def echo(**arguments):
    return {"arguments": arguments}


def sleep(seconds):
    time.sleep(seconds)
    return {}


def spin(started=None):
    if started:
        open(started, "x").close()
    while True:
        pass


def eat(megabytes):
    held = bytearray(megabytes * 1024 * 1024)
    return {"bytes": len(held)}


HELD = []


def keep(megabytes):
    HELD.append(bytearray(os.urandom(1024 * 1024)) * megabytes)
    return {}


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def leave():
    os._exit(3)


def fail():
    raise RuntimeError("坏数据 \ud800 \0")


def write(path, megabytes):
    with open(path, "wb") as file:
        for _ in range(megabytes):
            file.write(bytes(1024 * 1024))
    return {}


def connect(port):
    with socket.create_connection(("127.0.0.1", port), timeout=2):
        return {"connected": True}


def sockets():
    socket.socketpair()
    return {"made": True}


def run(program):
    import subprocess

    return {"said": subprocess.run([program], stdout=subprocess.PIPE).stdout.decode()}


def reserve(megabytes):
    import mmap

    return {"bytes": len(mmap.mmap(-1, megabytes * 1024 * 1024, flags=mmap.MAP_SHARED))}


def answer_with(data):
    """Bytes of its own choice where the caller waits for an answer."""
    for number in range(3, 20):
        try:
            os.write(number, bytes.fromhex(data))
        except OSError:
            continue
        break
    return {}


def too_much(megabytes):
    return {"text": "x" * (megabytes * 1024 * 1024)}


def babble():
    os.write(1, b"\xff" * 100)
    print("noise on standard output", flush=True)
    return {"text": "a\0b\ud800c", "items": (1, {2})}


def surroundings():
    import sys

    return {"environment": sorted(os.environ), "django": "django" in sys.modules, "pid": os.getpid()}


FUNCTIONS = {
    f.__name__: f
    for f in (
        echo,
        sleep,
        spin,
        eat,
        keep,
        die,
        leave,
        fail,
        write,
        connect,
        sockets,
        run,
        reserve,
        answer_with,
        too_much,
        babble,
        surroundings,
    )
}
