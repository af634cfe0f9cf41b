"""What a signature or seal by SM2 proves, as a fact (see `report.signature`): one way for OFD, PDF and what lies beside a
file. Runs inside the fenced child.

What is signed differs only in its bytes: a Signature.xml, the ranges of a PDF, a declaration.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from . import gb35275, seals, sm2, stamps
from .gb35275 import Broken, NotOurs

Roots = Sequence[sm2.Certificate]


def over(data: bytes, exact: bytes, roots: Roots, written: datetime | None) -> tuple[dict, bytes]:
    """The fact of signed data (GB/T 35275) or a sealing (GB/T 38540, GM/T 0031) over `exact`, and the seal that it uses,
    b"" for signed data. `written`: the time that the document states, where the signature itself states none. Raises
    Broken, or NotOurs for what cannot be verified here."""
    if gb35275.kind_of(data) in gb35275.SIGNED_DATA:
        held, *others = gb35275.verify(data, sm2.sm3(exact), exact)
        if others:
            raise NotOurs(f"一处签名里有 {1 + len(others)} 个签名人，不知道以谁为准")
        return signed(held, roots, written), b""
    sealing = seals.verify(data)
    if sealing.digest != sm2.sm3(exact):
        raise Broken("签章所对的内容不是这份文件")
    return _sealed(sealing, roots, written), sealing.seal


def signed(held: gb35275.Signed, roots: Roots, written: datetime | None = None) -> dict:
    proven = _proven(held.stamp, held.value, roots)
    fact = sm2.told(held.certificate, held.pool, roots, proven or held.claimed_at or written)
    return fact | ({"time_kind": "stamped"} if proven else {})


def _sealed(sealing: seals.Sealed, roots: Roots, written: datetime | None) -> dict:
    """A seal is trusted with its sealer, its maker, and in its time."""
    proven = _proven(sealing.stamp, sealing.value, roots)
    at = proven or sealing.at or written
    fact = sm2.told(sealing.certificate, [], roots, at) | {"seal": sealing.name}
    at = at or datetime.now(UTC)
    maker, why, chain = sm2.trust(sealing.maker, [], roots, at)
    fact["chain"] += chain
    if fact["trust"] == "trusted" and maker != "trusted":
        fact |= {"trust": maker, "trust_why": f"制章者：{why}"}
    if expired := sealing.expired(at):
        fact |= {"trust": "expired", "trust_why": expired}
    return fact | ({"time_kind": "stamped"} if proven else {})


def _proven(stamp: bytes, value: bytes, roots: Roots) -> datetime | None:
    """The time of a stamp that holds, by a service that is trusted. It goes before whatever the signer states."""
    if not stamp:
        return None
    fact = stamps.judged(stamp, value, roots)
    held = (fact.get("integrity"), fact.get("trust")) == ("intact", "trusted")
    return datetime.fromisoformat(fact["time"]) if held else None
