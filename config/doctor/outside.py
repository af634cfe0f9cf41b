"""The parts that others made: object stores and their clock, virus scanner, fonts, format tools."""

import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from archive import fonts, stores
from archive.inspection.clamd import Clamd, NotScanned
from config.doctor.part import Part

SIGNATURES_AGE = timedelta(days=7)
SKEW_WARNING, SKEW_FAILURE = timedelta(seconds=60), timedelta(minutes=10)
"""S3 refuses requests that are 15 minutes off; locks and time stamps suffer long before."""


def object_stores() -> Iterator[Part]:
    for name, store in stores.configured().items():
        about = store.describe()
        for result in store.probe():
            yield Part(
                part=f"store:{name}/{result.name}",
                state=result.state,
                version=str(about.get("kind", "")),
                message=result.message,
                remedy=result.remedy,
            )


def clock() -> Iterator[Part]:
    """Our clock against that of each object store: locks and signatures of requests depend on it."""
    asked = False
    for name, store in stores.configured().items():
        config = getattr(store, "config", None)
        if config is None or not config.bucket:
            continue
        asked = True
        there = _date_of(config.endpoint_url or "https://s3.amazonaws.com")
        if there is None:
            message = f"存储“{name}”没有说出它的时间，不能比对。"
            yield Part(part=f"clock:{name}", state="warning", message=message, remedy="检查存储的地址。")
            continue
        skew = abs(datetime.now(UTC) - there)
        state = "failed" if skew > SKEW_FAILURE else "warning" if skew > SKEW_WARNING else "ok"
        remedy = "" if state == "ok" else "在两边启用时间同步（NTP）。"
        message = f"与存储“{name}”相差 {skew.total_seconds():.0f} 秒。"
        yield Part(part=f"clock:{name}", state=state, message=message, remedy=remedy)
    if not asked:
        yield Part(part="clock", state="absent", message="没有对象存储可供比对时间。")


def _date_of(address: str) -> datetime | None:
    """The Date header of whatever the server answers."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=5) as answer:
            text = answer.headers["Date"]
    except urllib.error.HTTPError as refusal:
        text = refusal.headers["Date"]
    except (OSError, ValueError):
        return None
    try:
        return parsedate_to_datetime(text or "")
    except ValueError:
        return None


def virus_scan() -> Iterator[Part]:
    if not settings.CLAMD_URL:
        state = "failed" if settings.REQUIRE_SCAN else "absent"
        yield Part(
            part="clamd",
            state=state,
            message="没有配置查毒服务，检测会写“未检测”。",
            remedy="安装 clamav-daemon，设置 CLAMD_URL。",
        )
        return
    try:
        found = Clamd(settings.CLAMD_URL, seconds=5).version()
    except (NotScanned, ValueError) as fault:
        yield Part(
            part="clamd",
            state="failed",
            message=str(fault),
            remedy="检查 clamd 是否在运行，CLAMD_URL 是否正确。",
        )
        return
    version, signed_on = f"{found['engine']} {found['signatures']}".strip(), found["signed_on"]
    remedy = "运行 freshclam，或从内网镜像更新病毒库。"
    if signed_on is None:
        yield Part(
            part="clamd",
            state="warning",
            version=version,
            message="没有官方病毒库，只有本地特征。",
            remedy=remedy,
        )
    elif timezone.localdate() - signed_on > SIGNATURES_AGE:
        message = f"病毒库是 {signed_on} 的，已经旧了。"
        yield Part(part="clamd", state="warning", version=version, message=message, remedy=remedy)
    else:
        yield Part(part="clamd", version=version, message=f"病毒库日期 {signed_on}。")


def chinese_font() -> Iterator[Part]:
    found = fonts.chinese()
    if found:
        yield Part(part="fonts", message=str(found[0]))
    else:
        message = "没有中文字体：水印只能用拼音和数字，打印件会缺字。"
        yield Part(part="fonts", state="warning", message=message, remedy="apt-get install -y fonts-noto-cjk")


def identification() -> Iterator[Part]:
    """Which PRONOM release names the formats."""
    try:
        import pygfried
    except ImportError:
        yield Part(
            part="pronom", state="failed", message="没有格式识别库 pygfried。", remedy="pip install pygfried"
        )
        return
    told = pygfried.identify(str(Path(__file__)), detailed=True)
    details = "；".join(entry.get("details", "") for entry in told.get("identifiers", ()))
    yield Part(part="pronom", version=str(pygfried.version()), message=details)


def typesetting() -> Iterator[Part]:
    try:
        import typst
    except ImportError:
        yield Part(
            part="typst",
            state="failed",
            message="没有排版库 typst，不能打印清册。",
            remedy="pip install typst",
        )
        return
    yield Part(part="typst", version=typst.__version__)


def pdfa_validation() -> Iterator[Part]:
    if not settings.VERAPDF_JAR:
        yield Part(
            part="verapdf",
            state="absent",
            message="没有配置 veraPDF：PDF/A 声称会写“未检测”。",
            remedy="安装 Java 和 veraPDF，设置 VERAPDF_JAR。",
        )
        return
    if not Path(settings.VERAPDF_JAR).is_file():
        yield Part(
            part="verapdf",
            state="failed",
            message=f"没有文件 {settings.VERAPDF_JAR}。",
            remedy="改正 VERAPDF_JAR。",
        )
        return
    java = shutil.which("java")
    if java is None:
        yield Part(
            part="verapdf",
            state="failed",
            message="没有 Java。",
            remedy="apt-get install -y default-jre-headless",
        )
        return
    try:
        told = subprocess.run(
            [java, "-version"], capture_output=True, text=True, timeout=20, check=True
        ).stderr
    except (OSError, subprocess.SubprocessError) as fault:
        yield Part(part="verapdf", state="failed", message=f"Java 不能运行：{fault}", remedy="重装 Java。")
        return
    yield Part(part="verapdf", version=told.splitlines()[0] if told else "", message=settings.VERAPDF_JAR)
