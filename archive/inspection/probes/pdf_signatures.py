"""Signatures, seals and time stamps inside a PDF (ISO 32000, PAdES, GM/T 0112). Runs inside the fenced child.

By pyHanko, or where the signature is by SM2, by our own; how far it reaches and what came after it says pyHanko of both.
Which of the two it is says the signature itself, not the name that the PDF gives its kind: writers differ there. Whether
the picture on the page is that of the seal is not judged. Offline, as all of it: see `hanko.py`.
"""

from contextlib import suppress
from datetime import datetime
from itertools import islice

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PdfReadError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.validation import async_validate_pdf_signature, async_validate_pdf_timestamp
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature, extract_contents
from pyhanko.sign.validation.status import ModificationInfo, SignatureCoverageLevel

from . import der, gb35275, hanko, national, seals, sm2, stamps
from .gb35275 import Broken, NotOurs
from .report import Report, signature

CHANGED = "签名之后文件又追加了内容，所作的改动不在签名允许之列"
PARTIAL = "签名所列的字节范围有空缺或不从文件开头算起，空缺里的内容可以任意改动"
MOST_SIGNATURES = 50
MOST_CONTENT = 256 << 20
LATER = {
    "NONE": "只改了文件结构",
    "LTA_UPDATES": "只加了时间戳或验证资料",
    "FORM_FILLING": "只加了签名或填了表单",
}


def verify_all(report: Report, path: str, roots: tuple[sm2.Certificate, ...]) -> None:
    """A fact for each signature and each document time stamp of the PDF at `path`."""
    with open(path, "rb") as file:
        try:
            reader = PdfFileReader(file, strict=False)
            fields = [*islice(enumerate_sig_fields(reader, filled_status=True), MOST_SIGNATURES + 1)]
        except Exception as fault:  # another's parser on another's bytes
            why = f"签名不能读出（{type(fault).__name__}）"
            report.signed.append(signature(form="PDF 签名", where="", why=why))
            return
        for name, _, field in fields[:MOST_SIGNATURES]:
            fact = signature(form="PDF 签名", where=str(name))
            report.signed.append(fact | _field(reader, name, field, roots))
    if len(fields) > MOST_SIGNATURES:
        report.signed.append(signature(form="PDF 签名", where="", why="签名太多，没有逐个验证"))
    elif report.details["signatures"] > len(fields):
        report.signed.append(signature(form="PDF 签名", where="", why="有签名不在文件的签名域里，不能验证"))


def _field(reader: PdfFileReader, name: str, field, roots) -> dict:
    form, contents = {}, b""
    try:
        field = field.get_object()
        form = {"form": "PDF 时间戳"} if _is_stamp(field["/V"]) else {}
        contents = extract_contents(field["/V"])
        der.check(contents)
        if hanko.OF_THE_STATE in contents:
            try:
                return form | _by_sm2(_Placed(reader, field, name), roots)
            except NotOurs as fault:
                if gb35275.kind_of(contents) != gb35275.SIGNED_DATA[1]:
                    return form | {"why": str(fault)}
        return form | _embedded(EmbeddedPdfSignature(reader, field, name), roots)
    except Broken as fault:
        return form | {"integrity": "broken", "why": str(fault)}
    except Exception as fault:  # another's parser on another's bytes
        return form | {"why": hanko.unverifiable(fault, contents)}


def _is_stamp(value) -> bool:
    return isinstance(value, dict) and value.get("/Type") == "/DocTimeStamp"


class _Placed(EmbeddedPdfSignature):
    """The place of a signature that pyHanko cannot read: what its coverage and the changes after it are judged by."""

    def __init__(self, reader: PdfFileReader, field, name: str) -> None:
        place = field.raw_get("/V")
        self.reader, self.sig_field, self.fq_name = reader, field, name
        self.sig_object = place.get_object()
        self.byte_range = self.sig_object["/ByteRange"]
        self.pkcs7_content = extract_contents(self.sig_object)
        self.signed_revision = reader.xrefs.get_last_change(place.reference)
        self._docmdp = self._fieldmdp = self.diff_result = None
        self._docmdp_queried = self._fieldmdp_queried = False

    def compute_digest(self, hash_algo: str | None = None) -> bytes:
        return b""  # ours is of the bytes themselves, see `exact`

    def exact(self) -> bytes:
        """What is signed. Raises Broken where the ranges are none of this file, NotOurs where they are too much."""
        numbers = [int(number) for number in self.byte_range]
        if len(numbers) % 2 or any(number < 0 for number in numbers):
            raise Broken("签名所列的字节范围不成对，或有负数")
        if sum(numbers[1::2]) > MOST_CONTENT:
            raise NotOurs(f"签名所涉的内容大于 {MOST_CONTENT >> 20} MB，没有读取")
        parts = []
        for start, length in zip(numbers[::2], numbers[1::2], strict=True):
            self.reader.stream.seek(start)
            parts.append(self.reader.stream.read(length))
            if len(parts[-1]) != length:
                raise Broken("签名所列的字节范围超出文件")
        return b"".join(parts)

    def written(self) -> datetime | None:
        """The time that the PDF itself states; without a zone it is the wall clock of the country."""
        with suppress(KeyError, PdfReadError, ValueError):
            at = generic.parse_pdf_date(self.sig_object["/M"], strict=False)
            return at if at.tzinfo else at.replace(tzinfo=seals.BEIJING)
        return None


def _by_sm2(placed: _Placed, roots) -> dict:
    """Raises Broken or NotOurs."""
    try:
        data = der.padded(placed.pkcs7_content)
    except ValueError:
        raise NotOurs("签名数据不是 DER 编码，或后面还有别的内容") from None
    if placed.sig_object.get("/SubFilter") == "/adbe.pkcs7.sha1":
        raise NotOurs("摘要算法 SHA-1 已不安全，不能证明内容未改")
    if _is_stamp(placed.sig_object):
        fact = stamps.judged(data, placed.exact(), roots)
    else:
        fact, seal = national.over(data, placed.exact(), roots, placed.written())
        fact |= {"form": "PDF 签章"} if seal else {}
    if fact.get("integrity") != "intact":
        return fact
    placed.compute_integrity_info()
    return fact | _coverage(placed, ModificationInfo(**placed.summarise_integrity_info()))


def _embedded(embedded: EmbeddedPdfSignature, roots) -> dict:
    if _is_stamp(embedded.sig_object):
        at = hanko.stamped_at(embedded.signed_data)
        status = hanko.finished(
            async_validate_pdf_timestamp(embedded, validation_context=hanko.context(roots, at))
        )
        kind = "stamped"
    else:

        def validated(moment):
            return hanko.finished(
                async_validate_pdf_signature(
                    EmbeddedPdfSignature(embedded.reader, embedded.sig_field, embedded.fq_name),
                    signer_validation_context=hanko.context(roots, moment),
                    ts_validation_context=hanko.context(roots, None),
                    key_usage_settings=hanko.any_usage(),
                )
            )

        status, at, kind = hanko.at_proven_time(validated, *hanko.best_time(embedded.self_reported_timestamp))
    fact = hanko.described(status, roots, at, kind)
    return fact | (_coverage(embedded, status) if fact["integrity"] == "intact" else {})


def _coverage(embedded: EmbeddedPdfSignature, status: ModificationInfo) -> dict:
    """How much of the file an intact signature protects, and what was done after it."""
    if status.coverage < SignatureCoverageLevel.ENTIRE_REVISION or not _leaves_out_itself_only(embedded):
        return {"coverage": "partial", "coverage_why": PARTIAL}
    if status.coverage == SignatureCoverageLevel.ENTIRE_FILE:
        return {"coverage": "whole"}
    level = status.modification_level
    if not status.docmdp_ok or level is None or level.name not in LATER:
        return {"coverage": "changed", "coverage_why": CHANGED}
    return {"coverage": "revision", "coverage_why": LATER[level.name]}


def _leaves_out_itself_only(embedded: EmbeddedPdfSignature) -> bool:
    """Whether the gap between the two ranges is the signature in hexadecimal digits: pyHanko compares lengths only, and
    what else lies in the gap anybody may change."""
    _, ahead, behind, _ = embedded.byte_range
    embedded.reader.stream.seek(ahead)
    gap = embedded.reader.stream.read(max(0, behind - ahead))
    return gap.lower() == b"<" + embedded.pkcs7_content.hex().encode() + b">"
