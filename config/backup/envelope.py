"""A file under a passphrase: scrypt, then AES-256-GCM over chunks of 1 MiB. Pure; streams both ways.

    archive-backup/1\\n                       magic
    {"kdf": "scrypt", "n": …, …}\\n           how the key is made, and whose installation it is; bound to every chunk
    16 bytes                                 proof of the passphrase
    chunks, each with its 16 bytes of tag    the last one is marked as the last

A chunk's nonce holds its number and whether it is the last, so chunks cannot be changed, exchanged, left out or cut
off without being seen. Everything wrong with a file is one `Unreadable` with a Chinese sentence.
"""

import io
import json
import secrets
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

MAGIC = b"archive-backup/1\n"
CHUNK, TAG = 1024 * 1024, 16
COST = {"n": 2**16, "r": 8, "p": 1}
"""64 MiB of memory and about a fifth of a second for every guess."""
LARGEST_COST = 2**20 * 8 * 4
MORE, LAST, PROOF = 0, 1, 2


class Unreadable(Exception):
    """Its text is a Chinese sentence."""


def is_sealed(start: bytes) -> bool:
    return start.startswith(MAGIC)


def header_of(stream: BinaryIO) -> dict:
    """The clear header of a sealed file, read from its beginning. Raises Unreadable."""
    return _header(stream)[0]


class Sealer(io.RawIOBase):
    """Writes what it is given to `stream`, sealed. `close` marks the last chunk and leaves `stream` open; without it
    (an error in between) the file is recognisably cut off."""

    def __init__(self, stream: BinaryIO, passphrase: str, site: str) -> None:
        self._stream, self._waiting, self._number = stream, bytearray(), 0
        header = {
            "kdf": "scrypt",
            **COST,
            "salt": secrets.token_hex(16),
            "nonce": secrets.token_hex(7),
            "site": site,
        }
        self._bound = json.dumps(header, sort_keys=True).encode() + b"\n"
        self._cipher, self._nonce = _cipher(header, passphrase), bytes.fromhex(header["nonce"])
        stream.write(
            MAGIC + self._bound + self._cipher.encrypt(_nonce(self._nonce, 0, PROOF), b"", self._bound)
        )

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        self._waiting += data
        while len(self._waiting) > CHUNK:  # what is exactly a chunk may be the last one
            self._chunk(self._waiting[:CHUNK], MORE)
            del self._waiting[:CHUNK]
        return len(data)

    def finish(self) -> None:
        self._chunk(self._waiting, LAST)
        self._waiting = bytearray()

    def _chunk(self, data: bytearray, flag: int) -> None:
        nonce = _nonce(self._nonce, self._number, flag)
        self._stream.write(self._cipher.encrypt(nonce, bytes(data), self._bound))
        self._number += 1


class Opener(io.RawIOBase):
    """Reads the clear content. Nothing is given out that was not proven. Raises Unreadable."""

    def __init__(self, stream: BinaryIO, passphrase: str) -> None:
        header, self._bound = _header(stream)
        self._stream, self._nonce, self._number = stream, bytes.fromhex(header["nonce"]), 0
        self._cipher, self._clear, self._done = _cipher(header, passphrase), memoryview(b""), False
        proof = stream.read(TAG)
        try:
            self._cipher.decrypt(_nonce(self._nonce, 0, PROOF), proof, self._bound)
        except InvalidTag:
            raise Unreadable(
                "口令不对，或者文件的开头被改动过。请核对口令文件；口令没有错就换另一份备份。"
            ) from None
        self._ahead = stream.read(CHUNK + TAG)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        while not self._clear and not self._done:
            self._next()
        size = min(len(buffer), len(self._clear))
        buffer[:size] = self._clear[:size]
        self._clear = self._clear[size:]
        return size

    def _next(self) -> None:
        sealed, self._ahead = self._ahead, self._stream.read(CHUNK + TAG)
        self._done = not self._ahead
        nonce = _nonce(self._nonce, self._number, LAST if self._done else MORE)
        try:
            self._clear = memoryview(self._cipher.decrypt(nonce, sealed, self._bound))
        except InvalidTag:
            where = f"第 {self._number * CHUNK // 1024**2 + 1} MB 处"
            what = "文件不完整，或者末尾被改动过" if self._done else f"文件的{where}被改动过或读错"
            raise Unreadable(f"{what}。请换另一份备份，或从别处再复制一次。") from None
        self._number += 1


def _header(stream: BinaryIO) -> tuple[dict, bytes]:
    if stream.read(len(MAGIC)) != MAGIC:
        raise Unreadable("这不是本系统的备份文件。")
    line = stream.readline(2000)
    try:
        header = json.loads(line)
        cost = [int(header[name]) for name in ("n", "r", "p")]
        sound = header["kdf"] == "scrypt" and min(cost) > 0 and cost[0] * cost[1] * cost[2] <= LARGEST_COST
        sound = sound and cost[0] & (cost[0] - 1) == 0 and cost[0] > 1
        sound = (
            sound and len(bytes.fromhex(header["salt"])) == 16 and len(bytes.fromhex(header["nonce"])) == 7
        )
    except (ValueError, KeyError, TypeError):
        sound = False
    if not sound or not line.endswith(b"\n"):
        raise Unreadable("备份文件的开头读不懂：文件被改动过，或者不完整。请换另一份备份。")
    return header, line


def _cipher(header: dict, passphrase: str) -> AESGCM:
    scrypt = Scrypt(
        salt=bytes.fromhex(header["salt"]), length=32, n=header["n"], r=header["r"], p=header["p"]
    )
    return AESGCM(scrypt.derive(passphrase.encode()))


def _nonce(prefix: bytes, number: int, flag: int) -> bytes:
    return prefix + number.to_bytes(4, "big") + bytes([flag])
