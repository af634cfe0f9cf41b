"""CMS signatures and RFC 3161 time stamps that lie beside a file, by pyHanko or our own SM2. Runs inside the child."""

from datetime import datetime

from asn1crypto import cms

from . import der, gb35275, hanko, national, sm2, stamps, trust_roots
from .report import signature

MOST_CONTENT, MOST_VALUE = 64 << 20, 4 << 20


def verify_detached(content: str, value: str, trusted: list[str] | None = None) -> dict:
    """A CMS signature in the file `value` over the file `content`: {"signed": [a fact for each signer]}. For the
    fence."""
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


def verify_stamp(content: str, value: str, trusted: list[str] | None = None) -> dict:
    """An RFC 3161 time stamp (token or whole reply) in the file `value` over the file `content`. For the fence."""
    try:
        exact, data = _read(content, MOST_CONTENT), _read(value, MOST_VALUE)
        found = stamps.judged(data, exact, trust_roots.roots(trusted))
    except _TooLarge as fault:
        found = {"why": str(fault)}
    return {"signed": [signature(form="时间戳", where="") | found]}


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
            return hanko.finished(
                async_validate_detached_cms(
                    exact,
                    alone,
                    signer_validation_context=hanko.context(roots, moment),
                    ts_validation_context=hanko.context(roots, None),
                    key_usage_settings=hanko.any_usage(),
                )
            )

        status, at, kind = hanko.at_proven_time(validated, *hanko.best_time(_claimed(signer)))
        return hanko.described(status, roots, at, kind)
    except Exception as fault:
        return {"why": hanko.unverifiable(fault, signer.dump())}


def _claimed(signer: cms.SignerInfo) -> datetime | None:
    for attribute in signer["signed_attrs"]:
        if attribute["type"].native == "signing_time":
            return attribute["values"].native[0]
    return None
