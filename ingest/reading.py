"""What other rooms may know of submissions: read functions, no verbs. Whoever calls has asked for the right."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time
from uuid import UUID

from django.db.models import Count, Q
from django.urls import reverse
from django.utils import timezone

from archive import permissions, renditions, unseen
from archive.errors import StorageFailed
from archive.models import DigitalObject, PdfaClaim, Record
from archive.permissions import Actor
from ingest import pictures, rechecking, staging, wording
from ingest.models import Submission


@dataclass(frozen=True)
class Examination:
    """How a filed record was examined. `whole` is False when only what did not pass could be read."""

    submission: Submission
    findings: list[dict]  # as a report tells them, with `pictures`
    whole: bool
    claims: list[PdfaClaim]  # what was said later of the PDF/A that files claim to be
    later: list[dict]  # checks of the filed record, see rechecking.history
    may_recheck: bool


def findings_of(record_id: UUID, actor: Actor) -> Examination | None:
    """The examination by which the record was filed; None when it came another way. Other records that it names are
    named only to whoever may read them."""
    submission = submission_of(record_id)
    if submission is None:
        return None
    try:
        if submission.report:
            found = staging.read_report(submission.report)["findings"]
            return _examination(submission, found, True, actor)
    except (StorageFailed, ValueError, KeyError, OSError):
        pass  # the report is a file beside the rows; the rows still tell what did not pass
    rows = [row.as_dict() for row in submission.findings.order_by("position")]
    return _examination(submission, rows, False, actor)


def _examination(submission: Submission, found: list[dict], whole: bool, actor: Actor) -> Examination:
    record = submission.record
    claims = (
        PdfaClaim.objects.filter(object__record=record).select_related("object").order_by("object__position")
    )
    drawn = pages_in_record(record, found, actor)
    findings = [
        wording.advised(row) | {"pictures": drawn[at]} for at, row in enumerate(seen_by(actor, found))
    ]
    may = record.state != "destroyed" and bool(permissions.check(actor, "submission.examine", record))
    return Examination(submission, findings, whole, list(claims), rechecking.history(record), may)


def seen_by(actor: Actor, findings: list[dict]) -> list[dict]:
    """The same findings without the 档号 that this actor may not know."""
    messages = unseen.without_unseen_codes([finding["message"] for finding in findings], actor)
    return [finding | {"message": text} for finding, text in zip(findings, messages, strict=True)]


def pages_in_record(record: Record, findings: list[dict], actor: Actor) -> list[list[dict]]:
    """Of each finding the pages it is about, as they are read in the record by whoever may read that."""
    if record.state == "destroyed" or not permissions.check(actor, "record.read", record):
        return [[] for _ in findings]
    objects = {
        item.path: item for item in record.digital_objects.filter(role="original") if renditions.kind_of(item)
    }

    def shown(item: DigitalObject, page: int) -> dict:
        image = reverse("reading:page", args=[record.pk, item.pk, page, renditions.THUMB])
        url = reverse("reading:read", args=[record.pk, item.pk])
        return {"number": page, "image": image, "url": f"{url}?page={page}"}

    return [
        [shown(objects[row["file"]], page) for page in pictures.pages_of(row)]
        if row["file"] in objects
        else []
        for row in findings
    ]


def submission_of(record_id: UUID) -> Submission | None:
    return (
        Submission.objects.filter(record=record_id)
        .select_related("record__fonds")
        .order_by("received_at")
        .last()
    )


def being_kept(record_ids: Iterable[UUID]) -> set[UUID]:
    """Those of these records whose bytes are still being written from what was staged."""
    rows = Submission.objects.filter(record__in=list(record_ids), state="filed")
    return set(rows.values_list("record_id", flat=True))


def open_findings(submission: Submission) -> int:
    """How many findings did not pass."""
    return submission.findings.count()


def today(fonds: Iterable[str] | None) -> dict[str, int]:
    """What came in since midnight: received, archived, returned, waiting. `fonds` None = the whole site."""
    midnight = timezone.make_aware(datetime.combine(timezone.localdate(), time.min))
    rows = Submission.objects.filter(received_at__gte=midnight)
    if fonds is not None:
        codes = list(fonds)
        rows = rows.filter(Q(fonds__code__in=codes) | Q(fonds=None, default_fonds__in=codes))
    return rows.aggregate(
        received=Count("id"),
        archived=Count("id", filter=Q(state="archived")),
        returned=Count("id", filter=Q(state="returned")),
        waiting=Count("id", filter=Q(state="waiting")),
    )
