"""A package whose declaration is signed and stamped: what the report says, and what is kept of it."""

import pytest

from archive import contents, determinations, holdings, trust
from archive.permissions import Actor
from ingest import pipeline, receiving
from ingest.models import Submission
from tests import factories, signed_pdf
from tests import signing_sm2 as national
from tests.pages import reader

pytestmark = pytest.mark.django_db(databases="__all__")
SIGNATURE, STAMP = "submission.json.p7s", "submission.json.tsr"


@pytest.fixture
def house(stores, actor, fence):
    determinations.load_schedule(actor=actor)
    holdings.make_fonds("D019", "东莞市社会保险基金管理中心", actor=actor)
    keeper = Actor.of(reader("secadmin").user)
    for root in (signed_pdf.root(), national.root()):
        trust.add(root.der, basis="省局〔2020〕3 号", fence=fence, actor=keeper)
    return stores


@pytest.fixture
def take_in(house, fence, actor, tmp_path):
    def take_in(**beside) -> Submission:
        """The submission of a package; `beside`: p7s and tsr, each a function of the declaration's bytes."""

        def sign(tree):
            for suffix, made in beside.items():
                tree[f"submission.json.{suffix}"] = made(tree["submission.json"])

        path = factories.a_bag(tmp_path, zip=True, break_=sign)
        received = receiving.receive_path(path, actor=actor, fence=fence, channel="cli")
        pipeline.process(received.submission.pk, fence, actor=actor)
        return Submission.objects.get(pk=received.submission.pk)

    return take_in


def told(submission, name):
    return {row.rule: row.verdict for row in submission.findings.all() if row.file == name}


def by_rsa(content):
    return signed_pdf.detached(content, signed_pdf.person("东莞社保业务系统", "rsa"))


def by_sm2(content):
    return national.signed_data(content, national.signer(), attributes=True)


@pytest.mark.parametrize("by", [by_rsa, by_sm2])
def test_a_signed_and_stamped_declaration_is_filed_with_both_beside_it(take_in, house, by):
    submission = take_in(p7s=by, tsr=signed_pdf.stamp)
    assert submission.state == "archived", submission.reason
    kept = {item.path: item for item in submission.record.digital_objects.all()}
    declared = contents.open_object(kept["submission.json"]).read()
    assert {kept[name].role for name in (SIGNATURE, STAMP)} == {"submission"}
    assert by is by_rsa or contents.open_object(kept[SIGNATURE]).read() == by(declared)
    assert contents.open_object(kept[STAMP]).read()[:1] == b"\x30"
    rows = [told(submission, name) for name in (SIGNATURE, STAMP)]
    assert rows == [{"签名时间": "not-run"}, {}], "rows are what did not pass"


def test_a_stranger_s_signature_is_for_a_person_to_judge(take_in):
    submission = take_in(p7s=lambda content: signed_pdf.detached(content, signed_pdf.Person("外人")))
    assert told(submission, SIGNATURE) == {"签名人可信": "warning", "签名时间": "not-run"}


@pytest.mark.parametrize("beside", [
    {"p7s": lambda content: by_rsa(content + b" ")}, {"p7s": lambda content: by_sm2(content + b" ")},
    {"p7s": lambda content: b"x"}, {"p7s": lambda content: national.signed_data(content)},
    {"tsr": lambda content: signed_pdf.stamp(content + b" ")}, {"tsr": lambda content: b"\x30\x80" * 1000},
])  # fmt: skip
def test_a_signature_or_stamp_that_does_not_hold_sends_the_package_back(take_in, beside):
    submission = take_in(**beside)
    assert submission.state == "returned"
    (name,) = (f"submission.json.{suffix}" for suffix in beside)
    assert told(submission, name) == {"签名完整性": "failed"}
