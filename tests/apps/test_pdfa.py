"""PDF/A claims after filing: judged in batches by a small program that stands in for Java, never twice, never in the
way of filing."""

import json
import stat

import pytest

from archive import pdfa, records
from archive.models import Copy, DigitalObject, Event, PdfaClaim
from archive.permissions import system_actor
from tests import filed

pytestmark = pytest.mark.django_db
ACTOR = system_actor("定时任务")
PROFILE = "PDF/A-2B validation profile"
BODY = """import json, sys
paths = sys.argv[sys.argv.index("0") + 1:]
def job(path):
    word = open(path, "rb").read()
    result = {"jobEndStatus": "normal", "profileName": "PDF/A-2B validation profile", "compliant": b"good" in word,
              "details": {"ruleSummaries": [{"specification": "ISO 19005-2:2011", "clause": "6.3.2"}]}}
    return {"itemDetails": {"name": path}, "validationResult": [] if b"odd" in word else [result]}
print(json.dumps({"report": {"jobs": [job(path) for path in paths]}}))
"""


@pytest.fixture
def java(settings, tmp_path, monkeypatch):
    """The validator of this site: a file whose words say what is judged of it."""
    script = tmp_path / "bin" / "java"
    script.parent.mkdir()
    script.write_text(f"#!/usr/bin/env python3\n{BODY}")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(script.parent), prepend=":")
    (tmp_path / "v.jar").write_bytes(b"")
    settings.VERAPDF_JAR = str(tmp_path / "v.jar")
    return json


def claiming(stores, content):
    record = filed.a_record(stores, contents=(content,))
    item = DigitalObject.objects.filter(record=record, role="original").first()
    return PdfaClaim.objects.create(object=item, claim="2b")


def test_claims_are_confirmed_refuted_and_asked_again_when_nothing_was_told(stores, java):
    good, bad, odd = (claiming(stores, word) for word in (b"good", b"bad", b"odd"))
    assert pdfa.validate(actor=ACTOR) == {"confirmed": 1, "refuted": 1, "unknown": 3}
    for claim in (good, bad, odd):
        claim.refresh_from_db()
    assert good.words == "PDF/A-2b 已验证" and "6.3.2" in bad.why
    assert (odd.state, odd.attempts) == ("unknown", pdfa.MOST_ATTEMPTS)
    assert pdfa.validate(actor=ACTOR) == {}
    assert Event.objects.filter(action="pdfa.validated").count() == 3


def test_without_a_validator_claims_wait(stores, settings):
    settings.VERAPDF_JAR = ""
    claim = claiming(stores, b"good")
    assert pdfa.validate(actor=ACTOR) == {}
    claim.refresh_from_db()
    assert (claim.state, claim.attempts) == ("waiting", 0)


def test_an_attempt_that_was_killed_counts(stores, java):
    claim = claiming(stores, b"good")
    for _ in range(pdfa.MOST_ATTEMPTS):
        assert pdfa._taken() == [claim]  # and then the worker dies
    assert pdfa._taken() == []


def test_a_record_on_its_way_out_is_left_alone(stores, java):
    claim = claiming(stores, b"good")
    records.move(claim.object.record_id, "disposing", actor=ACTOR, action="record.kept", data={"stores": ""})
    assert pdfa.validate(actor=ACTOR) == {}


def test_a_store_that_cannot_be_read_costs_no_attempt(stores, java):
    claim = claiming(stores, b"good")
    Copy.objects.update(state="failed")
    assert pdfa.validate(actor=ACTOR) == {}
    claim.refresh_from_db()
    assert (claim.state, claim.attempts) == ("waiting", 0)
