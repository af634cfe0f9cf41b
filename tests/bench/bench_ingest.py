"""How much CPU 100 packages cost, from the zip to the search hit: `python -m tests.bench.bench_ingest [COUNT]`.

One run of `manage.py ingest`, start of Python included: receive, examine in the fenced child, file, write, lock and
read back, index.
"""

import sys

from tests.bench import place


def main(count: int) -> None:
    folder = place.fresh()
    place.manage(
        "setup",
        "--fonds",
        "D019=东莞市社会保险基金管理中心",
        "--fonds",
        "L010=大连市社会保险基金管理中心:insurance-stage",
        "--fonds",
        "G003=贵州省社会保险事业局",
    )
    import django

    django.setup()
    from archive.errors import NotConfigured
    from config.demonstration import catalogue

    kinds = {
        "light: forms of plain text, small scans": list(catalogue.light_packages(folder / "light", count))
    }
    try:
        planned = catalogue.demo_packages(folder / "printed", count=count)
        kinds["printed: forms with embedded fonts and seals, scan-like pages"] = [one.path for one in planned]
    except NotConfigured as fault:
        print(fault, file=sys.stderr)
    for kind, paths in kinds.items():
        measure(kind, paths)


def measure(kind: str, paths: list) -> None:
    import json
    import subprocess

    from django.db import connection

    from archive.models import DigitalObject
    from search.engine import engine

    before, objects = engine().count(), DigitalObject.objects.filter(role="original").count()
    with place.Cost() as cost:
        done = subprocess.run(
            [sys.executable, "manage.py", "ingest", "--json", *map(str, paths)],
            cwd=place.ROOT, capture_output=True, text=True,
        )  # fmt: skip
    states = [json.loads(line)["state"] for line in done.stdout.splitlines()]
    archived = states.count("archived")
    connection.close()
    found = engine().count() - before
    if len(states) != len(paths) or found != archived or not archived:
        raise SystemExit(
            f"{kind}: {len(states)} answers, {archived} archived, {found} in the index\n{done.stderr[-2000:]}"
        )
    files = DigitalObject.objects.filter(role="original").count() - objects
    size = sum(
        path.stat().st_size if path.is_file() else sum(f.stat().st_size for f in path.rglob("*"))
        for path in paths
    )
    place.row(
        packages=kind, count=len(paths), archived_and_searchable=archived, files=files, megabytes=round(size / 1e6, 1),
        cpu_s=round(cost.cpu, 2), cpu_s_per_100=round(cost.cpu * 100 / len(paths), 2), clock_s=round(cost.clock, 1),
    )  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
