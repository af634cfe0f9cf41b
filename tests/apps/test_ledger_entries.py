"""What may be written into a ledger: a sentence that has its fields, and no personal number."""

import json

import pytest
from django.db import transaction

from archive import audit

pytestmark = pytest.mark.django_db


def test_no_ledger_keeps_a_personal_number(actor):
    number = "441900199001011231"
    with transaction.atomic():
        written = audit.record(
            actor=actor, action="record.described", kind="site", subject="x", name=f"张三 {number}",
            data={"changes": f"证件号 {number}", "more": [{"x": number}]},
        )  # fmt: skip
    row = audit.access(actor=actor, action="searched", purpose=number, data={"query": number, "total": 1})
    for text in (written.subject_name, json.dumps(written.data), row.purpose, json.dumps(row.data)):
        assert number not in text and "4419**********1231" in text


def test_an_event_without_sentence_or_without_its_fields_is_refused(actor):
    with transaction.atomic(), pytest.raises(KeyError):
        audit.record(actor=actor, action="no.such", kind="site", subject="x")
    with transaction.atomic(), pytest.raises(KeyError):
        audit.record(actor=actor, action="copy.failed", kind="site", subject="x", data={"store": "local"})


def test_a_period_is_kept_as_it_is_and_spoken_in_years(actor):
    data = {"key": "1-2", "period": "10", "basis": "依据"}
    with transaction.atomic():
        row = audit.record(actor=actor, action="record.period_confirmed", kind="site", subject="x", data=data)
    assert row.data["period"] == "10" and "保管期限 10年 随" in audit.sentence(row)
    row.data = {}
    assert "{period}" in audit.sentence(row), "fields that are gone break no page"
