"""Read a list of revoked certificates (X.509 CRL) that a person hands in, by RSA, ECDSA or SM2. Runs inside the child.

Only a list that one of the trusted authorities has signed is read. A delta or an indirect list is refused: half the truth
would pass for the whole.
"""

import hashlib
from datetime import UTC, datetime

from asn1crypto import pem
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from . import der, sm2, trust_roots

MOST_BYTES, MOST_ENTRIES = 16 << 20, 200_000
UNDERSTOOD = (x509.IssuingDistributionPoint, x509.CRLNumber, x509.AuthorityKeyIdentifier)
OTHERS = (UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)
"""What the library raises for bytes of another kind, beside the ordinary."""


class _Refused(Exception):
    """The message says why, in Chinese."""


def read_revocations(path: str, trusted: list[str]) -> dict:
    """`{"root", "issuer", "scope", "this_update", "next_update", "sha256", "entries"}` or `{"fault": sentence}`.

    `root`: SHA-256 of the trusted certificate whose authority signed it; `issuer`: see `sm2.link`; `scope`: which part of
    its certificates the list is about, "" for all; `entries`: serial number in hexadecimal → when it was revoked.
    """
    with open(path, "rb") as file:
        data = file.read(MOST_BYTES + 1)
    try:
        if len(data) > MOST_BYTES:
            raise _Refused(f"文件大于 {MOST_BYTES >> 20} MB")
        if pem.detect(data):
            data = pem.unarmor(data)[2]
        return _told(data, trusted)
    except _Refused as fault:
        return {"fault": str(fault)}
    except (ValueError, TypeError, IndexError, OverflowError, *OTHERS):
        return {"fault": "不是可读的吊销列表（应为 PEM 或 DER 编码的 X.509 CRL）"}


def _told(data: bytes, trusted: list[str]) -> dict:
    held = x509.load_der_x509_crl(data)
    parts = der.only(held.tbs_certlist_bytes).children()
    issuer = parts[2 if parts[0].tag == der.INTEGER else 1].raw
    signer = next((root for root in trust_roots.roots(trusted) if _signed(root, issuer, held)), None)
    if signer is None:
        raise _Refused("签发机构不在信任库里，或列表的签名不符。请先加入签发机构的证书")
    if held.next_update_utc is None:
        raise _Refused("没有写明下次更新的时间，不知道用到什么时候")
    if held.last_update_utc > datetime.now(UTC):
        raise _Refused("签发时间在将来")
    if len(held) > MOST_ENTRIES:
        raise _Refused(f"吊销的证书多于 {MOST_ENTRIES} 张")
    return {
        "root": hashlib.sha256(signer.der).hexdigest(),
        "issuer": hashlib.sha256(issuer).hexdigest(),
        "scope": _scope(held),
        "this_update": held.last_update_utc.isoformat(),
        "next_update": held.next_update_utc.isoformat(),
        "sha256": hashlib.sha256(data).hexdigest(),
        "entries": {f"{one.serial_number:x}": one.revocation_date_utc.isoformat() for one in held},
    }


def _signed(root: sm2.Certificate, issuer: bytes, held: x509.CertificateRevocationList) -> bool:
    if root.subject != issuer:
        return False
    if root.key:
        return sm2.verify(root.key, held.tbs_certlist_bytes, held.signature)
    try:
        return held.is_signature_valid(x509.load_der_x509_certificate(root.der).public_key())
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False


def _scope(held: x509.CertificateRevocationList) -> str:
    scope = ""
    for extension in held.extensions:
        if isinstance(extension.value, x509.DeltaCRLIndicator):
            raise _Refused("这是增量列表，请上传完整的吊销列表")
        if isinstance(extension.value, x509.IssuingDistributionPoint):
            if extension.value.indirect_crl or extension.value.only_some_reasons:
                raise _Refused("这份列表替别的机构吊销，或只列出部分原因的吊销，不能使用")
            scope = hashlib.sha256(extension.value.public_bytes()).hexdigest()
        elif extension.critical and not isinstance(extension.value, UNDERSTOOD):
            raise _Refused("列表带有不能识别的限制")
    return scope
