"""repair: order damaged copies to be restored, and files of the archive itself to be put again where a store lost them.

Without --reason it only tells what is damaged. Exit status 1 = something could not be repaired (or, without a reason,
something is damaged). The worker writes what is ordered.
"""

from archive import evidence, records, restoration
from archive.errors import WrongInput
from archive.models import Copy
from config.commands import ArchiveCommand

HOW = {"missing": "缺失", "damaged": "受损", "untold": "已在，还没有记账"}


class Command(ArchiveCommand):
    help = "恢复受损的副本，重新存入丢失的系统文件（封存、核验结果、全宗卷、目录快照）；不给理由时只列出。"

    def arguments(self, parser) -> None:
        extent = parser.add_mutually_exclusive_group()
        extent.add_argument("--store", default="", metavar="名称", help="这个存储的全部受损副本")
        extent.add_argument("--record", default="", metavar="档号", help="一件档案的受损副本")
        extent.add_argument("--files", action="store_true", help="只看系统文件")
        parser.add_argument("--reason", default="", metavar="理由", help="为什么恢复；写了才动手，记入审计")

    def run(self, *, store: str, record: str, files: bool, reason: str, **_: object) -> int:
        whole = not (store or record or files)
        status = 0
        if not files:
            status = self._copies(store, record, reason)
        if files or whole:
            status = max(status, self._files(reason))
        return status

    def _copies(self, store: str, record: str, reason: str) -> int:
        actor, rows = self.actor(), Copy.objects.filter(state="damaged", object__record__state="archived")
        if store:
            if not Copy.objects.filter(store=store).exists():
                raise WrongInput(field="--store", reason=f"没有副本存放在“{store}”。")
            rows = rows.filter(store=store)
        if record:
            rows = rows.filter(object__record=records.get_by_code(actor, record))
        if not reason:
            for copy in (
                restoration.with_good(rows)
                .select_related("object__record")
                .order_by("store", "id")
                .iterator()
            ):
                self._tell(copy)
            return 1 if rows.exists() else 0
        done = restoration.restore_all(rows, actor=actor, reason=reason)
        if self.json:
            self.line(
                {
                    "owed": done.owed,
                    "relocked": done.relocked,
                    "hopeless": done.hopeless,
                    "faults": len(done.faults),
                }
            )
        else:
            self.say(f"{done}。")
        return 1 if done.hopeless or done.faults else 0

    def _tell(self, copy: Copy) -> None:
        code, good = copy.object.record.reference_code, copy.good or copy.fault == "lock"
        if self.json:
            self.line(
                {
                    "reference_code": code,
                    "store": copy.store,
                    "key": copy.key,
                    "fault": copy.fault,
                    "good": good,
                }
            )
        else:
            self.say(
                f"{code}  {copy.store}  {copy.key}：{copy.fault}，{'可以恢复' if good else '没有完好的副本'}"
            )

    def _files(self, reason: str) -> int:
        status = 0
        for found in evidence.wanting():
            where = "、".join(f"{name}（{HOW[how]}）" for name, how in found.bad.items())
            done = evidence.put_again(found, actor=self.actor(), reason=reason) if reason else []
            if not done:
                status = 1
            if self.json:
                self.line({"key": found.file.key, "bad": found.bad, "good": found.good, "restored": done})
            else:
                after = (
                    f"已重新存入 {'、'.join(done)}"
                    if done
                    else "可以重新存入"
                    if found.good
                    else "没有完好的一份"
                )
                self.say(f"{found.file.name} {found.file.key}：{where}，{after}")
        return status
