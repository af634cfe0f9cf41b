"""The old binary documents (doc, xls, ppt): whole, not encrypted, without macros. Runs inside the fenced child."""

import struct

from .report import Report

CONTENTS = ("WordDocument", "Workbook", "Book", "PowerPoint Document")
FILEPASS, BOUNDSHEET, MACRO_SHEET = 0x2F, 0x85, 1
MOST_RECORDS = 20_000
EMBEDDED_IN_SLIDES = 0x1011
ENCRYPTED_WORD = 0x0100


def open_and_report(report: Report, path: str) -> None:
    import olefile

    try:
        container = olefile.OleFileIO(path, raise_defects=olefile.DEFECT_INCORRECT)
    except (OSError, ValueError, IndexError, struct.error, RecursionError) as fault:
        report.say("unreadable", f"{type(fault).__name__}：{str(fault)[:80]}")
        return
    with container:
        names = ["/".join(parts) for parts in container.listdir(streams=True, storages=True)]
        _judge(report, container, names)
        for kind, issue in container.parsing_issues[:5]:
            report.say("damaged", f"{kind.__name__}：{str(issue)[:80]}")


def _judge(report: Report, container, names: list[str]) -> None:
    tops = {name.split("/")[0] for name in names}
    if any("VBA" in part for name in names for part in name.split("/")) or "Macros" in tops:
        report.say("macro")
    if "EncryptedPackage" in tops:
        report.say("encrypted-user")
        return
    if "ObjectPool" in tops or any(top.startswith("MBD") for top in tops):
        report.say("embedded-object")
    main = next((name for name in CONTENTS if name in tops), None)
    if main is None:
        return  # a message, a drawing …: identified, and that is all
    try:
        data = container.openstream(main).read()
    except OSError as fault:
        report.say("unreadable", f"{main}：{str(fault)[:80]}")
        return
    if not data:
        report.say("unreadable", f"{main} 是空的")
    elif len(data) < container.get_size(main):  # cut off, or its sectors go round in a ring
        report.say("unreadable", f"{main} 不完整")
    elif main == "WordDocument" and len(data) > 12 and struct.unpack("<H", data[10:12])[0] & ENCRYPTED_WORD:
        report.say("encrypted-user")
    elif main in ("Workbook", "Book"):
        _judge_workbook(report, data)
    elif main == "PowerPoint Document" and EMBEDDED_IN_SLIDES in _slide_records(data):
        report.say("embedded-object")


def _judge_workbook(report: Report, data: bytes) -> None:
    """[MS-XLS] the globals come first: a password, and a line for each sheet with its sort in the sixth byte."""
    at = 0
    for _ in range(MOST_RECORDS):
        if at + 4 > len(data):
            return
        kind, size = struct.unpack("<HH", data[at : at + 4])
        if kind == FILEPASS:
            report.say("encrypted-user")
            return  # the lines behind it are not to be read
        if kind == BOUNDSHEET and data[at + 9 : at + 10] == bytes([MACRO_SHEET]):
            report.say("macro")
        at += 4 + size


def _slide_records(data: bytes) -> set[int]:
    """[MS-PPT] the sorts of the outermost records."""
    found, at = set(), 0
    for _ in range(MOST_RECORDS):
        if at + 8 > len(data):
            break
        kind, size = struct.unpack("<HI", data[at + 2 : at + 8])
        found.add(kind)
        at += 8 + size
    return found
