"""The fence: one resident child process that opens foreign bytes, so that nothing here can break on them.

`Fence.call(name, **arguments)` runs one probe in the child and answers with a dict of plain values. It never
raises for what the bytes did: a crash, a timeout, too much memory come back as `{"crashed": "<sentence>"}`,
and the next call gets a fresh child. The child knows no settings, no database and, where the kernel allows,
no network and no other program; it ends by itself when its parent does, also by kill −9 (see `walls.py`).

One fence per thread: calls are serialised by a lock, but the child dies with the thread that started it.
"""

import json
import os
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

HEADER = struct.Struct(">I")
LARGEST_ANSWER = 64 * 1024 * 1024
START_SECONDS = 30


@dataclass(frozen=True)
class Limits:
    """What one child may use. Memory counts writable pages; `rest_bytes` is what it may still hold between calls. A file
    is judged within 20 s: starting a child anew takes its share."""

    seconds: float = 18.0
    memory_bytes: int = 1024 * 1024 * 1024
    rest_bytes: int = 400 * 1024 * 1024
    file_bytes: int = 2 * 1024 * 1024 * 1024
    calls: int = 2000


class Fence:
    """A resident child, started at the first call; also a context manager that ends it.

    `functions` names the module whose `FUNCTIONS` the child offers.
    """

    def __init__(self, limits: Limits | None = None, *, functions: str = "archive.inspection.probes") -> None:
        self.limits = limits or Limits()
        self._functions = functions
        self._child: subprocess.Popen | None = None
        self._owner = 0
        self._calls = 0
        self._isolation: dict = {}
        self._lock = threading.Lock()

    def __enter__(self) -> "Fence":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def call(self, name: str, /, *, seconds: float | None = None, **arguments: object) -> dict:
        """The answer of probe `name`, or `{"crashed": sentence}`. `seconds` overrides the time limit."""
        seconds = seconds or self.limits.seconds
        with self._lock:
            try:
                self._start()
                self._send({"name": name, "arguments": arguments, "seconds": seconds})
                answer = self._receive(time.monotonic() + seconds)
            except TimeoutError:
                self._kill()
                return {"crashed": f"处理超过 {seconds:.2g} 秒，已中止"}
            except (OSError, ValueError, EOFError) as fault:
                return {"crashed": self._cause(fault)}
            self._calls += 1
            if self._calls >= self.limits.calls or self._resident() > self.limits.rest_bytes:
                self._kill()
            return answer

    def describe(self) -> dict:
        """How well the child is fenced in, for `doctor`: `{"network": "closed|open", "why", "pid"}`."""
        with self._lock:
            try:
                self._start()
            except (OSError, ValueError, EOFError, TimeoutError) as fault:
                return {"network": "unknown", "why": str(fault), "pid": None}
            return {**self._isolation, "pid": self._child.pid}

    def close(self) -> None:
        """End the child. The next call starts a new one, so this also serves to save memory while idle."""
        with self._lock:
            self._kill()

    def _start(self) -> None:
        if self._owner != os.getpid():
            self._child = None  # after a fork the child is the parent's, not ours to use or to kill
        if self._child is not None and self._child.poll() is None:
            return
        self._kill()
        root = str(Path(__file__).resolve().parents[2])
        limits = {
            "memory_bytes": self.limits.memory_bytes,
            "file_bytes": self.limits.file_bytes,
            "parent": os.getpid(),
        }
        self._child = subprocess.Popen(
            [sys.executable, "-s", "-m", "archive.inspection.child", self._functions, json.dumps(limits)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(root),
            cwd="/",
            start_new_session=True,
        )
        self._owner, self._calls = os.getpid(), 0
        os.set_blocking(self._child.stdin.fileno(), False)
        self._isolation = self._receive(time.monotonic() + START_SECONDS)

    def _send(self, request: dict) -> None:
        data = json.dumps(request).encode()
        view = memoryview(HEADER.pack(len(data)) + data)
        pipe, deadline = self._child.stdin.fileno(), time.monotonic() + self.limits.seconds
        while view:
            _, ready, _ = select.select([], [pipe], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            view = view[os.write(pipe, view) :]

    def _receive(self, deadline: float) -> dict:
        (length,) = HEADER.unpack(self._read(HEADER.size, deadline))
        if length > LARGEST_ANSWER:
            raise ValueError("答复过大")
        answer = json.loads(self._read(length, deadline))
        if not isinstance(answer, dict):
            raise ValueError("答复不是对象")
        return answer

    def _read(self, length: int, deadline: float) -> bytes:
        pipe, data = self._child.stdout.fileno(), bytearray()
        poll = select.poll()
        poll.register(pipe, select.POLLIN | select.POLLHUP)
        while len(data) < length:
            remaining = deadline - time.monotonic()
            if remaining <= 0 or not poll.poll(remaining * 1000):
                raise TimeoutError
            piece = os.read(pipe, min(length - len(data), 1 << 20))
            if not piece:
                raise EOFError
            data += piece
        return bytes(data)

    def _cause(self, fault: Exception) -> str:
        child, self._child = self._child, None
        code = None
        if child is not None:
            code = _end(child, grace=1.0)
        if code == -signal.SIGXCPU:
            return "处理器时间用尽，已中止"
        if code == -signal.SIGXFSZ:
            return "写出的文件过大，已中止"
        if code is not None and code < 0:
            return f"解析进程因信号 {-code} 异常退出"
        return f"解析进程异常退出（{type(fault).__name__}，{code}）"

    def _resident(self) -> int:
        try:
            with open(f"/proc/{self._child.pid}/statm") as file:
                return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, ValueError, IndexError):
            return 0

    def _kill(self) -> None:
        child, self._child = self._child, None
        if child is not None and self._owner == os.getpid():
            _end(child, grace=0.0)


def _end(child: subprocess.Popen, *, grace: float) -> int | None:
    """Wait `grace` seconds for the child to be gone, then kill its whole session. Returns the exit code."""
    try:
        return child.wait(timeout=grace) if grace else child.poll()
    except subprocess.TimeoutExpired:
        return None
    finally:
        if child.poll() is None:
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                child.kill()
            child.wait()
        child.stdin.close()
        child.stdout.close()


def _environment(root: str) -> dict[str, str]:
    """Nothing of ours goes in: no keys, no addresses. GOMAXPROCS keeps the PRONOM library to one thread."""
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "PYTHONPATH": root,
        "PYTHONDONTWRITEBYTECODE": "1",
        "LANG": "C.UTF-8",
        "MALLOC_ARENA_MAX": "2",
        "GOMAXPROCS": "1",
        "GOGC": "50",
    }
