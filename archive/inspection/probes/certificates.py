"""Read the certificates of a file that a person hands in: PEM with any number, or one DER. Runs inside the child."""

import base64
import hashlib

from asn1crypto import pem

from . import sm2

MOST = 50
MOST_BYTES = 1 << 20


def read_certificates(path: str) -> dict:
    """`{"certificates": [...]}` with name, issuer, serial, sha256, der (Base64), not_before, not_after, ca; or
    `{"fault": sentence}`."""
    with open(path, "rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        return {"fault": "文件太大，不像是证书"}
    try:
        blocks = [body for kind, _, body in pem.unarmor(data, multiple=True) if "CERTIFICATE" in kind] if (
            pem.detect(data)
        ) else [data]  # fmt: skip
        found = [sm2.Certificate(block) for block in blocks[: MOST + 1]]
    except (ValueError, TypeError):
        return {"fault": "不是可读的证书（应为 PEM 或 DER 编码的 X.509 证书）"}
    if len(found) > MOST:
        return {"fault": f"一次最多读 {MOST} 张证书"}
    if not found:
        return {"fault": "文件里没有证书"}
    return {"certificates": [_told(certificate) for certificate in found]}


def _told(certificate: sm2.Certificate) -> dict:
    return {
        "name": certificate.name[:200],
        "issuer": certificate.issuer_name[:200],
        "serial": f"{certificate.serial:x}"[:80],
        "sha256": hashlib.sha256(certificate.der).hexdigest(),
        "der": base64.b64encode(certificate.der).decode(),
        "not_before": certificate.parsed.not_valid_before.isoformat(),
        "not_after": certificate.parsed.not_valid_after.isoformat(),
        "ca": certificate.is_ca,
    }
