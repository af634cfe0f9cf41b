"""Personal numbers: encrypted to keep, hashed to find, masked to show.

Pure but for the key ring, which is read once from the key file (`ARCHIVE_KEYS`; made by `setup` outside
production). A key has an id that stands in every cipher text, so keys can rotate; the hash key never rotates
silently, because every search token depends on it. The section `kek` of the file wraps the keys of encrypted
objects and belongs to `keks`.

Rules (design §5.2): identity numbers and phones never lie in clear in the database, index, manifests or
logs. Whole numbers are found through `number_token`, the last four digits only together with the name.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import secrets
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from archive.errors import NotConfigured

PERSONAL = re.compile(
    r"(?P<keep>(?<![0-9A-Za-z])(?:[0-9a-f]{64}|[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![0-9A-Za-z]))"
    r"|(?P<number>\d{17}[\dXx]|\d{15,}|(?<!\d)1[3-9]\d{9}(?!\d))"
)
"""Identity numbers of 18 or 15 places and mobile phones, as they stand in running text; digests and UUIDs are
named first so that digits inside them are left alone."""
_HALF_WIDTH = {0xFF10 + i: 0x30 + i for i in range(10)} | {0xFF38: 0x58, 0xFF58: 0x78}
PREFIX = "enc:"


@dataclass(frozen=True)
class KeyRing:
    """`current` names the key that encrypts; the others only decrypt. Keys are 32 bytes."""

    current: str
    keys: dict[str, bytes]
    hash_key: bytes

    def encrypt(self, data: bytes) -> bytes:
        """Key id, NUL, 12 bytes of nonce, AES-256-GCM cipher text with its tag."""
        nonce = secrets.token_bytes(12)
        name = self.current.encode()
        return name + b"\0" + nonce + AESGCM(self.keys[self.current]).encrypt(nonce, data, name)

    def decrypt(self, data: bytes) -> bytes:
        """Raises NotConfigured when the key is not in the ring or the cipher text was changed."""
        name, _, rest = data.partition(b"\0")
        key = self.keys.get(name.decode("ascii", "replace"))
        if key is None:
            raise NotConfigured(reason=f"密钥文件里没有密钥“{name.decode('ascii', 'replace')[:20]}”。")
        try:
            return AESGCM(key).decrypt(rest[:12], rest[12:], name)
        except InvalidTag:
            raise NotConfigured(reason="密文与密钥不符，或密文已被改动。") from None


@cache
def key_ring() -> KeyRing:
    """The ring of this installation. Raises NotConfigured when there is no key file."""
    from django.conf import settings

    path = Path(settings.ARCHIVE_KEYS)
    try:
        data = json.loads(path.read_text())
        keys = {name: base64.b64decode(value) for name, value in data["keys"].items()}
        return KeyRing(current=data["current"], keys=keys, hash_key=base64.b64decode(data["hash_key"]))
    except FileNotFoundError:
        raise NotConfigured(
            reason=f"没有密钥文件 {path}。请先运行 manage.py setup，或设置 ARCHIVE_KEYS。"
        ) from None
    except (ValueError, KeyError, TypeError) as fault:
        raise NotConfigured(reason=f"密钥文件 {path} 不能读取：{fault}") from None


def make_key_file(path: Path) -> bool:
    """Write a fresh key file, readable by its owner only. False when there is one already: never replaced."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    data = {
        "current": "k1",
        "keys": {"k1": base64.b64encode(secrets.token_bytes(32)).decode()},
        "hash_key": base64.b64encode(secrets.token_bytes(32)).decode(),
        "kek": {"current": "kek1", "keys": {"kek1": base64.b64encode(secrets.token_bytes(32)).decode()}},
    }
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w") as file:
        json.dump(data, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    return True


def encrypt(text: str) -> str:
    """`enc:…`, or "" for "". Encrypting what is cipher text already is a mistake and raises ValueError."""
    if not text:
        return ""
    if text.startswith(PREFIX):
        raise ValueError("already encrypted")
    return PREFIX + base64.urlsafe_b64encode(key_ring().encrypt(text.encode())).decode()


def decrypt(text: str) -> str:
    """The clear text of `encrypt`; what is not cipher text comes back unchanged."""
    if not text.startswith(PREFIX):
        return text
    return key_ring().decrypt(base64.urlsafe_b64decode(text[len(PREFIX) :])).decode()


def without_cipher_text(value):
    """Plain data with every personal value blanked: without the cipher text no key can bring it back."""
    if isinstance(value, dict):
        return {key: without_cipher_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_cipher_text(item) for item in value]
    return "" if isinstance(value, str) and value.startswith(PREFIX) else value


def normal_number(number: str) -> str:
    """NFKC (full-width digits become ASCII), no blanks or dashes, letters in upper case."""
    return re.sub(r"[\s\-—]", "", unicodedata.normalize("NFKC", number)).upper()


def normal_name(name: str) -> str:
    """NFKC, no blanks, no middle dot: 阿卜杜·热西提 and 阿卜杜热西提 are one name."""
    return re.sub(r"[\s·•・‧]", "", unicodedata.normalize("NFKC", name))


def keyed_hash(purpose: str, value: str) -> str:
    """24 hex digits of HMAC-SHA256. The purpose keeps hashes of different kinds apart."""
    return hmac.new(key_ring().hash_key, f"{purpose}\0{value}".encode(), hashlib.sha256).hexdigest()[:24]


def number_token(number: str) -> str:
    """The search token of a whole personal number: `n` and 24 hex digits."""
    return "n" + keyed_hash("number", normal_number(number))


def name_and_last_four_token(name: str, number: str) -> str:
    return "l" + keyed_hash("name+4", normal_name(name) + normal_number(number)[-4:])


def mask_number(number: str) -> str:
    """First four and last four places stay: 4419**********1231. Short ones keep their last two at most."""
    if len(number) <= 6:
        return "*" * len(number) if len(number) < 4 else "*" * (len(number) - 2) + number[-2:]
    if len(number) <= 11:
        return (
            number[:3] + "*" * (len(number) - 7) + number[-4:]
            if len(number) > 7
            else number[0] + "****" + number[-2:]
        )
    return number[:4] + "*" * (len(number) - 8) + number[-4:]


def mask_text(text: str) -> str:
    """Running text with every personal number masked: for findings, logs, audit sentences, titles."""
    return PERSONAL.sub(lambda m: m["keep"] or mask_number(m["number"]), text.translate(_HALF_WIDTH))


def tokenise_numbers(text: str) -> tuple[str, list[str]]:
    """Text for the index: every personal number replaced by a blank, and the tokens to find it by."""
    tokens: list[str] = []

    def replace(match: re.Match[str]) -> str:
        if match["keep"]:
            return match["keep"]
        tokens.append(number_token(match["number"]))
        return " "

    return PERSONAL.sub(replace, text.translate(_HALF_WIDTH)), tokens
