"""fixity: read stored copies again. Exit status 1 = damage found, 3 = a store could not be asked."""

import sys

from archive import fixity, records
from archive.errors import WrongInput
from archive.models import Damage, Fonds
from config.commands import ArchiveCommand


class Command(ArchiveCommand):
    help = "固化信息核验：重新读出副本，与写入时的摘要、长度、锁定比较。"

    def arguments(self, parser) -> None:
        extent = parser.add_mutually_exclusive_group()
        extent.add_argument("--all", action="store_true", help="全部副本（中断后再次运行会接着做）")
        extent.add_argument("--record", default="", metavar="档号", help="一件档案的副本")
        extent.add_argument("--fonds", default="", metavar="全宗号", help="一个全宗的全部副本（同样接着做）")
        extent.add_argument(
            "--limit", type=int, metavar="N", help="最久没有核验的 N 个副本；默认为每天应核验的份额"
        )

    def run(self, *, all: bool, record: str, fonds: str, limit: int | None, **_: object) -> int:
        if limit is not None and limit < 1:
            raise WrongInput(field="--limit", reason="应为正整数。")
        chosen = Fonds.objects.filter(code=fonds).first() if fonds else None
        if fonds and chosen is None:
            raise WrongInput(field="--fonds", reason=f"没有全宗“{fonds}”。")
        actor = self.actor()
        watched = not self.json and sys.stderr.isatty()
        try:
            swept = fixity.sweep(
                actor=actor,
                everything=all,
                record=records.get_by_code(actor, record) if record else None,
                fonds=chosen,
                limit=limit,
                report=self._damaged,
                progress=self._progress if watched else lambda checked: None,
            )
        except fixity.Busy as fault:
            self.stop(3, str(fault))
        if self.json:
            self.line(
                {
                    "checked": swept.checked,
                    "bytes": swept.bytes,
                    "damaged": swept.damaged,
                    "seconds": round(swept.seconds, 3),
                }
            )
        else:
            verdict = f"受损 {swept.damaged} 个" if swept.damaged else "全部完好"
            size = f"{swept.bytes / 1024 / 1024:.1f} MB"
            self.say(f"核验 {swept.checked} 个副本，{size}，{swept.seconds:.1f} 秒：{verdict}。")
        return 1 if swept.damaged else 0

    def _damaged(self, target: fixity.Target, fault: str) -> None:
        if self.json:
            self.line(
                {
                    "reference_code": target.reference_code,
                    "object": str(target.object),
                    "store": target.store,
                    "key": target.key,
                    "version": target.version,
                    "fault": fault,
                }
            )
        else:
            self.say(f"{target.reference_code}  {target.store}  {target.key}：{Damage.FAULTS[fault]}")

    def _progress(self, checked: int) -> None:
        self.stderr.write(f"\r已核验 {checked} ", ending="")
