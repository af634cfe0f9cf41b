"""Holds against execution, in threads with connections of their own. `python -m tests.services.hold_race REGISTERS HELD FREE`
in an environment whose DATABASE_URL names an empty PostgreSQL; prints what became of every record as JSON.

Each register holds HELD records that somebody holds while the execution runs, one way or another, and FREE ones that
nobody holds. The start of either side is drawn, so that now one is first and now the other.
"""

import json
import os
import random
import sys
import threading
import time

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, connections  # noqa: E402

from archive import records, stores  # noqa: E402
from archive.models import Block, Copy, Record  # noqa: E402
from retention import execution, holds, registers  # noqa: E402
from retention.models import Hold, RegisterRow  # noqa: E402
from tests.registers import SYSTEM, House  # noqa: E402

HOLDERS = 3
"""Threads that place holds at the same time."""


def main(count: int, held: int, free: int) -> dict:
    call_command("migrate", verbosity=0)
    from search.engine import engine

    engine().ensure()
    house = House(list(stores.configured()))
    draw = random.Random(7)
    faults: list[str] = []
    for _ in range(count):
        some = [house.due(1, parties=(a_person(draw),))[0] for _ in range(held + free)]
        register = house.executing(some)
        chosen = draw.sample(some, held)
        race(house, register, chosen, draw, faults)
    after(faults)
    return verdict(faults)


def a_person(draw: random.Random) -> records.NewParty:
    return records.NewParty(
        kind="person", name="王小明", own_no=str(draw.random()), id_no=str(draw.randrange(10**17, 10**18))
    )


def race(house, register, chosen, draw, faults) -> None:
    start = threading.Barrier(HOLDERS + 1)
    sides = [(execution.run, (register.pk,), draw.uniform(0, 0.25))]
    late = register if draw.random() < 0.6 else None  # what execution does before its first mark takes long
    sides += [
        (hold_all, (house, chosen[at::HOLDERS], draw.random(), late), draw.uniform(0, 0.1))
        for at in range(HOLDERS)
    ]

    def side(work, arguments, pause):
        try:
            start.wait()
            time.sleep(pause)
            work(*arguments, **({"actor": SYSTEM} if work is execution.run else {}))
        except Exception as fault:  # a thread's fault must not be lost with the thread
            faults.append(f"{work.__name__}: {fault!r}")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=side, args=one) for one in sides]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def hold_all(house, some, seed, late) -> None:
    """`late`: wait until the execution of this register has marked its first row."""
    draw, until = random.Random(seed), time.monotonic() + 600
    while late and time.monotonic() < until and not late.rows.exclude(state="listed").exists():
        time.sleep(0.005)
    for record in some:
        asked = {"reason": "诉讼", "authority": "法院", "actor": house.manager}
        if draw.random() < 0.5:
            holds.place(house.fonds, "record", records=[record.pk], **asked)
        else:
            holds.place(house.fonds, "person", party_key=record.parties.get().party_key, **asked)


def after(faults) -> None:
    """What the worker would do in its next turns."""
    for _ in range(2):
        while holds.drain():
            pass
        while registers.drain(actor=SYSTEM):
            pass
        execution.work(actor=SYSTEM)


def verdict(faults: list[str]) -> dict:
    blocked = set(Block.objects.filter(kind="hold", lifted_at=None).values_list("record_id", flat=True))
    late = {pk for too_late in Hold.objects.values_list("too_late", flat=True) for pk in too_late}
    counts = {"kept": 0, "too late": 0, "free": 0}
    store = next(iter(stores.configured().values()))
    rows = dict(RegisterRow.objects.values_list("record_id", "state"))
    for record in Record.objects.order_by("pk"):
        here, gone = record.pk in blocked, str(record.pk) in late
        copies = list(Copy.objects.filter(object__record=record))
        there = [bool(store.versions(copy.key)) for copy in copies]
        expected = ("archived", "kept", True) if here else ("destroyed", "destroyed", False)
        found = (record.state, rows[record.pk], any(there))
        if here and gone:
            faults.append(f"{record.pk} is held and too late")
        if found != expected or (here and not all(there)):
            faults.append(f"{record.pk} held={here} late={gone}: {found}")
        if here and not all(store.head(copy.key, copy.version).legal_hold for copy in copies):
            faults.append(f"{record.pk} is held, but not in its store")
        counts["kept" if here else "too late" if gone else "free"] += 1
    return {"faults": faults, **counts, "vendor": connection.vendor}


if __name__ == "__main__":
    print(json.dumps(main(*map(int, sys.argv[1:])), ensure_ascii=False))
