"""The retention schedule and what the site decided about it."""

from archive.models import Determination, RetentionClass
from config import determining
from config.commands import ArchiveCommand


class Command(ArchiveCommand):
    help = "保管期限：list | set CLASS --period … --basis … [--provisional] | confirm CLASS --basis …"

    def arguments(self, parser) -> None:
        parser.add_argument("action", choices=["list", "set", "confirm"])
        parser.add_argument("key", nargs="?", metavar="CLASS", help="1-2、2-? 或 item:<source>/<item>")
        parser.add_argument("--period", default="")
        parser.add_argument("--basis", default="")
        parser.add_argument("--provisional", action="store_true", help="暂定")

    def run(self, *, action, key, period, basis, provisional, **_) -> int:
        if action == "list":
            return self.show()
        if not key:
            self.stop(2, "请给出类项（如 1-2、2-?）或事项（item:<source>/<item>）。")
        actor, corrected = self.actor(), 0
        if action == "set":
            count = determining.determine(key, period, basis=basis, provisional=provisional, actor=actor)
        else:
            corrected = sum(count for *_, count in determining.corrections(key))
            count = determining.confirm(key, basis=basis, actor=actor)
        row = Determination.objects.filter(key=key).order_by("-id")[0]
        answer = {"key": key, "kind": row.kind, "period": row.period, "basis": row.basis, "released": count}
        if self.json:
            self.line(answer)
        else:
            self.stdout.write(
                f"{key}：{row.get_kind_display()} {row.period}。{count} 个待处理的信息包将重新判定。"
                + (f"{corrected} 件已归档的随之更正保管期限。" if corrected else "")
            )
        return 0

    def show(self) -> int:
        decided: dict[str, Determination] = {}
        for row in Determination.objects.order_by("id"):
            decided[row.key] = row
        shown = set()
        for row in RetentionClass.objects.order_by("class_no", "code"):
            shown.add(row.code)
            self.one(row.code, row.name, row.period, row.source_count, decided.get(row.code))
        for key in sorted(set(decided) - shown):
            self.one(key, "", "", 0, decided[key])
        return 0

    def one(self, key, name, period, sources, row: Determination | None) -> None:
        line = {
            "class": key,
            "name": name or None,
            "period": (row.period if row else period) or None,
            "schedule_period": period or None,
            "sources": sources,
            "kind": row.kind if row else "schedule",
            "basis": row.basis if row else None,
        }
        if self.json:
            self.line(line)
        else:
            self.stdout.write(f"{key:28} {line['period'] or '待定':6} {line['kind']:12} {name}")
