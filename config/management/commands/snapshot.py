"""snapshot: take a snapshot of the whole catalogue now, into every store."""

from archive import snapshots
from config.commands import ArchiveCommand


class Command(ArchiveCommand):
    help = "把目录（不含权限、密钥）作为快照存入每个存储；平时由定时任务做。"

    def run(self, **_: object) -> int:
        taken = snapshots.take(actor=self.actor())
        for row in taken:
            code = row.fonds.code if row.fonds else snapshots.SITE
            if self.json:
                self.line({"fonds": code, "rows": row.rows, "bytes": row.bytes, "sha256": row.sha256})
            else:
                self.say(f"{code}：{row.rows} 行，{row.bytes / 1024:.0f} KB，存入 {len(row.copies)} 个存储")
        if not taken:
            self.stop(3, "另一个进程正在存目录快照，请等它结束。")
        return 0
