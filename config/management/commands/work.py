"""The resident worker: examines, files, keeps and indexes whatever the rows say is to be done."""

import os
import signal
import time

from archive.inspection.fence import Fence
from archive.permissions import system_actor
from config import worker
from config.commands import ArchiveCommand
from search import indexing

IDLE_SECONDS = (0.2, 0.5, 1.0, 2.0)
FENCE_REST_SECONDS = 60


class Command(ArchiveCommand):
    help = "常驻工作进程；--once 处理完现有工作即退出。"

    def arguments(self, parser) -> None:
        parser.add_argument("--once", action="store_true", help="处理完现有工作即退出")

    def run(self, *, once: bool, **_: object) -> int:
        self.stopping = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.on_signal)
        indexing.complete()
        actor, parent = system_actor("工作进程"), os.getppid()
        idle, last_busy = 0, time.monotonic()
        with Fence() as fence:
            while not self.stopping:
                if worker.turn(fence, actor=actor, stop=lambda: self.stopping):
                    idle, last_busy = 0, time.monotonic()
                    continue
                if once:
                    break
                if time.monotonic() - last_busy > FENCE_REST_SECONDS:
                    fence.close()  # an idle child only holds memory
                if os.getppid() != parent:
                    break  # whoever started us is gone
                time.sleep(IDLE_SECONDS[min(idle, len(IDLE_SECONDS) - 1)])
                idle += 1
        return 0

    def on_signal(self, *_: object) -> None:
        self.stopping = True
