"""The first person who may sign in: a 安全保密员, who then makes all others in the pages."""

import getpass
import sys

from django.db import transaction
from django.utils import timezone

from archive import people
from archive.errors import WrongState
from archive.people import Extent
from config.commands import ArchiveCommand


class Command(ArchiveCommand):
    help = "建立第一个安全保密员；已经有了就拒绝，以后的人员都在网页“人员与授权”里办理。"

    def arguments(self, parser) -> None:
        parser.add_argument("username", metavar="NAME", help="用户名")
        parser.add_argument("--name", default="", metavar="姓名", help="姓名；不写则同用户名")
        parser.add_argument("--password-stdin", action="store_true", help="从标准输入读密码（一行）")

    def run(self, *, username: str, name: str, password_stdin: bool, **_: object) -> int:
        if people.someone_keeps_order(timezone.localdate()):
            raise WrongState(
                what="系统", state="已有安全保密员", verb="再建第一个；请由他在网页“人员与授权”里新增"
            )
        password = sys.stdin.readline().rstrip("\r\n") if password_stdin else self.ask()
        if not password:
            self.stop(2, "没有给出密码。")
        actor = self.actor()
        with transaction.atomic():
            user, _ = people.make_user(username, name or username, actor=actor, password=password)
            people.assign(user.pk, "secadmin", Extent(), actor=actor)
        answer = {"username": user.username, "name": user.name, "role": "secadmin"}
        if self.json:
            self.line(answer)
        else:
            self.say(f"已建立安全保密员 {user}。请登录后在“人员与授权”里新增其他人员。")
        return 0

    def ask(self) -> str:
        first = getpass.getpass("密码：")
        if first != getpass.getpass("再输一次："):
            self.stop(2, "两次输入的密码不同。")
        return first
