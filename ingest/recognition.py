"""文字识别: words of scans for the search, and compared with what was declared. Work of its own, never in filing's way.

Contract: a file that has pages and no text gets a row when it is filed; a worker takes the row with the fewest
attempts, counts the attempt, and commits after every page, so that a kill costs one page. The words go the way of every
text: numbers become keyed tokens. What contradicts the declaration is a finding for a person (manual), because a
machine that reads may misread; nothing is returned for it. Without the extra `[ocr]` the rows wait.
"""

import json
import shutil
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import connections, transaction
from django.db.models import F, Max
from django.utils import timezone

from archive import audit, changes, contents, privacy
from archive.errors import StorageFailed
from archive.inspection import ocr, text_layer
from archive.inspection.fence import Fence
from archive.locks import alone
from archive.models import DigitalObject, ObjectText, Recognition, Record
from archive.permissions import Actor
from ingest.models import FindingRow, Submission

MOST_ATTEMPTS = 3
MOST_PAGES = 500
KINDS = {"application/pdf": "pdf", "image/": "image"}


def kind_of(mime: str) -> str:
    """How a file of this type is looked at: "pdf", "image", or "" for not at all."""
    return next((kind for start, kind in KINDS.items() if mime.startswith(start)), "")


def wanted(mime: str, pages: int | None, text: str) -> str:
    """The kind of a file whose words only a picture shows; "" where there is nothing to recognise."""
    return kind_of(mime) if pages and pages <= MOST_PAGES and not text.strip() else ""


def ready() -> bool:
    return settings.OCR and ocr.installed()


def work(*, actor: Actor, seconds: float, cores: int = 1) -> dict[str, int]:
    """Recognise for about that long, with so many children: how many files are done or failed. {} when not ready, or
    when another worker is at it: two would read the same pages."""
    if not ready():
        return {}
    with alone("recognition") as ours:
        return _Turn(actor, time.monotonic() + seconds).run(cores) if ours else {}


class _Turn:
    """One worker's turn: what is read, by how many threads, until when."""

    def __init__(self, actor: Actor, until: float) -> None:
        self.actor, self.until = actor, until
        self.told = {"done": 0, "failed": 0, "pages": 0}
        self.ended = False  # a store that cannot be read ends the turn: the next file would fare no better
        self.taken: set[UUID] = set()
        self.lock = threading.Lock()

    def run(self, cores: int) -> dict[str, int]:
        if cores == 1:
            self.read_on()
        else:
            with ThreadPoolExecutor(cores) as pool:
                list(pool.map(self._threaded, range(cores)))
        return self.told

    def _threaded(self, _: int) -> None:
        try:
            self.read_on()
        finally:
            connections.close_all()  # of this thread

    def read_on(self) -> None:
        with Fence(ocr.LIMITS, functions="archive.inspection.ocr") as fence:
            while not self.ended and time.monotonic() < self.until and (row := self.take()):
                self.read(row, fence)
                self.taken.discard(row.pk)

    def take(self) -> Recognition | None:
        """The next row that no thread of ours has, its attempt counted. Records on their way out are left alone."""
        with self.lock:
            rows = Recognition.objects.filter(
                state="waiting", attempts__lt=MOST_ATTEMPTS, object__record__state="archived"
            )
            rows = rows.exclude(pk__in=self.taken).select_related("object__record")
            row = rows.order_by("attempts", "object_id").first()
            if row is not None:
                self.taken.add(row.pk)
                self._count(row, 1)
        return row

    @staticmethod
    def _count(row: Recognition, step: int) -> None:
        Recognition.objects.filter(pk=row.pk).update(attempts=F("attempts") + step)
        row.attempts += step

    def read(self, row: Recognition, fence: Fence) -> None:
        with tempfile.TemporaryDirectory(prefix="ocr-") as folder:
            path = Path(folder) / "file"
            try:
                with contents.open_object(row.object) as source, path.open("wb") as sink:
                    shutil.copyfileobj(source, sink, 1 << 20)
            except StorageFailed:  # told elsewhere; no fault of the file
                self._count(row, -1)
                self.ended = True
                return
            while row.pages_done < row.pages:
                if time.monotonic() > self.until:
                    self._count(row, -1)  # put off, not failed
                    return
                answer = fence.call("recognise", path=str(path), kind=row.kind, page=row.pages_done)
                if fault := answer.get("crashed"):
                    if row.attempts >= MOST_ATTEMPTS:
                        _end(row, "failed", self.actor, fault=fault)
                        self.told["failed"] += 1
                    return
                row.texts = [*row.texts, [privacy.encrypt(answer["text"]), answer["score"]]]
                row.pages_done += 1
                if not _kept(row):
                    return
                self.told["pages"] += 1
        _end(row, "done", self.actor)
        self.told["done"] += 1


def _kept(row: Recognition) -> bool:
    """Write the page down, unless destruction has begun: it must leave no word behind."""
    rows = Recognition.objects.filter(pk=row.pk, object__record__state="archived")
    return bool(rows.update(texts=row.texts, pages_done=row.pages_done))


@transaction.atomic
def _end(row: Recognition, state: str, actor: Actor, *, fault: str = "") -> None:
    record = Record.objects.select_for_update(of=("self",)).get(pk=row.object.record_id)
    row = Recognition.objects.select_for_update(of=("self",)).select_related("object").get(pk=row.pk)
    if row.state != "waiting" or record.state != "archived":
        return
    text = "\n\f".join(privacy.decrypt(words) for words, _ in row.texts)
    scores = [score for _, score in row.texts if score is not None]
    row.state, row.fault, row.done_at, row.texts = state, fault[:200], timezone.now(), []
    row.score = round(sum(scores) / len(scores), 3) if scores else None
    row.save(update_fields=["state", "fault", "done_at", "texts", "score"])
    if state == "done" and text.strip():
        words, tokens = privacy.tokenise_numbers(text)
        ObjectText.objects.update_or_create(
            object=row.object, defaults={"text": words, "tokens": " ".join(dict.fromkeys(tokens))}
        )
        changes.announce("search", record.pk)
    found = _contradictions(record, row.object, text) if state == "done" else []
    audit.record(
        actor=actor,
        action="text.recognised" if state == "done" else "text.unreadable",
        kind="record",
        subject=record.pk,
        name=record.reference_code,
        data={"file": row.object.path, "pages": row.pages_done, "doubts": len(found)},
    )


def _contradictions(record: Record, item: DigitalObject, text: str) -> list[FindingRow]:
    """What was read against what was declared; a row each, for a person to look at."""
    declaration = record.digital_objects.filter(role="submission", path="submission.json").first()
    submission = Submission.objects.filter(record=record).order_by("-received_at").first()
    if declaration is None or submission is None or not text.strip():
        return []
    try:
        with contents.open_object(declaration) as stream:
            declared = text_layer.Declared(json.loads(stream.read()))
    except (StorageFailed, ValueError):
        return []
    last = FindingRow.objects.filter(submission=submission).aggregate(last=Max("position"))["last"]
    position = 0 if last is None else last + 1
    rows = [
        FindingRow(
            submission=submission, position=position + number, check_id="X-TEXT", property="authenticity",
            verdict="manual", file=item.path[:400], field=other.field, value=text_layer.masked(other.found)[:300],
            pages=list(other.pages), rule="识别出的文字与申报的姓名、号码一致",
            message=(
                f"{item.path}：识别出的{other.field}为“{text_layer.masked(other.found)}”，"
                f"申报为“{text_layer.masked(other.said)}”。"
                "机器识别可能有误，请打开文件核对。"
            )[:1000],
        )
        for number, other in enumerate(text_layer.contradictions(text, declared))
    ]  # fmt: skip
    return FindingRow.objects.bulk_create(rows)


def progress() -> dict[str, int]:
    """Files and pages still to be recognised, for the page of the system and doctor."""
    waiting = Recognition.objects.filter(state="waiting", attempts__lt=MOST_ATTEMPTS)
    left = waiting.values_list("pages", "pages_done")
    return {"files": len(left), "pages": sum(pages - done for pages, done in left)}
