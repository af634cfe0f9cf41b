"""Take packages in, all the way to searchable. One line a package, exactly as the submission format says."""

from pathlib import Path

from archive import profiles
from archive.errors import ArchiveError, WrongInput
from archive.inspection.fence import Fence
from config.commands import ArchiveCommand
from config.worker import follow_changes
from ingest import outcomes, pipeline, receiving
from ingest.transports import batches, folders


class Command(ArchiveCommand):
    help = "接收、检测、归档信息包（bag 文件夹、zip，或装有多个信息包的文件夹）。"

    def arguments(self, parser) -> None:
        parser.add_argument("paths", nargs="+", metavar="PATH")
        parser.add_argument("--fonds", default="", metavar="CODE", help="信息包没有写全宗号时使用")
        parser.add_argument("--all-findings", action="store_true", help="也列出通过的检测项")

    def run(self, *, paths: list[str], fonds: str, all_findings: bool, **_: object) -> int:
        profiles.registry()  # without sound packs nothing can be judged: say so before anything is taken in
        packages, notes = folders.discover([Path(path) for path in paths])
        for note in notes:
            self.note(note)
        if not packages:
            self.stop(2, "没有找到信息包：请给出 bag 文件夹、zip 文件，或装有它们的文件夹。")
        clean, counts, of_batch = True, {}, {}
        with Fence() as fence:
            for number, found in enumerate(packages, 1):
                size = size_of(found.path) if found.batch else 0
                line = self.take_in(found, fonds, fence, all_findings)
                state = line["state"]
                counts[state] = counts.get(state, 0) + 1
                clean &= state == "archived" or line.get("first_state") == "archived"
                self.show(line, number, len(packages))
                if found.batch:
                    of_batch.setdefault(found.batch, []).append((line, size))
                if number % 50 == 0:
                    follow_changes()
            follow_changes()
        for batch, taken in of_batch.items():
            if note := batches.size_note(batch, sum(size for _, size in taken)):
                self.note(note)
            for sentence in batches.differences(batch, [line for line, _ in taken]):
                self.note(sentence)
                clean = False
        self.say("合计：" + "，".join(f"{WORDS[state]} {count}" for state, count in sorted(counts.items())))
        return 0 if clean else 1

    def take_in(self, found: folders.Found, fonds: str, fence: Fence, all_findings: bool) -> dict:
        """One package as far as it goes by itself, and its line. Its fault is no other package's."""
        actor, batch_no = self.actor(), found.batch.batch_no if found.batch else ""
        try:
            received = receiving.receive_path(
                found.path, actor=actor, fence=fence, channel="cli", default_fonds=fonds, batch_no=batch_no
            )
        except WrongInput as fault:
            return unreadable(found.path, fault)
        submission = received.submission
        if not received.duplicate:
            try:
                submission = pipeline.process(submission.pk, fence, actor=actor, unpacked=received.unpacked)
            except ArchiveError as fault:
                self.note(f"{found.path}：{fault}")
                submission.refresh_from_db()
        return outcomes.outcome(
            submission, str(found.path), duplicate=received.duplicate, all_findings=all_findings
        )

    def show(self, line: dict, number: int, count: int) -> None:
        if self.json:
            self.line(line)
            return
        code = line["reference_code"] or "—"
        self.stdout.write(f"[{number}/{count}] {WORDS[line['state']]}  {code}  {line['path']}")
        for finding in line["findings"]:
            if finding["verdict"] in ("failed", "manual", "warning"):
                self.stdout.write(f"      {finding['check']} {finding['message']}")


WORDS = {
    "archived": "已归档",
    "returned": "退回",
    "waiting": "待处理",
    "duplicate": "重复",
    "refused": "拒收",
}


def size_of(path: Path) -> int:
    """The bytes of a package's files as handed over; 0 for what cannot be looked at (receiving says why)."""
    try:
        if path.is_file():
            return path.stat().st_size
        return sum(file.lstat().st_size for file in path.rglob("*") if file.is_file())
    except OSError:
        return 0


def unreadable(path: Path, fault: WrongInput) -> dict:
    """The line of something that could not even be staged: nothing of it is kept, because nothing could be read."""
    empty = ("submission", "source", "item", "business_no", "reference_code", "record", "stage", "insurance")
    finding = {
        "check": "X-package", "property": "integrity", "verdict": "failed", "file": None, "field": None,
        "value": None, "rule": "信息包可读", "message": str(fault),
    }  # fmt: skip
    return {
        "path": str(path),
        **dict.fromkeys(empty),
        "revision": 1,
        "state": "refused",
        "insurances": [],
        "retention": None,
        "formed_on": None,
        "due_on": None,
        "findings": [finding],
    }
