"""Signatures by SM2 in a PDF, signed data of GB/T 35275 and seals of GB/T 38540 and GM/T 0031: told in the same four answers
as those by RSA (`test_pdf_signatures.py`)."""

import re

import pytest
from asn1crypto import tsp

from tests import signed_pdf as world
from tests import signing_sm2 as national
from tests.bags import pdf
from tests.signed_pdf import appended, changed, four, looked, person, resigned, root, rows, signed

PKCS7 = "1.2.840.113549.1.7.2"


@pytest.fixture(scope="module")
def once():
    return signed(pdf("Zhang San"), person())


@pytest.fixture
def look(fence, tmp_path):
    return lambda data, *, roots=(root(), national.root()): looked(fence, tmp_path / "x.pdf", data, roots)


def data(exact, who=None, **options):
    return national.signed_data(exact, who or national.signer(), **options)


def sealed(exact, version=4, who=None, **stamp):
    who = who or national.signer()
    return national.sealing(
        version, exact, who, national.seal(version, *stamp.pop("holders", (who,)), **stamp)
    )


BY_SM2 = {
    "signed data": data,
    "signed data over the bytes themselves": lambda exact: data(exact, detached=True),
    "signed data with attributes": lambda exact: data(exact, attributes=True),
    "signed data under the object id of PKCS 7": lambda exact: data(exact, attributes=True, kind=PKCS7),
    "seal of 2020": sealed,
    "seal of 2014": lambda exact: sealed(exact, 1),
}


@pytest.mark.parametrize("kind", BY_SM2)
def test_a_signature_by_sm2_holds_like_any_other_until_a_byte_is_changed(look, once, kind):
    made = resigned(once, BY_SM2[kind])
    (fact,) = facts = look(made)
    assert four(fact) == ("intact", "trusted", "whole", "claimed")
    assert (fact["signer"], fact["issuer"]) == ("东莞社保经办", "测试根机构")
    assert (fact["form"], fact["seal"]) == (
        ("PDF 签章", "东莞社保业务专用章") if "seal" in kind else ("PDF 签名", "")
    )
    assert rows(facts) == {
        ("签名完整性", "passed"),
        ("签名人可信", "passed"),
        ("签名覆盖范围", "passed"),
        ("签名时间", "not-run"),
    }
    (fact,) = facts = look(changed(made))
    assert four(fact)[:2] == ("broken", "unknown") and ("签名完整性", "failed") in rows(facts)


def test_the_time_of_a_signature_by_sm2_is_its_own_or_else_that_of_the_pdf(look, once):
    assert look(resigned(once, sealed))[0]["time"] == "2025-06-18T02:00:03+00:00"
    written = look(resigned(once, data))[0]["time"]
    assert written and not written.startswith("2025-06-18")


@pytest.mark.parametrize("value", [data, sealed])
@pytest.mark.parametrize("name", [b"/adbe.pkcs7.detached", b"/GM.sm2seal", b"/anything"])
def test_the_signature_itself_says_what_it_is_whatever_the_pdf_calls_it(look, once, value, name):
    called = once.replace(b"/ETSI.CAdES.detached", name.ljust(20))
    assert four(look(resigned(called, value))[0])[:3] == ("intact", "trusted", "whole")


def test_what_comes_after_a_signature_by_sm2_is_told_as_coverage(look, once):
    made = resigned(once, sealed)
    told = {
        "changed": look(appended(made)),
        "revision": look(world.with_empty_field(made)),
    }
    for coverage, (fact,) in told.items():
        assert four(fact)[::2] == ("intact", coverage) and fact["coverage_why"]
    both = look(signed(made, person("复核人"), field="S2"))
    assert [four(fact)[::2] for fact in both] == [("intact", "revision"), ("intact", "whole")]


def test_a_seal_put_on_what_another_signed_is_no_change_to_it(look, once):
    facts = look(resigned(signed(once, person("复核人"), field="S2"), sealed, which=1))
    assert [four(fact)[::2] for fact in facts] == [("intact", "revision"), ("intact", "whole")]


@pytest.mark.parametrize(
    "gap", [{"before": 100}, {"after": 20}, {"shifted": 20}, {"written": world.in_brackets}]
)
def test_a_signature_by_sm2_that_leaves_bytes_out_says_so(look, once, gap):
    facts = look(resigned(once, data, **gap))
    assert [four(fact)[::2] for fact in facts] == [("intact", "partial")]
    assert ("签名覆盖范围", "failed") in rows(facts)


RANGES = {
    "beyond the end": ("超出文件", lambda numbers: [*numbers[:3], numbers[3] + 5]),
    "negative": ("有负数", lambda numbers: [0, numbers[1], -1, numbers[3]]),
    "not in pairs": ("不成对", lambda numbers: numbers[:3]),
    "none": ("不是这份文件", lambda numbers: []),
    "much too much": ("256 MB", lambda numbers: [0, 999_999_999] * 2),
    "no numbers": ("不能验证", lambda numbers: ["/x"] * 4),
    "as fractions": ("不是这份文件", lambda numbers: ["0.5", *numbers[1:]]),
}


@pytest.mark.parametrize("kind", RANGES)
def test_ranges_that_are_none_are_a_finding(look, once, kind):
    word, ranges = RANGES[kind]
    made = resigned(once, data)
    old = re.search(rb"/ByteRange \[([^\]]*)\]\s*", made)
    new = b"/ByteRange [%s]" % " ".join(map(str, ranges([*map(int, old[1].split())]))).encode()
    (fact,) = look(made[: old.start()] + new.ljust(len(old[0])) + made[old.end() :])
    assert four(fact)[0] != "intact" and word in fact["why"]


OTHER = b"of another document"
BROKEN = {
    "signed data of another document": lambda exact: data(OTHER),
    "of another, with attributes": lambda exact: data(OTHER, attributes=True),
    "seal of another": lambda exact: sealed(OTHER),
    "no signer": lambda exact: national.signed_data(exact),
    "cut, with zeros in its place": lambda exact: data(exact)[:-40],
    "no certificate": lambda exact: data(exact, certificates=()),
    "signed by another key": lambda exact: data(
        exact, national.Person(national.Key(99), *(getattr(national.signer(), n) for n in ("der", "name", "serial")))
    ),
    "of a seal that its maker did not make": lambda exact: sealed(exact, forged=True),
    "of a seal that he may not use": lambda exact: sealed(exact, holders=(national.maker(),)),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_a_signature_by_sm2_that_does_not_hold_is_broken(look, once, kind):
    (fact,) = facts = look(resigned(once, BROKEN[kind]))
    assert four(fact) == ("broken", "unknown", "", "none") and fact["why"]
    assert rows(facts) == {("签名完整性", "failed"), ("签名覆盖范围", "not-run")}


DOUBTFUL = {
    "something behind it": lambda exact: data(exact) + b"x",
    "two signers": lambda exact: national.signed_data(exact, national.signer(), national.maker()),
    "a seal of a version that nobody knows": lambda exact: national.seq(
        national.seq(national.number(9), *[national.seq()] * 4), national.oid(national.SM2_SIGN)
    ),
    "deep": lambda exact: national.seq(national.oid(national.SIGNED_DATA), b"\x30\x80" * 2000),
    "an object id of thousands of bytes": lambda exact: national.seq(
        national.oid(national.SIGNED_DATA), national.tlv(0xA0, national.tlv(6, b"\xff" * 8000 + b"\x01"))
    ),
    "certificates that are none": lambda exact: data(
        exact, certificates=(national.Person(None, national.seq(national.number(1)), b"", 1),)
    ),
}


@pytest.mark.parametrize("kind", DOUBTFUL)
def test_what_cannot_be_read_as_a_signature_by_sm2_is_a_doubt(look, once, kind):
    (fact,) = facts = look(resigned(once, DOUBTFUL[kind]))
    assert four(fact)[0] == "unknown" and fact["why"] and ("签名完整性", "warning") in rows(facts)


def test_a_signature_over_a_sha1_digest_proves_nothing(look, once):
    made = resigned(once.replace(b"/ETSI.CAdES.detached", b"/adbe.pkcs7.sha1".ljust(20)), data)
    (fact,) = look(made)
    assert four(fact)[0] == "unknown" and "SHA-1" in fact["why"]


WHO = {
    "nobody we know": ("untrusted", lambda: national.person("x", 61)),
    "by an impostor of the root": ("untrusted", lambda: national.person("x", 62, national.impostor())),
    "run out before": ("expired", lambda: national.person("x", 63, national.root(), ends="20240101000000Z")),
    "run out since": ("trusted", lambda: national.person("x", 64, national.root(), ends="20250701000000Z")),
}


@pytest.mark.parametrize("kind", WHO)
@pytest.mark.parametrize("value", [lambda exact, who: data(exact, who, attributes=True), lambda exact, who: sealed(exact, who=who)])  # fmt: skip
def test_trust_in_a_signer_by_sm2_is_that_of_his_day(look, once, kind, value):
    expected, who = WHO[kind]
    (fact,) = look(resigned(once, lambda exact: value(exact, who())))
    assert four(fact) == ("intact", expected, "whole", "claimed")


@pytest.mark.parametrize(
    ("expected", "stamp"),
    [("expired", {"until": "20250101000000Z"}), ("untrusted", {"by": national.person("假制章者", 65)})],
)
def test_a_seal_in_a_pdf_is_trusted_with_its_maker_and_in_its_time(look, once, expected, stamp):
    assert four(look(resigned(once, lambda exact: sealed(exact, **stamp)))[0])[:2] == ("intact", expected)


STAMPS = {
    "a national service": ("stamped", lambda value: national.time_stamp(value, national.stamping())),
    "a service by RSA": ("stamped", lambda value: token(world.stamp(value))),
    "a service of nobody's": (
        "claimed",
        lambda value: national.time_stamp(value, national.person("x", 66, stamps=True)),
    ),
    "one who is no service": ("claimed", lambda value: national.time_stamp(value, national.signer())),
    "a service over something else": (
        "claimed",
        lambda value: national.time_stamp(value + b"x", national.stamping()),
    ),
    "nonsense": ("claimed", lambda value: b"\x30\x03\x02\x01\x01"),
}


def token(reply):
    return tsp.TimeStampResp.load(reply)["time_stamp_token"].dump()


@pytest.mark.parametrize("kind", STAMPS)
@pytest.mark.parametrize("how", ["signed data", "seal"])
def test_a_time_stamp_on_a_signature_by_sm2_proves_the_time_where_it_holds(look, once, kind, how):
    expected, stamp = STAMPS[kind]
    who = national.signer()
    made = {
        "signed data": lambda exact: data(exact, attributes=True, stamp=stamp),
        "seal": lambda exact: national.sealing(4, exact, who, national.seal(4, who), timed=stamp),
    }[how]
    (fact,) = look(resigned(once, made))
    assert four(fact) == ("intact", "trusted", "whole", expected)
    assert fact["time"].startswith("2025-06-18") == (expected == "claimed")


def test_a_certificate_by_sm2_is_judged_on_the_day_that_the_stamp_proves(look, once):
    over = national.person("x", 67, national.root(), ends="20250618120000Z")
    stamp = STAMPS["a national service"][1]
    assert look(resigned(once, lambda exact: data(exact, over, attributes=True)))[0]["trust"] == "trusted"
    stamped = look(resigned(once, lambda exact: data(exact, over, attributes=True, stamp=stamp)))
    assert four(stamped[0]) == ("intact", "expired", "whole", "stamped")


def test_a_time_stamp_by_sm2_over_a_whole_pdf_holds_until_a_byte_is_changed(look, once):
    written = re.search(rb"/Type /Sig\s+/Filter /Adobe.PPKLite\s+/SubFilter /ETSI.CAdES.detached", once)[0]
    place = once.replace(written, b"/Type /DocTimeStamp /SubFilter /ETSI.RFC3161".ljust(len(written)))
    made = resigned(place, STAMPS["a national service"][1])
    (fact,) = look(made)
    assert four(fact) == ("intact", "trusted", "whole", "stamped") and fact["form"] == "PDF 时间戳"
    assert four(look(changed(made))[0])[0] == "broken"
    assert look(resigned(place, data))[0]["integrity"] != "intact"
