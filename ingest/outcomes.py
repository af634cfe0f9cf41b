"""The outcome of one package as the command line and the interface tell it (submission format, exact)."""

from archive import terms
from archive.models import Record
from ingest import staging
from ingest.models import Submission

STATES = {"received": "waiting", "accepted": "waiting", "filed": "waiting", "superseded": "refused"}
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
    found = [
        {
            "check": row.check_id,
            "property": row.property,
            "verdict": row.verdict,
            "file": row.file or None,
            "field": row.field or None,
            "value": row.value or None,
            "rule": row.rule,
            "message": row.message,
        }
        for row in submission.findings.order_by("position")
    ]
    if submission.state in ("refused", "superseded") and submission.reason:
        found.append(
            {
                "check": "X-package",
                "property": "integrity",
                "verdict": "failed",
                "file": None,
                "field": None,
                "value": None,
                "rule": "信息包可读，且名称未被其他内容占用",
                "message": submission.reason,
            }
        )
    return found
