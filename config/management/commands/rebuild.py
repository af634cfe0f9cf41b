"""rebuild: a new catalogue from the stores and the key file, into an empty database; with --missing, what was filed and
decided after the backup into a restored one. Exit status 1 = something could not be brought back and is named."""

import sys

from archive import privacy, rebuilding
from config import databases
from config.backup import database
from config.commands import ArchiveCommand
from retention import recovery

WORDS = "正文里的词由它从电子文件重新读出，读完之前按正文查会少，不会错。"


class Command(ArchiveCommand):
    needs_setup = False
    help = (
        "数据库全失之后，只凭对象存储和密钥文件重建目录；只装进空库，中断后再运行会接着做。"
        "恢复备份之后，用 --missing 补入备份以后归档和决定的。"
    )

    def arguments(self, parser) -> None:
        how = parser.add_mutually_exclusive_group()
        how.add_argument(
            "--without-snapshots", action="store_true", help="不用目录快照，只用元数据清单和账本"
        )
        how.add_argument(
            "--missing", action="store_true", help="恢复备份之后：把存储里有、目录里没有的补进来，只进不改"
        )

    def run(self, *, without_snapshots: bool, missing: bool, **_: object) -> int:
        privacy.key_ring()
        databases.migrate()
        self.watched, self.what = not self.json and sys.stderr.isatty(), ""
        if missing:
            return self._missing()
        report = rebuilding.rebuild(
            actor=self.actor(), progress=self._progress, with_snapshots=not without_snapshots
        )
        report.counts["retention.hold"] += recovery.recover_holds()
        self._problems(report)
        if self.json:
            self.line({"problems": report.faults, "snapshots": report.snapshots, **report.counts})
        else:
            for key in report.snapshots:
                self.say(f"用了目录快照 {key}")
            for what, count in sorted(report.counts.items()):
                self.say(f"{what:32}{count:>12}")
            self.say(f"不能恢复的 {report.faults} 处。" if report.faults else "没有不能恢复的。")
            self.say(
                "接着运行 manage.py setup、manage.py first_user、manage.py verify_audit、manage.py fixity --all；"
                f"检索库由 manage.py work 自己重建，{WORDS}账户都已停用，权限须重新授予。"
            )
        return 1 if report.faults else 0

    def _missing(self) -> int:
        database.require_alone()
        report, taken = rebuilding.take_in_missing(actor=self.actor(), progress=self._progress)
        report.counts["retention.hold"] += recovery.recover_holds()
        self._problems(report)
        if self.json:
            self.line({"problems": report.faults, "taken": taken, **report.counts})
            return 1 if report.faults else 0
        for code, what in taken:
            self.say(f"{code}  {what}")
        words, count = [what for _, what in taken], report.counts
        self.say(
            f"补入备份以后归档的 {words.count('补入')} 件，按最新的元数据清单更新 {words.count('更新')} 件，"
            f"补记备份以后归档又销毁的 {words.count('存根')} 件；全宗卷 {count['archive.paper']} 份，"
            f"暂缓 {count['retention.hold']} 项，账本 {count['archive.event']} 条、利用记录 {count['archive.access']} 条。"
        )
        if count["forked"]:
            self.say(
                f"账本有 {count['forked']} 条，恢复之后同一条链上已另有记录，没有补入：仍在存储的账页里，"
                "verify_audit 会一直说出来。"
            )
        if report.faults:
            self.say(f"没有补入的 {report.faults} 处，见上：没有覆盖任何东西，请逐件查清。")
        elif not taken:
            self.say("存储里没有目录不认识的档案。")
        self.say(
            f"接着运行 manage.py doctor、verify_audit、fixity --all，再启动各服务。检索由 manage.py work 跟上，{WORDS}"
        )
        return 1 if report.faults else 0

    def _problems(self, report: rebuilding.Report) -> None:
        for key, reason in report.problems:
            self.line({"key": key, "reason": reason}) if self.json else self.say(f"{key}：{reason}")

    def _progress(self, what: str, count: int) -> None:
        if self.watched:
            self.stderr.write(f"\r{what} {count}".ljust(60), ending="")
        elif what.partition(" ")[0] != self.what:
            self.what = what.partition(" ")[0]
            self.note(f"{self.what} …")
