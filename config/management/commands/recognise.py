"""Words of scans, now: what the hourly job does, with as many cores as wanted."""

from archive.permissions import system_actor
from config.commands import ArchiveCommand
from ingest import recognition


class Command(ArchiveCommand):
    help = "识别扫描件上的文字（附加组件 [ocr]），供检索和核对；可以随时中断，再次运行接着做。"

    def arguments(self, parser) -> None:
        parser.add_argument("--minutes", type=float, default=60, help="最多做多少分钟（默认 60）")
        parser.add_argument(
            "--cores", type=int, default=1, help="同时用几个处理器核（默认 1；SQLite 请用 1）"
        )

    def run(self, *, minutes: float, cores: int, **_: object) -> int:
        if not recognition.ready():
            self.stop(
                3,
                "文字识别没有启用：请安装附加组件（pip install 'business-archive[ocr]'），并确认 ARCHIVE_OCR 没有设为 0。",
            )
        told = recognition.work(actor=system_actor("命令行"), seconds=minutes * 60, cores=max(1, cores))
        left = recognition.progress()
        if self.json:
            self.line(told | {"files_left": left["files"], "pages_left": left["pages"]})
        else:
            self.say(
                f"识别 {told['done']} 个文件、{told['pages']} 页，失败 {told['failed']} 个；"
                f"还有 {left['files']} 个文件、{left['pages']} 页。"
            )
        return 1 if told["failed"] else 0
