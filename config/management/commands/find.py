"""Search from the command line, as the system or as one user."""

from archive import terms
from archive.errors import WrongInput
from archive.models import User
from archive.permissions import Actor
from config.commands import ArchiveCommand
from search import access
from search.query import parse


class Command(ArchiveCommand):
    help = "检索档案。"

    def arguments(self, parser) -> None:
        parser.add_argument("query", nargs="+")
        parser.add_argument("--user", default="", help="以某用户的查看范围检索；不给则以系统身份检索全部")
        parser.add_argument("--year", action="append", default=[])
        parser.add_argument("--stage", action="append", default=[])
        parser.add_argument("--insurance", action="append", default=[])
        parser.add_argument("--limit", type=int, default=20)

    def run(self, *, query, user, year, stage, insurance, limit, **_) -> int:
        actor = self.reader(user) if user else self.actor()
        question = parse(" ".join(query), years=year, stages=stage, insurances=insurance, limit=limit)
        found = access.find(question, actor=actor)
        for record in found.records:
            line = {
                "reference_code": record.reference_code,
                "record": str(record.pk),
                "title": record.title,
                "year": record.year,
                "stage": terms.STAGES.get(record.stage, record.stage) or None,
                "score": round(found.scores.get(record.pk, 0.0), 4),
            }
            if self.json:
                self.line(line)
            else:
                self.stdout.write(f"{line['reference_code']}  {line['title']}")
        result = found.result
        last = {
            "total": found.total,
            "exact": result.exact,
            "took_ms": round(result.took_ms, 1),
            "engine": result.engine,
        }
        if self.json:
            self.line(last)
        else:
            self.stdout.write(f"{'共' if result.exact else '超过'} {found.total} 件，{last['took_ms']} 毫秒")
        return 0

    @staticmethod
    def reader(username: str) -> Actor:
        user = User.objects.filter(username=username, is_active=True).first()
        if user is None:
            raise WrongInput(field="--user", reason=f"没有启用的用户“{username}”。")
        return Actor.of(user)
