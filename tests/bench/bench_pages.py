"""What pages cost among many records: `python -m tests.bench.bench_pages [COUNT] [--keep FOLDER]`.

A generated archive of COUNT records (100,000 unless told) in 40 departments, with parties, five objects and copies each, ledger, submissions
and index; one clerk a department has handed everything in. Statistics of the planner as the product leaves them:
none on SQLite. Each page is asked 40 times for different records through Django's own client, middleware and templates
included, by a clerk of one department and by an archivist of the whole fonds.
"""

import argparse
import random
import statistics
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench import place

TIMES = 40
POST = "POST "
"""Before the name of a page that is asked for by POST: what it is about must not stand in an address."""


def main(count: int, keep: Path | None) -> None:
    place.fresh(keep)
    place.manage("setup")
    import django

    django.setup()
    from django.test import Client

    from archive.models import Record
    from tests.bench import holdings

    of, departments = holdings.fonds()
    if not Record.objects.exists():
        with place.Cost() as cost:
            holdings.fill(count)
        print(f"{count} records written in {cost.cpu:.0f} CPU s", file=sys.stderr)
    people = {
        "clerk of one department": holdings.a_user("clerk0", "clerk", of, departments[:1]),
        "archivist of the fonds": holdings.a_user("archivist", "archivist", of),
    }
    for who, user in people.items():
        client = Client(SERVER_NAME="127.0.0.1", raise_request_exception=True)
        client.force_login(user, "django.contrib.auth.backends.ModelBackend")
        for page, addresses in pages(user):
            measure(page, who, client, addresses)


def pages(user) -> Iterator[tuple[str, Callable[[random.Random], str]]]:
    """(page, a maker of addresses); only pages that this user may open."""
    from django.urls import reverse

    from archive.models import DigitalObject, Record, RecordParty
    from archive.permissions import Actor
    from config import assembly

    actor = Actor.of(user)
    dice = random.Random(3)
    seen = Record.objects.visible_to(actor.scope("record.read"))
    there = list(seen.values_list("pk", flat=True)[:20_000])
    sample = dice.sample(there, min(400, len(there)))
    names = list(RecordParty.objects.filter(record__in=sample, kind="person").values_list("name", flat=True))
    units = list(RecordParty.objects.filter(record__in=sample, kind="unit").values_list("name", flat=True))
    file_of = dict(DigitalObject.objects.filter(record__in=sample, position=0).values_list("record_id", "pk"))

    def find(**asked: str) -> str:
        from urllib.parse import urlencode

        return f"{reverse('search:find')}?{urlencode(asked)}"

    yield "home", lambda dice: reverse("home")
    yield "search: nothing typed", lambda dice: find()
    yield "search: a name", lambda dice: find(q=dice.choice(names))
    yield "search: a unit", lambda dice: find(q=dice.choice(units))
    yield "search: words that stand everywhere", lambda dice: find(q="社会保险经办机构")
    for tab, name in (
        ("", "record: overview"),
        ("findings", "record: findings"),
        ("copies", "record: copies"),
        ("history", "record: history"),
    ):
        yield (
            name,
            lambda dice, tab=tab: (
                reverse("record", args=[dice.choice(sample)]) + (f"?tab={tab}" if tab else "")
            ),
        )
    yield "record: printed sheet", lambda dice: reverse("record_print", args=[dice.choice(sample)])
    yield (
        "reading room",
        lambda dice: reverse("reading:read", args=(lambda pk: [pk, file_of[pk]])(dice.choice(sample))),
    )
    yield POST + "everything of a person", lambda dice: reverse("search:party", args=[dice.choice(sample), 0])
    for _, label, name, action in assembly.NAVIGATION:
        if name not in ("home", "search:find") and (not action or actor.may(action)):
            yield f"menu: {label}", lambda dice, name=name: reverse(name)


def measure(page: str, who: str, client, addresses: Callable[[random.Random], str]) -> None:
    from django.db import connections, reset_queries

    dice = random.Random(11)
    ask = client.post if page.startswith(POST) else client.get
    page = page.removeprefix(POST)
    answer = ask(addresses(dice), follow=True)
    if answer.status_code != 200:
        place.row(
            page=page,
            reader=who,
            cpu_ms_p50_p95=f"status {answer.status_code}",
            clock_ms_p50_p95="",
            queries="",
            kb="",
        )
        return
    costs = []
    for _ in range(TIMES):
        address = addresses(dice)
        with place.Cost() as cost:
            ask(address, follow=True)
        costs.append(cost)
    queries = []
    for _ in range(3):
        for connection in connections.all():
            connection.force_debug_cursor = True
        reset_queries()
        ask(addresses(dice), follow=True)
        queries.append(sum(len(connection.queries) for connection in connections.all()))
        for connection in connections.all():
            connection.force_debug_cursor = False
    place.row(
        page=page, reader=who, cpu_ms_p50_p95=place.p50_p95([cost.cpu * 1000 for cost in costs]),
        clock_ms_p50_p95=place.p50_p95([cost.clock * 1000 for cost in costs]),
        queries=round(statistics.median(queries)), kb=round(len(answer.content) / 1024),
    )  # fmt: skip


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("count", nargs="?", type=int, default=100_000)
    arguments.add_argument("--keep", type=Path)
    chosen = arguments.parse_args()
    main(chosen.count, chosen.keep)
