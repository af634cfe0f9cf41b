"""Signatures in a PDF: integrity, trust, coverage and time are four answers, and each can be another than the rest."""

import io

import pikepdf
import pytest

from tests import signed_pdf as world
from tests.bags import pdf
from tests.signed_pdf import (
    DAY,
    NOW,
    Person,
    appended,
    changed,
    four,
    looked,
    person,
    resigned,
    root,
    rows,
    signed,
    stamping,
)

PLAIN = pdf("Zhang San")


@pytest.fixture(scope="module")
def once():
    return signed(PLAIN, person())


@pytest.fixture
def look(fence, tmp_path):
    return lambda data, *, roots=(root(),): looked(fence, tmp_path / "x.pdf", data, roots)


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_a_signature_over_the_whole_file_holds(look, kind):
    (fact,) = facts = look(signed(PLAIN, person(f"经办人 {kind}", kind)))
    assert four(fact) == ("intact", "trusted", "whole", "claimed") and fact["signer"] == f"经办人 {kind}"
    assert rows(facts) == {
        ("签名完整性", "passed"),
        ("签名人可信", "passed"),
        ("签名覆盖范围", "passed"),
        ("签名时间", "not-run"),
    }


def test_a_time_stamp_proves_the_time(look):
    (fact,) = facts = look(signed(PLAIN, person(), stamp=stamping(NOW - 5 * DAY)))
    assert four(fact) == ("intact", "trusted", "whole", "stamped")
    assert fact["time"] == (NOW - 5 * DAY).isoformat() and ("签名时间", "passed") in rows(facts)


def test_a_time_stamp_by_nobody_we_trust_proves_none(look):
    (fact,) = look(signed(PLAIN, person(), stamp=stamping()), roots=[Person("别的中心", ca=True)])
    assert four(fact) == ("intact", "untrusted", "whole", "claimed")


def test_without_roots_the_signer_is_not_checked(look, once):
    (fact,) = facts = look(once, roots=[])
    assert four(fact) == ("intact", "unknown", "whole", "claimed") and ("签名人可信", "not-run") in rows(
        facts
    )


def test_another_root_of_the_same_name_is_another(look, once):
    (fact,) = facts = look(once, roots=[Person("省数字证书中心", ca=True)])
    assert four(fact)[:2] == ("intact", "untrusted") and ("签名人可信", "warning") in rows(facts)


def test_a_certificate_is_judged_on_the_day_that_the_stamp_proves(look):
    over = Person("已过期", root(), until=NOW - 10 * DAY)
    assert look(signed(PLAIN, over))[0]["trust"] == "expired"
    assert look(signed(PLAIN, over, stamp=stamping(NOW - 20 * DAY)))[0]["trust"] == "trusted"
    assert look(signed(PLAIN, over, stamp=stamping(NOW - DAY)))[0]["trust"] == "expired"


def saved_again(data):
    stream = io.BytesIO()
    pikepdf.open(io.BytesIO(data)).save(stream)
    return stream.getvalue()


@pytest.mark.parametrize("change", [changed, saved_again])
def test_bytes_changed_after_signing_are_broken_integrity(look, once, change):
    (fact,) = facts = look(change(once))
    assert fact["integrity"] == "broken" and rows(facts) == {
        ("签名完整性", "failed"),
        ("签名覆盖范围", "not-run"),
    }


def test_a_second_signature_is_no_change_to_the_first(look, once):
    facts = look(signed(once, person("复核人"), field="S2"))
    assert [four(fact)[::2] for fact in facts] == [("intact", "revision"), ("intact", "whole")]
    assert ("签名覆盖范围", "passed") in rows(facts)


def test_pages_changed_by_an_update_behind_the_signature_are_told_as_coverage(look, once):
    (fact,) = facts = look(appended(once))
    assert four(fact)[::2] == ("intact", "changed")
    assert {("签名完整性", "passed"), ("签名覆盖范围", "failed")} <= rows(facts)


def test_who_changes_pages_and_signs_them_himself_covers_nothing_up(look, once):
    facts = look(signed(appended(once), Person("伪造者"), field="S2"))
    assert [fact["coverage"] for fact in facts] == ["changed", "whole"]
    assert ("签名覆盖范围", "failed") in rows(facts) and ("签名覆盖范围", "passed") not in rows(facts)


def test_an_update_that_is_permitted_but_unsigned_is_for_a_person_to_judge(look, once):
    (fact,) = facts = look(world.with_empty_field(once))
    assert four(fact)[::2] == ("intact", "revision") and ("签名覆盖范围", "warning") in rows(facts)


@pytest.mark.parametrize("left_out", [{"before": 100}, {"after": 20}])
def test_a_signature_that_leaves_bytes_out_says_so(look, once, left_out):
    facts = look(resigned(once, lambda exact: world.detached(exact, person()), **left_out))
    assert [four(fact)[::2] for fact in facts] == [("intact", "partial")]
    assert {("签名完整性", "passed"), ("签名覆盖范围", "failed")} <= rows(facts)


def test_bytes_between_the_ranges_that_are_no_signature_are_left_out_too(look, once):
    """Counted together the lengths are right; the end of the file is not signed, or something stands in the gap."""
    by_person = lambda exact: world.detached(exact, person())  # noqa: E731
    for data in [resigned(once, by_person, shifted=20), resigned(once, by_person, written=world.in_brackets)]:
        assert [four(fact)[::2] for fact in look(data)] == [("intact", "partial")]


def test_a_signature_made_anew_over_everything_holds(look, once):
    """That the two above fail for what they leave out, and not for how they are made."""
    facts = look(resigned(once, lambda exact: world.detached(exact, person())))
    assert [four(fact)[::2] for fact in facts] == [("intact", "whole")]


@pytest.mark.parametrize("value", [b"", b"\x30\x80" * 500, b"\x30\x84\xff\xff\xff\xff", b"x"])
def test_garbage_in_the_place_of_a_signature_is_a_doubt(look, once, value):
    (fact,) = look(resigned(once, lambda exact: value))
    assert fact["integrity"] != "intact" and fact["why"]


def test_one_unreadable_signature_hides_no_other(look, once):
    twice = signed(once, person("复核人"), field="S2")
    facts = look(resigned(twice, lambda exact: b"x"))
    assert [fact["integrity"] for fact in facts] == ["unknown", "broken"]


def test_a_signature_whose_dictionary_cannot_be_read_is_a_doubt(look, once):
    (fact,) = look(once.replace(b"/SubFilter", b"\xdcSubFilter"))
    assert fact["integrity"] == "unknown" and fact["why"]


def test_an_empty_field_is_no_signature(look):
    assert look(world.with_empty_field(PLAIN)) == []


def test_a_signature_outside_every_field_is_not_passed_over(look, once):
    document = pikepdf.open(io.BytesIO(once))
    del document.Root.AcroForm.Fields[0]
    document.Root.Kept = document.make_indirect(pikepdf.Dictionary(ByteRange=[0, 1, 2, 3], Contents=b"x"))
    stream = io.BytesIO()
    document.save(stream)
    facts = look(stream.getvalue())
    assert facts and all(fact["integrity"] != "intact" for fact in facts)
