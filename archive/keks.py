"""Key-encryption keys (KEK): what wraps the data keys of objects. Named by id; the current one wraps, all unwrap.

They come from up to three sources, asked in this order; the current one is the first of the first source that is set:
- `ARCHIVE_KMS`: the dotted path of a class that follows `Wrapper`, made without arguments, for a key management service;
- `ARCHIVE_KEKS`: `id:base64 id:base64 …` in the environment, 32 bytes each, the current one first;
- the section `kek` of the key file (`ARCHIVE_KEYS`): {"current": id, "keys": {id: base64}}.
So keys can move from one source to another: set the new one, let the job rewrap, then take the old one away.
"""

import base64
import json
import os
import re
import secrets
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from archive.errors import KeyFailed, NotConfigured

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
NONCE = 12
LOSS = "丢失它，加密存放的档案再也不能读出。"
"""Said wherever a person makes or chooses a key."""


class Wrapper(Protocol):
    """What a KMS hook must do. `context` is bound to the wrapped key: unwrapping with another one must fail. What is
    wrapped is 32 bytes and may grow to 600. Raises archive.errors.KeyFailed with a Chinese reason when the service
    cannot be asked or refuses."""

    keks: Sequence[str]
    """Ids of all keys it can unwrap by; the first one wraps. Letters, digits, `.`, `_`, `-`, at most 60."""

    def wrap(self, key: bytes, context: bytes) -> bytes: ...

    def unwrap(self, kek: str, wrapped: bytes, context: bytes) -> bytes: ...


class Held:
    """Keys that this process holds itself: AES-256-GCM, nonce first."""

    def __init__(self, keys: dict[str, bytes], where: str) -> None:
        for name, key in keys.items():
            if not NAME.fullmatch(name) or len(key) != 32:
                raise NotConfigured(
                    reason=f"{where}中的密钥“{name[:60]}”不合规定：名称用字母、数字、. _ -，密钥为 32 字节。"
                )
        self.keks, self._keys = list(keys), keys

    def wrap(self, key: bytes, context: bytes) -> bytes:
        nonce = secrets.token_bytes(NONCE)
        return nonce + AESGCM(self._keys[self.keks[0]]).encrypt(nonce, key, context)

    def unwrap(self, kek: str, wrapped: bytes, context: bytes) -> bytes:
        try:
            return AESGCM(self._keys[kek]).decrypt(wrapped[:NONCE], wrapped[NONCE:], context)
        except (InvalidTag, ValueError):
            raise KeyFailed(reason=f"数据密钥与加密它的密钥“{kek}”不符，或已被改动。") from None


def current() -> str:
    """The id of the key that wraps. Raises NotConfigured when there is none."""
    return _sources()[0].keks[0]


def ready() -> bool:
    """Whether there is one."""
    try:
        return bool(_sources())
    except NotConfigured:
        return False


def known() -> list[str]:
    """The ids of all keys that unwrap, the current one first."""
    return list(dict.fromkeys(kek for source in _sources() for kek in source.keks))


def wrap(key: bytes, context: bytes) -> tuple[str, str]:
    """(id of the key-encryption key, wrapped key as base64). Raises KeyFailed."""
    try:
        source = _sources()[0]
    except NotConfigured as fault:
        raise KeyFailed(reason=fault.fields["reason"]) from fault
    return source.keks[0], base64.b64encode(source.wrap(key, context)).decode()


def unwrap(kek: str, wrapped: str, context: bytes) -> bytes:
    """The key. Raises KeyFailed when its key-encryption key is not there, or does not fit."""
    try:
        source = next((source for source in _sources() if kek in source.keks), None)
    except NotConfigured as fault:
        raise KeyFailed(reason=fault.fields["reason"]) from fault
    if source is None:
        raise KeyFailed(reason=f"没有加密数据密钥用的密钥“{kek}”，请从密钥备份中恢复它。")
    try:
        sealed = base64.b64decode(wrapped, validate=True)
    except ValueError:
        raise KeyFailed(reason="数据密钥的密文已损坏。") from None
    return source.unwrap(kek, sealed, context)


@cache
def _sources() -> list[Wrapper]:
    from django.conf import settings
    from django.utils.module_loading import import_string

    found: list[Wrapper] = []
    if settings.ARCHIVE_KMS:
        try:
            found.append(import_string(settings.ARCHIVE_KMS)())
        except ImportError as fault:
            raise NotConfigured(reason=f"ARCHIVE_KMS 指的“{settings.ARCHIVE_KMS}”不能载入：{fault}") from None
    if settings.ARCHIVE_KEKS:
        found.append(Held(_from_text(settings.ARCHIVE_KEKS), "ARCHIVE_KEKS "))
    if in_file := _from_file(Path(settings.ARCHIVE_KEYS)):
        found.append(Held(in_file, "密钥文件"))
    found = [source for source in found if source.keks]
    if not found:
        raise NotConfigured(
            reason="没有加密数据密钥用的密钥。请运行 manage.py object_keys --new-kek，或设置 ARCHIVE_KEKS、ARCHIVE_KMS。"
        )
    return found


def forget() -> None:
    """After the settings or the key file changed."""
    _sources.cache_clear()


def _from_text(text: str) -> dict[str, bytes]:
    keys = {}
    for part in text.split():
        name, colon, value = part.partition(":")
        try:
            keys[name] = base64.b64decode(value, validate=True)
        except ValueError:
            colon = ""
        if not colon:
            raise NotConfigured(reason="ARCHIVE_KEKS 应写成 id:base64，几把之间用空格隔开，第一把是现用的。")
    return keys


def _from_file(path: Path) -> dict[str, bytes]:
    """The current one first; {} where the file or its section is not there."""
    try:
        section = json.loads(path.read_text()).get("kek") or {}
        keys = {name: base64.b64decode(value) for name, value in section.get("keys", {}).items()}
        if not keys:
            return {}
        return {section["current"]: keys[section["current"]]} | keys
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
        raise NotConfigured(reason=f"密钥文件 {path} 的 kek 一节不能读取：{fault}") from None


def add_to_file(path: Path) -> str:
    """A fresh key in the key file, current from now on; the others stay. Returns its id. The file is replaced whole.

    Raises NotConfigured when the file is not there or may not be written.
    """
    try:
        data = json.loads(path.read_text())
        section = data.setdefault("kek", {"current": "", "keys": {}})
        number = len(section["keys"]) + 1
        while (name := f"kek{number}") in section["keys"]:
            number += 1
        section["keys"][name] = base64.b64encode(secrets.token_bytes(32)).decode()
        section["current"] = name
        _replace(path, json.dumps(data, indent=1))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
        raise NotConfigured(reason=f"不能在密钥文件 {path} 里加密钥：{fault}") from None
    forget()
    return name


def _replace(path: Path, text: str) -> None:
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
