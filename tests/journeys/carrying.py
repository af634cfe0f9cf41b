"""A process that carries on works in children of its own, and lets them die: `python -m tests.journeys.carrying`.

It stays clean itself (no connection, no thread), so a fork costs nothing. Reads one line of JSON a child:
{"step": n or null}, answers {"pid": p}, and, when the child has ended, {"killed": true or false}. The work is the
execution of what was approved, or with {"work": name, "record": id} one of `upkeep`. A child with a step counts its statements and its questions to the stores, and kills itself at that one. The environment names folder,
keys and stores as for any command; TEST_DATABASES names the databases (alias → settings).
"""

import json
import os
import signal
import sys
from itertools import count
from uuid import UUID

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
django.setup()

from django.db import connections  # noqa: E402

from archive import stores  # noqa: E402
from archive.permissions import system_actor  # noqa: E402
from retention import execution  # noqa: E402
from search.engine import engine  # noqa: E402
from tests.journeys import upkeep  # noqa: E402

ASKED = ("versions", "iterate", "head", "remove", "put", "open", "extend_lock")


def die_at(step: int) -> None:
    steps = count(1)

    def tick():
        if next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def execute(run, *arguments):
        tick()
        return run(*arguments)

    for connection in connections.all():
        connection.execute_wrappers.append(execute)
    for store in stores.configured().values():
        for name in ASKED:
            setattr(store, name, _ticking(getattr(store, name), tick))


def _ticking(method, tick):
    def asked(*arguments, **named):
        tick()
        answer = method(*arguments, **named)
        tick()
        return answer

    return asked


def carry_on(step: int | None, work: str = "", record: str = "") -> None:
    if step:
        die_at(step)
    if work:
        return upkeep.WORKS[work](UUID(record))
    engine().ensure()
    execution.CHUNK = 2  # so that a few records are several chunks
    execution.work(actor=system_actor("测试"))


def main() -> None:
    for alias, changed in json.loads(os.environ["TEST_DATABASES"]).items():
        connections[alias].settings_dict.update(changed)
    say({"ready": True})
    for line in sys.stdin:
        if not (pid := os.fork()):
            status = 1
            try:
                carry_on(**json.loads(line))
                status = 0
            finally:
                os._exit(status)
        say({"pid": pid})
        _, status = os.waitpid(pid, 0)
        if not os.WIFSIGNALED(status) and os.WEXITSTATUS(status):
            raise SystemExit("a child has failed")
        say({"killed": os.WIFSIGNALED(status)})


def say(value: dict) -> None:
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    main()
