"""PDFs, CMS and time stamps signed with RSA or ECDSA by an authority of the test's own. Everything is made on the spot."""

import datetime
import io
from functools import cache

from asn1crypto import keys, x509
from cryptography import x509 as pyca
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DER = serialization.Encoding.DER
NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
DAY = datetime.timedelta(days=1)


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
def stamping():
    """A time stamping authority below the root."""
    from pyhanko.sign.timestamps import DummyTimeStamper
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    who = Person("时间戳服务", root(), kind="rsa", stamps=True)
    store = SimpleCertificateStore()
    return DummyTimeStamper(
        tsa_cert=who.certificate, tsa_key=who.secret(), certs_to_embed=store, include_nonce=False
    )


def signed(
    data: bytes, who: Person, *, field: str = "S1", stamp: bool = False, permission: int | None = None
) -> bytes:
    """`data` with one signature more. `permission`: certified, with the changes of that DocMDP level allowed."""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import signers
    from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter

    options = {"certify": True, "docmdp_permissions": MDPPerm(permission)} if permission else {}
    metadata = signers.PdfSignatureMetadata(
        field_name=field, md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES, **options
    )
    out = signers.PdfSigner(
        metadata, signer=who.signer(), timestamper=stamping() if stamp else None
    ).sign_pdf(IncrementalPdfFileWriter(io.BytesIO(data)))
    return out.getvalue()


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
