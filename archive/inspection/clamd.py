"""A client for the virus scanner clamd, by its INSTREAM protocol: bytes go over the socket, no paths.

`Clamd("unix:///run/clamav/clamd.sock")` or `Clamd("tcp://127.0.0.1:3310")`. `scan(path)` returns the name of
the virus, or None for clean; whatever keeps it from knowing raises `NotScanned`. A stream above clamd's
StreamMaxLength ends in a reset connection: that is not scanned, never clean.
"""

import re
import socket
import struct
from datetime import datetime
from urllib.parse import urlsplit

CHUNK = 256 * 1024
LENGTH = struct.Struct(">I")
FOUND = re.compile(r"^stream: (.+) FOUND$")


class NotScanned(Exception):
    """Why there is no verdict, as a Chinese sentence part."""


class Clamd:
    """Raises ValueError at once for an address of another form."""

    def __init__(self, url: str, *, seconds: float = 60.0) -> None:
        parts = urlsplit(url)
        if parts.scheme == "unix" and parts.path:
            self._family, self._address = socket.AF_UNIX, parts.path
        elif parts.scheme == "tcp" and parts.hostname:
            self._family, self._address = socket.AF_INET, (parts.hostname, parts.port or 3310)
        else:
            raise ValueError(f"病毒查杀服务地址应为 unix:///路径 或 tcp://主机:端口，现为 {url}")
        self._seconds = seconds

    def scan(self, path: str) -> str | None:
        """The virus found in the file at `path`, None when clamd calls it clean. Raises NotScanned."""
        try:
            with open(path, "rb") as file, self._connect() as connection:
                reply = self._instream(file, connection)
        except OSError as fault:
            raise NotScanned(f"与病毒查杀服务的连接出错：{fault.strerror or type(fault).__name__}") from None
        if match := FOUND.match(reply):
            return match[1]
        if reply == "stream: OK":
            return None
        raise NotScanned(
            "文件超过病毒查杀服务的大小上限" if "size limit" in reply else f"答复为“{reply[:80]}”"
        )

    def version(self) -> dict:
        """`{"engine", "signatures", "signed_on"}`, for `doctor`. Raises NotScanned."""
        try:
            with self._connect() as connection:
                connection.sendall(b"zVERSION\0")
                reply = self._reply(connection)
        except OSError as fault:
            raise NotScanned(f"与病毒查杀服务的连接出错：{fault.strerror or type(fault).__name__}") from None
        engine, _, rest = reply.partition("/")
        number, _, date = rest.partition("/")
        try:
            signed_on = datetime.strptime(date.strip(), "%a %b %d %H:%M:%S %Y").date()
        except ValueError:
            signed_on = None
        return {"engine": engine, "signatures": number, "signed_on": signed_on}

    def _connect(self) -> socket.socket:
        connection = socket.socket(self._family, socket.SOCK_STREAM)
        connection.settimeout(self._seconds)
        try:
            connection.connect(self._address)
        except OSError:
            connection.close()
            raise
        return connection

    def _instream(self, file, connection: socket.socket) -> str:
        connection.sendall(b"zINSTREAM\0")
        try:
            while chunk := file.read(CHUNK):
                connection.sendall(LENGTH.pack(len(chunk)) + chunk)
            connection.sendall(LENGTH.pack(0))
        except (BrokenPipeError, ConnectionResetError):
            # clamd hangs up when the stream is too long; its reason may still lie in the buffer.
            return self._reply(connection)
        return self._reply(connection)

    def _reply(self, connection: socket.socket) -> str:
        data = bytearray()
        while not data.endswith(b"\0") and len(data) < 4096:
            piece = connection.recv(4096)
            if not piece:
                break
            data += piece
        return data.rstrip(b"\0\n").decode("utf-8", "replace")
