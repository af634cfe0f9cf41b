"""PDF/A claims of what is filed, judged by veraPDF in batches: a job, because the validator takes seconds to start.

Contract: a claim is a row from the moment of filing; an attempt is counted before the validator is asked, so that a
file that brings the worker down is tried MOST_ATTEMPTS times and then said to be not validated. Without a validator
the claims wait. The verdict stands in the row and in the chain of the record; the report of the day of filing stays.
"""

import shutil
import tempfile
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from archive import audit, contents
from archive.errors import StorageFailed
from archive.inspection.verapdf import BATCH, UNKNOWN, Outcome, VeraPdf
from archive.models import PdfaClaim, Record
from archive.permissions import Actor

MOST_ATTEMPTS = 3
MOST_BYTES = 512 * 1024 * 1024
"""A batch lies on the disk while it is judged."""


def validator() -> VeraPdf | None:
    """As the site has configured it; None = claims wait."""
    return VeraPdf(settings.VERAPDF_JAR) if settings.VERAPDF_JAR else None


def validate(*, actor: Actor, limit: int = 1000) -> dict[str, int]:
    """Judge up to `limit` waiting claims: how many were confirmed, refuted, unknown. {} without a validator."""
    verapdf = validator()
    if verapdf is None:
        return {}
    told: dict[str, int] = {}
    for _ in range(-(-limit // BATCH)):
        batch = _taken()
        if not batch:
            break
        judged = _judged(batch, verapdf)
        for claim, outcome in judged:
            _book(claim, outcome, actor)
            told[outcome.state] = told.get(outcome.state, 0) + 1
        if len(judged) < len(batch):  # a store cannot be read: the next batch would fare no better
            break
    return told


def _taken() -> list[PdfaClaim]:
    """The next batch, its attempt counted. Records on their way out are left alone."""
    waiting = PdfaClaim.objects.filter(state="waiting", attempts__lt=MOST_ATTEMPTS)
    waiting = waiting.filter(object__record__state="archived").select_related("object__record")
    batch, size = [], 0
    for claim in waiting.order_by("attempts", "object_id")[:BATCH]:
        size += claim.object.bytes
        if batch and size > MOST_BYTES:
            break
        batch.append(claim)
    PdfaClaim.objects.filter(pk__in=[claim.pk for claim in batch]).update(attempts=F("attempts") + 1)
    for claim in batch:
        claim.attempts += 1
    return batch


def _judged(batch: list[PdfaClaim], verapdf: VeraPdf) -> list[tuple[PdfaClaim, Outcome]]:
    """What could be read, judged. What could not has not been tried."""
    with tempfile.TemporaryDirectory(prefix="pdfa-") as folder:
        paths: dict[str, PdfaClaim] = {}
        for number, claim in enumerate(batch):
            path = Path(folder) / f"{number}.pdf"
            try:
                with contents.open_object(claim.object) as source, path.open("wb") as sink:
                    shutil.copyfileobj(source, sink, 1 << 20)
            except StorageFailed:  # told elsewhere; no fault of the file
                PdfaClaim.objects.filter(pk=claim.pk).update(attempts=F("attempts") - 1)
                continue
            paths[str(path)] = claim
        outcomes = verapdf.validate(paths)
    return [(claim, outcomes[path]) for path, claim in paths.items()]


@transaction.atomic
def _book(claim: PdfaClaim, outcome: Outcome, actor: Actor) -> None:
    """What the validator could not tell is asked again, MOST_ATTEMPTS times."""
    if outcome.state == UNKNOWN and claim.attempts < MOST_ATTEMPTS:
        PdfaClaim.objects.filter(pk=claim.pk).update(why=outcome.why[:200])
        return
    record = Record.objects.select_for_update(of=("self",)).get(pk=claim.object.record_id)
    done = PdfaClaim.objects.filter(pk=claim.pk, state="waiting").update(
        state=outcome.state, flavour=outcome.flavour, why=outcome.why[:200], validated_at=timezone.now()
    )
    if not done:
        return
    claim.refresh_from_db()
    audit.record(
        actor=actor,
        action="pdfa.validated",
        kind="record",
        subject=record.pk,
        name=record.reference_code,
        data={"file": claim.object.path, "verdict": claim.words + (f"（{claim.why}）" if claim.why else "")},
    )
