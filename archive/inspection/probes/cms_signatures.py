"""CMS signatures and RFC 3161 time stamps that lie beside a file, by pyHanko or our own SM2. Runs inside the child.

Offline: no list of revoked certificates is fetched. Trust is judged at the time of signing, by the time stamp where one
holds, else by what the signer says.
"""

import asyncio
import hashlib
import logging
from datetime import UTC, datetime

from asn1crypto import cms, tsp, x509

from . import gb35275, sm2, trust_roots
from .report import signature


def verify_detached(content: str, value: str, trusted: list[str] | None = None) -> dict:
    """A CMS signature in the file `value` over the file `content`: {"signed": [fact]}. For the fence."""
    quiet()
    roots = trust_roots.roots(trusted)
    fact = signature(form="CMS 签名", where="")
    with open(value, "rb") as file:
        data = file.read(4 << 20)
    with open(content, "rb") as file:
        exact = file.read()
    try:
        held = gb35275.verify(data, exact, sm2.sm3(exact))
        return {"signed": [fact | _by_sm2(held, roots)]}
    except gb35275.Broken as fault:
        return {"signed": [fact | {"integrity": "broken", "why": str(fault)}]}
    except gb35275.NotOurs:
        return {"signed": [fact | _detached(exact, data, roots)]}


def _by_sm2(held: gb35275.Signed, roots) -> dict:
    state, why = sm2.trust(held.certificate, held.pool, roots, held.claimed_at or datetime.now(UTC))
    at = held.claimed_at
    return {
        "integrity": "intact", "trust": state, "trust_why": why, "signer": held.certificate.name,
        "issuer": held.certificate.issuer_name, "serial": f"{held.certificate.serial:x}",
        "time": at.isoformat() if at else "", "time_kind": "claimed" if at else "none",
    }  # fmt: skip


def _detached(exact: bytes, data: bytes, roots) -> dict:
    from pyhanko.sign.general import SigningError
    from pyhanko.sign.validation import async_validate_detached_cms
    from pyhanko.sign.validation.errors import SignatureValidationError

    try:
        info = cms.ContentInfo.load(data, strict=True)
        if info["content_type"].native != "signed_data":
            return {"integrity": "broken", "why": "不是 CMS 签名数据"}
        signed = info["content"]
        if not len(signed["signer_infos"]):
            return {"integrity": "broken", "why": "签名数据里没有任何签名人"}
        at, kind = best_time(_claimed(signed))
        status = asyncio.run(
            async_validate_detached_cms(
                exact,
                signed,
                signer_validation_context=context(roots, at),
                ts_validation_context=context(roots, None),
                key_usage_settings=any_usage(),
            )
        )
    except (SigningError, SignatureValidationError, NotImplementedError) as fault:
        return {"why": f"签名采用的算法或写法不能验证（{str(fault)[:80]}）"}
    except (ValueError, KeyError, TypeError) as fault:
        return {"integrity": "broken", "why": f"不是可读的 CMS 签名数据（{type(fault).__name__}）"}
    stamp = status.timestamp_validity
    if stamp is not None and stamp.valid and stamp.trusted:
        at, kind = stamp.timestamp, "stamped"
    return described(status, roots, at, kind)


def verify_stamp(content: str, value: str, trusted: list[str] | None = None) -> dict:
    """An RFC 3161 time stamp (token or whole reply) in the file `value` over the file `content`. For the fence."""
    from pyhanko.sign.general import SigningError
    from pyhanko.sign.validation.errors import SignatureValidationError
    from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
    from pyhanko.sign.validation.status import TimestampSignatureStatus

    quiet()
    roots = trust_roots.roots(trusted)
    fact = signature(form="时间戳", where="")
    with open(value, "rb") as file:
        data = file.read(4 << 20)
    try:
        info = cms.ContentInfo.load(data)
        if info.native is None or info["content_type"].native != "signed_data":
            raise ValueError("no token")
    except (ValueError, KeyError, TypeError):
        try:
            info = tsp.TimeStampResp.load(data)["time_stamp_token"]
        except (ValueError, KeyError, TypeError):
            return {"signed": [fact | {"integrity": "broken", "why": "不是可读的时间戳"}]}
    with open(content, "rb") as file:
        exact = file.read()
    try:
        kwargs = asyncio.run(
            validate_tst_signed_data(
                info["content"], context(roots, None), lambda name: hashlib.new(_digest(name), exact).digest()
            )
        )
        status = TimestampSignatureStatus(**kwargs)
    except (SigningError, SignatureValidationError, NotImplementedError) as fault:
        return {"signed": [fact | {"why": f"时间戳采用的算法或写法不能验证（{str(fault)[:80]}）"}]}
    except (ValueError, KeyError, TypeError) as fault:
        broken = {"integrity": "broken", "why": f"不是可读的时间戳（{type(fault).__name__}）"}
        return {"signed": [fact | broken]}
    found = described(status, roots, status.timestamp, "stamped")
    if found["integrity"] == "broken":
        found["why"] = "时间戳所对的内容不是这份文件，或其签名值不符"
    return {"signed": [fact | found]}


def _digest(name: str) -> str:
    return {"1.2.156.10197.1.401": "sm3"}.get(name, name)


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


def _claimed(signed) -> datetime | None:
    for attribute in signed["signer_infos"][0]["signed_attrs"]:
        if attribute["type"].native == "signing_time":
            return attribute["values"].native[0]
    return None


def described(status, roots, at: datetime | None, kind: str) -> dict:
    intact = status.intact and status.valid
    fact = {
        "integrity": "intact" if intact else "broken",
        "why": "" if intact else "签名所保护的内容在签名之后改动过，或签名值不符",
        "signer": _name(status.signing_cert), "issuer": _issuer(status.signing_cert),
        "serial": f"{status.signing_cert.serial_number:x}",
        "time": at.isoformat() if at else "", "time_kind": kind,
    }  # fmt: skip
    if not roots:
        return fact | {"trust": "unknown", "trust_why": "没有配置受信任的根证书"}
    if status.trusted:
        return fact | {"trust": "trusted", "trust_why": ""}
    certificate = status.signing_cert
    moment = at or datetime.now(UTC)
    if not certificate.not_valid_before <= moment <= certificate.not_valid_after:
        return fact | {"trust": "expired", "trust_why": f"证书“{_name(certificate)}”在签名时不在有效期内"}
    return fact | {"trust": "untrusted", "trust_why": f"签发机构“{_issuer(certificate)}”不在受信任之列"}


def _name(certificate: x509.Certificate) -> str:
    native = certificate.subject.native
    return str(native.get("common_name") or native.get("organization_name") or "（没有名称）")


def _issuer(certificate: x509.Certificate) -> str:
    native = certificate.issuer.native
    return str(native.get("common_name") or native.get("organization_name") or "（没有名称）")


def quiet() -> None:
    """A chain that does not end in a trusted root is a finding, not a warning with a traceback."""
    for name in ("pyhanko", "pyhanko_certvalidator"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
