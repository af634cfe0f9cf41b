"""The parts that others made: object stores, virus scanner, fonts, format tools."""

import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from archive import fonts
from archive.inspection import ocr
from archive.inspection.clamd import Clamd, NotScanned
from config import promises
from config.doctor.part import Part
from ingest import recognition

SIGNATURES_AGE = timedelta(days=7)


def object_stores() -> Iterator[Part]:
    """Each promise of each store, tried out. That our keys may bypass a lock is a failure in production only: a store
    for trying things out may have one key for everything."""
    for name, about, results in promises.try_out():
        for result in results:
            mild = result.name == "bypass" and not settings.PRODUCTION
            yield Part(
                part=f"store:{name}/{result.name}",
                state="warning" if mild and result.state == "failed" else result.state,
                version=str(about.get("kind", "")),
                message=result.message,
                remedy=result.remedy,
            )


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


def text_recognition() -> Iterator[Part]:
    """Optional; what waits to be read is told, because it is work that goes on for days."""
    if not settings.OCR:
        yield Part(part="ocr", state="absent", message="已停用文字识别（ARCHIVE_OCR=0）。")
        return
    left = recognition.progress()
    waiting = (
        f"还有 {left['files']} 个文件、{left['pages']} 页待识别。"
        if left["files"]
        else "没有待识别的扫描件。"
    )
    if not ocr.installed():
        yield Part(
            part="ocr",
            state="absent",
            message=f"没有安装文字识别，扫描件的文字检索不到。{waiting}",
            remedy="pip install 'business-archive[ocr]'，以后每小时自动识别。",
        )
        return
    yield Part(part="ocr", version=version(ocr.ENGINE), message=waiting)
