"""Storing and reading in an encrypted fonds beside a clear one: `python -m tests.bench.bench_encryption`.

A record is one file with its declaration (which is encrypted in either fonds) and manifest, written to one local store,
read back and proven; then the file is asked for and read through, as a download does, and read and digested, as a
check does.
Interleaved, best of five; a ratio is the clear fonds' time over the encrypted one's.
"""

import hashlib
import io
import os
from datetime import date

from tests.bench import place

SIZES = ((200_000, 60), (20_000_000, 6))
ROUNDS = 5
CHUNK = 2 * 1024 * 1024


def main() -> None:
    place.fresh()
    place.manage("setup", "--fonds", "D019=不加密", "--fonds", "D020=加密", "--encrypt", "D020")
    import django

    django.setup()
    from archive import contents, keeping, records, stores
    from archive.identifiers import new_id
    from archive.models import Fonds
    from archive.permissions import system_actor

    actor = system_actor("bench")
    fonds = {code: Fonds.objects.get(code=code) for code in ("D019", "D020")}

    def an_object(content: bytes, role: str) -> records.NewObject:
        return records.NewObject(
            id=new_id(), role=role, path=f"data/{role}", bytes=len(content), sha256=hashlib.sha256(content).hexdigest(),
            sm3=hashlib.new("sm3", content).hexdigest(), mime="application/pdf", encrypted=role == "submission",
        )  # fmt: skip

    def filed(code: str, content: bytes):
        declaration = os.urandom(2000)
        objects = (an_object(content, "original"), an_object(declaration, "submission"))
        by_id = dict(zip((item.id for item in objects), (content, declaration), strict=True))
        new = records.NewRecord(
            id=new_id(), fonds=fonds[code], title="bench", formed_on=date(2019, 1, 2), retention="100", retention_key="1-2",
            provisional=False, source="bench", item="bench", item_title="bench", business_no=str(new_id()),
            stage="DJ", insurance="ZO", objects=objects,
        )  # fmt: skip
        return records.create(new, actor=actor, store_names=list(stores.configured())), by_id

    def store(made) -> None:
        for record, by_id in made:
            if not keeping.keep(record.pk, lambda item, by_id=by_id: io.BytesIO(by_id[item.id]), actor=actor):
                raise SystemExit("not kept")

    buffer = bytearray(CHUNK)  # a fresh one each time would measure the allocator
    view = memoryview(buffer)

    def read(made, digest: bool) -> None:
        for record, _ in made:
            item = record.digital_objects.select_related("data_key").get(role="original")
            told = hashlib.sha256()
            with contents.open_object(item) as stream:
                while size := stream.readinto(buffer):
                    if digest:
                        told.update(view[:size])
            if digest and told.hexdigest() != item.sha256:
                raise SystemExit("damaged")

    for size, count in SIZES:
        costs: dict[tuple[str, str], list] = {}
        for _ in range(ROUNDS):
            for code in fonds:
                made = [filed(code, os.urandom(size)) for _ in range(count)]
                with place.Cost() as cost:
                    store(made)
                costs.setdefault(("store", code), []).append(cost)
                for name in ("read", "check"):
                    with place.Cost() as cost:
                        read(made, name == "check")
                    costs.setdefault((name, code), []).append(cost)
        for name, words in (
            ("store", "store, read back, prove"),
            ("read", "read through"),
            ("check", "read and digest"),
        ):
            clear, sealed = (costs[name, code] for code in fonds)
            clock = [min(cost.clock for cost in side) for side in (clear, sealed)]
            cpu = [min(cost.cpu for cost in side) for side in (clear, sealed)]
            place.row(
                object_bytes=size, what=words, clear_ms=round(clock[0] / count * 1000, 2), encrypted_ms=round(clock[1] / count * 1000, 2),
                clock_ratio=round(clock[0] / clock[1], 2), clear_cpu_ms=round(cpu[0] / count * 1000, 2),
                encrypted_cpu_ms=round(cpu[1] / count * 1000, 2), cpu_ratio=round(cpu[0] / cpu[1], 2),
            )  # fmt: skip


if __name__ == "__main__":
    main()
