"""What a file is, by its bytes (PRONOM through siegfried, OFD by our own rule), and which probe opens it.

Runs inside the fenced child. The PRONOM signatures are loaded once and stay.
"""

import os
import zipfile

from . import office
from .report import Report

PLAIN_ZIP = ("x-fmt/263", "ZIP Format", "application/zip")
IMAGES = {"image/jpeg", "image/png", "image/tiff", "image/jp2", "image/bmp", "image/gif", "image/webp",
          "image/vnd.adobe.photoshop", "image/jpx", "image/apng", "image/avif"}  # fmt: skip
HTML = {"text/html", "application/xhtml+xml", "multipart/related", "message/rfc822"}
ARCHIVES = {"application/x-rar-compressed", "application/vnd.rar", "application/x-7z-compressed", "application/gzip",
            "application/x-tar", "application/x-bzip2", "application/x-gzip"}  # fmt: skip
PROGRAMS = {
    "application/vnd.microsoft.portable-executable",
    "application/x-msdownload",
    "application/x-executable",
}

PROGRAM_HEADS = (
    b"MZ", b"\x7fELF", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe", b"L\0\0\0\x01\x14\x02\0",
)  # fmt: skip
PROGRAM_NAMES = {
    "exe", "com", "scr", "pif", "dll", "msi", "bat", "cmd", "ps1", "vbs", "vbe", "js", "jse", "wsf", "wsh", "hta", "lnk",
    "url", "reg", "jar", "sh", "cpl", "apk",
}  # fmt: skip
"""What a double click would run, whatever lies in it."""

MICROSOFT = (
    "application/msword",
    "application/vnd.ms-word",
    "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint",
)
"""Beginnings: what may carry macros is called ….macroEnabled.12, the binary sheet ….sheet.binary…"""

BIG_TIFF = (b"II+\0\x08\0\0\0", b"MM\0+\0\x08\0\0")
WITHOUT_MIME = {"fmt/596": "audio/mp4", "fmt/414": "audio/x-aiff", "fmt/2062": "image/avif"}
"""Apple Lossless, AIFF and AVIF: PRONOM knows them by their bytes and names no media type."""

EXTENSIONS = {
    "pdf": {"pdf"}, "ofd": {"ofd"}, "jpg": {"image"}, "jpeg": {"image"}, "png": {"image"}, "tif": {"image"},
    "tiff": {"image"}, "bmp": {"image"}, "gif": {"image"}, "webp": {"image"}, "jp2": {"image"}, "psd": {"image"},
    "docx": {"office"}, "xlsx": {"office"}, "pptx": {"office"}, "odt": {"office"}, "ods": {"office"},
    "docm": {"office"}, "xlsm": {"office"}, "pptm": {"office"}, "xlsb": {"office"}, "avif": {"image"},
    "mp3": {"media"}, "wav": {"media"}, "mp4": {"media"}, "m4a": {"media"}, "mov": {"media"},
    "flac": {"media"}, "ogg": {"media"}, "opus": {"media"}, "wma": {"media"}, "aiff": {"media"}, "mp2": {"media"},
    "zip": {"zip"}, "rar": {"archive"}, "7z": {"archive"},
}  # fmt: skip
"""Kinds a name may promise. Where the bytes are of another kind, the name deceives whoever opens the file."""

MARKUP = {"xml", "svg"}

WITHOUT_MARK = {"doc", "wps", "wpd", "xls", "et", "dbf", "csv", "txt"}
"""Documents of old programs that wrote no mark into their bytes: the name is all there is to go by."""

IMAGE_EXTENSIONS = {
    "image/jpeg": {"jpg", "jpeg", "jpe", "jfif", "mpo"}, "image/png": {"png"}, "image/apng": {"png", "apng"}, "image/tiff": {"tif", "tiff"},
    "image/bmp": {"bmp", "dib"}, "image/gif": {"gif"}, "image/webp": {"webp"},
}  # fmt: skip


def probe(path: str, name: str, extract_to: str | None = None, trusted: list[str] | None = None) -> dict:
    """The report of the file at `path`, which calls itself `name`; attachments are written to `extract_to`.
    `trusted`: root certificates for its signatures, Base64 of DER."""
    report = Report()
    if os.path.getsize(path) == 0:
        report.say("empty")
        return report.as_dict()
    with open(path, "rb") as file:
        head = file.read(2048)
    zipped = head.startswith((b"PK\x03\x04", b"PK\x05\x06"))
    _identify(report, path, name)
    if zipped and report.kind == "media":  # compressed bytes look like frames of sound now and then
        report.kind, report.puid, report.format, report.mime = "zip", *PLAIN_ZIP
    suffix = name.rsplit(".", 1)[-1].lower() if "." in name else ""
    if zipped and (suffix == "ofd" or _is_ofd(path)):
        report.kind, report.puid, report.format, report.mime = (
            "ofd",
            "ofd",
            "OFD（GB/T 33190）",
            "application/ofd",
        )
    elif head.startswith(BIG_TIFF):  # PRONOM takes some for another format
        report.kind, report.puid, report.format, report.mime = "image", "fmt/1917", "BigTIFF", "image/tiff"
    elif report.kind == "other" and head.startswith(office.OLE):
        report.kind = "office"
    elif report.kind == "other" and b"%PDF-" in head[:1024]:
        report.kind = "pdf"
    elif report.kind == "other" and suffix in EXTENSIONS and not report.puid:
        # No signature matches: the parser its name promises tells more than "unknown" does.
        report.kind = next(iter(EXTENSIONS[suffix]))
    elif report.kind == "other" and suffix in MARKUP:
        report.kind = "text"
    _open(report, path, extract_to, trusted)
    if report.kind != "program" and (suffix in PROGRAM_NAMES or _is_program(head)):
        report.say("program", f".{suffix}")
    if report.kind in ("pdf", "image") and zipfile.is_zipfile(path):
        report.say("trailing", "还可以当作压缩包打开")
    _compare_name(report, suffix)
    return report.as_dict()


def _identify(report: Report, path: str, name: str) -> None:
    import pygfried

    try:
        matches = pygfried.identify(path, detailed=True)["files"][0]["matches"]
    except (pygfried.GoError, pygfried.EmptySourceError, KeyError, IndexError, OSError):
        return
    match = matches[0] if matches else {}
    if match.get("id", "UNKNOWN") == "UNKNOWN":
        report.details["named-like-a-format"] = "extension are" in match.get("warning", "")
        return
    report.puid, report.format, report.mime = match["id"], match["format"], match["mime"] or None
    report.mime = report.mime or WITHOUT_MIME.get(report.puid)
    if match.get("version") and match["version"] not in report.format:
        report.format += f" {match['version']}"
    by_bytes = any(word in match["basis"] for word in ("byte match", "container", "text match"))
    report.kind = _kind(report.mime or "", match["id"])
    if not by_bytes and report.kind != "text":  # text is read and so proves itself
        report.kind, report.puid, report.format, report.mime = "other", None, None, None
        report.details["named-like-a-format"] = True


def _kind(mime: str, puid: str) -> str:
    if mime == "application/pdf":
        return "pdf"
    if mime in IMAGES:
        return "image"
    if "opendocument" in mime or "openxmlformats" in mime:
        return "office"
    if mime.startswith(MICROSOFT):
        return "office"
    if puid == "x-fmt/263":
        return "zip"
    if mime in ARCHIVES:
        return "archive"
    if mime in PROGRAMS:
        return "program"
    if mime in HTML or puid == "fmt/583":
        return "html"
    if mime.startswith(("audio/", "video/", "application/mp4", "application/vnd.ms-asf")):
        return "media"
    if mime.startswith("text/") or mime in ("application/xml", "application/json", "application/rtf"):
        return "text"
    return "other"


def _is_program(head: bytes) -> bool:
    """Words may begin with MZ too; programs have a zero byte soon."""
    return head.startswith(b"#!") or (b"\0" in head and head.startswith(PROGRAM_HEADS))


def _is_ofd(path: str) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.lstrip("/") == "OFD.xml" for name in archive.namelist())
    except (zipfile.BadZipFile, ValueError, OSError, EOFError):
        return False


def _open(report: Report, path: str, extract_to: str | None, trusted: list[str] | None) -> None:
    if report.kind == "pdf":
        from . import pdf

        pdf.open_and_report(report, path, extract_to, trusted)
    elif report.kind == "image":
        from . import image

        image.open_and_report(report, path)
    elif report.kind == "ofd":
        from . import ofd, trust_roots

        ofd.open_and_report(report, path, extract_to, trust_roots.roots(trusted))
    elif report.kind in ("office", "zip"):
        office.open_and_report(report, path, extract_to)
    elif report.kind == "media":
        from . import media

        media.open_and_report(report, path)
    elif report.kind in ("text", "html"):
        from . import text

        text.open_and_report(report, path)
    elif report.kind in ("archive", "program"):
        report.say(report.kind, report.format or "")
    elif report.puid is not None:
        report.say("not-opened", report.format)


def _compare_name(report: Report, suffix: str) -> None:
    if suffix in EXTENSIONS and report.kind not in EXTENSIONS[suffix]:
        report.say("wrong-name", f".{suffix}，实际为 {report.format or report.kind}")
    elif report.kind == "image" and suffix not in IMAGE_EXTENSIONS.get(report.mime or "", {suffix}):
        report.say("other-suffix", f".{suffix}，实际为 {report.format}")
    if report.puid is None and report.kind in ("other", "text"):
        known = report.details.get("named-like-a-format") and suffix in WITHOUT_MARK
        report.say("only-name-known" if known else "unknown-format")
