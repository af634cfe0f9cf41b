"""What may be appraised on a day, and what keeps a record from a register."""

from datetime import date

from django.utils import timezone

from archive import dues
from archive.errors import WrongInput
from config.commands import ArchiveCommand


class Command(ArchiveCommand):
    help = "到期清单：可以提交鉴定的档案。"

    def arguments(self, parser) -> None:
        parser.add_argument("--on", default="", metavar="DATE", help="按哪一天计算，默认今天")

    def run(self, *, on: str, **_: object) -> int:
        try:
            day = date.fromisoformat(on) if on else timezone.localdate()
        except ValueError:
            raise WrongInput(field="--on", reason=f"“{on}”应写成 2026-01-01 的形式。") from None
        total = 0
        for record, blocked in dues.scan(day):
            total += 1
            line = {
                "reference_code": record.reference_code,
                "record": str(record.pk),
                "title": record.title,
                "retention": record.retention,
                "formed_on": record.formed_on.isoformat(),
                "due_on": record.due_on.isoformat(),
                "blocked": blocked,
            }
            if self.json:
                self.line(line)
            else:
                self.stdout.write(f"{record.reference_code}  {record.due_on}  {'；'.join(blocked)}")
        if self.json:
            self.line({"total": total})
        else:
            self.stdout.write(f"共 {total} 件")
        return 0
