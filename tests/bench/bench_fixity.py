"""The fixity sweep beside a bare loop, on the local store and on radosgw: `python -m tests.bench.bench_fixity`.

The bare loop reads the same versions from the same store and digests them, one after the other, and knows no database,
locks or results. Interleaved, best of five; the ratio is the sweep's speed by the clock over the loop's. The gateway is
its own (tests/services/radosgw.sh), or the one that TEST_S3_URL names; with `local` as an argument it is left out.
"""

import hashlib
import io
import os
import secrets
import sys
from contextlib import nullcontext
from datetime import date

from tests.bench import place
from tests.bench.bench_disposal import gateway

SIZES = {"local": ((200_000, 3000), (20_000_000, 30)), "bucket": ((200_000, 800), (20_000_000, 15))}
ROUNDS = 5


def main() -> None:
    names = ["local"] if "local" in sys.argv[1:] else ["local", "bucket"]
    with gateway() if "bucket" in names else nullcontext():
        place.fresh()
        if "bucket" in names:
            _bucket(os.environ["TEST_S3_URL"])
        os.environ["LOCAL_PATH"] = os.environ["ARCHIVE_DATA"] + "/store"
        os.environ["ARCHIVE_STORES"] = ",".join(names)
        place.manage("setup", "--fonds", "D019=东莞市社会保险基金管理中心")
        import django

        django.setup()
        for name in names:
            for size, count in SIZES[name]:
                measure(name, size, count)


def _bucket(url: str) -> None:
    from archive.storage.config import StoreConfig
    from archive.storage.s3_client import create_bucket

    keys = {"access_key_id": "testaccess", "secret_access_key": "testsecret-testsecret"}
    config = StoreConfig(name="bucket", bucket=f"bench-{secrets.token_hex(4)}", endpoint_url=url, **keys)
    create_bucket(config)
    os.environ |= {
        "BUCKET_S3_ENDPOINT_URL": url, "BUCKET_S3_BUCKET": config.bucket,
        "BUCKET_S3_ACCESS_KEY_ID": config.access_key_id, "BUCKET_S3_SECRET_ACCESS_KEY": config.secret_access_key,
    }  # fmt: skip


def measure(store: str, size: int, count: int) -> None:
    from archive import fixity
    from archive.models import Copy
    from archive.permissions import system_actor

    before = set(Copy.objects.values_list("pk", flat=True))
    for number in range(count):
        file_one(store, size, number)
    made = ("manifest", "eep")  # small ones would blur the size
    Copy.objects.filter(object__role__in=made).update(state="removed")
    Copy.objects.filter(pk__in=before).update(state="removed")
    copies = list(Copy.objects.exclude(state="removed").order_by("checked_at", "id"))
    bare, sweep = [], []
    for _ in range(ROUNDS):
        with place.Cost() as cost:
            loop(copies)
        bare.append(cost)
        with place.Cost() as cost:
            swept = fixity.sweep(actor=system_actor("bench"), everything=True)
        sweep.append(cost)
        if swept.damaged or swept.checked != len(copies):
            raise SystemExit(swept)
    bare, sweep = (min(costs, key=lambda cost: cost.clock) for costs in (bare, sweep))
    total = size * count
    place.row(
        store={"local": "local", "bucket": "radosgw"}[store], object_bytes=size, copies=len(copies),
        megabytes=round(total / 1e6), bare_loop_mb_per_s=round(total / 1e6 / bare.clock),
        sweep_mb_per_s=round(total / 1e6 / sweep.clock), ratio=round(bare.clock / sweep.clock, 2),
        cpu_ratio=round(bare.cpu / sweep.cpu, 2),
    )  # fmt: skip


def file_one(store: str, size: int, number: int) -> None:
    from archive import keeping, records
    from archive.identifiers import new_id
    from archive.models import Fonds
    from archive.permissions import system_actor

    content = os.urandom(size)
    item = records.NewObject(
        id=new_id(), role="original", path="data/a.pdf", bytes=size, sha256=hashlib.sha256(content).hexdigest(),
        sm3=hashlib.new("sm3", content).hexdigest(), mime="application/pdf",
    )  # fmt: skip
    new = records.NewRecord(
        id=new_id(), fonds=Fonds.objects.get(), title="bench", formed_on=date(2019, 1, 2), retention="100",
        retention_key="1-2", provisional=False, source="bench", item="bench", item_title="bench",
        business_no=f"{store}-{size}-{number}", stage="DJ", insurance="ZO", objects=(item,),
    )  # fmt: skip
    record = records.create(new, actor=system_actor("bench"), store_names=[store])
    keeping.keep(record.pk, lambda item: io.BytesIO(content), actor=system_actor("bench"))


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
