"""留证目录: what will stay of the records of a register, in the fonds file before the first of them is destroyed.

One paper for every CHUNK rows: the stubs as gzip'ed JSON lines (archive/manifests.py), without any personal number. Papers
are permanent and their locks renewed, so that a catalogue rebuilt from storage still knows of every destroyed record
what it was and that it is gone. A rebuild believes a stub only where nothing of the record is there any more: what is
kept after all (抽出续存) does no harm.
"""

import gzip
import io
from uuid import UUID

from django.utils import timezone

from archive import catalogue, fonds_file, manifests
from archive.models import Paper
from archive.permissions import Actor
from retention.models import Register

CHUNK = 5000
READ = 200
OPEN = ("listed", "locked", "removing")


def write(register_id: UUID, *, actor: Actor) -> int:
    """Write the papers that this register has none of yet; how many. Raises StorageFailed: nothing is destroyed before
    they are kept. Call it outside a transaction."""
    register = Register.objects.select_related("fonds").get(pk=register_id)
    rows = register.rows.filter(state__in=OPEN)
    parts = sorted(
        {(position - 1) // CHUNK for position in rows.values_list("position", flat=True).iterator()}
    )
    start = f"{manifests.STUBS}{register.pk}:"
    there = set(Paper.objects.filter(about__startswith=start).values_list("about", flat=True))
    new = [part for part in parts if f"{start}{part}" not in there]
    for part in new:
        fonds_file.keep_paper(
            register.fonds,
            kind="销毁留证目录",
            title=f"{register} 留证目录（第 {part * CHUNK + 1} 号起）",
            content=_content(register, part),
            mime="application/gzip",
            about=f"{start}{part}",
            actor=actor,
        )
    return len(new)


def _content(register: Register, part: int) -> bytes:
    rows = register.rows.filter(state__in=OPEN, position__gt=part * CHUNK, position__lte=(part + 1) * CHUNK)
    rows = rows.select_related("record__fonds", "record__department", "record__handed_in_by")
    packed, now = io.BytesIO(), timezone.now()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as file:
        for row in _rows(rows.order_by("position")):
            file.write(catalogue.line(manifests.stub(row.record, now)) + b"\n")
    return packed.getvalue()


def _rows(rows):
    """Some at a time, each part a query of its own: no cursor stays open."""
    last = 0
    while part := list(rows.filter(position__gt=last)[:READ]):
        yield from part
        last = part[-1].position
