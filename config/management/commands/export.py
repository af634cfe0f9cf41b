"""Records leave as packages: one package each, a folder or a zip, into a folder of this machine."""

from pathlib import Path

from archive import records
from archive.errors import ArchiveError, WrongInput
from archive.http import file_name
from archive.models import Record
from archive.packages import outgoing
from archive.packages.content import GONE
from archive.permissions import Actor
from config.commands import ArchiveCommand
from config.management.commands.find import Command as Find


class Command(ArchiveCommand):
    help = "把档案导出为信息包（BagIt 或 METS），每件一个，写进一个文件夹。已经导出的不重写，中断之后再运行即接着做。"

    def arguments(self, parser) -> None:
        parser.add_argument("codes", nargs="*", metavar="REFERENCE_CODE", help="档号")
        parser.add_argument("--fonds", default="", metavar="CODE", help="导出这个全宗的全部档案")
        parser.add_argument("--to", required=True, metavar="FOLDER", help="写到哪里；没有则建立")
        parser.add_argument("--purpose", required=True, help="为什么导出、交给谁：记入审计和利用记录")
        parser.add_argument("--format", default="bag", choices=list(outgoing.FORMATS))
        parser.add_argument("--zip", action="store_true", help="每件一个 zip，而不是文件夹")
        parser.add_argument("--user", default="", help="以某用户的权限导出；不给则以系统身份")

    def run(self, *, codes, fonds, to, purpose, format, zip, user, **_) -> int:
        purpose = outgoing.purpose_of(purpose)
        actor = Find.reader(user) if user else self.actor()
        if bool(codes) == bool(fonds):
            raise WrongInput(field="档案", reason="请给出档号，或者用 --fonds 给出全宗号，二者取一。")
        wanted = codes or self.codes_of(fonds, actor)
        if not wanted:
            raise WrongInput(field="--fonds", reason=f"全宗“{fonds}”里没有可以导出的档案。")
        clean = True
        for number, code in enumerate(wanted, 1):
            line = self.one(code, Path(to), purpose, format, zip, actor)
            clean &= line["state"] != "failed"
            self.show(line, number, len(wanted))
        return 0 if clean else 1

    def codes_of(self, fonds: str, actor: Actor) -> list[str]:
        rows = Record.objects.visible_to(actor.scope("record.export")).filter(fonds__code=fonds)
        rows = rows.exclude(state__in=GONE)
        return list(rows.order_by("id").values_list("reference_code", flat=True))

    def one(self, code: str, to: Path, purpose: str, format: str, zip: bool, actor: Actor) -> dict:
        """One package; its fault is no other's. What is there is finished: it is left as it is."""
        path = to / (file_name(code) + (".zip" if zip else ""))
        line = {"reference_code": code, "path": str(path), "format": format, "state": "there"}
        line |= {"files": None, "bytes": None, "sha256": None, "message": None}
        try:
            record = records.get_by_code(actor, code, "record.export")
            if path.exists():
                return line
            target = outgoing.target_at(path, zip=zip)
            written = outgoing.export([record.pk], target, format=format, purpose=purpose, actor=actor)
        except ArchiveError as fault:
            return line | {"state": "failed", "message": str(fault)}
        return line | {
            "state": "exported", "files": written.files, "bytes": written.bytes, "sha256": written.sha256 or None,
        }  # fmt: skip

    def show(self, line: dict, number: int, count: int) -> None:
        if self.json:
            self.line(line)
            return
        said = f"[{number}/{count}] {WORDS[line['state']]}  {line['reference_code']}  {line['path']}"
        self.stdout.write(said)
        if line["message"]:
            self.stdout.write(f"      {line['message']}")


WORDS = {"exported": "已导出", "there": "已在那里", "failed": "没有导出"}
