"""What a search costs: `python -m tests.bench.bench_search [COUNT] [--keep FILE]`.

Builds an index of COUNT made-up records (100,000 unless told) and asks it four kinds of questions, as the system
itself and as a clerk who may see about 1 %. Prints CPU milliseconds of this process (SQLite works inside it; for
PostgreSQL the clock is what counts). On SQLite in a temporary file, or FILE, which is used again if it is there;
with DATABASE_URL in that PostgreSQL database, which must hold no other index.
"""

import argparse
import json
import os
import random
import statistics
import tempfile
import time
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.db import connections  # noqa: E402

from archive.scopes import EVERYTHING, Grant, Scope  # noqa: E402
from search.documents import FILTERS  # noqa: E402
from search.engine import DatabaseEngine  # noqa: E402
from search.query import parse  # noqa: E402
from tests import generated  # noqa: E402

FACETS = ("year", "stage", "insurance", "category")
DEPARTMENTS = 100
CLERK = Scope(grants=(Grant(fonds="D019", departments=frozenset({3}), security=3),))  # one of 99, one fonds


def engine_in(folder: Path) -> DatabaseEngine:
    alias = settings.SEARCH_DATABASE
    if connections[alias].vendor == "sqlite":
        connections[alias].close()
        connections[alias].settings_dict["NAME"] = str(folder / "search.sqlite3")
    return DatabaseEngine(alias)


def build(engine: DatabaseEngine, count: int) -> None:
    engine.ensure()
    made = generated.records(count, fonds=("D019",), departments=DEPARTMENTS, rare=0.001)
    engine_cpu = engine_clock = generator = 0.0
    while True:
        begin = time.process_time()
        batch = [document for document, _, _ in (one for _, one in zip(range(1000), made, strict=False))]
        generator += time.process_time() - begin
        if not batch:
            break
        begin, clock = time.process_time(), time.perf_counter()
        engine.put(batch)
        engine_cpu += time.process_time() - begin
        engine_clock += time.perf_counter() - clock
    engine.mark_complete()
    print(
        json.dumps({"built": count, "per_second": round(count / engine_clock), "cpu_s": round(engine_cpu, 1)})
    )


def size(engine: DatabaseEngine) -> float:
    """MB."""
    connection = connections[engine.alias]
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return Path(connection.settings_dict["NAME"]).stat().st_size / 1e6
        cursor.execute("VACUUM ANALYZE search_fact")
        cursor.execute("VACUUM ANALYZE search_text")
        cursor.execute("SELECT pg_total_relation_size('search_fact') + pg_total_relation_size('search_text')")
        return cursor.fetchone()[0] / 1e6


def questions(sample: list, dice: random.Random) -> dict[str, list]:
    names = [name for document, _, _ in sample for name in document.names]
    numbers = [number for _, _, numbers in sample for number in numbers]
    return {
        "name": [parse(name, facets=FACETS) for name in dice.sample(names, 40)],
        "number": [parse(number, facets=FACETS) for number in dice.sample(numbers, 40)],
        "phrase": [parse(unit[:8], facets=FACETS) for d, _, _ in dice.sample(sample, 40) if (unit := d.unit)],
        "broad": [parse(generated.COMMON[:4], facets=FACETS), parse("社会保险", facets=FACETS)] * 8,
        "broad, newest": [parse("社会保险", sort="newest", facets=FACETS)] * 15,
        "broad, year": [parse("社会保险", years=[2019], facets=FACETS)] * 15,
        "no words": [parse("", facets=FACETS)] * 15,
        "one character": [parse("王"), parse("李")] * 4,
    }


def deep(engine: DatabaseEngine, scope: Scope) -> list[float]:
    """Pages 200 to 230 of a broad question."""
    cursor, costs = "", []
    for page in range(230):
        begin = time.perf_counter()
        result = engine.search(parse("社会保险", cursor=cursor), scope)
        if page >= 200:
            costs.append((time.perf_counter() - begin) * 1000)
        cursor = result.cursor
        if not cursor:
            break
    return costs


def measure(engine: DatabaseEngine, query, scope: Scope) -> tuple[float, float]:
    clock, cpu = time.perf_counter(), time.process_time()
    engine.search(query, scope)
    return (time.perf_counter() - clock) * 1000, (time.process_time() - cpu) * 1000


def row(**fields) -> None:
    print(json.dumps(fields, ensure_ascii=False), flush=True)


def spread(values: list[float]) -> list[float]:
    ordered = sorted(values)
    return [round(statistics.median(ordered), 2), round(ordered[int(len(ordered) * 0.95) - 1], 2)]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("count", nargs="?", type=int, default=100_000)
    arguments.add_argument("--keep", type=Path)
    chosen = arguments.parse_args()
    assert set(FACETS) <= set(FILTERS)
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.keep or Path(temporary)
        folder.mkdir(exist_ok=True)
        with generated.key_ring(folder):
            engine = engine_in(folder)
            engine.ensure()
            if engine.count() == 0:
                build(engine, chosen.count)
            elif not chosen.keep:
                raise SystemExit("这个数据库里已有检索库，不在其上测量。")
            row(engine=engine.name, documents=engine.count(), megabytes=round(size(engine)))
            sample = list(generated.records(2000, fonds=("D019",), departments=DEPARTMENTS, rare=0.001))
            for kind, queries in questions(sample, random.Random(1)).items():
                for who, scope in (("everything", EVERYTHING), ("clerk 1 %", CLERK)):
                    engine.search(queries[0], scope)
                    costs = [measure(engine, query, scope) for query in queries]
                    hits = statistics.mean(engine.search(query, scope).total for query in queries[:5])
                    row(
                        question=kind, scope=who, hits=round(hits, 1),
                        clock_ms_p50_p95=spread([clock for clock, _ in costs]),
                        cpu_ms_p50_p95=spread([cpu for _, cpu in costs]),
                    )  # fmt: skip
            for who, scope in (("everything", EVERYTHING), ("clerk 1 %", CLERK)):
                if costs := deep(engine, scope):
                    row(question="pages 200–230", scope=who, clock_ms_p50_p95=spread(costs))
            engine.clear() if not chosen.keep else None


if __name__ == "__main__":
    main()
