"""CMS signatures and RFC 3161 time stamps that lie beside a file, by pyHanko or our own SM2. Runs inside the child.

Offline: no list of revoked certificates is fetched. Trust is judged at the time of signing, by the time stamp where one
holds, else by what the signer says.
"""

import hashlib
import logging
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime

from asn1crypto import cms, tsp, x509

from . import der, gb35275, national, sm2, trust_roots
from .report import signature

MOST_CONTENT, MOST_VALUE = 64 << 20, 4 << 20
OF_THE_STATE = bytes.fromhex("2a811ccf55")
"""How the object ids of the national algorithms and syntaxes (1.2.156.10197…) begin."""


def verify_detached(content: str, value: str, trusted: list[str] | None = None) -> dict:
    """A CMS signature in the file `value` over the file `content`: {"signed": [a fact for each signer]}. For the
    fence."""
    quiet()
    roots = trust_roots.roots(trusted)
    fact = signature(form="CMS 签名", where="")
    try:
        exact, data = _read(content, MOST_CONTENT), _read(value, MOST_VALUE)
        signers = [national.signed(held, roots) for held in gb35275.verify(data, exact, sm2.sm3(exact))]
    except gb35275.Broken as fault:
        signers = [{"integrity": "broken", "why": str(fault)}]
    except gb35275.NotOurs as fault:
        ours = gb35275.kind_of(data) == gb35275.SIGNED_DATA[0]
        signers = [{"why": str(fault)}] if ours else _detached(exact, data, roots)
    except _TooLarge as fault:
        signers = [{"why": str(fault)}]
    return {"signed": [fact | found for found in signers]}


class _TooLarge(Exception):
    """The message says which, in Chinese."""


def _read(path: str, most: int) -> bytes:
    with open(path, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise _TooLarge(f"文件大于 {most >> 20} MB，没有读取")
    return data


def _detached(exact: bytes, data: bytes, roots) -> list[dict]:
    try:
        der.check(data)
        info = cms.ContentInfo.load(data, strict=True)
        if info["content_type"].native != "signed_data":
            return [{"integrity": "broken", "why": "不是 CMS 签名数据"}]
        signed = info["content"]
        signers, inside = list(signed["signer_infos"]), signed["encap_content_info"]["content"].native
    except Exception as fault:  # another's parser on another's bytes
        return [{"integrity": "broken", "why": f"不是可读的 CMS 签名数据（{type(fault).__name__}）"}]
    if not signers:
        return [{"integrity": "broken", "why": "签名数据里没有任何签名人"}]
    if inside is not None and inside != exact:
        return [{"integrity": "broken", "why": "签名所含的内容不是这份文件"}]
    if len(signers) > gb35275.MOST_SIGNERS:
        return [{"why": f"签名人多于 {gb35275.MOST_SIGNERS} 个，没有逐个验证"}]
    return [_signer(exact, signed, signer, roots) for signer in signers]


def _signer(exact: bytes, signed: cms.SignedData, signer: cms.SignerInfo, roots) -> dict:
    """One signer as if he were the only one: pyHanko knows no others."""
    from pyhanko.sign.validation import async_validate_detached_cms

    try:
        alone = signed.copy()
        alone["signer_infos"] = cms.SignerInfos([signer])
        alone["encap_content_info"] = {"content_type": signed["encap_content_info"]["content_type"]}

        def validated(moment: datetime | None):
            return finished(
                async_validate_detached_cms(
                    exact,
                    alone,
                    signer_validation_context=context(roots, moment),
                    ts_validation_context=context(roots, None),
                    key_usage_settings=any_usage(),
                )
            )

        status, at, kind = at_proven_time(validated, *best_time(_claimed(signer)))
        return described(status, roots, at, kind)
    except Exception as fault:
        return {"why": unverifiable(fault, signer.dump())}


def finished(coroutine: Coroutine):
    """What a coroutine of pyHanko answers. Offline it waits for nothing; an event loop would want a pair of sockets,
    which the child may not have."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    coroutine.close()
    raise NotImplementedError("waits for something")


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


def verify_stamp(content: str, value: str, trusted: list[str] | None = None) -> dict:
    """An RFC 3161 time stamp (token or whole reply) in the file `value` over the file `content`. For the fence."""
    quiet()
    roots = trust_roots.roots(trusted)
    fact = signature(form="时间戳", where="")
    try:
        exact, data = _read(content, MOST_CONTENT), _read(value, MOST_VALUE)
        der.check(data)
        token = _token(data)
    except _TooLarge as fault:
        return {"signed": [fact | {"why": str(fault)}]}
    except Exception:  # another's parser on another's bytes
        return {"signed": [fact | {"integrity": "broken", "why": "不是可读的时间戳"}]}
    try:
        return {"signed": [fact | _stamp(exact, token, roots)]}
    except Exception as fault:
        return {"signed": [fact | {"why": unverifiable(fault, b"").replace("签名", "时间戳", 1)}]}


def _token(data: bytes) -> cms.SignedData:
    """From a token or from the reply around it. Raises ValueError and whatever asn1crypto raises."""
    try:
        info = cms.ContentInfo.load(data, strict=True)
        if info["content_type"].native == "signed_data":
            return info["content"]
    except (ValueError, KeyError, TypeError):
        pass  # then it may be a reply
    reply = tsp.TimeStampResp.load(data, strict=True)
    if reply["status"]["status"].native not in ("granted", "granted_with_mods"):
        raise ValueError("refused")
    info = reply["time_stamp_token"]
    if info["content_type"].native != "signed_data":
        raise ValueError("no token")
    return info["content"]


def _stamp(exact: bytes, token: cms.SignedData, roots) -> dict:
    from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
    from pyhanko.sign.validation.status import TimestampSignatureStatus

    def imprint(name: str) -> bytes:
        return hashlib.new(_digest(name), exact).digest()

    found = finished(validate_tst_signed_data(token, context(roots, stamped_at(token)), imprint))
    status = TimestampSignatureStatus(**found)
    fact = described(status, roots, status.timestamp, "stamped")
    if fact["integrity"] == "broken":
        fact["why"] = "时间戳所对的内容不是这份文件，或其签名值不符"
    return fact


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


def _claimed(signer: cms.SignerInfo) -> datetime | None:
    for attribute in signer["signed_attrs"]:
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
    if not intact:
        return fact
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
