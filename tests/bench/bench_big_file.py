"""How much memory one very large file takes on its way: `python -m tests.bench.bench_big_file [MB]`.

Kept in two stores (written, read back, written again from the first), checked, read as a download, received in a package.
The first store is the S3 bucket that TEST_S3_URL and TEST_S3_BUCKET name, else a folder; the second is always a folder.
The peak is that of the process's own resident memory (VmHWM, reset before each step), its libraries included.
"""

import hashlib
import os
import re
import sys
import time
import zipfile
from pathlib import Path

from tests.bench import place

BLOCK = 1024 * 1024


def peak(pid: int | str = "self") -> int:
    """MB."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) // 1024


class Step:
    """Prints what a step took, and the most memory that this process held in it."""

    def __init__(self, name: str, megabytes: int) -> None:
        self.name, self.megabytes, self.more = name, megabytes, {}

    def __enter__(self) -> dict:
        Path("/proc/self/clear_refs").write_text("5")
        self.began = time.perf_counter()
        return self.more

    def __exit__(self, kind, *_: object) -> None:
        if kind is None:
            took = time.perf_counter() - self.began
            place.row(
                step=self.name, file_mb=self.megabytes, seconds=round(took, 1), peak_mb=peak(), **self.more
            )


def make_file(path: Path, megabytes: int) -> None:
    """Bytes that no compression and no cache of equal blocks makes smaller."""
    block = os.urandom(BLOCK)
    with path.open("wb") as file:
        for number in range(megabytes):
            file.write(number.to_bytes(8, "big") + block[8 + number % 997 :] + block[8 : 8 + number % 997])


def digest(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(algorithm)).hexdigest()


def main() -> None:
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 2048
    url, bucket = os.environ.get("TEST_S3_URL", ""), os.environ.get("TEST_S3_BUCKET", "")
    folder = place.fresh()
    stores = {
        "ARCHIVE_STORES": "main,second",
        "MAIN_PATH": str(folder / "main"),
        "SECOND_PATH": str(folder / "second"),
    }
    if url and bucket:
        stores |= {
            "MAIN_S3_BUCKET": bucket,
            "MAIN_S3_ENDPOINT_URL": url,
            "MAIN_S3_ACCESS_KEY_ID": "testaccess",
        }
        stores |= {"MAIN_S3_SECRET_ACCESS_KEY": "testsecret-testsecret"}
    os.environ |= stores
    place.manage("setup", "--fonds", "D019=东莞市社会保险基金管理中心")
    path = folder / "large.bin"
    make_file(path, megabytes)

    import django

    django.setup()
    from archive import contents, fixity, keeping, records
    from archive.inspection.fence import Fence
    from archive.models import Copy, Fonds
    from archive.permissions import system_actor
    from ingest import pipeline, receiving
    from tests import filed

    actor = system_actor("bench")
    size, sha256, sm3 = path.stat().st_size, digest(path, "sha256"), digest(path, "sm3")
    fonds = Fonds.objects.get(code="D019")
    for encrypted in (False, True):
        words = "，加密" if encrypted else ""
        Fonds.objects.update(encrypted=encrypted)
        fonds.refresh_from_db()
        item = filed.an_object(
            b"", "data/large.bin", bytes=size, sha256=sha256, sm3=sm3, mime="application/zip"
        )
        record = records.create(
            filed.a_new_record(objects=(item,), fonds=fonds), actor=actor, store_names=["main", "second"]
        )
        with Step(f"存入两个存储并回读{words}", megabytes):
            if not keeping.keep(record.id, lambda _: path.open("rb"), actor=actor):
                raise SystemExit(list(Copy.objects.values_list("store", "state", "fault")))
        with Step(f"固化核验{words}", megabytes):
            if fixity.sweep(actor=actor, record=record).damaged:
                raise SystemExit("damaged")
        with Step(f"下载{words}", megabytes):
            read = hashlib.sha256()
            with contents.open_object(record.digital_objects.order_by("position").first()) as stream:
                while block := stream.read(64 * 1024):
                    read.update(block)
            if read.hexdigest() != sha256:
                raise SystemExit("read otherwise than written")
    package = folder / "package.zip"
    with zipfile.ZipFile(package, "w", zipfile.ZIP_STORED) as archive:
        archive.write(path, "package/data/large.bin")
        archive.writestr("package/bagit.txt", "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
        archive.writestr("package/manifest-sha256.txt", f"{sha256}  data/large.bin\n")
        archive.writestr("package/submission.json", '{"format": "submission/1"}')
    path.unlink()
    with Fence() as fence, Step("接收、展开、检测一个包", megabytes) as more:
        received = receiving.receive_path(package, actor=actor, fence=fence, channel="folder")
        done = pipeline.process(received.submission.pk, fence, actor=actor, unpacked=received.unpacked)
        more |= {"child_mb": peak(fence.describe()["pid"]), "state": done.state}


if __name__ == "__main__":
    main()
