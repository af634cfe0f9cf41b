"""账本存出: what the seals prove lies in the stores as well: `ledger/<number>.jsonl.gz` holds the rows of seal <number>.

A seal says digests only. Its page says the events and readings themselves, masked as they are, so that both ledgers
come back without the database. Nobody has to believe a page: every row must give the digest that the seal of its
number holds. Written after sealing, in order, locked and renewed like the seals; a page that is missing is written by the next
run, as long as the rows are there.
"""

import gzip
import hashlib
import io
import json
from collections.abc import Iterator

from django.utils import timezone

from archive import audit, catalogue, seals, stores
from archive.models import Access, Event, Seal
from archive.seals import Sealed
from archive.storage import Store

FORMAT = "archive-ledger/1"
PREFIX = "ledger/"
MODELS = {seals.EVENT: Event, seals.ACCESS: Access}
DIGESTS = {seals.EVENT: audit.digest_of, seals.ACCESS: audit.digest_of_access}


def key_of(number: int) -> str:
    return f"{PREFIX}{number:010d}.jsonl.gz"


def write_pages() -> int:
    """Write the page of every seal that has none yet in some store; how many. Raises StorageFailed; the pages before
    it are written then, and the next run goes on."""
    missing: list[int] = []
    for number in Seal.objects.order_by("-number").values_list("number", flat=True).iterator(500):
        if all(_there(store, number) for store in stores.configured().values()):
            break  # they are written in order, each into all stores
        missing.append(number)
    for number in reversed(missing):
        _write(Seal.objects.get(pk=number))
    return len(missing)


def _there(store: Store, number: int) -> bool:
    return any(not found.marker for found in store.versions(key_of(number)))


def _write(seal: Seal) -> None:
    content = _page(seal)
    for store in stores.configured().values():
        if not _there(store, seal.number):
            store.put(
                key_of(seal.number),
                io.BytesIO(content),
                size=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
                content_type="application/gzip",
                lock_until=stores.horizon(timezone.localdate()),
            )


def _page(seal: Seal) -> bytes:
    """The rows in the order of the seal's leaves; the same rows give the same bytes."""
    lines = [catalogue.line({"format": FORMAT, "number": seal.number, "seal": seal.digest})]
    for ledger, model in MODELS.items():
        ids = [leaf.id for leaf in _sealed(seal).leaves if leaf.ledger == ledger]
        for part in seals.batches(ids):
            rows = model.objects.in_bulk(part)
            lines += [catalogue.line([ledger, catalogue.values_of(rows[pk])]) for pk in part if pk in rows]
    return gzip.compress(b"\n".join(lines) + b"\n", mtime=0)


def _sealed(seal: Seal) -> Sealed:
    """The seal's own file, from the first store that gives it whole. Raises ValueError when none does."""
    gone = stores.retired()
    for name, version in ((name, version) for name, version in seal.copies.items() if name not in gone):
        sealed = seals.parse(seals.read_file(stores.get(name), seal.key, version))
        if seals.digest_of(sealed) == seal.digest:
            return sealed
    raise ValueError(f"第 {seal.number} 号封存没有可读的副本")


def rows_of(content: bytes, sealed: Sealed) -> Iterator[Event | Access]:
    """The rows of a page, each proven by the seal. Raises ValueError at the first that is not."""
    leaves = {(leaf.ledger, str(leaf.id)): leaf.digest for leaf in sealed.leaves}
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            header, *lines = file.read(seals.MAX_FILE * 4).splitlines()
        if json.loads(header)["number"] != sealed.number:
            raise ValueError("不是这一号封存的账页")
        for text in lines:
            ledger, values = json.loads(text)
            row = catalogue.row_of(MODELS[ledger], values)
            if not DIGESTS[ledger](row) == row.digest == leaves[ledger, str(row.pk)]:
                raise ValueError("账页里有一行与封存的摘要不符")
            yield row
    except seals.WRONG as fault:
        raise ValueError(str(fault) or type(fault).__name__) from fault
