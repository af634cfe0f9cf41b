"""What the database itself refuses in this room: nothing of a decision is deleted, and nothing signed is changed."""

from archive.triggers import Rule, append_only, fixed, kept

RULES: list[Rule] = [
    kept("retention_appraisal"),
    fixed("retention_appraisal", "fonds_id", "group_id", "number", "year", "opened_at", "opened_by_id"),
    Rule("retention_appraisal", "UPDATE", "a closed appraisal stays closed", "OLD.\"state\" <> 'open' AND NEW.\"state\" <> OLD.\"state\""),
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
    kept("retention_signature"),
    fixed("retention_signature", "person_id", "manner", "subject", "meaning", "digest", "signed_on", "entered_at", "entered_by_id", "scan_id"),
    Rule("retention_signature", "UPDATE", "a confirmation is final", 'OLD."confirmed_at" IS NOT NULL'),
]  # fmt: skip
"""Sorted by table."""
