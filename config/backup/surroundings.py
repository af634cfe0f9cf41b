"""What stands around the database: settings, key files, the version of the product, the state of the migrations.

Of settings only values that are known to be no secret are taken; of every other one its name alone, so that whoever
restores knows what must come from elsewhere.
"""

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

OURS = re.compile(
    r"ARCHIVE_\w+|(\w+_)?S3_[A-Z_]+|DATABASE_URL|SECRET_KEY|ALLOWED_HOSTS|CSRF_TRUSTED_ORIGINS"
    r"|BEHIND_PROXY|SECURE_SSL_REDIRECT|VERAPDF_JAR|CLAMD_URL|ELASTICSEARCH_URL|REDIS_URL"
)
SECRET = re.compile(r"SECRET|PASSWORD|PASSPHRASE$|TOKEN|ACCESS_KEY|KEKS")
"""Of these only the name is taken. Addresses (…_URL) lose user and password."""


def settings_told(environment: Mapping[str, str]) -> dict[str, str | None]:
    """Every setting of ours that the environment gives; None for a value that is left out."""
    stores = [name for name in re.split(r"[\s,]+", environment.get("ARCHIVE_STORES", "")) if name]
    local = {f"{name.replace('-', '_').upper()}_{end}" for name in stores for end in ("PATH", "IMMUTABLE")}
    told: dict[str, str | None] = {}
    for name, value in sorted(environment.items()):
        if not value or not (OURS.fullmatch(name) or name in local):
            continue
        if SECRET.search(name):
            told[name] = None
        else:
            told[name] = without_password(value) if name.endswith("_URL") else value
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
    """Name in a backup → the key file of this installation. It holds the keys of personal numbers and the
    key-encryption keys of encrypted objects; those that stand in the environment instead are kept elsewhere."""
    return {"keys/keys.json": Path(settings.ARCHIVE_KEYS)}


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
