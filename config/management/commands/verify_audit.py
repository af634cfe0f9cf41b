"""verify_audit: prove both ledgers and their seals. Exit status 1 = something is not as it was written."""

import sys

from archive.models import Record
from archive.verification import FAULTS, Fault, verify_audit
from config.commands import ArchiveCommand


class Command(ArchiveCommand):
    help = "核对变更事件、利用记录和封存：改动、插入、删除、截断、重算都会指出。"

    def run(self, **_: object) -> int:
        watched = not self.json and sys.stderr.isatty()
        found = verify_audit(self._progress if watched else None)
        if watched:
            self.stderr.write("\r" + " " * 40 + "\r", ending="")
        totals = {
            "events": found.events,
            "accesses": found.accesses,
            "seals": found.seals,
            "faults": len(found.faults),
        }
        if self.json:
            for fault in found.faults:
                self.line({"subject": fault.subject, "sequence": fault.sequence, "fault": fault.fault})
            self.line(totals)
        else:
            self._table(found.faults)
            counts = "变更事件 {events} 条，利用记录 {accesses} 条，封存 {seals} 号".format(**totals)
            verdict = f"发现 {len(found.faults)} 处不符。" if found.faults else "全部相符。"
            self.say(f"{counts}：{verdict}")
        return 1 if found.faults else 0

    def _progress(self, what: str, count: int) -> None:
        self.stderr.write(f"\r{what} {count} ", ending="")

    def _table(self, faults: list[Fault]) -> None:
        for start in range(0, len(faults), 200):
            part = faults[start : start + 200]
            codes = _reference_codes(part)
            for fault in part:
                place = "" if fault.sequence is None else f" 第 {fault.sequence} 条"
                code = codes.get(fault.subject, "")
                self.say(f"{fault.subject}{place}：{FAULTS[fault.fault]}{code and f'（{code}）'}")


def _reference_codes(faults: list[Fault]) -> dict[str, str]:
    """By subject, for those that are records the database still knows."""
    ids = {fault.subject.removeprefix("record:") for fault in faults if fault.subject.startswith("record:")}
    ids = {text for text in ids if len(text) == 36 and set(text) <= set("0123456789abcdef-")}
    rows = Record.objects.filter(pk__in=ids).values_list("pk", "reference_code")
    return {f"record:{pk}": code for pk, code in rows}
