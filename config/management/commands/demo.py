"""A small living archive to look at: set up, fill, say who signs in, serve."""

from django.core.management import call_command

from config import demo
from config.commands import ArchiveCommand
from config.demonstration.catalogue import FONDS
from config.demonstration.fonts import chinese_font
from config.demonstration.staff import PASSWORD, STAFF


class Command(ArchiveCommand):
    needs_setup = False
    help = "装入演示数据，打印用户名，并启动网页、工作进程和定时任务。可反复运行。"

    def arguments(self, parser) -> None:
        parser.add_argument("--bind", default="127.0.0.1:8000", metavar="HOST:PORT")
        parser.add_argument("--no-serve", action="store_true", help="只装入，不启动")

    def run(self, *, bind: str, no_serve: bool, **_: object) -> int:
        chinese_font()  # without one nothing readable can be printed: say so before anything is made
        call_command("setup")
        demo.refuse_beside_real_records()
        call_command("setup", fonds=[f"{code}={name}:{scheme}" for code, (name, scheme) in FONDS.items()])
        counts = demo.fill(self.say)
        made = "，".join(f"{word} {count}" for word, count in counts.items()) or "没有新的"
        self.say(f"信息包：{made}。\n\n用户名（密码都是 {PASSWORD}）：")
        for staff in STAFF:
            self.say(f"  {staff.username:10} {staff.name}　{staff.does}")
        if not no_serve:
            self.say("")
            call_command("serve", bind=bind)
        return 0
