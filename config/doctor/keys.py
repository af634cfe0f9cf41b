"""The keys of encrypted objects: is every one of them there, does it open, and does the key store do what it must."""

import stat
from collections.abc import Iterator
from pathlib import Path

from archive import keks, key_care, object_keys
from archive.errors import KeyFailed, NotConfigured, StorageFailed
from archive.models import ObjectKey
from config.doctor.part import Part

PART = "object-keys"
SAMPLE = 12
BACK = "请从密钥备份中恢复，不要另造新的：新的打不开旧的。"


def object_key_parts() -> Iterator[Part]:
    try:
        current = keks.current()
    except NotConfigured as fault:
        yield Part(part=PART, state="failed", message=str(fault), remedy="见运维手册“密钥”一节。")
        return
    yield from _wrapping(current)
    yield from _private()
    yield from _works()
    yield from _agreement(current)


def _wrapping(current: str) -> Iterator[Part]:
    if missing := key_care.missing_keks():
        count = ObjectKey.objects.filter(kek__in=missing).exclude(wrapped="").count()
        message = f"缺少密钥 {'、'.join(missing)}，由它加密的 {count} 个文件不能读出。"
        yield Part(part=PART, state="failed", version=current, message=message, remedy=BACK)
    context = b"doctor"
    try:
        kek, wrapped = keks.wrap(bytes(32), context)
        opened = keks.unwrap(kek, wrapped, context) == bytes(32)
    except KeyFailed as fault:
        yield Part(part=PART, state="failed", version=current, message=str(fault), remedy="检查密钥服务。")
        return
    if not opened:
        message = "密钥服务解开的与加密的不同。"
        yield Part(part=PART, state="failed", version=current, message=message, remedy="检查 ARCHIVE_KMS。")
    elif left := key_care.waiting():
        remedy = "夜间任务会接着做，也可运行 manage.py object_keys --rotate；做完之前旧的密钥要留着。"
        message = f"{left} 把数据密钥还由旧的密钥加密。"
        yield Part(part=PART, state="warning", version=current, message=message, remedy=remedy)


def _private() -> Iterator[Part]:
    folder = Path(object_keys.key_store().config.path or "-") / "objects"
    if folder.is_dir() and stat.S_IMODE(folder.stat().st_mode) & 0o007:
        message = f"密钥库 {folder} 别人也能读。"
        yield Part(part=PART, state="warning", message=message, remedy=f"chmod 750 {folder}")


def _works() -> Iterator[Part]:
    """A version can be written, read, removed, and is then gone."""
    try:
        object_keys.probe()
    except StorageFailed as fault:
        remedy = "密钥库要能写、读、按版本删除，不能有对象锁定。"
        yield Part(part=PART, state="failed", message=f"密钥库：{fault}", remedy=remedy)


def _agreement(current: str) -> Iterator[Part]:
    records = key_care.sample(SAMPLE)
    found = [fault for record in records for fault in key_care.faults(record)]
    for fault in found[:5]:
        remedy = "运行 manage.py object_keys --check 看全部，--mend 改正。"
        yield Part(part=PART, state="failed", version=current, message=fault, remedy=remedy)
    if not found:
        message = (
            f"抽查 {len(records)} 件，数据库与密钥库一致，密钥都能解开。" if records else "还没有数据密钥。"
        )
        yield Part(part=PART, version=current, message=f"{message}密钥要另有备份：{keks.LOSS}")
