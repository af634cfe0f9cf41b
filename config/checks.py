"""Django system checks: in production every default that is only fit for development is an error.

`manage.py check` (and every command before it works) runs them; `doctor` shows them as one part. Whether the parts
of a correct configuration also answer is the business of `config/doctor.py`.
"""

import os
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import storages
from django.utils.module_loading import import_string

from archive import storage
from archive.errors import NotConfigured
from archive.stores import retired
from config import promises

FILES = ("staging", "renditions")
"""The storage aliases that the product opens. There is no `default`: nothing lands anywhere unasked."""
REMOVED = ("DEFAULT_FILE_STORAGE", "STATICFILES_STORAGE")
"""Settings that Django stopped reading in 5.1 without a word: files would go to the local disk."""


def error(number: int, message: str, hint: str) -> checks.Error:
    return checks.Error(message, hint=hint, id=f"archive.E{number:03d}")


def warning(number: int, message: str, hint: str) -> checks.Warning:
    return checks.Warning(message, hint=hint, id=f"archive.W{number:03d}")


@checks.register
def environment(app_configs=None, **_) -> list[checks.CheckMessage]:
    if settings.ARCHIVE_ENV in ("development", "production"):
        return []
    return [error(1, f"ARCHIVE_ENV 现为“{settings.ARCHIVE_ENV}”。", "应为 development 或 production。")]


@checks.register
def production_defaults(app_configs=None, **_) -> list[checks.CheckMessage]:
    """Each development default, where it would be unsafe."""
    if not settings.PRODUCTION:
        return []
    found: list[checks.CheckMessage] = []
    secret = settings.SECRET_KEY
    if secret == settings.DEVELOPMENT_SECRET or len(secret) < 40 or len(set(secret)) < 10:
        hint = "用随机字符串设置 SECRET_KEY，并妥善保管。"
        found.append(error(2, "SECRET_KEY 没有设置，短于 40 个字符，或不是随机的。", hint))
    if not os.environ.get("ALLOWED_HOSTS", "").strip() or "*" in settings.ALLOWED_HOSTS:
        found.append(error(3, "ALLOWED_HOSTS 没有设置，或为 *。", "写明本系统对外的主机名，用逗号分隔。"))
    if settings.DEBUG:
        found.append(error(4, "DEBUG 打开着。", "正式环境出错页面会显示档案内容，请关闭。"))
    if Path(settings.ARCHIVE_KEYS).resolve().is_relative_to(Path(settings.ARCHIVE_DATA).resolve()):
        hint = "用 ARCHIVE_KEYS 指向 ARCHIVE_DATA 之外的密钥文件，并与数据分开备份。"
        found.append(error(5, "密钥文件放在数据目录里：拿到数据备份的人也就拿到了密钥。", hint))
    if settings.REQUIRE_SCAN and not settings.CLAMD_URL:
        hint = "设置 CLAMD_URL；确实不查毒则设 ARCHIVE_REQUIRE_SCAN=false。"
        found.append(error(6, "要求查毒（ARCHIVE_REQUIRE_SCAN），但没有设置 CLAMD_URL。", hint))
    if not settings.REQUIRE_SCAN:
        found.append(warning(1, "没有要求查毒（ARCHIVE_REQUIRE_SCAN=false）。", "正式环境应当查毒。"))
    if not (settings.SESSION_COOKIE_SECURE and settings.CSRF_COOKIE_SECURE):
        found.append(
            error(7, "会话 Cookie 没有限于 https。", "SESSION_COOKIE_SECURE、CSRF_COOKIE_SECURE 应为真。")
        )
    if not settings.SECURE_SSL_REDIRECT:
        hint = "若前面的代理已经强制 https，可以不理会。"
        found.append(warning(2, "没有把 http 请求转到 https（SECURE_SSL_REDIRECT=false）。", hint))
    if settings.EMBEDDED:
        hint = "设置 DATABASE_URL=postgresql://…；SQLite 只适合单机、少量用户。"
        found.append(warning(3, "正式环境在用 SQLite 数据库。", hint))
    return found


@checks.register
def stores(app_configs=None, **_) -> list[checks.CheckMessage]:
    """The stores can be understood, and each is a place of its own, that of the keys too; in production at least one of
    them is an object store, reached by https."""
    try:
        configs = storage.from_environment(os.environ, settings.ARCHIVE_DATA)
        storage.key_store(os.environ, settings.ARCHIVE_DATA)
    except NotConfigured as fault:
        return [error(8, str(fault), "见 docs/settings.md 的存储一节。")]
    gone = retired()
    found = [_gone(config, gone[config.name]) for config in configs if config.name in gone]
    if not settings.PRODUCTION:
        return found
    configs = [config for config in configs if config.name not in gone]
    if not any(config.bucket for config in configs):
        hint = "再配置一个带 Object Lock 的对象存储：本地存储不能防系统管理员或磁盘损坏。"
        found.append(warning(4, "只有本地存储。", hint))
    for config in configs:
        found += _promises(config)
        host = urlsplit(config.endpoint_url).hostname or ""
        if config.endpoint_url.startswith("http://") and host not in ("127.0.0.1", "localhost", "::1"):
            hint = "改用 https://，否则档案内容和签名在网络上是明文。"
            found.append(warning(5, f"存储“{config.name}”的地址是 http：{config.endpoint_url}", hint))
    return found


def _gone(config: storage.StoreConfig, place: str) -> checks.CheckMessage:
    """The same place is only superfluous; another one would be taken for a store in which copies lie."""
    if config.place == place:
        return warning(6, f"存储“{config.name}”已经退役，不再使用。", "从 ARCHIVE_STORES 里去掉它。")
    hint = "退役的存储名永不再用：给新的存储另起一个名字。"
    return error(17, f"存储“{config.name}”这个名字已经退役，现在却指着另一个地方或另一把密钥。", hint)


def _promises(config: storage.StoreConfig) -> list[checks.CheckMessage]:
    """Asks nothing of the network: what counts is what the last probe found (`config/promises.py`)."""
    kept = promises.known(config)
    if kept is None:
        hint = "运行 manage.py doctor：它真的写、锁、试删，并记下结果。"
        return [error(15, f"存储“{config.name}”还没有试过它守不守承诺（或换了桶、密钥）。", hint)]
    hint = "按 docs/stores.md 改正存储，再运行 manage.py doctor。"
    return [
        error(16, f"存储“{config.name}”在 {kept.on} 试出没有守住承诺：{message}", hint)
        for message in kept.broken.values()
    ]


@checks.register
def file_storages(app_configs=None, **_) -> list[checks.CheckMessage]:
    """Each alias of STORAGES really is what was asked for."""
    found: list[checks.CheckMessage] = [
        error(9, f"设置 {name} 已不起作用，文件会悄悄写到本地磁盘。", "改用 STORAGES。")
        for name in REMOVED
        if settings.is_overridden(name)
    ]
    for alias in FILES:
        asked = settings.STORAGES.get(alias)
        if asked is None:
            found.append(error(10, f"STORAGES 缺少“{alias}”。", "见 config/settings.py。"))
            continue
        try:
            wanted = import_string(asked["BACKEND"])
            opened = storages.create_storage(asked)
        except (ImportError, ImproperlyConfigured, TypeError) as fault:
            found.append(error(11, f"STORAGES 的“{alias}”打不开：{fault}", "检查 BACKEND 和 OPTIONS。"))
            continue
        if type(opened) is not wanted or type(storages[alias]) is not wanted:
            message = (
                f"STORAGES 的“{alias}”应为 {asked['BACKEND']}，实际是 {type(storages[alias]).__name__}。"
            )
            found.append(error(12, message, "检查 STORAGES。"))
    return found


@checks.register
def jobs(app_configs=None, **_) -> list[checks.CheckMessage]:
    """A task must be given up before it is handed out again, else it runs twice at once."""
    timeout, retry = settings.Q_CLUSTER.get("timeout") or 0, settings.Q_CLUSTER.get("retry") or 0
    if 0 < timeout < retry:
        return []
    return [
        error(13, f"Q_CLUSTER 的 timeout（{timeout}）应小于 retry（{retry}）。", "改正 config/settings.py。")
    ]


@checks.register
def databases(app_configs=None, **_) -> list[checks.CheckMessage]:
    """SQLite takes its write lock at BEGIN, else two writers that read first deadlock into an error."""
    return [
        error(14, f"SQLite 数据库“{alias}”没有用 IMMEDIATE 事务。", "OPTIONS 里加 transaction_mode。")
        for alias, database in settings.DATABASES.items()
        if database["ENGINE"].endswith("sqlite3")
        and database.get("OPTIONS", {}).get("transaction_mode") != "IMMEDIATE"
    ]


def require_sound() -> None:
    """For the doors that Django does not guard itself (the web server, commands that check nothing): in production
    raises NotConfigured naming every error."""
    if settings.PRODUCTION:
        found = [message for message in checks.run_checks() if message.level >= checks.ERROR]
        if found:
            reasons = "；".join(f"{message.msg}{message.hint or ''}" for message in found)
            raise NotConfigured(reason=f"正式环境（ARCHIVE_ENV=production）的设置不安全：{reasons}")
