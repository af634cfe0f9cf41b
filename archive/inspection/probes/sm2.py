"""SM2 signatures over SM3 (GB/T 32918, GB/T 35276), certificates with SM2 keys and their chains. Runs in the child.

The arithmetic is gmssl's; what it leaves out is here: numbers out of range, points off the curve, the padding of r and
s. Digests come from hashlib, which is a thousand times faster.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache

from asn1crypto import x509
from gmssl import sm2

from . import der

P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A = P - 3
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
GX = 0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7
GY = 0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0
DEFAULT_ID = b"1234567812345678"
CURVE, WITH_SM3 = "1.2.156.10197.1.301", "1.2.156.10197.1.501"
NO_ROOTS = "没有配置受信任的根证书"
NOT_VALID, NOT_TRUSTED = "证书“{}”在签名时不在有效期内", "签发机构“{}”不在受信任之列"
LONGEST_CHAIN = 8
MOST_BYTES = 64 << 10
MOST_NAMESAKES = 5
"""Certificates of one name, out of what a signer sends along, that are tried: each costs a hundredth of a second."""


def sm3(data: bytes) -> bytes:
    return hashlib.new("sm3", data).digest()


def verify(key: bytes, message: bytes, value: bytes) -> bool:
    """Whether `value` (DER SEQUENCE of r and s, or the bare 64 bytes) signs `message`; `key` is X and Y, 64 bytes."""
    numbers = _numbers(value)
    if numbers is None or not _on_curve(key):
        return False
    curve = b"".join(number.to_bytes(32, "big") for number in (A, B, GX, GY))
    digest = hashlib.new("sm3", sm3((len(DEFAULT_ID) * 8).to_bytes(2, "big") + DEFAULT_ID + curve + key))
    digest.update(message)
    return _holds(key, digest.digest(), *numbers)


@lru_cache(maxsize=4096)
def _holds(key: bytes, digest: bytes, r: int, s: int) -> bool:
    """Remembered, as the chains of many signatures are made of the same few certificates."""
    engine = sm2.CryptSM2(private_key="", public_key="")
    engine.public_key = key.hex()  # its constructor strips "04" from keys that merely begin so
    return bool(engine.verify(f"{r:064x}{s:064x}", digest))


def _numbers(value: bytes) -> tuple[int, int] | None:
    try:
        r, s = (node.integer() for node in der.only(value).children() if node.tag == der.INTEGER)
    except ValueError:
        if len(value) != 64:
            return None
        r, s = int.from_bytes(value[:32], "big"), int.from_bytes(value[32:], "big")
    return (r, s) if 0 < r < N and 0 < s < N and (r + s) % N else None


def _on_curve(key: bytes) -> bool:
    if len(key) != 64:
        return False
    x, y = int.from_bytes(key[:32], "big"), int.from_bytes(key[32:], "big")
    return x < P and y < P and (y * y - x * x * x - A * x - B) % P == 0


@dataclass(frozen=True)
class Certificate:
    """One X.509 certificate. Raises ValueError where it is none."""

    der: bytes

    def __post_init__(self) -> None:
        if len(self.der) > MOST_BYTES:
            raise ValueError("no certificate is that large")
        der.check(self.der)
        try:
            self.parsed.native  # noqa: B018 - asn1crypto parses when asked; asked here, it fails here
            self.key, self.is_ca, self.longest_below, self.name, self.valid_at(datetime.now(UTC))
        except (
            ValueError,
            TypeError,
            KeyError,
            IndexError,
            AttributeError,
            ArithmeticError,
            RecursionError,
        ) as fault:
            raise ValueError(f"no certificate: {type(fault).__name__}") from None

    @cached_property
    def parsed(self) -> x509.Certificate:
        return x509.Certificate.load(self.der)

    @cached_property
    def parts(self) -> list[der.Node]:
        return der.only(self.der).children()

    @property
    def name(self) -> str:
        return spoken(self.parsed.subject)

    @property
    def issuer_name(self) -> str:
        return spoken(self.parsed.issuer)

    @property
    def issuer(self) -> bytes:
        return self.parsed.issuer.dump()

    @property
    def subject(self) -> bytes:
        return self.parsed.subject.dump()

    @property
    def serial(self) -> int:
        return self.parsed.serial_number

    @property
    def key(self) -> bytes:
        """X and Y of an SM2 key; b"" for a key of another kind."""
        info = self.parsed["tbs_certificate"]["subject_public_key_info"]
        _, point = der.only(info.dump()).children()
        algorithm = der.only(info["algorithm"].dump()).children()
        if len(algorithm) < 2 or algorithm[1].tag != der.OID or algorithm[1].dotted() != CURVE:
            return b""
        return point.bits()[1:] if point.bits()[:1] == b"\x04" else b""

    @property
    def is_ca(self) -> bool:
        constraints, usage = self.parsed.basic_constraints_value, self.parsed.key_usage_value
        if constraints is None or not constraints["ca"].native:
            return False
        return usage is None or "key_cert_sign" in usage.native

    @property
    def may_stamp(self) -> bool:
        usage = self.parsed.extended_key_usage_value
        return usage is not None and "time_stamping" in usage.native

    @property
    def longest_below(self) -> int:
        """How many authorities may stand between this one and a signer."""
        constraints = self.parsed.basic_constraints_value
        limit = constraints["path_len_constraint"].native if constraints is not None else None
        return LONGEST_CHAIN if limit is None else limit

    def valid_at(self, moment: datetime) -> bool:
        return self.parsed.not_valid_before <= moment <= self.parsed.not_valid_after

    def issued(self, other: "Certificate") -> bool:
        """By name and by signature: a name alone proves nothing."""
        if not self.is_ca or self.subject != other.issuer:
            return False
        tbs, _, value = other.parts
        return verify(self.key, tbs.raw, value.bits())


def spoken(name: x509.Name) -> str:
    native = name.native
    names = native.get("common_name") or native.get("organization_name") or "（没有名称）"
    return names if isinstance(names, str) else "、".join(names)


def trust(
    certificate: Certificate, pool: Sequence[Certificate], roots: Sequence[Certificate], at: datetime
) -> tuple[str, str, list[list[str]]]:
    """How far the chain of `certificate` leads at the time `at`: (trusted | expired | untrusted | unknown, why), and
    where trusted the links of the chain below the root."""
    if not roots:
        return "unknown", NO_ROOTS, []
    known = {root.der for root in roots}
    current, chain = certificate, []
    for below in range(LONGEST_CHAIN):
        if not current.valid_at(at):
            return "expired", NOT_VALID.format(current.name), []
        if current.der in known:
            return "trusted", "", chain
        chain.append(link(current.parsed))
        namesakes = [other for other in pool if other.subject == current.issuer][:MOST_NAMESAKES]
        issuers = [other for other in [*roots, *namesakes] if other.issued(current)]
        if not issuers:
            return "untrusted", NOT_TRUSTED.format(current.issuer_name), []
        # An authority may have renewed its certificate and kept its key: the one of that day counts.
        current = next((issuer for issuer in issuers if issuer.valid_at(at)), issuers[0])
        if current.longest_below < below:
            return "untrusted", f"机构“{current.name}”无权设立下级机构", []
    return "untrusted", "证书链过长", []


def link(certificate: x509.Certificate) -> list[str]:
    """What a list of revoked certificates is searched by: digest of the issuer's name, serial number; and the name."""
    issuer = hashlib.sha256(certificate.issuer.dump()).hexdigest()
    return [issuer, f"{certificate.serial_number:x}", spoken(certificate.subject)]


def told(
    certificate: Certificate, pool: Sequence[Certificate], roots: Sequence[Certificate], at: datetime | None
) -> dict:
    """The fact of a signature that holds: who made it, and whether he is trusted at the time `at` that he states."""
    state, why, chain = trust(certificate, pool, roots, at or datetime.now(UTC))
    return {
        "integrity": "intact", "trust": state, "trust_why": why, "signer": certificate.name,
        "issuer": certificate.issuer_name, "serial": f"{certificate.serial:x}",
        "time": at.isoformat() if at else "", "time_kind": "claimed" if at else "none", "chain": chain,
    }  # fmt: skip
