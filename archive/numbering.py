"""档号: gapless in its scope, never reused, fixed at filing (DA/T 13-2022 manner; the letters are ours).

`全宗号-ZY·[险种·]环节·年度·期限-件号`. One counter row a scope, incremented under its row lock in the caller's
transaction: a rolled-back filing gives its number back, so no gap. Draw last, and touch neither files nor
network between drawing and commit. Width 6 is a minimum; sorting uses the integer.
"""

import re

from django.db import connection, transaction

from archive.models import Counter
from archive.terms import RETENTION_CODES

CODES = re.compile(r"[0-9A-Za-z]{1,12}-[A-Z]{2}(?:·[0-9A-Z]+)+-\d{6,}")
"""档号, as they stand in running text."""


def scope_of(
    *, fonds: str, category: str, scheme: str, insurance: str, stage: str, year: int, retention: str
) -> str:
    """The part of the 档号 before the number. `insurance` and `stage` are codes; a stage may be ""."""
    parts = [category]
    if scheme == "insurance-stage" and stage:
        parts.append(insurance)
    if stage:
        parts.append(stage)
    parts += [str(year), RETENTION_CODES[retention]]
    return f"{fonds}-{'·'.join(parts)}"


def draw(scope: str, count: int = 1) -> int:
    """The first of `count` fresh numbers. Must run inside a transaction, whose end decides."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("a number is drawn inside the transaction that uses it")
    if connection.vendor == "postgresql":
        # One statement makes or locks the row: two first-comers cannot both insert.
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO archive_counter (scope, last) VALUES (%s, %s) "
                "ON CONFLICT (scope) DO UPDATE SET last = archive_counter.last + EXCLUDED.last RETURNING last",
                [scope, count],
            )
            return cursor.fetchone()[0] - count + 1
    counter, _ = Counter.objects.get_or_create(scope=scope)
    counter.last += count
    counter.save(update_fields=["last"])
    return counter.last - count + 1


def code(scope: str, number: int) -> str:
    return f"{scope}-{number:06d}"
