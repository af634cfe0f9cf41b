"""What pyHanko says of signatures by RSA and ECDSA, as facts (see `report.signature`). Runs inside the fenced child.

Offline: no list of revoked certificates is fetched. Trust is judged at the time of signing, by the time stamp where one
holds, else by what the signer says.
"""

import logging
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime

from asn1crypto import cms, x509

from . import sm2

OF_THE_STATE = bytes.fromhex("2a811ccf55")
"""How the object ids of the national algorithms and syntaxes (1.2.156.10197…) begin."""

# A chain that does not end in a trusted root is a finding, not a warning with a traceback.
logging.getLogger("pyhanko").setLevel(logging.CRITICAL)
logging.getLogger("pyhanko_certvalidator").setLevel(logging.CRITICAL)


def finished(coroutine: Coroutine):
    """What a coroutine of pyHanko answers. Offline it waits for nothing; an event loop would want a pair of sockets,
    which the child may not have."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    coroutine.close()
    raise RuntimeError("pyHanko wants something from outside")


def at_proven_time(validated: Callable, at: datetime | None, kind: str) -> tuple:
    """(status, time, kind) by `validated(time)`. Where a time stamp holds, trust is judged at its time, whatever time
    the signer states: who uses a certificate that has run out can state any."""
    status = validated(at)
    stamp = status.timestamp_validity
    if stamp is not None and stamp.valid and stamp.trusted:
        return validated(stamp.timestamp), stamp.timestamp, "stamped"
    return status, at, kind


def stamped_at(token: cms.SignedData) -> datetime:
    """The time inside a token of RFC 3161."""
    return token["encap_content_info"]["content"].parsed["gen_time"].native


def unverifiable(fault: Exception, data: bytes) -> str:
    """Why a signature could be neither confirmed nor refuted."""
    if OF_THE_STATE in data:
        return "签名采用国密算法 SM2，这种写法不能验证"
    return f"签名采用的算法或写法不能验证（{type(fault).__name__}：{str(fault)[:80]}）"


def context(roots, at: datetime | None):
    """Trust as of the time `at`: a certificate that has run out since was good when it was used."""
    from pyhanko_certvalidator import ValidationContext

    return ValidationContext(
        trust_roots=[x509.Certificate.load(root.der) for root in roots],
        allow_fetching=False,
        revocation_mode="soft-fail",
        moment=at,
    )


def any_usage():
    """Certificates of agencies seldom name the usage that PAdES asks for."""
    from pyhanko.sign.validation.settings import KeyUsageConstraints

    return KeyUsageConstraints(key_usage=set())


def best_time(claimed: datetime | None) -> tuple[datetime | None, str]:
    if claimed is None:
        return None, "none"
    return (claimed if claimed.tzinfo else claimed.replace(tzinfo=UTC)), "claimed"


def described(status, roots, at: datetime | None, kind: str) -> dict:
    certificate, intact = status.signing_cert, status.intact and status.valid
    name, issuer = sm2.spoken(certificate.subject), sm2.spoken(certificate.issuer)
    fact = {
        "integrity": "intact" if intact else "broken",
        "why": "" if intact else "签名所保护的内容在签名之后改动过，或签名值不符",
        "signer": name, "issuer": issuer, "serial": f"{certificate.serial_number:x}",
        "time": at.isoformat() if at else "", "time_kind": kind,
    }  # fmt: skip
    if not intact:
        return fact
    if not roots:
        return fact | {"trust": "unknown", "trust_why": sm2.NO_ROOTS}
    if status.trusted:
        chain = [sm2.link(one) for one in status.validation_path.iter_certs(include_root=False)]
        return fact | {"trust": "trusted", "trust_why": "", "chain": chain}
    moment = at or datetime.now(UTC)
    if not certificate.not_valid_before <= moment <= certificate.not_valid_after:
        return fact | {"trust": "expired", "trust_why": sm2.NOT_VALID.format(name)}
    return fact | {"trust": "untrusted", "trust_why": sm2.NOT_TRUSTED.format(issuer)}
