"""Which stores there are: from the environment to typed values, and from those to open stores.

`ARCHIVE_STORES` names them; each is described by variables that begin with its name in capitals (`-` as `_`):
`<NAME>_S3_BUCKET`, `_S3_ENDPOINT_URL`, `_S3_ACCESS_KEY_ID`, `_S3_SECRET_ACCESS_KEY`, `_S3_REGION`,
`_S3_ADDRESSING` (path | virtual | auto), `_S3_CHECKSUMS` (when_required | when_supported), `_S3_READ_TIMEOUT` (seconds
without an answer), `_S3_ATTEMPTS` (tries a request) for an S3 store,
`<NAME>_PATH` and `<NAME>_IMMUTABLE` for a local one.
`ARCHIVE_LOCK_HORIZON_YEARS` says how far ahead the probe must try a lock. A single store may leave the name away (`S3_BUCKET` …).
Without `ARCHIVE_STORES` there is one local store, `local`, in the folder `store` of `ARCHIVE_DATA`.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from archive.errors import NotConfigured
from archive.storage.base import Store

DEFAULT_NAME = "local"
ADDRESSINGS = ("path", "virtual", "auto")
CHECKSUMS = ("when_required", "when_supported")


@dataclass(frozen=True, kw_only=True)
class StoreConfig:
    """One store. `path` makes it a local one, `bucket` an S3 one."""

    name: str
    path: str = ""
    immutable: bool = False
    """Also set the immutable flag of Linux file systems (needs CAP_LINUX_IMMUTABLE)."""
    bucket: str = ""
    endpoint_url: str = ""
    access_key_id: str = ""
    secret_access_key: str = field(default="", repr=False)
    region: str = "us-east-1"
    addressing: str = "path"
    checksums: str = "when_required"
    """Ceph 16 over https refuses what boto3 sends by default; newer stores may have `when_supported`."""
    connect_timeout: float = 5
    read_timeout: float = 60
    attempts: int = 4
    horizon_days: int = 3650
    """How far ahead the probe tries a lock: the lock horizon of the site."""

    @property
    def place(self) -> str:
        """A digest of where it is, and by which key we come: whether a name still means the same."""
        told = (self.endpoint_url, self.bucket, self.access_key_id, self.path)
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def from_environment(env: Mapping[str, str], data_dir: Path | str | None = None) -> list[StoreConfig]:
    """The stores that `env` describes, in its order. `data_dir` stands for ARCHIVE_DATA where it is not set."""
    names = [name for name in re.split(r"[\s,]+", env.get("ARCHIVE_STORES", "")) if name]
    if len(set(names)) != len(names):
        raise NotConfigured(reason="ARCHIVE_STORES 中有重复的存储名。")
    data = Path(env.get("ARCHIVE_DATA") or data_dir or "var")
    years = env.get("ARCHIVE_LOCK_HORIZON_YEARS", "").strip() or "10"
    if not (years.isdecimal() and 1 <= int(years) <= 100):
        raise NotConfigured(reason=f"ARCHIVE_LOCK_HORIZON_YEARS 应为 1 到 100 的整数，现为“{years}”。")
    if not names:
        configs = [StoreConfig(name=DEFAULT_NAME, path=str(data / "store"))]
    else:
        configs = [_one(env, name, data, alone=len(names) == 1) for name in names]
    for number, config in enumerate(configs):
        _apart(config, configs[:number])
    return [replace(config, horizon_days=int(years) * 365) for config in configs]


KEY_STORE = "archive-key-store"


def key_store(env: Mapping[str, str], data_dir: Path | str | None = None) -> StoreConfig:
    """Where the wrapped keys of encrypted objects lie, beside the database: `ARCHIVE_KEY_STORE_PATH`, or
    `ARCHIVE_KEY_STORE_S3_BUCKET` and its fellows for a versioned bucket without Object Lock. The folder `key-store` of
    ARCHIVE_DATA where nothing is said."""
    data = Path(env.get("ARCHIVE_DATA") or data_dir or "var")
    said = {"ARCHIVE_KEY_STORE_PATH": str(data / "key-store")} | {k: v for k, v in env.items() if v.strip()}
    config = _one(said, KEY_STORE, data, alone=False)
    _apart(config, from_environment(env, data_dir))
    return config


def _apart(config: StoreConfig, others: Iterable[StoreConfig]) -> None:
    """Two names for one place would be one copy that counts as two. Raises NotConfigured."""
    for other in others:
        if config.bucket:
            same = (config.bucket, _host(config)) == (other.bucket, _host(other))
        else:
            ours, theirs = (Path(one.path).resolve() for one in (config, other))
            same = not other.bucket and (ours.is_relative_to(theirs) or theirs.is_relative_to(ours))
        if same:
            where = f"同一个桶“{config.bucket}”" if config.bucket else f"同一个文件夹 {config.path}"
            reason = f"“{other.name}”和“{config.name}”指的是{where}：两份副本其实是一份。请各用各的。"
            raise NotConfigured(reason=reason)


def _host(config: StoreConfig) -> str:
    return urlsplit(config.endpoint_url).netloc.lower()


LANDING = "archive-direct"


def landing(env: Mapping[str, str]) -> tuple[StoreConfig, str] | None:
    """Where browsers lay large packages, and its address as they reach it ("" = the same): `ARCHIVE_DIRECT_S3_BUCKET` and
    its fellows, `ARCHIVE_DIRECT_PUBLIC_URL`. None where no bucket is named. Never a bucket of the archive itself."""
    if not env.get("ARCHIVE_DIRECT_S3_BUCKET", "").strip():
        return None
    config = _one(env, LANDING, Path(), alone=False)
    _apart(config, [*from_environment(env), key_store(env)])
    return config, env.get("ARCHIVE_DIRECT_PUBLIC_URL", "").strip()


def _one(env: Mapping[str, str], name: str, data: Path, *, alone: bool) -> StoreConfig:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise NotConfigured(reason=f"ARCHIVE_STORES 中的“{name}”只能用字母、数字、连字符和下划线。")
    prefix = name.replace("-", "_").upper() + "_"

    def value(key: str, default: str = "", allowed: tuple[str, ...] = ()) -> str:
        places = [prefix + key, f"{name}_{key}", *([key] if alone and key.startswith("S3_") else [])]
        found = next((env[place].strip() for place in places if env.get(place, "").strip()), default)
        if allowed and found not in allowed:
            raise NotConfigured(reason=f"{prefix}{key} 应为 {' 或 '.join(allowed)}，现为“{found}”。")
        return found

    def number(given: str, key: str, least: int, most: int) -> int:
        if not (given.isascii() and given.isdigit() and least <= int(given[:9]) <= most):
            raise NotConfigured(reason=f"{prefix}{key} 应为 {least} 到 {most} 的整数，现为“{given}”。")
        return int(given)

    immutable = value("IMMUTABLE", "0", ("0", "1", "true", "false")) in ("1", "true")
    if bucket := value("S3_BUCKET"):
        config = StoreConfig(
            name=name,
            bucket=bucket,
            endpoint_url=value("S3_ENDPOINT_URL"),
            access_key_id=value("S3_ACCESS_KEY_ID"),
            secret_access_key=value("S3_SECRET_ACCESS_KEY"),
            region=value("S3_REGION", StoreConfig.region),
            addressing=value("S3_ADDRESSING", StoreConfig.addressing, ADDRESSINGS),
            checksums=value("S3_CHECKSUMS", StoreConfig.checksums, CHECKSUMS),
            read_timeout=number(value("S3_READ_TIMEOUT", "60"), "S3_READ_TIMEOUT", 1, 3600),
            attempts=number(value("S3_ATTEMPTS", "4"), "S3_ATTEMPTS", 1, 10),
        )
        if bool(config.access_key_id) != bool(config.secret_access_key):
            reason = f"{prefix}S3_ACCESS_KEY_ID 和 {prefix}S3_SECRET_ACCESS_KEY 要么都给，要么都不给。"
            raise NotConfigured(reason=reason)
        return config
    if value("S3_ENDPOINT_URL"):
        raise NotConfigured(reason=f"存储“{name}”给了 S3_ENDPOINT_URL，还缺 {prefix}S3_BUCKET。")
    if path := value("PATH") or (str(data / "store") if name == DEFAULT_NAME else ""):
        return StoreConfig(name=name, path=path, immutable=immutable)
    raise NotConfigured(
        reason=f"存储“{name}”没有设置：给 {prefix}S3_BUCKET（对象存储）或 {prefix}PATH（本地文件夹）。"
    )


def open_stores(
    configs: Iterable[StoreConfig], is_new: Callable[[str], bool] = lambda name: True
) -> dict[str, Store]:
    """The stores by name, in the order given. Opening asks nothing of a server and fails for no folder. `is_new`: whether
    nothing was ever stored in the store of that name (see `LocalStore`)."""
    return {config.name: _open(config, is_new) for config in configs}


def _open(config: StoreConfig, is_new: Callable[[str], bool]) -> Store:
    if config.bucket:
        from archive.storage.s3 import S3Store  # boto3 costs 30 MB and a third of a second: only where used

        return S3Store(config)
    from archive.storage.local import LocalStore

    return LocalStore(config, is_new=partial(is_new, config.name))
