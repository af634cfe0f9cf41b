"""Signatures and seals of an OFD (GB/T 33190): is it what was signed, by whom, and is all of it signed? In the child.

What is signed are the exact bytes of Signature.xml, which lists the digests of the other parts; a later signature
covers the files of an earlier one. Each signature becomes one fact (see `report.signature`); who may be trusted and
what follows is judged elsewhere.
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

from lxml import etree

from . import der, gb35275, seals, sm2
from .gb35275 import Broken, NotOurs
from .report import signature

METHODS = {
    "SM3": "sm3", "1.2.156.10197.1.401": "sm3", "SHA256": "sha256", "SHA-256": "sha256",
    "2.16.840.1.101.3.4.2.1": "sha256", "SHA512": "sha512", "2.16.840.1.101.3.4.2.3": "sha512",
}  # fmt: skip
BROKEN_METHODS = {"MD5", "SHA1", "SHA-1", "1.2.840.113549.2.5", "1.3.14.3.2.26"}


class Coverage:
    """What the signatures of a package protect, over all its documents, and which files are their own."""

    def __init__(self) -> None:
        self.signed: set[str] = set()
        self.own: set[str] = set()

    def gaps(self, entries: Sequence[str]) -> list[str]:
        return sorted(
            name for name in entries if not name.endswith("/") and name not in self.signed | self.own
        )


def verify_all(package, location: str, roots: Sequence[sm2.Certificate], coverage: Coverage) -> None:
    """Every signature that the list at `location` names; one fact each in the report."""
    listing = package.xml(location)
    if listing is None:
        return
    coverage.own.add(location)
    for entry in _all(listing, "Signature"):
        package.report.signed.append(_fact(package, location, entry, roots, coverage))


def _fact(package, base: str, entry: etree._Element, roots, coverage: Coverage) -> dict:
    path = package.resolve(base, entry.get("BaseLoc"))
    form = "OFD 签名" if entry.get("Type") == "Sign" else "OFD 签章"
    fact = signature(form=form, where=path)
    document = package.xml(path)
    if document is None:
        return fact | {"integrity": "broken", "why": "签名说明文件不在或不能解析"}
    coverage.own.add(path)
    value = package.resolve(path, _text(document, "SignedValue"))
    coverage.own.add(value)
    try:
        doubt = _references(package, document, coverage)
        fact |= _signed_value(package, path, document, value, roots)
    except Broken as fault:
        return fact | {"integrity": "broken", "why": str(fault)}
    except NotOurs as fault:
        return fact | {"integrity": "unknown", "why": str(fault)}
    if doubt and fact["integrity"] == "intact":
        fact |= {"integrity": "unknown", "why": doubt}
    return fact


def _references(package, document: etree._Element, coverage: Coverage) -> str:
    """Raises Broken unless every signed part is there and is what was signed. Returns what leaves a doubt, or ""."""
    doubt = ""
    references = _all(document, "Reference")
    if not references:
        raise Broken("签名没有列出所保护的任何部分")
    for reference in references:
        written = (reference.get("FileRef") or "").strip()
        target = package.resolve("OFD.xml", written)
        if target.startswith("..") or written.startswith("/.."):
            package.report.say("name-unsafe", written)
            raise Broken("签名所指的部分在文件之外")
        if target not in package.entries:
            raise Broken(f"签名所保护的部分“{target}”不在文件里")
        method = (reference.getparent().get("CheckMethod") or "MD5").strip().upper()
        if method not in METHODS:
            weak = method in BROKEN_METHODS
            doubt = f"摘要算法 {method} " + ("已不安全，不能证明内容未改" if weak else "不能识别，没有核对")
            continue
        content = package.archive.read(package.entries[target])
        digest = hashlib.new(METHODS[method], content).digest()
        if digest != _base64(_text(reference, "CheckValue")):
            raise Broken(f"签名所保护的部分“{target}”在签名之后改动过")
        coverage.signed.add(target)
    return doubt


def _signed_value(package, path: str, document: etree._Element, value: str, roots) -> dict:
    if value not in package.entries:
        raise Broken("签名值文件不在")
    data = package.archive.read(package.entries[value])
    if not data:
        raise Broken("签名值是空的")
    exact = package.archive.read(package.entries[path])
    written_at = _moment(_text(document, "SignatureDateTime"))
    if gb35275.is_signed_data(data):
        held = gb35275.verify(data, sm2.sm3(exact), exact)
        return _known(held.certificate, held.pool, held.claimed_at or written_at, roots)
    if _is_bare(data):
        return {"integrity": "unknown", "why": "只有签名值，没有证书，不知道是谁签的，也不能核对"}
    held = seals.verify(data)
    if held.digest != sm2.sm3(exact):
        raise Broken("签章所对的内容不是这份文件")
    for element in _all(document, "Seal"):
        if location := _text(element, "BaseLoc"):
            file = package.resolve(path, location)
            if file not in package.entries:
                raise Broken("签章所用的印章文件不在")
            if package.archive.read(package.entries[file]) != held.seal:
                raise Broken("文件里的印章与签章所用的不是同一枚")
    fact = _known(held.certificate, [], held.at or written_at, roots)
    maker, why = sm2.trust(held.maker, [], roots, held.at or written_at or datetime.now(UTC))
    if fact["trust"] == "trusted" and maker != "trusted":
        fact |= {"trust": maker, "trust_why": f"制章者：{why}"}
    if held.expired:
        fact |= {"trust": "expired", "trust_why": held.expired}
    return fact | {"seal": held.name}


def _known(certificate: sm2.Certificate, pool, at: datetime | None, roots) -> dict:
    state, why = sm2.trust(certificate, pool, roots, at or datetime.now(UTC))
    return {
        "integrity": "intact",
        "signer": certificate.name,
        "issuer": certificate.issuer_name,
        "serial": f"{certificate.serial:x}",
        "trust": state,
        "trust_why": why,
        "time": at.isoformat() if at else "",
        "time_kind": "claimed" if at else "none",
    }


def _is_bare(data: bytes) -> bool:
    try:
        numbers = der.only(data).children()
    except ValueError:
        return len(data) == 64
    return len(numbers) == 2 and all(node.tag == der.INTEGER for node in numbers)


def _moment(text: str | None) -> datetime | None:
    text = (text or "").strip()
    for pattern, zone in (("%Y%m%d%H%M%SZ", UTC), ("%Y-%m-%d %H:%M:%S", seals.BEIJING)):
        try:
            return datetime.strptime(text, pattern).replace(tzinfo=zone)
        except ValueError:
            continue
    return None


def _base64(text: str | None) -> bytes:
    try:
        return base64.b64decode("".join((text or "").split()), validate=True)
    except binascii.Error:
        return b""


def _all(element: etree._Element, name: str) -> list[etree._Element]:
    return element.xpath(".//*[local-name()=$name]", name=name)


def _text(element: etree._Element, name: str) -> str | None:
    found = _all(element, name)
    return found[0].text if found else None
