"""A proxy in front of an S3 server that does, when told so, what networks and servers do on bad days.

    with FaultyProxy("http://127.0.0.1:7480") as proxy:
        store = S3Store(replace(config, endpoint_url=proxy.url))
        with proxy.fault("cut", methods={"GET"}):
            ...

The Host header passes as it came: it is part of what the client signed. One thread a connection; requests and answers
are passed on in blocks, so that an object of any size goes through. FAULTS names what it can do.
"""

import http.client
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.services.ports import free_port

BLOCK = 64 * 1024

ERRORS = {
    "full": (403, "QuotaExceeded"),
    "full-507": (507, "InsufficientStorage"),
    "error-500": (500, "InternalError"),
    "slow-down": (503, "SlowDown"),
    "denied": (403, "AccessDenied"),
    "skewed": (403, "RequestTimeTooSkewed"),
}
"""Answered instead of asking the server: the status, and the code in the XML."""

FAULTS = {
    "down": "nobody listens on the port, and every open connection is gone",
    "hang": "the request is taken and never answered",
    "hang-inside": "half of the answer's body comes, then nothing more",
    "slow": "every answer comes a fifth of a second late",
    "trickle": "the answer's body comes some bytes at a time, for ever",
    "narrow": "the request's body is taken at about 2 MB a second",
    "cut": "the connection is reset in the middle of the answer's body",
    "cut-sending": "the connection is reset in the middle of the request's body",
    "cut-answer": "the server has done it, but its answer is lost",
    "flip-read": "a bit of the answer's body is another",
    "flip-write": "a bit of the request's body is another",
    "malformed": "200 with a body that is no XML, and none of the headers",
    "page": "200 with a web page, as a gateway that asks to sign in answers",
    **{name: f"{status} {code}" for name, (status, code) in ERRORS.items()},
}


@dataclass
class Fault:
    """`methods`: whom it meets (all); `path`: what their address contains; `after`: how many pass unharmed first;
    `times`: how many it meets (all). `met` counts."""

    name: str
    methods: frozenset = frozenset()
    path: str = ""
    after: int = 0
    times: int | None = None
    met: int = 0
    ended: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def meets(self, method: str, path: str) -> bool:
        if (self.methods and method not in self.methods) or self.path not in path:
            return False
        with self.lock:
            if self.after > 0:
                self.after -= 1
                return False
            if self.times is not None and self.met >= self.times:
                return False
            self.met += 1
            return True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    proxy: "FaultyProxy"

    def handle_error(self, request, client_address) -> None:
        """A client that hangs up is what this is for."""


class FaultyProxy:
    def __init__(self, upstream: str) -> None:
        place = urlsplit(upstream)
        self.upstream = (place.hostname, place.port or 80)
        self.present: Fault | None = None
        self.requests: list[tuple[str, str]] = []
        self._open: set[socket.socket] = set()
        self._server = self._listen(free_port())
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "FaultyProxy":
        return self

    def __exit__(self, *_: object) -> None:
        self.mend()
        self._stop()

    @contextmanager
    def fault(self, name: str, **details) -> Iterator[Fault]:
        """This fault while inside, and none afterwards."""
        fault = self.inject(name, **details)
        try:
            yield fault
        finally:
            self.mend()

    def inject(self, name: str, *, methods=(), **details) -> Fault:
        if name not in FAULTS:
            raise ValueError(name)
        self.mend()
        self.present = Fault(name, frozenset(methods), **details)
        if name == "down":
            self._stop()
        return self.present

    def mend(self) -> None:
        fault, self.present = self.present, None
        if fault:
            fault.ended.set()
        if fault and fault.name == "down":
            self._server = self._listen(self.port)

    def _listen(self, port: int) -> _Server:
        server = _Server(("127.0.0.1", port), _Handler)
        server.proxy = self
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server

    def _stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        for connection in list(self._open):
            _reset(connection)


def _reset(connection: socket.socket) -> None:
    """Not a polite end: the other side sees a reset."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.proxy: FaultyProxy = self.server.proxy
        self.proxy._open.add(self.connection)

    def finish(self) -> None:
        self.proxy._open.discard(self.connection)
        super().finish()

    def log_message(self, *_: object) -> None:
        pass

    def relay(self) -> None:
        present = self.proxy.present
        self.proxy.requests.append((self.command, self.path))
        fault = present if present and present.meets(self.command, self.path) else None
        name = fault.name if fault else ""
        length = int(self.headers.get("Content-Length") or 0)
        if name in ("hang", *ERRORS, "malformed", "page"):
            self._swallow(length)
            if name == "hang":
                fault.ended.wait(120)
                return self._drop()
            return self._instead(name)
        upstream = http.client.HTTPConnection(*self.proxy.upstream, timeout=120)
        try:
            if not self._ask(upstream, length, name):
                return self._drop()
            answer = upstream.getresponse()
            if name == "slow":
                time.sleep(0.2)
            if name == "cut-answer":
                answer.read()
                return self._drop()
            self._answer(answer, fault, name)
        finally:
            upstream.close()

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_OPTIONS = relay

    def _ask(self, upstream: http.client.HTTPConnection, length: int, name: str) -> bool:
        """Pass the request on. False when it was to be cut."""
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for header, value in self.headers.items():
            if header.lower() not in ("connection", "expect"):
                upstream.putheader(header, value)
        upstream.endheaders()
        passed, flipped = 0, False
        while passed < length:
            if name == "cut-sending" and passed >= length // 2:
                return False
            block = self.rfile.read1(min(BLOCK, length - passed))
            if not block:
                return False
            if name == "flip-write" and not flipped:
                block, flipped = bytes([block[0] ^ 1]) + block[1:], True
            if name == "narrow":
                time.sleep(len(block) / 2_000_000)
            upstream.send(block)
            passed += len(block)
        return name != "cut-sending"

    def _answer(self, answer: http.client.HTTPResponse, fault: Fault | None, name: str) -> None:
        self.send_response_only(answer.status, answer.reason)
        length = answer.getheader("Content-Length")
        bodiless = self.command == "HEAD" or answer.status in (204, 304)
        for header, value in answer.getheaders():
            if header.lower() not in ("connection", "transfer-encoding"):
                self.send_header(header, value)
        if length is None and not bodiless:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if bodiless:
            return
        passed, half = 0, int(length or 0) // 2
        while block := answer.read1(BLOCK):
            if name == "flip-read" and not passed:
                block = bytes([block[0] ^ 1]) + block[1:]
            if name in ("cut", "hang-inside") and passed + len(block) > half:
                self._send(block[: half - passed] if length else b"", length)
                if name == "hang-inside":
                    fault.ended.wait(120)
                return self._drop()
            if name == "trickle":
                for at in range(len(block)):
                    self._send(block[at : at + 1], length)
                    if fault.ended.wait(0.05):
                        return self._drop()
                return self._drop()
            self._send(block, length)
            passed += len(block)
        if length is None:
            self.wfile.write(b"0\r\n\r\n")

    def _send(self, block: bytes, length: str | None) -> None:
        if length is None and block:
            block = b"%x\r\n%s\r\n" % (len(block), block)
        self.wfile.write(block)

    def _swallow(self, length: int) -> None:
        while length > 0 and (block := self.rfile.read1(min(BLOCK, length))):
            length -= len(block)

    def _instead(self, name: str) -> None:
        """An answer of our own."""
        status, code = ERRORS.get(name, (200, ""))
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{name}</Message></Error>".encode()
        kind = "application/xml"
        if name == "malformed":
            body = b"<?xml version='1.0'?><List<<<"
        elif name == "page":
            body, kind = b"<html><body>Please sign in</body></html>", "text/html"
        self.send_response_only(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _drop(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        _reset(self.connection)
