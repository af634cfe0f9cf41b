"""The checks on a package or a plain file; nothing is stored."""

from pathlib import Path

from django.db import DatabaseError

from archive import trust
from archive.errors import NotFound
from archive.inspection.fence import Fence
from config.commands import ArchiveCommand
from ingest import examination
from ingest.transports import folders

WORDS = {"accept": "合格", "flag": "有提示", "reject": "不合格"}


class Command(ArchiveCommand):
    help = "对信息包或单个文件做四性检测，不存储。"

    def arguments(self, parser) -> None:
        parser.add_argument("paths", nargs="+", metavar="PATH")
        parser.add_argument("--all-findings", action="store_true", help="也列出通过的检测项")
        parser.add_argument(
            "--trust", metavar="FILE", action="append", default=[], help="本次另外信任的根证书（PEM 或 DER）"
        )

    def run(self, *, paths: list[str], all_findings: bool, trust: list[str], **_: object) -> int:
        clean = True
        facts = self.trusting(trust)
        for answer in examination.judge(self.targets(paths), all_findings=all_findings, facts=facts):
            clean &= answer["verdict"] != "reject"
            if self.json:
                self.line(answer)
                continue
            self.stdout.write(f"{WORDS[answer['verdict']]}  {answer['puid'] or '—'}  {answer['path']}")
            for finding in answer["findings"]:
                self.stdout.write(f"      {finding['check']} [{finding['verdict']}] {finding['message']}")
        return 0 if clean else 1

    def trusting(self, files: list[str]) -> dict[str, object]:
        """The site's roots and lists of revoked certificates, where there is a database to ask, and the roots in the
        files named for this run."""
        try:
            roots, lists = trust.roots(), trust.revocations()
        except DatabaseError:
            roots, lists = [], {}
        for name in files:
            if not Path(name).is_file():
                raise NotFound(what=f"证书文件 {name}")
            with Fence() as fence:
                roots += [entry["der"] for entry in trust.read(Path(name).read_bytes(), fence)]
        return {"trusted": roots, "revocations": lambda: lists}

    def targets(self, paths: list[str]):
        """A folder that is no bag stands for what is in it: packages whole, other files one by one."""
        notes: list[str] = []
        for text in paths:
            path = Path(text)
            if path.is_dir() and not folders.is_bag(path):
                yield from (found for found, _ in folders.walk(path, notes))
            else:
                yield path
        for note in notes:
            self.note(note)
