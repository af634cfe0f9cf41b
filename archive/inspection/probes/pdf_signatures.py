"""Signatures, seals and time stamps inside a PDF (ISO 32000, PAdES), by pyHanko. Runs inside the fenced child.

Offline, as all of it: see `cms_signatures.py`. SM2 lies outside pyHanko: such a signature is said not to be verified.
"""

from . import sm2
from .cms_signatures import any_usage, best_time, context, described, quiet
from .report import Report, signature

BROKEN_AFTER = "签名之后文件又被改动，改动不在签名允许之列"


def verify_all(report: Report, path: str, roots: tuple[sm2.Certificate, ...]) -> None:
    """A fact for each signature and each document time stamp of the PDF at `path`."""
    from pyhanko.pdf_utils.misc import PdfError
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.general import SigningError
    from pyhanko.sign.validation.errors import SignatureValidationError

    quiet()
    with open(path, "rb") as file:
        try:
            reader = PdfFileReader(file, strict=False)
            found = [*reader.embedded_signatures]
        except (PdfError, SignatureValidationError, ValueError, KeyError, TypeError, OSError) as fault:
            why = f"签名不能读出（{type(fault).__name__}）"
            report.signed.append(signature(form="PDF 签名", where="", why=why))
            return
        for embedded in found:
            fact = signature(form="PDF 签名", where=embedded.field_name or "")
            if embedded.sig_object.get("/Type") == "/DocTimeStamp":
                fact["form"] = "PDF 时间戳"
            try:
                fact |= _embedded(embedded, roots)
            except (PdfError, SigningError, SignatureValidationError, ValueError, KeyError, TypeError,
                    NotImplementedError) as fault:  # fmt: skip
                fact["why"] = f"签名采用的算法或写法不能验证（{type(fault).__name__}：{str(fault)[:80]}）"
            report.signed.append(fact)
    if not found:
        report.signed.append(signature(form="PDF 签名", where="", why="签名不在文件的签名域里，不能验证"))


def _embedded(embedded, roots) -> dict:
    from pyhanko.sign.validation import validate_pdf_signature, validate_pdf_timestamp
    from pyhanko.sign.validation.status import SignatureCoverageLevel

    if embedded.sig_object.get("/Type") == "/DocTimeStamp":
        status = validate_pdf_timestamp(embedded, validation_context=context(roots, None))
        at, kind = status.timestamp, "stamped"
    else:
        at, kind = best_time(embedded.self_reported_timestamp)
        status = validate_pdf_signature(
            embedded,
            signer_validation_context=context(roots, at),
            ts_validation_context=context(roots, None),
            key_usage_settings=any_usage(),
        )
        if (stamp := status.timestamp_validity) is not None and stamp.valid and stamp.trusted:
            at, kind = stamp.timestamp, "stamped"
    fact = described(status, roots, at, kind)
    if fact["integrity"] == "intact" and status.coverage != SignatureCoverageLevel.ENTIRE_FILE:
        if status.coverage != SignatureCoverageLevel.ENTIRE_REVISION:
            fact |= {"integrity": "broken", "why": "签名没有保护整个文件"}
        elif not status.docmdp_ok:
            fact |= {"integrity": "broken", "why": BROKEN_AFTER}
    return fact
