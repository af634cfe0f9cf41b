"""doctor: try out every part that the archive stands on. Exit status 1 = a part failed, 3 = it cannot work at all."""

from dataclasses import asdict

from config import doctor
from config.commands import ArchiveCommand

MARKS = {"ok": "正常", "warning": "注意", "failed": "失败", "absent": "没有"}


class Command(ArchiveCommand):
    help = "检查系统的每个部分：数据库、密钥、存储、暂存、索引、任务、查毒、字体等。"
    guarded = False  # it shows what is wrong with the settings instead of refusing to start

    def run(self, **_: object) -> int:
        parts = []
        for part in doctor.examine():
            parts.append(part)
            if self.json:
                self.line(asdict(part))
            else:
                version = f"（{part.version}）" if part.version else ""
                self.say(f"[{MARKS[part.state]}] {part.part}{version} {part.message}")
                if part.remedy and part.state != "ok":
                    self.say(f"       处理：{part.remedy}")
        return doctor.status(parts)
