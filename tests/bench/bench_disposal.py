"""What a destruction and its papers cost.

    python -m tests.bench.bench_disposal destroy [RECORDS]      beside a bare loop of the same calls
    python -m tests.bench.bench_disposal register [ROWS]        digest, PDF and spreadsheet, with the peak of memory

`destroy` starts its own radosgw (tests/services/radosgw.sh), or takes the one that TEST_S3_URL names: records of two
objects each (a file and its manifest), then as many objects again for a loop that only lists, heads, deletes and lists, with as many workers; half of the loop runs
before and half after, since other work shares the machine. In a temporary SQLite, or in DATABASE_URL, which must be
empty.
"""

import argparse
import json
import os
import resource
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from datetime import date
from pathlib import Path

RADOSGW = Path(__file__).parents[1] / "services" / "radosgw.sh"


def prepared(folder: Path) -> None:
    """An installation of its own."""
    os.environ["ARCHIVE_DATA"] = str(folder)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ["ARCHIVE_LOG_LEVEL"] = "WARNING"
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    from archive.privacy import make_key_file
    from search.engine import engine

    make_key_file(Path(settings.ARCHIVE_KEYS))
    for alias in settings.DATABASES:
        call_command("migrate", database=alias, verbosity=0)
    engine().ensure()


def say(**fields) -> None:
    print(json.dumps(fields, ensure_ascii=False), flush=True)


@contextmanager
def gateway() -> Iterator[None]:
    """TEST_S3_URL names a server inside; one of our own when none is named."""
    if os.environ.get("TEST_S3_URL"):
        yield
        return
    if not shutil.which("radosgw"):
        sys.exit("radosgw is not installed: sudo apt-get install radosgw ceph-mon ceph-osd ceph-common")
    with tempfile.TemporaryDirectory() as folder:
        try:
            started = subprocess.run(
                [RADOSGW, "start", folder, str(free_port())], stdout=subprocess.PIPE, text=True, check=True
            )
            os.environ["TEST_S3_URL"] = started.stdout.split()[-1]
            yield
        finally:
            os.environ.pop("TEST_S3_URL", None)
            subprocess.run([RADOSGW, "stop", folder], stdout=subprocess.DEVNULL)


def free_port() -> int:
    """One of three in a row that nobody has; the script takes the next two for itself."""
    while True:
        with socket.socket() as one, socket.socket() as two, socket.socket() as three:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            try:
                two.bind(("127.0.0.1", port + 1))
                three.bind(("127.0.0.1", port + 2))
            except OSError:
                continue
            return port


def a_bucket() -> str:
    from archive.storage import StoreConfig
    from archive.storage.s3_client import create_bucket

    bucket = f"bench-{secrets.token_hex(5)}"
    values = {
        "S3_BUCKET": bucket, "S3_ENDPOINT_URL": os.environ["TEST_S3_URL"], "S3_ACCESS_KEY_ID": "testaccess",
        "S3_SECRET_ACCESS_KEY": "testsecret-testsecret",
    }  # fmt: skip
    os.environ["ARCHIVE_STORES"] = "main"
    os.environ.update(values)
    create_bucket(
        StoreConfig(
            name="main", bucket=bucket, endpoint_url=os.environ["TEST_S3_URL"], access_key_id="testaccess",
            secret_access_key="testsecret-testsecret",
        )
    )  # fmt: skip
    return bucket


def destroy(count: int) -> None:
    bucket = a_bucket()
    from archive import stores
    from retention import disposal, execution
    from tests.registers import SYSTEM, House

    store = stores.configured()["main"]
    house = House(stores.configured())
    begin = time.perf_counter()
    records = house.due(count, contents=(b"%PDF " + bytes(20_000),))
    register = house.executing(records)
    print(f"{count} records written in {time.perf_counter() - begin:.0f} s", file=sys.stderr)

    keys = [f"bare/{number:06d}" for number in range(count * 2)]
    with ThreadPoolExecutor(disposal.WORKERS) as pool:
        list(pool.map(lambda key: store.client.put_object(Bucket=bucket, Key=key, Body=bytes(20_000)), keys))

    before = bare(store, keys[:count])
    begin, cpu = time.perf_counter(), time.process_time()
    done = execution.run(register.pk, actor=SYSTEM)
    ours, our_cpu = time.perf_counter() - begin, time.process_time() - cpu
    after = bare(store, keys[count:])
    register.refresh_from_db()
    assert (done, register.state) == (count + 1, "executed"), (done, register.state)
    loop = before + after
    say(
        records=count, objects=count * 2, workers=disposal.WORKERS, clock_s=round(ours, 1), cpu_s=round(our_cpu, 1),
        bare_loop_s=round(loop, 1), its_halves=[round(before, 1), round(after, 1)], ratio=round(loop / ours, 2),
    )  # fmt: skip


def bare(store, keys) -> float:
    """Seconds for list, head, delete, list of each key; nothing else."""
    from retention.disposal import WORKERS

    client, bucket = store.client, store.bucket

    def one(key):
        (version,) = client.list_object_versions(Bucket=bucket, Prefix=key)["Versions"]
        client.head_object(Bucket=bucket, Key=key, VersionId=version["VersionId"])
        client.delete_object(Bucket=bucket, Key=key, VersionId=version["VersionId"])
        assert not client.list_object_versions(Bucket=bucket, Prefix=key).get("Versions")

    begin = time.perf_counter()
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(one, keys))
    return time.perf_counter() - begin


def register(count: int) -> None:
    from django.utils import timezone

    from archive.models import Record
    from retention import editions, listing, persons, register_papers
    from retention.models import Edition, Register, RegisterRow
    from tests.registers import House

    house, now = House(), timezone.now()
    records = [
        Record(
            fonds=house.fonds, reference_code=f"D019-ZY·DJ·2008·D10-{number:06d}", number=number, year=2008, stage="DJ",
            title=f"东莞市第{number}某某电子科技有限公司职工增员2008年5月", insurance="ZO", formed_on=date(2008, 5, 4),
            retention="10", retention_key="1-2", due_on=date(2019, 1, 1), source="dongguan", item="online-increase",
            item_title="职工增员", business_no=f"B{number}", archived_at=now, page_count=3, responsible="参保登记科",
        )
        for number in range(1, count + 1)
    ]  # fmt: skip
    Record.objects.bulk_create(records, batch_size=500)
    made = Register.objects.create(
        fonds=house.fonds, number=1, year=2026, title="到期业务档案", made_at=now, requested_by=persons.of(house.manager)
    )  # fmt: skip
    for start in range(0, count, 500):
        part = records[start : start + 500]
        facts = listing.facts_of(part, kept_until=now.date(), today=now.date())
        RegisterRow.objects.bulk_create(
            RegisterRow(
                register=made, record=record, position=start + n, objects_digest=facts[record.pk].objects_digest,
                columns={"序号": start + n, **facts[record.pk].columns, "销毁原因": "保管期限届满，鉴定〔2026〕1号同意销毁"},
            )
            for n, record in enumerate(part, 1)
        )  # fmt: skip
    del records
    digest, rows = timed("digest", lambda: editions.digest_of(made, 1))
    edition = Edition.objects.create(register=made, number=1, frozen_at=now, count=rows, digest=digest)
    timed(
        "compared with the records", lambda: sum(1 for _ in editions.compare(made, editions.rows_of(made, 1)))
    )
    timed("spreadsheet", lambda: register_papers.register_sheet(edition))
    timed("PDF", lambda: register_papers.register_pdf(edition))


def timed(what: str, work):
    """`peak_mb`: of the process until now, all that went before included."""
    begin, cpu = time.perf_counter(), time.process_time()
    answer = work()
    say(
        what=what, clock_s=round(time.perf_counter() - begin, 2), cpu_s=round(time.process_time() - cpu, 2),
        mb=round(len(answer) / 1e6, 1) if isinstance(answer, bytes) else "",
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    )  # fmt: skip
    return answer


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("what", choices=["destroy", "register"])
    arguments.add_argument("count", nargs="?", type=int)
    chosen = arguments.parse_args()
    count = chosen.count or {"destroy": 2000, "register": 10_000}[chosen.what]
    with tempfile.TemporaryDirectory() as folder, gateway() if chosen.what == "destroy" else nullcontext():
        prepared(Path(folder))
        {"destroy": destroy, "register": register}[chosen.what](count)


if __name__ == "__main__":
    main()
