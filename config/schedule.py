"""What runs by itself, and when. `setup` brings the queue in line with this table through `archive.jobs.sync`.

Each function translates into one verb, as a view or a command does. All of them may be lost, late or doubled.
"""

import logging
from collections.abc import Callable
from datetime import time
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from archive import (
    evidence,
    fixity,
    key_care,
    ledgers,
    pdfa,
    readings,
    renewal,
    retirement,
    seals,
    snapshots,
    spreading,
    stores,
)
from archive.jobs import DAILY, HOURLY, Job
from archive.models import PdfaClaim
from archive.packages import orders
from archive.permissions import Actor, system_actor
from config import promises
from config.backup import taking
from ingest import receiving, recognition
from ingest.transports import direct
from retention import due, holds

log = logging.getLogger("archive.jobs")

RECOGNISE_SECONDS = 40 * 60
"""Of each hour, and less than what the queue gives a job."""

SIGN_IN_LOG_DAYS = 180
"""The ledger keeps every sign-in for ever; this is the short log of the lock-out."""


def actor() -> Actor:
    return system_actor("定时任务")


def seal_ledgers() -> str:
    seal = seals.seal_ledgers(actor=actor())
    ledgers.write_pages()
    return f"封存到第 {seal.number} 号" if seal else "没有需要封存的"


def check_fixity() -> str:
    """The daily share. Busy is no failure: somebody else is at it."""
    try:
        swept = fixity.sweep(actor=actor())
    except fixity.Busy as fault:
        return str(fault)
    if swept.damaged:
        log.error("fixity: %s of %s copies damaged", swept.damaged, swept.checked)
    return f"核验 {swept.checked} 个副本，受损 {swept.damaged} 个"


def check_evidence() -> str:
    """The day's share of what the archive keeps beside records."""
    files, wanting = evidence.check(timezone.localdate(), actor=actor())
    if wanting:
        log.error("evidence: %s of %s files are lacking in some store", wanting, files)
    return f"核对系统文件 {files} 个，缺或坏 {wanting} 个"


def scan_due() -> str:
    """Nothing is stored: the due list is a query. The run history keeps the day's numbers."""
    found, waiting = due.scan(timezone.localdate())
    words = f"到期 {found.total} 件：待鉴定 {found.waiting}，占用或期限未确认 {found.blocked}"
    words += f"，鉴定中 {found.appraised}，待列清册 {found.decided}，已列清册 {found.listed}"
    each = "，".join(f"{code} {count}" for code, count in sorted(waiting.items()))
    return f"{words}。待鉴定：{each}" if each else words


def spread_holds() -> str:
    return f"新近归档的 {holds.spread(actor=actor())} 件已按人、按单位暂缓"


def renew_locks() -> str:
    """Busy is no failure: somebody else is at it."""
    try:
        return str(renewal.renew(actor=actor()))
    except renewal.Busy as fault:
        return str(fault)


def read_stores() -> str:
    """How every store stood at the end of yesterday."""
    taken = readings.take()
    return "；".join(f"{one.store} {one.objects_count} 个对象，待写 {one.behind}" for one in taken)


def back_up() -> str:
    """Into the configured folder; then those whose day is over go. Refusals are failures of the job, to be seen."""
    if not settings.BACKUP_DIR:
        return "没有设置备份目录（ARCHIVE_BACKUP_DIR），没有备份"
    made = taking.take(
        actor=actor(), folder=Path(settings.BACKUP_DIR), passphrase=taking.passphrase_from_file()
    )
    removed = taking.sweep(actor=actor())
    return f"备份 {made.name}，{made.bytes} 字节" + (f"；清除到期的 {len(removed)} 份" if removed else "")


def spread_stores() -> str:
    """The worker does it; this only makes it look again, for a store that was added to the configuration."""
    retirement.announce()
    return f"重新核对 {spreading.announce()} 个全宗的存储"


def snapshot_catalogue() -> str:
    """Every SNAPSHOT_DAYS; what is too old goes."""
    removed = snapshots.tidy()
    taken = snapshots.take(actor=actor()) if snapshots.due() else []
    words = f"存下 {len(taken)} 份，{sum(row.rows for row in taken)} 行" if taken else "还没有到日子"
    return f"{words}；清除旧的 {removed} 份"


def recognise() -> str:
    told = recognition.work(actor=actor(), seconds=RECOGNISE_SECONDS)
    left = recognition.progress()
    if not told:
        return "没有启用文字识别"
    return f"识别 {told['done']} 个文件、{told['pages']} 页，失败 {told['failed']} 个；还有 {left['files']} 个文件、{left['pages']} 页"


def validate_pdfa() -> str:
    told = pdfa.validate(actor=actor())
    if not told:
        return "没有待验证的，或没有配置验证程序"
    return "，".join(f"{PdfaClaim.STATES[state]} {count} 个" for state, count in sorted(told.items()))


def probe_stores() -> str:
    """What a start of production is refused for should be known on the day on which it begins."""
    words = []
    for name, _, results in promises.try_out():
        broken = [result for result in results if result.state == "failed"]
        for result in broken:
            log.error("store %s does not keep %s: %s", name, result.name, result.message)
        said = "；".join(result.message.rstrip("。") for result in broken)
        words.append(f"{name}：{said or '承诺都守住'}")
    return "。".join(words)


def sweep_staging() -> str:
    """Also what interrupted writes left in the stores, and packages that no browser finished."""
    words = f"清理暂存 {receiving.sweep()} 个、未完成的直接上传 {direct.sweep()} 个"
    return f"{words}、存储里中断的写入 {sum(store.sweep() for store in stores.configured().values())} 个"


def care_for_keys() -> str:
    """What destruction left half done comes first; then what waits for the current key-encryption key."""
    finished = key_care.finish_destroyed(actor=actor())
    rotated = key_care.rotate(actor=actor())
    if rotated.fault:
        log.error("object keys: %s wait, %s", rotated.left, rotated.fault)
    words = f"改由现用密钥加密 {rotated.done} 把，还有 {rotated.left} 把"
    words += f"，补销毁 {finished} 件的密钥" if finished else ""
    return f"{words}：{rotated.fault}" if rotated.fault else words


def sweep_exports() -> str:
    return f"清除到期的导出包 {orders.sweep()} 个"


def clear_sign_ins() -> str:
    call_command("clearsessions")
    call_command("axes_reset_logs", age=SIGN_IN_LOG_DAYS, verbosity=0)
    return "已清理"


def _job(code: str, name: str, function: Callable[[], str], every: str, hour: int, minute: int) -> Job:
    return Job(
        code=code, name=name, function=f"{__name__}.{function.__name__}", every=every, at=time(hour, minute)
    )


JOBS = [
    _job("seal", "封存审计账本", seal_ledgers, HOURLY, 0, 7),
    _job("fixity", "固化信息核验", check_fixity, DAILY, 1, 30),
    _job("evidence", "核对系统文件", check_evidence, DAILY, 4, 20),
    _job("due", "到期扫描", scan_due, DAILY, 0, 20),
    _job("holds", "暂缓销毁覆盖", spread_holds, DAILY, 0, 40),
    _job("locks", "续锁", renew_locks, DAILY, 2, 50),
    _job("readings", "存储读数", read_stores, DAILY, 0, 10),
    _job("backup", "备份", back_up, DAILY, 0, 50),
    _job("stores", "补齐各存储的副本", spread_stores, DAILY, 1, 10),
    _job("catalogue", "目录快照", snapshot_catalogue, DAILY, 4, 40),
    _job("pdfa", "PDF/A 验证", validate_pdfa, HOURLY, 0, 37),
    _job("recognise", "文字识别", recognise, HOURLY, 0, 12),
    _job("promises", "试存储的承诺", probe_stores, DAILY, 2, 20),
    _job("staging", "清理暂存区", sweep_staging, DAILY, 3, 10),
    _job("object-keys", "数据密钥", care_for_keys, DAILY, 4, 10),
    _job("exports", "清理导出包", sweep_exports, DAILY, 3, 25),
    _job("sign-in", "清理登录记录", clear_sign_ins, DAILY, 3, 40),
]
"""Hours of little work; minutes apart, so that they do not begin together."""
