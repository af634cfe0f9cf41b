"""How long a rebuild takes, with and without snapshots: `python -m tests.bench.bench_rebuild [COUNT …]`.

Records of two files with a person and a unit, in two fonds, on one local store; the database is thrown away each time.
Says minutes per million records, in proportion.
"""

import sys

from tests.bench import place


def main(counts: list[int]) -> None:
    folder = place.fresh()
    place.manage(
        "setup", "--fonds", "D019=东莞市社会保险基金管理中心", "--fonds", "L010=大连市:insurance-stage"
    )
    import django

    django.setup()
    from archive import ledgers, seals, snapshots
    from archive.models import Record
    from archive.permissions import system_actor

    actor, made = system_actor("测量"), 0
    for count in counts:
        while made < count:
            made += 1
            file_one(made)
        while seals.seal_ledgers(actor=actor):
            pass
        ledgers.write_pages()
        with place.Cost() as cost:
            taken = snapshots.take(actor=actor)
        seals.seal_ledgers(actor=actor)
        ledgers.write_pages()
        place.row(
            snapshot_of=count, rows=sum(row.rows for row in taken),
            bytes_a_record=round(sum(row.bytes for row in taken) / count), cpu_s=round(cost.cpu, 2),
            clock_s=round(cost.clock, 2), minutes_per_million=round(cost.clock / count * 1e6 / 60, 1),
        )  # fmt: skip
        assert Record.objects.count() == count
        for how in ("with snapshots", "without"):
            measure(folder, count, how)


def file_one(number: int) -> None:
    from datetime import date

    from archive import records
    from archive.models import Fonds
    from tests import filed

    fonds = Fonds.objects.get(code="D019" if number % 2 else "L010")
    filed.a_record(
        ("local",), contents=(b"%PDF a form " + str(number).encode(), b"%PDF a list"), fonds=fonds,
        department=filed.a_department(fonds=fonds), formed_on=date(2010 + number % 10, 5, 4),
        parties=(
            records.NewParty(kind="person", name="张三", id_type="身份证", id_no=f"4419001990{number:08d}"),
            records.NewParty(kind="unit", name="某某电子有限公司", uscc="91441900MA4W00000X"),
        ),
        description={"fields": {"联系电话": "13800138000", "人数": "3"}}, personal=frozenset({"联系电话"}),
    )  # fmt: skip


def measure(folder, count: int, how: str) -> None:
    """In a process of its own, over the same stores, into a database of its own."""
    import json
    import os
    import subprocess

    database = folder / f"rebuilt-{count}-{len(how)}.sqlite3"
    environment = os.environ | {"DATABASE_URL": f"sqlite:///{database}"}
    words = ["--json"] + ([] if how.startswith("with ") else ["--without-snapshots"])
    with place.Cost() as cost:
        done = subprocess.run(
            [sys.executable, "manage.py", "rebuild", *words],
            cwd=place.ROOT, capture_output=True, text=True, env=environment,
        )  # fmt: skip
    if done.returncode:
        raise SystemExit(done.stdout[-2000:] + done.stderr[-2000:])
    told = json.loads(done.stdout.splitlines()[-1])
    place.row(
        rebuilt=told["manifests"], how=how, problems=told["problems"], cpu_s=round(cost.cpu, 2),
        clock_s=round(cost.clock, 2), minutes_per_million=round(cost.clock / count * 1e6 / 60, 1),
        cpu_minutes_per_million=round(cost.cpu / count * 1e6 / 60, 1),
    )  # fmt: skip


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [1000, 5000])
