"""What stands around the database: settings, key files, the version of the product, the state of the migrations.

Of settings only values that are known to be no secret are taken; of every other one its name alone, so that whoever
restores knows what must come from elsewhere.
"""

import importlib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from archive import privacy

OPEN = re.compile(
    r"ARCHIVE_(ENV|DATA|KEYS|STORES|LOCK_HORIZON_YEARS|SAMPLE_PERCENT|GROUP_SAMPLE_PERCENT|WAITING_DAYS|REQUIRE_SCAN"
    r"|SUPERVISORS_MAY_APPRAISE|MAX_PACKAGE_MB|LOG_LEVEL|BACKUP_DIR|BACKUP_KEEP_DAYS|BACKUP_PASSPHRASE_FILE)"
    r"|\w+_(S3_BUCKET|S3_REGION|S3_ADDRESSING|S3_CHECKSUMS|PATH|IMMUTABLE)|S3_(BUCKET|REGION|ADDRESSING|CHECKSUMS)"
    r"|ALLOWED_HOSTS|CSRF_TRUSTED_ORIGINS|BEHIND_PROXY|SECURE_SSL_REDIRECT|DATABASE_APPLICATION_ROLE|VERAPDF_JAR"
)
ADDRESSES = re.compile(r"DATABASE_URL|CLAMD_URL|ELASTICSEARCH_URL|REDIS_URL|(\w+_)?S3_ENDPOINT_URL")
"""Addresses: user and password are left out."""
SECRET = re.compile(r"SECRET_KEY|(\w+_)?S3_(ACCESS_KEY_ID|SECRET_ACCESS_KEY)|ARCHIVE_\w+")
"""Ours, and not known to be open: the name only."""


def settings_told(environment: Mapping[str, str]) -> dict[str, str | None]:
    """Every setting of ours that the environment gives; None for a value that is left out."""
    stores = [
        name.replace("-", "_").upper()
        for name in re.split(r"[\s,]+", environment.get("ARCHIVE_STORES", ""))
        if name
    ]
    told: dict[str, str | None] = {}
    for name, value in sorted(environment.items()):
        ours = not name.endswith(("_PATH", "_IMMUTABLE")) or name.rpartition("_")[0].upper() in stores
        if OPEN.fullmatch(name) and ours:
            told[name] = value
        elif ADDRESSES.fullmatch(name):
            told[name] = without_password(value)
        elif SECRET.fullmatch(name) and value:
            told[name] = None
    return told


def without_password(address: str) -> str:
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def kept_elsewhere(told: Mapping[str, str | None]) -> list[str]:
    """The settings whose values stand in no backup."""
    return [
        name
        for name, value in told.items()
        if value is None or "URL" in name and "@" in os.environ.get(name, "")
    ]


def differences(told: Mapping[str, str | None], environment: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """(name, value in the backup, value now) where they differ; of secrets only whether there is one."""
    now, found = settings_told(environment), []
    for name in sorted(set(told) | set(now)):
        there, here = (_shown(table, name) for table in (told, now))
        if there != here:
            found.append((name, there, here))
    return found


def _shown(table: Mapping[str, str | None], name: str) -> str:
    if name not in table:
        return "没有设置"
    return "（秘密，不在备份里）" if table[name] is None else table[name] or "空"


def key_files() -> dict[str, Path]:
    """Name in a backup → the key file of this installation: that of personal numbers, and, where objects are encrypted,
    those of the key-encryption keys."""
    files = {"keys/personal-numbers.json": Path(settings.ARCHIVE_KEYS)}
    try:
        object_keys = importlib.import_module("archive.object_keys")
    except ModuleNotFoundError:
        return files
    for number, path in enumerate(getattr(object_keys, "key_files", list)()):
        files[f"keys/object-keys-{number}"] = Path(path)
    return files


def site() -> str:
    """Which installation a backup is of: 24 hex digits that tell nothing else."""
    return privacy.keyed_hash("backup", "site")


def product_version() -> str:
    with (settings.BASE_DIR / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)["project"]["version"]


def migrations() -> list[str]:
    """What has been applied to the main database, as `app.name`."""
    return sorted(".".join(pair) for pair in MigrationLoader(connection).applied_migrations)


def unknown_migrations(applied: list[str]) -> list[str]:
    """Those that this version of the product does not have: the backup comes from a newer one."""
    known = {".".join(pair) for pair in MigrationLoader(None).disk_migrations}
    return [name for name in applied if name not in known]
