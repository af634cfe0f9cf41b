"""SignedData of GB/T 35275: CMS with SM2 and SM3 under the ministry's own object ids. Runs inside the fenced child.

Facts confirmed on files made by OFDRW: without attributes the SM2 signature is over the content as message; with them
it is over the attributes, and the content is their messageDigest. An empty list of signers signs nothing.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from . import der, sm2

SIGNED_DATA = ("1.2.156.10197.6.1.4.2.2", "1.2.840.113549.1.7.2")
MESSAGE_DIGEST, SIGNING_TIME = "1.2.840.113549.1.9.4", "1.2.840.113549.1.9.5"
TIME_STAMP = "1.2.840.113549.1.9.16.2.14"
SM3 = "1.2.156.10197.1.401"
MOST_SIGNERS, MOST_CERTIFICATES = 20, 100


class NotOurs(Exception):
    """CMS of another kind (RSA, ECDSA …), or no CMS at all."""


class Broken(Exception):
    """It is one of ours, and it does not hold; the message says why, in Chinese."""


@dataclass(frozen=True)
class Signed:
    """What holds: who signed, with which other certificates along, when he says he did, and the time stamp over the
    `value` of his signature, b"" where there is none."""

    certificate: sm2.Certificate
    pool: list[sm2.Certificate]
    claimed_at: datetime | None
    value: bytes
    stamp: bytes


def kind_of(data: bytes) -> str:
    """The object id that `data` begins with; "" where there is none. Zeros may follow, as in a PDF."""
    try:
        kind, *_ = der.only(der.padded(data)).children()
        return kind.dotted() if kind.tag == der.OID else ""
    except ValueError:
        return ""


def inside(data: bytes) -> tuple[str, bytes]:
    """The kind of content that is signed, and the content, b"" where it is not inside. Raises NotOurs."""
    try:
        content = der.only(der.only(data).children()[1].body).children()[2].children()
        return content[0].dotted(), der.only(content[1].body).body if len(content) > 1 else b""
    except (ValueError, IndexError):
        raise NotOurs("不是 GB/T 35275 签名数据") from None


def verify(data: bytes, *contents: bytes) -> list[Signed]:
    """All signers of `data` over any of the `contents` (several where writers differ). Raises NotOurs or Broken, also
    when one of several signers does not hold."""
    try:
        signers, certificates, inner = _taken_apart(data)
        if not signers:
            raise Broken("签名数据里没有任何签名人")
        if len(signers) > MOST_SIGNERS:
            raise NotOurs(f"签名人多于 {MOST_SIGNERS} 个，没有逐个验证")
        return [_signer(signer, certificates, inner, contents) for signer in signers]
    except (ValueError, IndexError, TypeError):
        raise NotOurs("不是 GB/T 35275 签名数据") from None


def _taken_apart(data: bytes) -> tuple[list[der.Node], list[sm2.Certificate], bytes | None]:
    kind, wrapped = der.only(data).children()
    if kind.dotted() not in SIGNED_DATA:
        raise NotOurs(f"签名数据类型 {kind.dotted()} 不能识别")
    parts = der.only(wrapped.body).children()
    content = parts[2].children()
    inner = der.only(content[1].body).body if len(content) > 1 else None
    sent = [node.raw for part in parts[3:] if part.is_context(0) for node in part.children()]
    if len(sent) > MOST_CERTIFICATES:
        raise NotOurs(f"所附证书多于 {MOST_CERTIFICATES} 张")
    certificates = [sm2.Certificate(raw) for raw in sent]
    signers = parts[-1]
    if signers.tag != der.SET or signers.context:
        raise ValueError("no signer infos")
    return signers.children(), certificates, inner


def _signer(
    signer: der.Node,
    certificates: Sequence[sm2.Certificate],
    inner: bytes | None,
    contents: Sequence[bytes],
) -> Signed:
    _, identity, digest, *rest = signer.children()
    if digest.children()[0].dotted() != SM3:
        raise NotOurs("摘要算法不是 SM3")
    attributes = rest.pop(0) if rest[0].is_context(0) else None
    value = rest[1].body
    name, serial = identity.children()
    certificate = next(
        (c for c in certificates if (c.issuer, c.serial) == (name.raw, serial.integer())), None
    )
    if certificate is None:
        raise Broken("签名数据里没有签名人的证书")
    if not certificate.key:
        raise NotOurs("签名人的密钥不是 SM2")
    if inner is not None and not any(_is(inner, content) for content in contents):
        raise Broken("签名所对的内容不是这份文件")
    if attributes is None:
        messages, at = ([inner] if inner is not None else list(contents)), None
    else:
        proven, at = _attributes(attributes)
        if proven not in {sm2.sm3(content) for content in ([inner] if inner is not None else contents)}:
            if inner is not None or proven not in contents:
                raise Broken("签名所对的内容不是这份文件")
        messages = [b"\x31" + attributes.raw[1:]]  # signed as the SET it is, not by the tag of its place
    if not any(sm2.verify(certificate.key, message, value) for message in messages):
        raise Broken("签名值与内容不符")
    others = [c for c in certificates if c is not certificate]
    return Signed(certificate, others, at, value, _stamp(rest[2:]))


def _stamp(unsigned: list[der.Node]) -> bytes:
    for attribute in unsigned[0].children() if unsigned else []:
        kind, values = attribute.children()
        if kind.dotted() == TIME_STAMP:
            return der.only(values.body).raw
    return b""


def _is(inner: bytes, content: bytes) -> bool:
    """Whether `inner` is `content`; some writers put it in as Base64."""
    return inner == content or (len(inner) > len(content) and inner == base64.b64encode(content))


def _attributes(attributes: der.Node) -> tuple[bytes, datetime | None]:
    """Digest of the content and time of signing. One that stands twice could be read in two ways: Broken."""
    found: dict[str, der.Node] = {}
    for attribute in attributes.children():
        kind, values = attribute.children()
        if kind.dotted() in (MESSAGE_DIGEST, SIGNING_TIME):
            if kind.dotted() in found:
                raise Broken("签名属性重复，含义不明")
            found[kind.dotted()] = der.only(values.body)
    if MESSAGE_DIGEST not in found:
        raise Broken("签名属性里没有内容的摘要")
    return found[MESSAGE_DIGEST].body, found[SIGNING_TIME].moment() if SIGNING_TIME in found else None
