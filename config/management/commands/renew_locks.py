"""renew_locks: lengthen every lock that is due. Exit status 1 = some lock could not be lengthened, or read back wrongly."""

import sys

from archive import renewal
from config.commands import ArchiveCommand

COUNTS = ("copies", "evidence", "raised", "unraised", "damaged", "failed")


class Command(ArchiveCommand):
    help = "续锁：把到了一半的对象锁延长到锁定年限；平常由定时任务每天做。"

    def run(self, **_: object) -> int:
        watched = not self.json and sys.stderr.isatty()
        try:
            done = renewal.renew(
                actor=self.actor(), progress=self._progress if watched else lambda count: None
            )
        except renewal.Busy as fault:
            self.stop(3, str(fault))
        if self.json:
            left = {name: str(fault) for name, fault in done.left.items()}
            self.line(
                {name: getattr(done, name) for name in COUNTS}
                | {"left": left, "next_on": str(done.next_on or "")}
            )
        else:
            self.say(f"{done}。")
        return 1 if done.damaged or done.failed or done.left else 0

    def _progress(self, count: int) -> None:
        self.stderr.write(f"\r已续锁 {count} ", ending="")
