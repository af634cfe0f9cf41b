"""What falls due, among few and among many: `python -m tests.bench.bench_due [HELD …]`.

1,000 due records among HELD (10,000 and 100,000 and 1,000,000 unless told), each in a database of its own size. The
whole scan is consumed, blocks and unconfirmed classes looked up. Best of five; the ratio is to the smallest.
"""

import sys
from datetime import date

from tests.bench import place

DUE, DAY = 1000, date(2026, 1, 1)


def main(sizes: list[int]) -> None:
    place.fresh()
    place.manage("setup")
    import django

    django.setup()
    from django.db import connection, reset_queries

    from archive import dues
    from tests.bench import holdings

    held, first = 0, None
    for size in sorted(sizes):
        holdings.records_only(size - held, start=held, due=DUE if not held else 0)
        held = size
        costs = []
        for _ in range(5):
            with place.Cost() as cost:
                found = sum(1 for _ in dues.scan(DAY))
            costs.append(cost)
        if found != DUE:
            raise SystemExit(f"{found} due, {DUE} wanted")
        connection.force_debug_cursor = True
        reset_queries()
        list(dues.scan(DAY))
        queries = len(connection.queries)
        connection.force_debug_cursor = False
        clock, cpu = min(cost.clock for cost in costs), min(cost.cpu for cost in costs)
        first = first or cpu
        place.row(
            held=size,
            due=found,
            cpu_ms=round(cpu * 1000),
            clock_ms=round(clock * 1000),
            queries=queries,
            ratio=round(cpu / first, 2),
        )


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [10_000, 100_000, 1_000_000])
