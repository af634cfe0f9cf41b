"""Signatures, seals and time stamps inside a PDF (ISO 32000, PAdES), by pyHanko. Runs inside the fenced child.

Offline, as all of it: see `cms_signatures.py`. SM2 lies outside pyHanko: such a signature is said not to be verified.
"""

from itertools import islice

from . import der, sm2
from .cms_signatures import (
    any_usage,
    at_proven_time,
    best_time,
    context,
    described,
    finished,
    quiet,
    stamped_at,
    unverifiable,
)
from .report import Report, signature

CHANGED = "签名之后文件又追加了内容，所作的改动不在签名允许之列"
PARTIAL = "签名所列的字节范围有空缺或不从文件开头算起，空缺里的内容可以任意改动"
MOST_SIGNATURES = 50
LATER = {
    "NONE": "只改了文件结构",
    "LTA_UPDATES": "只加了时间戳或验证资料",
    "FORM_FILLING": "只加了签名或填了表单",
}


def verify_all(report: Report, path: str, roots: tuple[sm2.Certificate, ...]) -> None:
    """A fact for each signature and each document time stamp of the PDF at `path`."""
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.fields import enumerate_sig_fields

    quiet()
    with open(path, "rb") as file:
        try:
            reader = PdfFileReader(file, strict=False)
            fields = [*islice(enumerate_sig_fields(reader, filled_status=True), MOST_SIGNATURES + 1)]
        except Exception as fault:  # another's parser on another's bytes
            why = f"签名不能读出（{type(fault).__name__}）"
            report.signed.append(signature(form="PDF 签名", where="", why=why))
            return
        for name, value, field in fields[:MOST_SIGNATURES]:
            form = "PDF 时间戳" if _is_stamp(value.get_object()) else "PDF 签名"
            found = _field(reader, name, field.get_object(), roots)
            report.signed.append(signature(form=form, where=str(name)) | found)
    if len(fields) > MOST_SIGNATURES:
        report.signed.append(signature(form="PDF 签名", where="", why="签名太多，没有逐个验证"))
    elif report.details["signatures"] > len(fields):
        report.signed.append(signature(form="PDF 签名", where="", why="有签名不在文件的签名域里，不能验证"))


def _field(reader, name: str, field, roots) -> dict:
    from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature

    try:
        der.check(_contents(field))
        return _embedded(EmbeddedPdfSignature(reader, field, name), roots)
    except Exception as fault:
        return {"why": unverifiable(fault, _contents(field))}


def _contents(field) -> bytes:
    try:
        return bytes(field["/V"]["/Contents"])
    except Exception:
        return b""


def _is_stamp(value) -> bool:
    return isinstance(value, dict) and value.get("/Type") == "/DocTimeStamp"


def _embedded(embedded, roots) -> dict:
    from pyhanko.sign.validation import async_validate_pdf_signature, async_validate_pdf_timestamp
    from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature

    if _is_stamp(embedded.sig_object):
        at = stamped_at(embedded.signed_data)
        status = finished(async_validate_pdf_timestamp(embedded, validation_context=context(roots, at)))
        kind = "stamped"
    else:

        def validated(moment):
            return finished(
                async_validate_pdf_signature(
                    EmbeddedPdfSignature(embedded.reader, embedded.sig_field, embedded.fq_name),
                    signer_validation_context=context(roots, moment),
                    ts_validation_context=context(roots, None),
                    key_usage_settings=any_usage(),
                )
            )

        status, at, kind = at_proven_time(validated, *best_time(embedded.self_reported_timestamp))
    fact = described(status, roots, at, kind)
    return fact | (_coverage(status) if fact["integrity"] == "intact" else {})


def _coverage(status) -> dict:
    """How much of the file an intact signature protects, and what was done after it."""
    from pyhanko.sign.validation.status import SignatureCoverageLevel

    if status.coverage == SignatureCoverageLevel.ENTIRE_FILE:
        return {"coverage": "whole"}
    if status.coverage != SignatureCoverageLevel.ENTIRE_REVISION:
        return {"coverage": "partial", "coverage_why": PARTIAL}
    level = status.modification_level
    if not status.docmdp_ok or level is None or level.name not in LATER:
        return {"coverage": "changed", "coverage_why": CHANGED}
    return {"coverage": "revision", "coverage_why": LATER[level.name]}
