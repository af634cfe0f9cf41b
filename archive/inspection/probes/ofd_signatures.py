"""Signatures and seals of an OFD (GB/T 33190): is it what was signed, by whom, and is all of it signed? In the child.

What is signed are the exact bytes of Signature.xml, which lists the digests of the other parts; a later signature
covers the files of an earlier one. Each signature becomes one fact (see `report.signature`); who may be trusted and
what follows is judged elsewhere.

Elements count only where the standard puts them, once, in the namespace of their root: what two readers could read in
two ways is no signature.
"""

import base64
import binascii
import hashlib
import time
import zipfile
import zlib
from datetime import UTC, datetime

from lxml import etree

from . import der, national, seals, sm2
from .gb35275 import Broken, NotOurs
from .report import signature

METHODS = {
    "SM3": "sm3", "1.2.156.10197.1.401": "sm3", "SHA256": "sha256", "SHA-256": "sha256",
    "2.16.840.1.101.3.4.2.1": "sha256", "SHA512": "sha512", "2.16.840.1.101.3.4.2.3": "sha512",
}  # fmt: skip
BROKEN_METHODS = {"MD5", "SHA1", "SHA-1", "1.2.840.113549.2.5", "1.3.14.3.2.26"}
MOST_REFERENCES = 20_000
MOST_SIGNATURES, MOST_SECONDS = 100, 4.0
"""Of one file, and the processor's time they may take together; the others are said not to be verified."""
MOST_VALUE = 4 << 20


class Signatures:
    """The signatures of one package, over all its documents; one fact each in its report.

    `package`: see `ofd._Package`. `roots`: where a signer's chain may end.
    """

    def __init__(self, package, roots: tuple[sm2.Certificate, ...]) -> None:
        self.package, self.roots = package, roots
        self._seen: set[str] = set()
        self._digests: dict[tuple[str, str], bytes] = {}
        self._proven: list[tuple[str, set[str]]] = []  # of each intact signature: trust, and what it protects
        self._until = time.process_time() + MOST_SECONDS

    def read(self, location: str) -> None:
        """Verify every signature that the list at `location` names."""
        listing = self.package.xml(location)
        if listing is None:
            return
        repeated = False
        for entry in children(_rooted(listing, "Signatures"), "Signature"):
            path = self.package.resolve(location, entry.get("BaseLoc"))
            fact = signature(form="OFD 签名" if entry.get("Type") == "Sign" else "OFD 签章", where=path)
            if path in self._seen:
                repeated = True
                continue
            if len(self._seen) >= MOST_SIGNATURES or time.process_time() > self._until:
                self._doubt(location, "签名太多，没有逐个验证")
                return
            self._seen.add(path)
            self._verify(fact, location, path)
            self.package.report.signed.append(fact)
        if repeated:
            self._doubt(location, "签名列表重复列出同一签名")

    def _doubt(self, location: str, why: str) -> None:
        self.package.report.signed.append(signature(form="OFD 签名", where=location, why=why))

    def gaps(self) -> list[str]:
        """The parts that no signature protects; where a trusted signer has signed, none of the trusted ones: anybody
        can add a signature of his own over what he changed."""
        trusted = [parts for trust, parts in self._proven if trust == "trusted"]
        covered = set().union(*(trusted or [parts for _, parts in self._proven]))
        return sorted(name for name in self.package.entries if not name.endswith("/") and name not in covered)

    def _verify(self, fact: dict, listing: str, path: str) -> None:
        document = self.package.xml(path)
        if document is None:
            fact |= {"integrity": "broken", "why": "签名说明文件不在或不能解析"}
            return
        try:
            info = _one(_rooted(document, "Signature"), "SignedInfo")
            value = self.package.resolve(path, _text(_one(document, "SignedValue")))
            covered, doubt = self._references(_one(info, "References"))
            found, own = self._value(path, info, value)
        except Broken as fault:
            fact |= {"integrity": "broken", "why": str(fault)}
        except NotOurs as fault:
            fact |= {"integrity": "unknown", "why": str(fault)}
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as fault:
            fact |= {"integrity": "broken", "why": f"签名所涉的部分不能读出（{type(fault).__name__}）"}
        else:
            if doubt and found["integrity"] == "intact":
                found |= {"integrity": "unknown", "why": doubt}
            fact |= found
            if fact["integrity"] == "intact":
                self._proven.append((fact["trust"], covered | own | {listing, path, value}))

    def _references(self, listed: etree._Element) -> tuple[set[str], str]:
        """What is protected, and what leaves a doubt, or "". Raises Broken unless each part is what was signed."""
        references = children(listed, "Reference")
        if not references:
            raise Broken("签名没有列出所保护的任何部分")
        if len(references) > MOST_REFERENCES:
            raise NotOurs(f"签名列出的部分多于 {MOST_REFERENCES} 个")
        covered = set()
        method = (listed.get("CheckMethod") or "MD5").strip().upper()
        for reference in references:
            written = (reference.get("FileRef") or "").strip()
            target = self.package.resolve("OFD.xml", written)
            if target.startswith("..") or written.startswith("/.."):
                self.package.report.say("name-unsafe", written)
                raise Broken("签名所指的部分在文件之外")
            if target not in self.package.entries:
                raise Broken(f"签名所保护的部分“{target[:200]}”不在文件里")
            if method not in METHODS:
                continue
            if self._digest(target, METHODS[method]) != _base64(_text(_one(reference, "CheckValue"))):
                raise Broken(f"签名所保护的部分“{target[:200]}”在签名之后改动过")
            covered.add(target)
        if method in METHODS:
            return covered, ""
        weak = method in BROKEN_METHODS
        return covered, f"摘要算法 {method[:40]} " + (
            "已不安全，不能证明内容未改" if weak else "不能识别，没有核对"
        )

    def _digest(self, target: str, algorithm: str) -> bytes:
        if (target, algorithm) not in self._digests:
            with self.package.archive.open(self.package.entries[target]) as file:
                self._digests[target, algorithm] = hashlib.file_digest(file, algorithm).digest()
        return self._digests[target, algorithm]

    def _content(self, path: str, missing: str) -> bytes:
        entry = self.package.entries.get(path)
        if entry is None or entry.file_size == 0:
            raise Broken(missing)
        if entry.file_size > MOST_VALUE:
            raise NotOurs("签名数据太大，没有读取")
        return self.package.archive.read(entry)

    def _value(self, path: str, info: etree._Element, value: str) -> tuple[dict, set[str]]:
        """What the signed value proves of the exact bytes of the Signature.xml at `path`, and the files of a seal."""
        data = self._content(value, "签名值文件不在，或是空的")
        exact = self.package.archive.read(self.package.entries[path])
        stated = children(info, "SignatureDateTime")
        written = _moment(_text(stated[0])) if len(stated) == 1 else None
        shown = _one(info, "Seal") if children(info, "Seal") else None
        if _is_bare(data):
            raise NotOurs("只有签名值，没有证书，不知道是谁签的，也不能核对")
        fact, seal = national.over(data, exact, self.roots, written)
        if not seal:
            if shown is not None:
                raise NotOurs("文件显示一枚印章，而签名值不是电子签章，不能证明这枚印章")
            return fact, set()
        own = set()
        if shown is not None and children(shown, "BaseLoc"):
            file = self.package.resolve(path, _text(_one(shown, "BaseLoc")))
            if self._content(file, "签章所用的印章文件不在，或是空的") != seal:
                raise Broken("文件里的印章与签章所用的不是同一枚")
            own.add(file)
        return fact | {"form": "OFD 签章"}, own


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


def children(element: etree._Element, name: str) -> list[etree._Element]:
    """Those directly below, of the namespace that the root has."""
    namespace = etree.QName(element.getroottree().getroot()).namespace
    wanted = f"{{{namespace}}}{name}" if namespace else name
    return [child for child in element if child.tag == wanted]


def _rooted(root: etree._Element, name: str) -> etree._Element:
    """The root itself, where it is what it should be; an empty element where it is not."""
    return root if etree.QName(root).localname == name else etree.Element(name)


def _one(element: etree._Element, name: str) -> etree._Element:
    found = children(element, name)
    if len(found) != 1:
        raise Broken(f"签名说明文件里应当恰有一个 {name}，现有 {len(found)} 个")
    return found[0]


def _text(element: etree._Element) -> str:
    """All of it, also where a comment stands in between."""
    return "".join(element.xpath("text()"))
