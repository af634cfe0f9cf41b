"""Lists of revoked certificates: which of them are believed, and what they say of a signature."""

import base64

import pytest
from asn1crypto import pem
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from archive.inspection.base import MeasuredFile, Package
from archive.inspection.checks import CHECKS
from archive.inspection.signatures import judged
from tests import signed_pdf as world
from tests import signing_sm2 as national
from tests.bags import pdf
from tests.signed_pdf import DAY, NOW, Person, person, resigned, root, signed, stamping

SIGNER = national.signer()
BEFORE, AFTER = "20250610000000Z", "20250620000000Z"
"""Of the signatures, which say 18 June, and of the stamp on them, which says 19 June."""
TRUSTED = (root(), national.root(), national.sub())


@pytest.fixture
def read(fence, tmp_path):
    def read(data, roots=TRUSTED) -> dict:
        (tmp_path / "x.crl").write_bytes(data)
        trusted = [base64.b64encode(who.der).decode() for who in roots]
        return fence.call("read_revocations", path=str(tmp_path / "x.crl"), trusted=trusted)

    return read


def by_others(who: Person, *revoked: int, at=NOW - 10 * DAY):
    builder = x509.CertificateRevocationListBuilder(who.pyca.subject, NOW - DAY, NOW + 9 * DAY)
    for serial in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(who.key, hashes.SHA256()).public_bytes(world.DER)


def test_a_list_that_a_trusted_authority_signed_is_read(read):
    for data in (by_others(root(), 7, 255), pem.armor("X509 CRL", by_others(root(), 7, 255))):
        found = read(data)
        assert found["entries"] == dict.fromkeys(("7", "ff"), (NOW - 10 * DAY).isoformat())
        assert found["scope"] == "" and found["next_update"] == (NOW + 9 * DAY).isoformat()
    found = read(national.revoking(national.sub(), (SIGNER.serial, BEFORE)))
    assert found["entries"] == {"3": "2025-06-10T00:00:00+00:00"}


def point(*parts):
    return national.seq(national.oid("2.5.29.28"), national.tlv(1, b"\xff"), national.octets(national.seq(*parts)))  # fmt: skip


REFUSED = {
    "of an authority that is not trusted": ("信任库", by_others(Person("省数字证书中心", ca=True))),
    "by another key": ("信任库", national.revoking(national.root(), key=national.Key(99))),
    "changed": (
        "信任库",
        national.revoking(national.root(), (9, BEFORE)).replace(
            b"\x02\x01\x09\x18\x0f2025", b"\x02\x01\x08\x18\x0f2025"
        ),
    ),
    "without an end": ("下次更新", national.revoking(national.root(), next_=None)),
    "of tomorrow": ("将来", national.revoking(national.root(), this="20900101000000Z", next_="20910101000000Z")),
    "a delta": (
        "增量",
        national.revoking(national.root(), extensions=national.seq(
            national.oid("2.5.29.27"), national.tlv(1, b"\xff"), national.octets(national.number(1)))),
    ),
    "of others' certificates": ("替别的机构", national.revoking(national.root(), extensions=point(national.tlv(0x84, b"\xff")))),
    "with a limit that nobody knows": (
        "不能识别的限制",
        national.revoking(national.root(), extensions=national.seq(
            national.oid("1.2.3.4.5"), national.tlv(1, b"\xff"), national.octets(b"\x05\x00"))),
    ),
    "of a version that is none": ("不是可读", by_others(root(), 7).replace(b"\x02\x01\x01", b"\x02\x01\x11", 1)),
    "a certificate": ("不是可读", root().der),
    "nothing": ("不是可读", b""),
    "cut": ("不是可读", by_others(root(), 7)[:-9]),
    "nonsense in armour": ("不是可读", b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"),
    "too large": ("16 MB", b"0" * (17 << 20)),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_would_be_half_the_truth_is_refused_with_its_reason(read, kind):
    word, data = REFUSED[kind]
    assert word in read(data)["fault"]


def test_parts_of_a_list_have_scopes_of_their_own(read):
    names = [national.tlv(0xA0, national.tlv(0xA0, national.tlv(0x86, b"http://x/%d" % n))) for n in (1, 2)]
    scopes = {read(national.revoking(national.root(), extensions=point(name)))["scope"] for name in names}
    assert len(scopes) == 2 and "" not in scopes


# What they say of a signature

ONCE = signed(pdf("Zhang San"), person())


@pytest.fixture
def said(fence, read, tmp_path):
    """Verdict and sentence on revocation of the one signature of `data`, by the `lists`."""

    def said(data, *lists):
        (tmp_path / "x.pdf").write_bytes(data)
        trusted = [base64.b64encode(who.der).decode() for who in TRUSTED[:2]]
        probe = fence.call("probe", path=str(tmp_path / "x.pdf"), name="x.pdf", trusted=trusted)
        held = {}
        for one in map(read, lists):
            held.setdefault(one["issuer"], []).append(one)
        file = MeasuredFile(path="x.pdf", bytes=1, sha256="", sm3="", probe=probe)
        package = Package(root=None, submission=None, files={"x.pdf": file})
        package.facts["revocations"] = lambda: held
        rows = [row for row in judged(CHECKS["GD-1-1"], package) if row.rule == "证书未被吊销"]
        return (rows[0].verdict, rows[0].message) if rows else None

    return said


def stamp(value):
    return national.time_stamp(value, national.stamping())


def sealing(exact):
    return national.sealing(4, exact, SIGNER, national.seal(4, SIGNER))


UNDER = national.person("下级的经办", 71, national.sub())
SIGNED = {
    "signed data": lambda exact: national.signed_data(exact, SIGNER, attributes=True),
    "with a stamp": lambda exact: national.signed_data(exact, SIGNER, attributes=True, stamp=stamp),
    "a seal": sealing,
    "below another": lambda exact: national.signed_data(
        exact, UNDER, attributes=True, certificates=(UNDER, national.sub())
    ),
}
OF_OTHERS = (999, BEFORE)


@pytest.mark.parametrize(
    ("how", "revoked", "verdict", "word"),
    [
        ("signed data", OF_OTHERS, "passed", "不在"),
        ("signed data", (SIGNER.serial, BEFORE), "failed", "吊销之后"),
        ("with a stamp", (SIGNER.serial, BEFORE), "failed", "吊销之后"),
        ("with a stamp", (SIGNER.serial, AFTER), "passed", "时间戳证明"),
        ("signed data", (SIGNER.serial, AFTER), "warning", "自称"),
        ("a seal", (SIGNER.serial, BEFORE), "failed", "吊销之后"),
        ("a seal", (national.maker().serial, BEFORE), "failed", "测试制章机构"),
        ("below another", (national.sub().serial, BEFORE), "failed", "测试下级机构"),
    ],
)
def test_a_certificate_of_the_chain_that_was_revoked_decides_by_the_time(said, how, revoked, verdict, word):
    found = said(resigned(ONCE, SIGNED[how]), national.revoking(national.root(), revoked))
    assert found[0] == verdict and word in found[1]


def test_the_worst_of_a_chain_counts(said):
    """The signer's is doubtful, the one of who made his seal was revoked before."""
    data = national.revoking(national.root(), (SIGNER.serial, AFTER), (national.maker().serial, BEFORE))
    found = said(resigned(ONCE, sealing), data)
    assert found[0] == "failed" and "测试制章机构" in found[1]


def test_a_list_that_had_run_out_by_the_signature_is_a_hint(said):
    old = national.revoking(national.root(), OF_OTHERS, this="20250101000000Z", next_="20250201000000Z")
    found = said(resigned(ONCE, SIGNED["signed data"]), old)
    assert found[0] == "warning" and "2025-02-01" in found[1]


def test_without_a_list_of_its_authority_nothing_is_said(said):
    assert said(resigned(ONCE, SIGNED["signed data"])) is None
    assert said(resigned(ONCE, SIGNED["signed data"]), by_others(root(), SIGNER.serial)) is None


def test_a_signature_by_others_is_judged_by_their_list_alike(said):
    serial = person().pyca.serial_number
    assert said(ONCE, by_others(root(), serial))[0] == "failed"
    assert said(ONCE, by_others(root(), serial + 1))[0] == "passed"
    stamped = signed(pdf("Zhang San"), person(), stamp=stamping(NOW - 20 * DAY))
    assert said(stamped, by_others(root(), serial))[0] == "passed"
