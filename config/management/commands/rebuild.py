"""rebuild: a new catalogue from the stores and the key file, into an empty database. Exit status 1 = something could
not be restored and is named."""

import sys

from django.conf import settings
from django.core.management import call_command

from archive import privacy, rebuilding
from config.commands import ArchiveCommand
from retention import recovery


class Command(ArchiveCommand):
    needs_setup = False
    help = "数据库全失之后，只凭对象存储和密钥文件重建目录；只装进空库，中断后再运行会接着做。"

    def arguments(self, parser) -> None:
        parser.add_argument(
            "--without-snapshots", action="store_true", help="不用目录快照，只用元数据清单和账本"
        )

    def run(self, *, without_snapshots: bool, **_: object) -> int:
        privacy.key_ring()
        for alias in settings.DATABASES:
            call_command("migrate", database=alias, verbosity=0, interactive=False)
        self.watched, self.what = not self.json and sys.stderr.isatty(), ""
        report = rebuilding.rebuild(
            actor=self.actor(), progress=self._progress, with_snapshots=not without_snapshots
        )
        report.counts["retention.hold"] += recovery.recover_holds()
        for key, reason in report.problems:
            self.line({"key": key, "reason": reason}) if self.json else self.say(f"{key}：{reason}")
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
                "检索库由 manage.py work 自己重建。账户都已停用，权限须重新授予。"
            )
        return 1 if report.faults else 0

    def _progress(self, what: str, count: int) -> None:
        if self.watched:
            self.stderr.write(f"\r{what} {count}".ljust(60), ending="")
        elif what.partition(" ")[0] != self.what:
            self.what = what.partition(" ")[0]
            self.note(f"{self.what} …")
