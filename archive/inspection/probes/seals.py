"""Electronic seals: SES_Signature of GB/T 38540-2020 (version 4) and GM/T 0031-2014 (version 1). Runs in the child.

A seal is a picture with a list of its holders, signed by its maker; a sealing is a signature over a digest together
with the seal. All of it must hold: the maker's signature, the holder list, both periods of validity, the signature.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from . import der, sm2
from .gb35275 import Broken, NotOurs

BEIJING = timezone(timedelta(hours=8))
BY_CERTIFICATE = 1


@dataclass(frozen=True)
class Sealed:
    """A sealing that holds over `digest`; `at` is what the sealer says, `stamp` the time stamp over the `value` of his
    signature, b"" where there is none."""

    digest: bytes
    certificate: sm2.Certificate
    maker: sm2.Certificate
    seal: bytes
    name: str
    at: datetime | None
    valid_from: datetime
    valid_until: datetime
    value: bytes
    stamp: bytes

    def expired(self, at: datetime) -> str:
        """Why the seal could not be used at that time; "" when it could."""
        if self.valid_from <= at <= self.valid_until:
            return ""
        return f"印章有效期为 {self.valid_from:%Y-%m-%d} 至 {self.valid_until:%Y-%m-%d}，签章在有效期外"


@dataclass(frozen=True)
class _Seal:
    info: der.Node
    name: str
    listed: list[der.Node]
    list_type: int
    valid_from: datetime
    valid_until: datetime
    maker: sm2.Certificate
    value: bytes
    signed: bytes


def verify(data: bytes) -> Sealed:
    """Verify a sealing by itself; the caller compares `digest` and `seal`. Raises NotOurs or Broken."""
    try:
        parts = der.only(data).children()
        tbs = parts[0].children()
        version = tbs[0].integer()
        seal_node = tbs[1]
        if len(parts) >= 4:  # version 4: certificate, algorithm and value stand outside
            at, digest = tbs[2].moment(), tbs[3].bits()
            certificate, value = sm2.Certificate(parts[1].body), parts[3].bits()
            stamp = der.only(parts[4].body).bits() if len(parts) > 4 else b""
        else:
            at, digest = _version_1_time(tbs[2]), tbs[3].bits()
            certificate, value, stamp = sm2.Certificate(tbs[5].body), parts[1].bits(), b""
        seal = _read_seal(seal_node)
    except (ValueError, IndexError, TypeError):
        raise NotOurs("不是 GB/T 38540 或 GM/T 0031 的电子签章数据") from None
    if version not in (1, 4):
        raise NotOurs(f"电子签章版本 {version} 不能识别")
    if not certificate.key or not seal.maker.key:
        raise NotOurs("签章的密钥不是 SM2")
    if not sm2.verify(certificate.key, parts[0].raw, value):
        raise Broken("签章的签名值与内容不符")
    if not sm2.verify(seal.maker.key, seal.signed, seal.value):
        raise Broken("印章不是所称的制章者制作的（制章者签名不符）")
    if not _holds(seal, certificate):
        raise Broken("签章人不在这枚印章的持有人之列")
    period = seal.valid_from, seal.valid_until
    return Sealed(digest, certificate, seal.maker, seal_node.raw, seal.name, at, *period, value, stamp)


def _read_seal(node: der.Node) -> _Seal:
    parts = node.children()
    info = parts[0]
    properties = info.children()[2].children()
    name = properties[1].text()
    if len(parts) >= 4:  # version 4
        list_type, listed, (start, end) = properties[2].integer(), properties[3], properties[5:7]
        maker, value, signed = parts[1], parts[3].bits(), info.raw
    else:
        list_type, listed, (start, end) = BY_CERTIFICATE, properties[2], properties[4:6]
        maker, algorithm, bits = parts[1].children()
        value, signed = bits.bits(), _sequence(info.raw + maker.raw + algorithm.raw)
    return _Seal(
        info=info,
        name=name,
        listed=listed.children(),
        list_type=list_type,
        valid_from=start.moment(),
        valid_until=end.moment(),
        maker=sm2.Certificate(maker.body),
        value=value,
        signed=signed,
    )


def _holds(seal: _Seal, certificate: sm2.Certificate) -> bool:
    if seal.list_type == BY_CERTIFICATE:
        return certificate.der in {node.body for node in seal.listed}
    try:
        digests = {node.children()[1].body for node in seal.listed}
    except (ValueError, IndexError):
        return False
    return sm2.sm3(certificate.der) in digests


def _version_1_time(node: der.Node) -> datetime | None:
    """Text in a BIT STRING, without a zone: the wall clock of the country."""
    try:
        return datetime.strptime(node.bits().decode("ascii"), "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING)
    except ValueError:
        return None


def _sequence(body: bytes) -> bytes:
    length = len(body)
    if length < 0x80:
        return b"\x30" + bytes([length]) + body
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return b"\x30" + bytes([0x80 | len(size)]) + size + body
