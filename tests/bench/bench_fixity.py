"""The fixity sweep beside a bare loop: `python -m tests.bench.bench_fixity`.

The bare loop reads the same versions from the same local store and digests them, one after the other, and knows no
database, locks or results. Interleaved, best of five; the ratio is the sweep's speed by the clock over the loop's.
"""

import hashlib
import io
import os
from datetime import date

from tests.bench import place

SIZES = ((200_000, 3000), (20_000_000, 30))


def main() -> None:
    place.fresh()
    place.manage("setup", "--fonds", "D019=东莞市社会保险基金管理中心")
    import django

    django.setup()
    from archive import fixity, keeping, records, stores
    from archive.identifiers import new_id
    from archive.models import Copy, Fonds
    from archive.permissions import system_actor

    actor, of = system_actor("bench"), Fonds.objects.get()

    def an_object(content: bytes) -> records.NewObject:
        return records.NewObject(
            id=new_id(), role="original", path="data/a.pdf", bytes=len(content), sha256=hashlib.sha256(content).hexdigest(),
            sm3=hashlib.new("sm3", content).hexdigest(), mime="application/pdf",
        )  # fmt: skip

    for size, count in SIZES:
        before = set(Copy.objects.values_list("pk", flat=True))
        for number in range(count):
            content = os.urandom(size)
            new = records.NewRecord(
                id=new_id(), fonds=of, title="bench", formed_on=date(2019, 1, 2), retention="100", retention_key="1-2",
                provisional=False, source="bench", item="bench", item_title="bench", business_no=f"{size}-{number}",
                stage="DJ", insurance="ZO", objects=(an_object(content),),
            )  # fmt: skip
            record = records.create(new, actor=actor, store_names=list(stores.configured()))
            keeping.keep(record.pk, lambda item, content=content: io.BytesIO(content), actor=actor)
        Copy.objects.filter(object__role="manifest").update(state="removed")  # small ones would blur the size
        copies = list(
            Copy.objects.exclude(pk__in=before).exclude(state="removed").order_by("checked_at", "id")
        )
        total = sum(copy.stored_bytes for copy in copies)
        bare, sweep = [], []
        for _ in range(5):
            Copy.objects.filter(pk__in=before).update(state="removed")
            with place.Cost() as cost:
                loop(copies)
            bare.append(cost)
            with place.Cost() as cost:
                swept = fixity.sweep(actor=actor, everything=True)
            sweep.append(cost)
            if swept.damaged or swept.checked != len(copies):
                raise SystemExit(swept)
        best = {
            name: min(costs, key=lambda cost: cost.clock)
            for name, costs in (("bare", bare), ("sweep", sweep))
        }
        place.row(
            object_bytes=size, copies=len(copies), megabytes=round(total / 1e6), bare_loop_mb_per_s=round(total / 1e6 / best["bare"].clock),
            sweep_mb_per_s=round(total / 1e6 / best["sweep"].clock), ratio=round(best["bare"].clock / best["sweep"].clock, 2),
            cpu_ratio=round(best["bare"].cpu / best["sweep"].cpu, 2),
        )  # fmt: skip


def loop(copies) -> None:
    from archive import stores

    buffer = bytearray(2 * 1024 * 1024)
    view = memoryview(buffer)
    for copy in copies:
        digest = hashlib.sha256()
        with stores.configured()[copy.store].open(copy.key, copy.version) as stream:
            while size := stream.readinto(buffer):
                digest.update(view[:size])
        if digest.hexdigest() != copy.stored_sha256:
            raise SystemExit(f"{copy} is damaged")


if __name__ == "__main__":
    main()
