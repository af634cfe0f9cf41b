"""PDFs, CMS and time stamps signed with RSA or ECDSA by an authority of the test's own. Everything is made on the spot."""

import base64
import datetime
import io
import re
from collections.abc import Callable
from functools import cache
from hashlib import sha256

from asn1crypto import keys, x509
from cryptography import x509 as pyca
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from archive.inspection.base import MeasuredFile, Package
from archive.inspection.checks import CHECKS
from archive.inspection.signatures import judged

DER = serialization.Encoding.DER
NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
DAY = datetime.timedelta(days=1)
ROOM = 16_384
"""Hexadecimal digits that are kept for a signature, so that another may stand there (see `resigned`)."""


class Person:
    """A key with its certificate; `issuer` None: signed by itself."""

    def __init__(
        self,
        name,
        issuer=None,
        *,
        kind="ec",
        ca=False,
        since=NOW - 300 * DAY,
        until=NOW + 300 * DAY,
        stamps=False,
    ):
        self.key = (
            rsa.generate_private_key(65537, 2048)
            if kind == "rsa"
            else ec.generate_private_key(ec.SECP256R1())
        )
        subject = pyca.Name([pyca.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = pyca.CertificateBuilder(
            subject_name=subject,
            issuer_name=issuer.pyca.subject if issuer else subject,
            public_key=self.key.public_key(),
            serial_number=pyca.random_serial_number(),
            not_valid_before=since,
            not_valid_after=until,
        ).add_extension(pyca.BasicConstraints(ca, None), critical=True)
        if stamps:
            usage = pyca.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
            builder = builder.add_extension(usage, critical=True)
        self.pyca = builder.sign(issuer.key if issuer else self.key, hashes.SHA256())
        self.der = self.pyca.public_bytes(DER)
        self.certificate = x509.Certificate.load(self.der)

    def secret(self) -> keys.PrivateKeyInfo:
        encoded = self.key.private_bytes(DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return keys.PrivateKeyInfo.load(encoded)

    def signer(self):
        from pyhanko.sign.signers import SimpleSigner
        from pyhanko_certvalidator.registry import SimpleCertificateStore

        return SimpleSigner(
            signing_cert=self.certificate, signing_key=self.secret(), cert_registry=SimpleCertificateStore()
        )


@cache
def root() -> Person:
    return Person("省数字证书中心", ca=True)


@cache
def person(name: str = "东莞社保业务系统", kind: str = "ec") -> Person:
    return Person(name, root(), kind=kind)


@cache
def stamping(
    at: datetime.datetime | None = None, name: str = "时间戳服务", until: datetime.datetime = NOW + 300 * DAY
):
    """A time stamping authority below the root; its clock says `at`, or the time that it is."""
    from pyhanko.sign.timestamps import DummyTimeStamper

    who = Person(name, root(), kind="rsa", stamps=True, until=until)
    return DummyTimeStamper(
        tsa_cert=who.certificate,
        tsa_key=who.secret(),
        certs_to_embed=[who.certificate],
        fixed_dt=at,
        include_nonce=False,
    )


def stamp(content: bytes, by=None) -> bytes:
    """The whole reply to a request for a time stamp over `content`."""
    from asn1crypto import algos, tsp

    imprint = {
        "hash_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}),
        "hashed_message": sha256(content).digest(),
    }
    request = {"version": 1, "message_imprint": tsp.MessageImprint(imprint), "cert_req": True}
    return (by or stamping()).request_tsa_response(tsp.TimeStampReq(request)).dump()


def detached(content: bytes, *people: Person) -> bytes:
    """CMS over `content`, which is not inside, by each of them."""
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content)
    for who in people:
        builder = builder.add_signer(who.pyca, who.key, hashes.SHA256())
    return builder.sign(DER, [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary])


def signed(data: bytes, who: Person, *, field: str = "S1", stamp=None) -> bytes:
    """`data` with one signature more; `stamp`: who stamps the time (see `stamping`)."""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import signers
    from pyhanko.sign.fields import SigSeedSubFilter

    metadata = signers.PdfSignatureMetadata(
        field_name=field, md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES
    )
    signing = signers.PdfSigner(metadata, signer=who.signer(), timestamper=stamp)
    options = {} if stamp else {"bytes_reserved": ROOM}
    return signing.sign_pdf(IncrementalPdfFileWriter(io.BytesIO(data)), **options).getvalue()


def appended(data: bytes, *, change=None) -> bytes:
    """`data` with an update behind it, as an editor saves: by default other words on the first page."""
    from pyhanko.pdf_utils import generic
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    writer = IncrementalPdfFileWriter(io.BytesIO(data))
    if change is not None:
        change(writer)
    else:
        page = writer.root["/Pages"]["/Kids"][0]
        words = generic.StreamObject(stream_data=b"BT /F 12 Tf 50 700 Td (other) Tj ET")
        page["/Contents"] = writer.add_object(words)
        writer.update_container(page)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def with_empty_field(data: bytes) -> bytes:
    from pyhanko.sign.fields import SigFieldSpec, append_signature_field

    return appended(data, change=lambda writer: append_signature_field(writer, SigFieldSpec("Empty")))


def resigned(
    data: bytes,
    value: Callable[[bytes], bytes],
    *,
    before: int = 0,
    after: int = 0,
    shifted: int = 0,
    which: int = 0,
    written: Callable[[bytes, int], bytes] | None = None,
) -> bytes:
    """A signed PDF with another signature in the place of the one that `which` counts. `before` and `after`: so many
    bytes ahead of the signature, and at the end of the file, are left out of what is signed, and the list of ranges says
    so; `shifted`: the second range begins so much earlier. `written`: how the value stands in the room that it has."""
    old = [*re.finditer(rb"/ByteRange \[([^\]]*)\]", data)][which]
    _, ahead, behind, rest = map(int, old[1].split())
    ranges = (0, ahead - before, behind - shifted, rest - after)
    new = b"/ByteRange [%d %d %d %d]" % ranges
    assert len(new) == len(old[0]), "the file may not change its length"
    data = data[: old.start()] + new + data[old.end() :]
    held = value(data[: ranges[1]] + data[ranges[2] : ranges[2] + ranges[3]])
    gap = (written or in_digits)(held, behind - ahead)
    assert len(gap) == behind - ahead
    return data[:ahead] + gap + data[behind:]


def in_digits(held: bytes, room: int) -> bytes:
    return b"<" + held.hex().encode().ljust(room - 2, b"0") + b">"


def in_brackets(held: bytes, room: int) -> bytes:
    """Half as long, so that something else finds room behind it that nobody signed."""
    held = re.sub(rb"([\\()\r])", rb"\\\1", held.ljust(room // 2 - 1, b"\0")).replace(b"\\\r", b"\\r")
    return (b"(" + held + b")").ljust(room)


def looked(fence, path, data: bytes, roots) -> list[dict]:
    """What the probe says of the signatures of `data`, where the chain of a signer may end in `roots`."""
    path.write_bytes(data)
    trusted = [base64.b64encode(who.der).decode() for who in roots]
    return fence.call("probe", path=str(path), name=path.name, trusted=trusted)["signed"]


def four(fact: dict) -> tuple[str, str, str, str]:
    return fact["integrity"], fact["trust"], fact["coverage"], fact["time_kind"]


def rows(facts: list[dict]) -> set[tuple[str, str]]:
    """(rule, verdict) of what a person is told."""
    file = MeasuredFile(path="x.pdf", bytes=1, sha256="", sm3="", probe={"signed": facts, "uncovered": []})
    package = Package(root=None, submission=None, files={"x.pdf": file})
    return {(row.rule, row.verdict) for row in judged(CHECKS["GD-1-1"], package)}


def changed(data: bytes) -> bytes:
    """One digit of the size of a page."""
    assert b" 842" in data
    return data.replace(b" 842", b" 843", 1)
