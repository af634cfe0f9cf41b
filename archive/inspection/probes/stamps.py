"""Time stamps (RFC 3161, GM/T 0033): which bytes existed when, and who says so. Runs inside the fenced child.

By pyHanko, or where the service signs by SM2, by our own. Trust is judged at the time that the stamp states.
"""

import hashlib

from asn1crypto import cms

from . import der, gb35275, hanko, sm2
from .gb35275 import Broken, NotOurs

TST_INFO = "1.2.840.113549.1.9.16.1.4"
GRANTED = (0, 1)
DIGESTS = {
    gb35275.SM3: "sm3",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
OTHER = "时间戳所对的内容不是这份文件，或其签名值不符"


def judged(data: bytes, exact: bytes, roots) -> dict:
    """The fact of a time stamp over `exact`; `data` is the token or the whole reply around it."""
    try:
        der.check(data)
        token = _token(data)
    except ValueError:
        return {"integrity": "broken", "why": "不是可读的时间戳"}
    try:
        try:
            return _by_sm2(token, exact, roots)
        except NotOurs:
            return _by_others(token, exact, roots)
    except Broken as fault:
        return {"integrity": "broken", "why": str(fault)}
    except Exception as fault:  # another's parser on another's bytes
        return {"why": hanko.unverifiable(fault, token).replace("签名", "时间戳", 1)}


def _token(data: bytes) -> bytes:
    """Raises ValueError where there is none."""
    if gb35275.kind_of(data) in gb35275.SIGNED_DATA:
        return data
    status, token = der.only(data).children()
    if status.children()[0].integer() not in GRANTED or gb35275.kind_of(token.raw) not in gb35275.SIGNED_DATA:
        raise ValueError("no token")
    return token.raw


def _by_sm2(token: bytes, exact: bytes, roots) -> dict:
    kind, inner = gb35275.inside(token)
    held, *others = gb35275.verify(token, inner)
    if others or kind != TST_INFO:
        raise NotOurs("不是时间戳")
    try:
        _, _, imprint, _, at, *_ = der.only(inner).children()
        algorithm, digest = imprint.children()
        name = DIGESTS.get(algorithm.children()[0].dotted())
        moment = at.moment()
    except (ValueError, IndexError):
        raise Broken("不是可读的时间戳") from None
    if name is None:
        raise NotOurs("时间戳的摘要算法不能识别")
    if digest.body != hashlib.new(name, exact).digest():
        raise Broken(OTHER)
    fact = sm2.told(held.certificate, held.pool, roots, moment) | {"time_kind": "stamped"}
    if fact["trust"] == "trusted" and not held.certificate.may_stamp:
        fact |= {"trust": "untrusted", "trust_why": f"证书“{fact['signer']}”不是签发时间戳用的"}
    return fact


def _by_others(token: bytes, exact: bytes, roots) -> dict:
    from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
    from pyhanko.sign.validation.status import TimestampSignatureStatus

    def imprint(name: str) -> bytes:
        return hashlib.new(DIGESTS.get(name, name), exact).digest()

    signed = cms.ContentInfo.load(token, strict=True)["content"]
    context = hanko.context(roots, hanko.stamped_at(signed))
    status = TimestampSignatureStatus(**hanko.finished(validate_tst_signed_data(signed, context, imprint)))
    fact = hanko.described(status, roots, status.timestamp, "stamped")
    return fact | ({"why": OTHER} if fact["integrity"] == "broken" else {})
