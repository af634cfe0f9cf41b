"""Signatures and seals of OFD: every rule once kept and once broken, and what a forger would try."""

import pytest

from archive.inspection.probes import ofd, sm2
from archive.inspection.probes.report import Report
from tests import signing_sm2 as world
from tests.signed_ofd import PAGE, SIGNS, description, document, listing, reference, signed, zipped

SIGNER, ROOT = world.signer(), world.root()
SIGNATURE, VALUE, LIST = (
    f"{SIGNS}/Sign_0/Signature.xml",
    f"{SIGNS}/Sign_0/SignedValue.dat",
    f"{SIGNS}/Signatures.xml",
)


@pytest.fixture
def look(tmp_path):
    def look(files, roots=(ROOT,)) -> Report:
        path = tmp_path / "x.ofd"
        path.write_bytes(zipped(files))
        report = Report(kind="ofd")
        ofd.open_and_report(report, str(path), None, tuple(sm2.Certificate(root.der) for root in roots))
        return report

    return look


def by_signer(exact):
    return world.signed_data(exact, SIGNER)


def with_attributes(exact):
    return world.signed_data(exact, SIGNER, attributes=True)


def sealed(version=4, who=SIGNER, **stamp):
    """An OFD sealed by `who`, with a seal of `who` unless `holders` says otherwise."""
    place = world.seal(version, *stamp.pop("holders", (who,)), **stamp)
    return signed(document(), lambda exact: world.sealing(version, exact, who, place), seal=place)


def told(report):
    (fact,) = report.signed
    return fact["integrity"], fact["trust"]


GOOD = {
    "signed data": lambda: signed(document(), by_signer),
    "signed data with attributes": lambda: signed(document(), with_attributes),
    "seal of 2020": lambda: sealed(4),
    "seal of 2020, holders by digest": lambda: sealed(4, by_digest=True),
    "seal of 2014": lambda: sealed(1),
    "method by its object id": lambda: signed(document(), by_signer, method="1.2.156.10197.1.401"),
}


@pytest.mark.parametrize("kind", GOOD)
def test_what_is_signed_as_the_standards_say_holds_is_trusted_and_covers_all(look, kind):
    report = look(GOOD[kind]())
    assert told(report) == ("intact", "trusted") and report.uncovered == [] and report.faults == []
    assert report.signed[0]["signer"] == "东莞社保经办" and report.signed[0]["issuer"] == "测试根机构"
    assert report.signed[0]["time"] in ("2025-06-18T02:00:03+00:00", "2025-06-18T10:00:03+08:00")
    assert report.signed[0]["seal"] == ("东莞社保业务专用章" if "seal" in kind else "")


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize("path", [PAGE, "OFD.xml", "Doc_0/Document.xml"])
def test_a_part_changed_after_signing_breaks_every_kind(look, kind, path):
    files = GOOD[kind]()
    files[path] = files[path].replace(b"</ofd", b" </ofd", 1)
    assert told(look(files)) == ("broken", "unknown")


@pytest.mark.parametrize("kind", GOOD)
def test_a_list_of_parts_changed_with_the_part_breaks_every_kind(look, kind):
    files = GOOD[kind]()
    changed = files[PAGE].replace("参保".encode(), "退保".encode())
    algorithm = "sm3"
    old, new = reference(f"/{PAGE}", files[PAGE], algorithm), reference(f"/{PAGE}", changed, algorithm)
    files[SIGNATURE] = files[SIGNATURE].replace(old.encode(), new.encode())
    files[PAGE] = changed
    assert told(look(files))[0] == "broken"


@pytest.mark.parametrize(
    "kind", ["signed data", "signed data with attributes", "seal of 2020", "seal of 2014"]
)
def test_no_byte_of_a_signed_value_may_be_turned(look, kind):
    """The last byte belongs to s, the number that only the key can give."""
    files = GOOD[kind]()
    files[VALUE] = files[VALUE][:-1] + bytes([files[VALUE][-1] ^ 1])
    assert told(look(files))[0] == "broken"


def data(**changed):
    return signed(document(), lambda exact: world.signed_data(exact, *changed.get("people", (SIGNER,)), **{
        key: value for key, value in changed.items() if key != "people"}))  # fmt: skip


OTHER = sm2.sm3(b"another file")


def twice(exact):
    right = world.seq(world.oid("1.2.840.113549.1.9.4"), world.set_of(world.octets(sm2.sm3(exact))))
    return world.signed_data(exact, SIGNER, attributes=True, digest=OTHER, extra=right)


BROKEN = {
    "no signer": lambda: data(people=()),
    "no certificate of the signer": lambda: data(certificates=(ROOT,)),
    "a certificate of the same key, but not the one he names": lambda: data(
        certificates=(world.person("别名", SIGNER.serial),)
    ),
    "digest of another file inside": lambda: data(inner=OTHER, over=OTHER),
    "digest of another file in the attributes": lambda: data(attributes=True, digest=OTHER),
    "two digests in the attributes": lambda: signed(document(), twice),
    "signed by another key": lambda: data(people=(world.Person(world.Key(99), SIGNER.der, SIGNER.name, SIGNER.serial),)),
    "no value": lambda: signed(document(), lambda exact: b""),
    "seal of which he is no holder": lambda: sealed(4, holders=(ROOT,)),
    "seal of 2014 of which he is no holder": lambda: sealed(1, holders=(ROOT,)),
    "seal of which he is no holder by digest": lambda: sealed(4, holders=(ROOT,), by_digest=True),
    "seal that its maker did not sign": lambda: sealed(4, forged=True),
    "seal of 2014 that its maker did not sign": lambda: sealed(1, forged=True),
    "sealing of another file": lambda: signed(
        document(), lambda exact: world.sealing(4, exact + b" ", SIGNER, world.seal(4, SIGNER))
    ),
    "another seal shown": lambda: sealed(4) | {f"{SIGNS}/Sign_0/Seal.esl": world.seal(4, SIGNER, words="别的章")},
    "seal shown that is not there": lambda: {k: v for k, v in sealed(4).items() if "esl" not in k},
    "nothing listed": lambda: signed(document(), by_signer, over=()),
    "a part that is not there": lambda: {k: v for k, v in signed(document(), by_signer).items() if k != PAGE},
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_what_does_not_hold_is_said_to_be_broken(look, kind):
    report = look(BROKEN[kind]())
    assert told(report) == ("broken", "unknown") and report.signed[0]["why"]


@pytest.mark.parametrize("method", ["MD5", "SHA1", "Whirlpool", ""])
def test_a_digest_that_proves_nothing_leaves_a_doubt_and_protects_nothing(look, method):
    files = signed(document(), by_signer, method=method)
    report = look(files)
    assert told(report)[0] == "unknown" and report.uncovered == sorted(files)


def test_a_bare_value_without_certificate_is_not_verified(look):
    assert told(look(signed(document(), SIGNER.key.sign)))[0] == "unknown"


def chain(who, *sent, roots=(ROOT,)):
    return signed(document(), lambda exact: world.signed_data(exact, who, certificates=(who, *sent))), roots


UNDER_SUB = world.person("下级的经办", 11, world.sub())
BELOW_SUB = world.person("下级的下级", 12, world.sub(), ca=True)
RENEWED = world.person("测试根机构", 1, ca=True, born="20290101000000Z")
TRUST = {
    "through an authority below": ("trusted", lambda: chain(UNDER_SUB, world.sub())),
    "through an authority below that was not sent": ("untrusted", lambda: chain(UNDER_SUB)),
    "a root that stands behind the same, renewed": ("trusted", lambda: chain(SIGNER, roots=(RENEWED, ROOT))),
    "issued by an impostor of the root's name": (
        "untrusted", lambda: chain(world.person("冒名", 13, world.impostor()), world.impostor())
    ),
    "issued by a signer, who is no authority": ("untrusted", lambda: chain(world.person("x", 14, SIGNER), SIGNER)),
    "an authority below one that may have none": (
        "untrusted", lambda: chain(world.person("x", 15, BELOW_SUB), BELOW_SUB, world.sub())
    ),
    "run out before it signed": (
        "expired", lambda: chain(world.person("x", 16, ROOT, ends="20240101000000Z"))
    ),
    "run out since": ("trusted", lambda: chain(world.person("x", 17, ROOT, ends="20250701000000Z"))),
    "not yet valid": ("expired", lambda: chain(world.person("x", 18, ROOT, born="20260101000000Z"))),
    "signed by himself": ("untrusted", lambda: chain(world.person("x", 19))),
    "no roots": ("unknown", lambda: chain(SIGNER, roots=())),
}  # fmt: skip


@pytest.mark.parametrize("kind", TRUST)
def test_trust_is_what_the_chain_says_on_the_day_of_signing(look, kind):
    expected, made = TRUST[kind]
    assert told(look(*made())) == ("intact", expected)


SEAL_TRUST = {
    "a seal that had run out": ("expired", {"until": "20250101000000Z"}),
    "a seal not yet valid": ("expired", {"from_": "20260101000000Z"}),
    "a seal by a maker of nobody's": ("untrusted", {"by": world.person("假制章者", 21)}),
}


@pytest.mark.parametrize("kind", SEAL_TRUST)
@pytest.mark.parametrize("version", [1, 4])
def test_a_seal_is_trusted_with_its_maker_and_in_its_time(look, kind, version):
    expected, stamp = SEAL_TRUST[kind]
    assert told(look(sealed(version, **stamp))) == ("intact", expected)


def test_a_sealer_of_an_unknown_authority_is_not_trusted(look):
    assert told(look(sealed(4, who=world.person("x", 22)))) == ("intact", "untrusted")


def test_a_file_added_or_left_out_is_named(look):
    added = signed(document(), by_signer) | {"Doc_0/Pages/Page_1/Content.xml": b"<Page/>"}
    assert look(added).uncovered == ["Doc_0/Pages/Page_1/Content.xml"]
    assert look(signed(document(), by_signer, over=["OFD.xml"])).uncovered == ["Doc_0/Document.xml", PAGE]


def test_a_second_signature_covers_the_first_and_each_is_told(look):
    other = world.person("复核人", 23, ROOT)
    files = signed(document(), by_signer)
    files = signed(files, lambda exact: world.signed_data(exact, other), number=1)
    report = look(files)
    assert [fact["signer"] for fact in report.signed] == ["东莞社保经办", "复核人"]
    assert {fact["integrity"] for fact in report.signed} == {"intact"} and report.uncovered == []
    files[VALUE] = by_signer(b"x")
    assert [fact["integrity"] for fact in look(files).signed] == ["broken", "broken"]


# What a forger would try. He has no key of anybody who is trusted, and may write whatever he likes.


def test_a_forger_who_signs_all_by_himself_does_not_cover_what_the_trusted_signer_left_out(look):
    forger = world.person("经办人", 31)
    files = signed(document(), by_signer) | {"Doc_0/Pages/Page_1/Content.xml": b"<Page/>"}
    report = look(signed(files, lambda exact: world.signed_data(exact, forger), number=1))
    assert [fact["trust"] for fact in report.signed] == ["trusted", "untrusted"]
    assert "Doc_0/Pages/Page_1/Content.xml" in report.uncovered


@pytest.mark.parametrize("as_what", ["listed", "value"])
def test_a_page_named_as_part_of_a_signature_is_not_covered_thereby(look, as_what):
    page = "Doc_0/Pages/Page_1/Content.xml"
    files = signed(document(), by_signer) | {page: b"<Page/>"}
    other = SIGNATURE.replace("Sign_0", "Sign_1")
    files[other] = description(reference("/OFD.xml", files["OFD.xml"]), value=f"/{page}")
    files[LIST] = listing(("Sign", f"/{SIGNATURE}"), ("Sign", f"/{page if as_what == 'listed' else other}"))
    report = look(files)
    assert page in report.uncovered and [fact["integrity"] for fact in report.signed][1] != "intact"


def test_a_page_that_is_its_own_signature_is_none(look):
    forger = world.person("经办人", 33)
    files = signed(document(), lambda exact: world.signed_data(exact, forger))
    exact = (
        files[SIGNATURE].replace(b"ofd:Signature>", b"ofd:Page>").replace(b"<ofd:Signature ", b"<ofd:Page ")
    )
    files |= {SIGNATURE: exact, VALUE: world.signed_data(exact, forger)}
    assert told(look(files))[0] == "broken"


WRAPPED = {
    "two SignedInfo": {"outside": "<ofd:SignedInfo><ofd:References CheckMethod='SM3'/></ofd:SignedInfo>"},
    "two References": {"inside": "<ofd:References CheckMethod='SM3'/>"},
    "two SignedValue": {"outside": f"<ofd:SignedValue>/{PAGE}</ofd:SignedValue>"},
    "two Seal": {"inside": "<ofd:Seal/><ofd:Seal/>"},
}


@pytest.mark.parametrize("kind", WRAPPED)
def test_what_could_be_read_in_two_ways_is_no_signature(look, kind):
    assert told(look(signed(document(), by_signer, **WRAPPED[kind])))[0] == "broken"


ASIDE = {
    "in a comment": "<!--{}-->",
    "in another namespace": "<x:Reference xmlns:x='urn:x'>{}</x:Reference>",
    "deeper": "<ofd:Parameters>{}</ofd:Parameters>",
}


@pytest.mark.parametrize("kind", ASIDE)
def test_a_reference_that_is_not_where_it_belongs_protects_nothing(look, kind):
    files = document()
    aside = ASIDE[kind].format(reference(f"/{PAGE}", files[PAGE]))
    report = look(signed(files, by_signer, over=["OFD.xml", "Doc_0/Document.xml"], among=aside))
    assert report.uncovered == [PAGE]


@pytest.mark.parametrize(
    "written", ["/doc_0/pages/page_0/content.xml", "/Doc_0\\Pages\\Page_0\\Content.xml", "/Doc_0/Pages/Page_0/Content%2Exml",
                "/../Doc_0/Pages/Page_0/Content.xml", "file:///Doc_0/Pages/Page_0/Content.xml", ""]
)  # fmt: skip
def test_a_name_written_otherwise_is_another_file(look, written):
    files = signed(document(), by_signer)
    exact = description(reference(written, files[PAGE]))
    files |= {SIGNATURE: exact, VALUE: by_signer(exact)}
    assert told(look(files))[0] == "broken"


@pytest.mark.parametrize(
    "other", ["/" + PAGE, "Doc_0/./Pages/Page_0/Content.xml", PAGE.replace("/", "\\"), PAGE]
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("first", [True, False])
def test_two_entries_that_one_name_could_mean_are_a_fault(look, other, first):
    files, changed = list(signed(document(), by_signer).items()), (other, b"<Page>x</Page>")
    report = look([changed, *files] if first else [*files, changed])
    assert {"entry-twice", "name-unsafe"} & {fault["kind"] for fault in report.faults}


def test_a_seal_shown_over_another_kind_of_signature_is_not_proven(look):
    stolen = world.seal(4, SIGNER)
    forger = world.person("有证书的别人", 32, ROOT)
    report = look(signed(document(), lambda exact: world.signed_data(exact, forger), seal=stolen))
    assert told(report)[0] == "unknown" and "印章" in report.signed[0]["why"]


def test_a_signature_listed_a_thousand_times_is_verified_once(look):
    files = signed(document(), by_signer)
    files[LIST] = listing(*[("Sign", f"/{SIGNATURE}")] * 1000)
    report = look(files)
    assert [fact["integrity"] for fact in report.signed] == ["intact", "unknown"]
    assert "重复" in report.signed[1]["why"]


def test_more_signatures_than_anybody_makes_are_not_all_verified(look):
    files = signed(document(), by_signer)
    files[LIST] = listing(*(("Sign", f"/x{n}.xml") for n in range(5000)))
    report = look(files)
    assert len(report.signed) <= 101 and "太多" in report.signed[-1]["why"]


def test_a_hundred_thousand_references_are_not_followed(look):
    files = document()
    exact = description(reference("/OFD.xml", files["OFD.xml"]) * 100_000)
    report = look(signed(files, by_signer) | {SIGNATURE: exact, VALUE: by_signer(exact)})
    assert told(report)[0] == "unknown"


def test_a_list_of_thirty_megabytes_is_read_and_answered(look):
    """Stored unzipped it is no zip bomb; what is wrong with it is that nobody signed it."""
    files = signed(document(), by_signer)
    files[SIGNATURE] += b"<!--" + b"x" * (30 << 20) + b"-->"
    assert told(look(files))[0] == "broken"


@pytest.mark.parametrize("codec", ["utf-8", "utf-16-le", "utf-16-be", "utf-7"])
def test_no_encoding_hides_a_doctype(look, codec):
    name = codec.removesuffix("-le").removesuffix("-be")
    page = f"<?xml version='1.0' encoding='{name}'?><!DOCTYPE x [<!ENTITY a 'b'>]><Page/>"
    encoded = page.encode("ascii" if codec == "utf-7" else codec)
    if codec == "utf-7":
        encoded = encoded.replace(b"<!DOCTYPE", b"+ADwAIQ-DOCTYPE")
    files = document(signed=False) | {PAGE: ("\ufeff".encode(codec) if "16" in codec else b"") + encoded}
    assert "doctype" in {fault["kind"] for fault in look(files).faults}
