"""object_keys: the data keys of encrypted objects. Exit status 1 = something is wrong with them."""

import sys
from pathlib import Path

from django.conf import settings
from django.db import transaction

from archive import audit, keks, key_care, object_keys
from archive.models import ObjectKey
from config.commands import ArchiveCommand


class Command(ArchiveCommand):
    help = "加密存放所用的数据密钥：现状、换用新的密钥加密密钥、核对数据库与密钥库。"

    def arguments(self, parser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument(
            "--new-kek", action="store_true", help="在密钥文件里加一把新的密钥加密密钥，从此用它"
        )
        what.add_argument(
            "--rotate", action="store_true", help="把数据密钥改由现用的密钥加密；中断后再次运行会接着做"
        )
        what.add_argument("--check", action="store_true", help="逐件核对数据库与密钥库，并试解每一把")
        what.add_argument(
            "--mend", action="store_true", help="逐件核对，不一致的照数据库改正密钥库，缺的取回"
        )

    def run(self, *, new_kek: bool, rotate: bool, check: bool, mend: bool, **_: object) -> int:
        if new_kek:
            return self._new_kek()
        if rotate:
            return self._rotate()
        if check or mend:
            return self._check(mend)
        return self._state()

    def _state(self) -> int:
        missing = key_care.missing_keks()
        told = {
            "current": keks.current(),
            "known": keks.known(),
            "missing": missing,
            "keys": ObjectKey.objects.exclude(wrapped="").count(),
            "destroyed": ObjectKey.objects.filter(wrapped="").count(),
            "waiting": key_care.waiting(),
            "key_store": object_keys.key_store().describe()["where"],
        }
        if self.json:
            self.line(told)
        else:
            self.say(f"现用密钥 {told['current']}，另有 {'、'.join(told['known'][1:]) or '无'}。")
            self.say(
                f"数据密钥 {told['keys']} 把，其中 {told['waiting']} 把等待改由现用密钥加密；已销毁 {told['destroyed']} 把。"
            )
            self.say(f"密钥库：{told['key_store']}")
            if missing:
                self.say(f"缺少密钥：{'、'.join(missing)}。{keks.LOSS}请从密钥备份中恢复。")
        return 1 if missing else 0

    def _new_kek(self) -> int:
        name = keks.add_to_file(Path(settings.ARCHIVE_KEYS))
        with transaction.atomic():
            data = {"kek": name}
            audit.record(
                actor=self.actor(), action="keys.kek_added", kind="site", subject="object-keys", data=data
            )
        if self.json:
            self.line({"current": keks.current(), "added": name})
        else:
            self.say(f"已加密钥 {name}。请立即另外备份密钥文件：{keks.LOSS}")
            self.say("重新启动网页和工作进程，再运行 manage.py object_keys --rotate；旧的密钥要留着。")
        return 0

    def _rotate(self) -> int:
        watched = not self.json and sys.stderr.isatty()
        rotated = key_care.rotate(
            actor=self.actor(), progress=self._progress if watched else lambda done, left: None
        )
        if self.json:
            self.line({"done": rotated.done, "left": rotated.left, "fault": rotated.fault})
        else:
            self.say(f"改由 {keks.current()} 加密 {rotated.done} 把，还有 {rotated.left} 把。{rotated.fault}")
        return 1 if rotated.fault else 0

    def _progress(self, done: int, left: int) -> None:
        self.stderr.write(f"\r已改 {done}，还有 {left} ", ending="")

    def _check(self, mend: bool) -> int:
        records = wrong = 0
        for record in key_care.everything():
            records += 1
            faults = key_care.faults(record)
            if faults and mend:
                key_care.mend(record, actor=self.actor())
                faults = key_care.faults(record)
            wrong += bool(faults)
            for fault in faults:
                self.line({"record": str(record.pk), "fault": fault}) if self.json else self.say(fault)
        if self.json:
            self.line({"records": records, "wrong": wrong})
        else:
            self.say(f"核对 {records} 件档案的数据密钥，有问题的 {wrong} 件。")
        return 1 if wrong else 0
