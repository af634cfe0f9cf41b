"""A small world of SM2: an authority, its signers and impostors, signed data of GB/T 35275 and seals of both versions.

Everything is made on the spot from the texts of the standards, byte by byte, so that each part can be made wrong.
Certificates run from 2020 to 2040 and everything is signed in 2025: the clock of the machine does not matter.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from asn1crypto import core
from gmssl import sm2 as gmssl_sm2

from archive.inspection.probes import sm2

BORN, ENDS = "20200101000000Z", "20400101000000Z"
AT = "20250618020003Z"
AT_IN_BEIJING = "2025-06-18 10:00:03"
SIGNED_DATA, DATA = "1.2.156.10197.6.1.4.2.2", "1.2.156.10197.6.1.4.2.1"
TIME_STAMP, TST_INFO = "1.2.840.113549.1.9.16.2.14", "1.2.840.113549.1.9.16.1.4"
STAMPED = "20250619000000Z"
SM3_OID, SM2_SIGN = "1.2.156.10197.1.401", "1.2.156.10197.1.301.1"
FIXED_NONCE = "59276e27d506861a16680f3ad9c02dccef3cc1fa3cdbe4ce6d54b80deac1bc21"


def tlv(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + body


def seq(*parts: bytes) -> bytes:
    return tlv(0x30, *parts)


def set_of(*parts: bytes) -> bytes:
    return tlv(0x31, *parts)


def number(value: int) -> bytes:
    return core.Integer(value).dump()


def oid(dotted: str) -> bytes:
    return core.ObjectIdentifier(dotted).dump()


def bits(data: bytes) -> bytes:
    return tlv(3, b"\0" + data)


def octets(data: bytes) -> bytes:
    return tlv(4, data)


def text(words: str) -> bytes:
    return tlv(12, words.encode())


def moment(words: str) -> bytes:
    return tlv(24, words.encode())


class Key:
    """An SM2 key pair; the same `seed` gives the same one."""

    def __init__(self, seed: int) -> None:
        self.secret = int.from_bytes(sm2.sm3(b"key %d" % seed), "big") % (sm2.N - 1) + 1
        engine = gmssl_sm2.CryptSM2(private_key=f"{self.secret:064x}", public_key="")
        self.engine, self.public = engine, bytes.fromhex(engine._kg(self.secret, engine.ecc_table["g"]))

    def numbers(self, message: bytes) -> tuple[int, int]:
        curve = b"".join(n.to_bytes(32, "big") for n in (sm2.A, sm2.B, sm2.GX, sm2.GY))
        z = sm2.sm3(b"\0\x80" + sm2.DEFAULT_ID + curve + self.public)
        value = self.engine.sign(sm2.sm3(z + message), FIXED_NONCE)
        return int(value[:64], 16), int(value[64:], 16)

    def sign(self, message: bytes) -> bytes:
        return seq(*map(number, self.numbers(message)))


@dataclass(frozen=True)
class Person:
    """A key with its certificate."""

    key: Key
    der: bytes
    name: bytes
    serial: int


def name(words: str) -> bytes:
    return seq(set_of(seq(oid("2.5.4.3"), text(words))))


def person(
    words: str,
    seed: int,
    issuer: Person | None = None,
    *,
    ca: bool = False,
    below: int | None = None,
    stamps: bool = False,
    born: str = BORN,
    ends: str = ENDS,
    curve: str = sm2.CURVE,
    point: bytes | None = None,
) -> Person:
    """A certificate for `words`, signed by `issuer` (by itself where there is none)."""
    key, subject = Key(seed), name(words)
    limit = [number(below)] if below is not None else []
    constraints = seq(tlv(1, b"\xff"), *limit) if ca else seq()
    extension = seq(oid("2.5.29.19"), tlv(1, b"\xff"), octets(constraints))
    for_stamps = (
        seq(oid("2.5.29.37"), tlv(1, b"\xff"), octets(seq(oid("1.3.6.1.5.5.7.3.8")))) if stamps else b""
    )
    algorithm = seq(oid(sm2.WITH_SM3))
    public = point if point is not None else b"\x04" + key.public
    tbs = seq(
        tlv(0xA0, number(2)),
        number(seed),
        algorithm,
        issuer.name if issuer else subject,
        seq(moment(born), moment(ends)),
        subject,
        seq(seq(oid("1.2.840.10045.2.1"), oid(curve)), bits(public)),
        tlv(0xA3, seq(extension, for_stamps)),
    )
    signer = issuer.key if issuer else key
    return Person(key, seq(tbs, algorithm, bits(signer.sign(tbs))), subject, seed)


@cache
def root() -> Person:
    return person("测试根机构", 1, ca=True)


@cache
def sub() -> Person:
    return person("测试下级机构", 2, root(), ca=True, below=0)


@cache
def signer() -> Person:
    return person("东莞社保经办", 3, root())


@cache
def maker() -> Person:
    return person("测试制章机构", 4, root())


@cache
def stamping() -> Person:
    return person("国密时间戳服务", 6, root(), stamps=True)


@cache
def impostor() -> Person:
    """Another who gave himself the name of the root."""
    return person("测试根机构", 5, ca=True)


def signed_data(
    content: bytes,
    *people: Person,
    attributes: bool = False,
    detached: bool = False,
    kind: str = SIGNED_DATA,
    content_type: str = DATA,
    inner: bytes | None = None,
    certificates: tuple[Person, ...] | None = None,
    over: bytes | None = None,
    at: datetime | None = None,
    digest: bytes | None = None,
    extra: bytes = b"",
    stamp: Callable[[bytes], bytes] | None = None,
) -> bytes:
    """SignedData over the digest of `content`. `detached`: over `content` itself, with nothing inside; `kind`: the object
    id of it all; `inner`: what is put inside instead of that digest; `over`: what is signed instead; `digest`: what the
    attributes claim instead; `extra`: an attribute more; `stamp`: what stamps the time of the value."""
    held = sm2.sm3(content)
    infos = []
    for who in people:
        attribute_set, message = b"", (content if detached else held) if over is None else over
        if attributes:
            listed = (
                seq(oid("1.2.840.113549.1.9.3"), set_of(oid(DATA)))
                + seq(oid("1.2.840.113549.1.9.4"), set_of(octets(held if digest is None else digest)))
                + seq(oid("1.2.840.113549.1.9.5"), set_of(moment(AT)))
                + extra
            )
            attribute_set, message = tlv(0xA0, listed), set_of(listed) if over is None else over
        issuer, value = issuer_of(who), who.key.sign(message)
        unsigned = tlv(0xA1, seq(oid(TIME_STAMP), set_of(stamp(value)))) if stamp else b""
        infos.append(
            seq(
                number(1), seq(issuer, number(who.serial)), seq(oid(SM3_OID)), attribute_set,
                seq(oid(SM2_SIGN)), octets(value), unsigned,
            )
        )  # fmt: skip
    placed = held if inner is None else inner
    nothing_inside = inner is None and (detached or attributes)
    content_info = seq(oid(content_type), b"" if nothing_inside else tlv(0xA0, octets(placed)))
    sent = b"".join(who.der for who in (people if certificates is None else certificates))
    body = seq(number(1), set_of(seq(oid(SM3_OID))), content_info, tlv(0xA0, sent), set_of(*infos))
    return seq(oid(kind), tlv(0xA0, body))


def time_stamp(content: bytes, who: Person, *, content_type: str = TST_INFO, **options) -> bytes:
    """A token of GM/T 0033 over `content`, made at `STAMPED`."""
    imprint = seq(seq(oid(SM3_OID)), octets(sm2.sm3(content)))
    info = seq(number(1), oid("1.2.3.4"), imprint, number(7), moment(STAMPED))
    return signed_data(info, who, attributes=True, inner=info, content_type=content_type, **options)


def revoking(
    by: Person,
    *revoked: tuple[int, str],
    this: str = "20250601000000Z",
    next_: str | None = "20250701000000Z",
    extensions: bytes = b"",
    key: Key | None = None,
) -> bytes:
    """A list of revoked certificates: (serial, when) of each. `extensions`: those of the list, DER."""
    algorithm = seq(oid(sm2.WITH_SM3))
    entries = seq(*(seq(number(serial), moment(when)) for serial, when in revoked)) if revoked else b""
    until = moment(next_) if next_ else b""
    more = tlv(0xA0, seq(extensions)) if extensions else b""
    tbs = seq(number(1), algorithm, by.name, moment(this), until, entries, more)
    return seq(tbs, algorithm, bits((key or by.key).sign(tbs)))


def issuer_of(who: Person) -> bytes:
    return sm2.Certificate(who.der).issuer


def seal(
    version: int,
    *holders: Person,
    by: Person | None = None,
    from_: str = BORN,
    until: str = ENDS,
    by_digest: bool = False,
    forged: bool = False,
    words: str = "东莞社保业务专用章",
) -> bytes:
    """A seal (SESeal) by its maker. `forged`: signed by the key of somebody else."""
    by = by or maker()
    hand = signer().key if forged else by.key
    if by_digest:
        listed = seq(*(seq(tlv(22, b"SM3"), octets(sm2.sm3(who.der))) for who in holders))
    else:
        listed = seq(*(octets(who.der) for who in holders))
    kind = [number(2 if by_digest else 1)] if version == 4 else []
    period = [moment(from_), moment(from_), moment(until)]
    info = seq(
        seq(tlv(22, b"ES"), number(version), tlv(22, b"maker")),
        tlv(22, b"seal-1"),
        seq(number(1), text(words), *kind, listed, *period),
        seq(tlv(22, b"PNG"), octets(b"picture"), number(40), number(40)),
    )
    certificate, algorithm = octets(by.der), oid(sm2.WITH_SM3)
    if version == 4:
        return seq(info, certificate, algorithm, bits(hand.sign(info)))
    return seq(info, seq(certificate, algorithm, bits(hand.sign(seq(info, certificate, algorithm)))))


def sealing(
    version: int,
    content: bytes,
    who: Person,
    stamp: bytes,
    *,
    value: Callable[[bytes], bytes] | None = None,
    timed: Callable[[bytes], bytes] | None = None,
) -> bytes:
    """A sealing (SES_Signature) of `content` with the seal `stamp`. `value` makes the signature otherwise; `timed` stamps
    the time of it."""
    value = value or who.key.sign
    digest, certificate, algorithm = bits(sm2.sm3(content)), octets(who.der), oid(sm2.WITH_SM3)
    if version == 4:
        tbs = seq(number(4), stamp, moment(AT), digest, tlv(22, b"/Doc_0/Signs/Sign_0/Signature.xml"))
        held = value(tbs)
        return seq(tbs, certificate, algorithm, bits(held), tlv(0xA0, bits(timed(held))) if timed else b"")
    at = bits(AT_IN_BEIJING.encode())
    tbs = seq(number(1), stamp, at, digest, tlv(22, b"/"), certificate, algorithm)
    return seq(tbs, bits(value(tbs)))
