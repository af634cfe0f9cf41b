"""restore: put a backup back into an empty place, then say what ledgers and stores have to say to it.

Exit status 1: restored, and somebody must look at something.
"""

import getpass
import sys
from dataclasses import asdict
from pathlib import Path

from config.backup import reconciling, restoring, taking
from config.backup.refusals import BackupRefused
from config.commands import ArchiveCommand
from config.management.commands.verify_audit import FAULTS

SHOWN = 20


class Command(ArchiveCommand):
    help = "从备份恢复到空的地方：数据库、密钥；然后核对账本和存储，说出备份之后的变化。"
    needs_setup = False
    restores = True

    def arguments(self, parser) -> None:
        parser.add_argument("file", metavar="文件", type=Path)
        parser.add_argument("--replace", action="store_true", help="现有的先移到一旁（不删除），再恢复")

    def run(self, *, file: Path, replace: bool, **_: object) -> int:
        if not file.is_file():
            raise BackupRefused(what="恢复", reason=f"没有文件 {file}。")
        done = restoring.restore(file, asked, actor=self.actor(), replace=replace)
        self.note("已恢复；正在核对账本和存储……")
        found = reconciling.reconcile(actor=self.actor())
        if self.json:
            self.line(asdict(done) | asdict(found) | {"clean": found.clean})
        else:
            self._tell(done, found)
        return 0 if found.clean else 1

    def _tell(self, done: restoring.Restored, found: reconciling.Reconciled) -> None:
        if done.undone:
            self.say("先前一次恢复没有做完，已放回原样，再从头做过。")
        self.say(f"已恢复 {done.taken_at[:19].replace('T', ' ')} 的备份：档案 {done.records} 件。")
        if done.aside:
            self.say("原有的没有删除，移到了：" + "；".join(done.aside))
        if not done.keys:
            self.say("这份备份不含密钥，用的是这里原有的密钥文件。")
        for name, there, here in done.settings:
            self.say(f"设置不同：{name} 备份时是 {there}，现在是 {here}。")
        if done.elsewhere:
            self.say(f"这些设置须从别处补上，现在没有：{'、'.join(done.elsewhere)}")
        if found.unasked:
            self.say(
                f"账本和存储没有核对：{found.unasked}存储可用之后请再恢复一次，或运行 verify_audit 和 fixity --all。"
            )
            return
        if found.unknown:
            self.say(
                f"存储里有 {len(found.unknown)} 件的电子文件是备份之后写入的，恢复的目录里没有（电子文件都还在，没有动）。"
            )
            self.say(f"其中整件都不在目录里的，档号已经留空（{len(found.codes)} 个），新归档的不会重号。")
        if found.destroyed:
            self.say(
                f"有 {len(found.destroyed)} 件在备份之后已经销毁（全宗卷有留证目录），已再次销毁，只留存根。"
            )
        if found.unread:
            self.say(f"其中 {found.unread} 件的档号读不出：rebuild --missing 之前请不要归档新的，以免重号。")
        if found.absent:
            self.say(
                f"有 {len(found.absent)} 件在所有存储里都没有，可能在备份之后已经销毁。已标为缺失，不当作在管。请对照全宗卷的销毁执行记录："
            )
            for record in found.absent[:SHOWN]:
                self.say(f"  {record}")
        if found.missing_copies:
            self.say(
                f"另有 {found.missing_copies} 个副本缺失，同一件还有别的副本。请运行 manage.py fixity --all。"
            )
        if found.seals:
            self.say(
                f"备份之后的封存第 {found.seals[0]} 到 {found.seals[-1]} 号已补登记；其中 {found.explained} 处账目不在备份里："
                "rebuild --missing 补入接得上的，其余的以后 verify_audit 会一直说出来，这是实情。"
                "请把恢复的经过写成文件存入全宗卷。"
            )
        for fault in found.faults[:SHOWN]:
            self.say(f"账本不符：{fault.subject} {fault.sequence or ''} {FAULTS[fault.fault]}")
        self.say("账本核对无误。" if not found.faults else f"账本有 {len(found.faults)} 处不符，请查清。")
        missing = "manage.py rebuild --missing（把备份之后归档和决定的补进目录，先做这一步，再启动服务），"
        self.say(
            f"检索库由工作进程重建。接着请运行：{missing if found.unknown or found.seals else ''}"
            "manage.py doctor，manage.py fixity --all。"
        )


def asked() -> str:
    """The configured passphrase, else from whoever sits at the terminal."""
    if word := taking.passphrase_from_file():
        return word
    if not sys.stdin.isatty():
        raise BackupRefused(
            what="恢复", reason="备份是加密的。请设置 ARCHIVE_BACKUP_PASSPHRASE_FILE，或在终端上运行。"
        )
    return getpass.getpass("备份口令：")
