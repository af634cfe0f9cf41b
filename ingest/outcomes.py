"""The outcome of one package as the command line and the interface tell it (submission format, exact)."""

from archive import terms
from archive.models import Record
from ingest import staging, states
from ingest.models import Submission

STATES = {"received": "waiting", "accepted": "waiting", "filed": "waiting", "superseded": "returned"}
"""How inner states that a sender need not know are told."""


def outcome(
    submission: Submission, path: str, *, duplicate: bool = False, all_findings: bool = False
) -> dict[str, object]:
    """One line of `manage.py ingest --json`."""
    record = Record.objects.select_related("fonds").filter(pk=submission.record_id).first()
    state = STATES.get(submission.state, submission.state)
    line: dict[str, object] = {
        "path": path,
        "submission": str(submission.pk),
        "source": submission.source or None,
        "item": submission.item or None,
        "business_no": submission.business_no or None,
        "revision": submission.revision,
        "state": "duplicate" if duplicate else state,
        "reference_code": record.reference_code if record else None,
        "record": str(record.pk) if record else None,
        "stage": terms.STAGES.get(record.stage) if record else None,
        "insurance": terms.INSURANCES.get(record.insurance) if record else None,
        "insurances": record.insurance_names if record else [],
        "retention": record.retention if record else None,
        "formed_on": record.formed_on.isoformat() if record else None,
        "due_on": record.due_on.isoformat() if record and record.due_on else None,
        "findings": _findings(submission, all_findings),
    }
    if duplicate:
        line["first_state"] = state
    return line


def _findings(submission: Submission, everything: bool) -> list[dict]:
    if everything and submission.report:
        return staging.read_report(submission.report)["findings"]
    found = [row.as_dict() for row in submission.findings.order_by("position")]
    if submission.state == "refused":
        found.append(_of_package("failed", "信息包可读，且名称未被其他内容占用", submission.reason))
    if submission.state in states.OPEN:
        message = "已收存，还没有处理完，由工作进程继续；结果以最后的处理为准。"
        found.append(_of_package("not-run", "处理完毕", message))
    if submission.state == "superseded":
        later = submission.superseded_by.revision if submission.superseded_by else ""
        found.append(_of_package("warning", "较高的修订取代较低的", f"已被修订 {later} 取代，不再处理。"))
    return found


def _of_package(verdict: str, rule: str, message: str) -> dict[str, str | None]:
    """A finding about the package as a whole, in the shape of the others."""
    return {
        "check": "X-package", "property": "integrity", "verdict": verdict, "file": None, "field": None, "value": None,
        "rule": rule, "message": message,
    }  # fmt: skip
