"""What the database itself refuses in this room: nothing of a decision is deleted, and nothing signed is changed."""

from archive.triggers import Rule, append_only, fixed, kept, moves_only
from retention.states import APPRAISAL_MOVES, REGISTER_MOVES, ROW_MOVES


def once(table: str, *columns: str) -> Rule:
    """Each of these columns, once it says something, never says anything else."""
    when = " OR ".join(f'(OLD."{c}" IS NOT NULL AND NEW."{c}" IS DISTINCT FROM OLD."{c}")' for c in columns)
    return Rule(table, "UPDATE", f"{table}: {', '.join(columns)} are written once", when)


BEGUN = " OR ".join(
    f'NEW."{column}" IS DISTINCT FROM OLD."{column}"'
    for column in ("edition", "supervisor_one_id", "supervisor_two_id", "manner", "place")
)

RULES: list[Rule] = [
    kept("retention_appraisal"),
    fixed("retention_appraisal", "fonds_id", "group_id", "number", "year", "opened_at", "opened_by_id"),
    moves_only("retention_appraisal", APPRAISAL_MOVES),
    kept("retention_appraisalitem"),
    fixed("retention_appraisalitem", "appraisal_id", "record_id", "position", "old_period", "old_due_on"),
    Rule(
        "retention_appraisalitem", "UPDATE", "a result is final",
        'OLD."result" <> \'\' AND (NEW."result" <> OLD."result" OR NEW."period" <> OLD."period" OR NEW."reason" <> OLD."reason")',
    ),
    kept("retention_group"),
    fixed("retention_group", "fonds_id", "name", "decree_no", "decreed_on"),
    kept("retention_hold"),
    fixed("retention_hold", "fonds_id", "number", "year", "kind", "party_key", "about", "reason", "authority", "placed_at", "placed_by_id", "placed_by_name", "wanted"),
    Rule("retention_hold", "UPDATE", "an ended hold stays ended", 'OLD."ended_at" IS NOT NULL AND (NEW."ended_at" IS DISTINCT FROM OLD."ended_at" OR NEW."end_reason" <> OLD."end_reason" OR NEW."ended_by_id" IS DISTINCT FROM OLD."ended_by_id")'),
    *append_only("retention_member"),
    *append_only("retention_opinion"),
    *append_only("retention_opinionitem"),
    kept("retention_person"),
    fixed("retention_person", "name", "organisation", "user_id"),
    kept("retention_edition"),
    fixed("retention_edition", "register_id", "number", "frozen_at", "reason", "count", "digest"),
    once("retention_edition", "printed_id", "sheet_id", "filed_on", "receipt_id", "filed_by_id"),
    Rule("retention_edition", "UPDATE", "what was filed stays", 'OLD."filed_on" IS NOT NULL AND (NEW."filing_no" <> OLD."filing_no" OR NEW."filed_with" <> OLD."filed_with")'),
    kept("retention_register"),
    fixed("retention_register", "fonds_id", "number", "year", "title", "made_at", "requested_by_id"),
    once("retention_register", "approved_by_id", "approved_at", "approval_id", "not_before", "executed_by_id", "started_at", "finished_at", "certificate_id"),
    moves_only("retention_register", REGISTER_MOVES),
    Rule("retention_register", "UPDATE", "a destruction ends as it began", f"OLD.\"state\" = 'executing' AND ({BEGUN})"),
    Rule("retention_register", "UPDATE", "an executed register is closed", "OLD.\"state\" = 'executed'"),
    kept("retention_registerrow"),
    fixed("retention_registerrow", "register_id", "record_id", "position", "columns", "objects_digest"),
    once("retention_registerrow", "left_edition", "marked_at", "destroyed_at"),
    moves_only("retention_registerrow", ROW_MOVES),
    Rule("retention_registerrow", "UPDATE", "a final row is final", "OLD.\"state\" IN ('destroyed', 'kept')"),
    kept("retention_signature"),
    fixed("retention_signature", "person_id", "manner", "subject", "meaning", "digest", "signed_on", "entered_at", "entered_by_id", "scan_id"),
    Rule("retention_signature", "UPDATE", "a confirmation is final", 'OLD."confirmed_at" IS NOT NULL'),
    Rule("retention_signature", "UPDATE", "a withdrawal is final", 'OLD."withdrawn_at" IS NOT NULL'),
    *append_only("retention_supervision"),
]  # fmt: skip
"""Sorted by table."""
