"""What the database itself refuses in this room. Findings are not listed: a new examination replaces them."""

from archive.triggers import Rule, kept

RULES: list[Rule] = [kept("ingest_submission")]
