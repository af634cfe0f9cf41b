"""What is printed of a register: each edition as PDF and spreadsheet, and the 销毁执行记录. All of it lies in the
fonds file. Printing comes after the commit that needs it: a short edition at once, a long one, or what a kill has left,
by the worker (`print_waiting`).
"""

import io
import re
from collections import Counter

from django.db.models import Q
from django.utils import timezone
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

from archive import fonds_file, object_keys, printing
from archive.models import Paper
from archive.permissions import Actor
from retention import listing, signing, states
from retention.editions import rows_of
from retention.models import Edition, Register

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
WIDTHS = {"文件题名": 48, "档号": 34, "销毁原因": 36, "文号": 18, "责任者": 16, "形成时间": 12, "备注": 14}
SHORT = {
    "序号": "no", "文件题名": "title", "文号": "document", "责任者": "responsible", "所属年度": "year",
    "形成时间": "formed", "档号": "code", "应保管期限": "period", "已保管期限": "kept", "文件页数": "pages",
    "份数": "copies", "密级": "security", "销毁原因": "reason", "备注": "note",
}  # fmt: skip
"""The columns under the names that retention/forms/register.typ uses."""


ROOM = {
    "title": 39, "document": 16, "responsible": 16, "formed": 19, "code": 46, "reason": 40, "note": 12, "no": 11,
    "year": 11, "period": 12, "kept": 12, "pages": 9, "copies": 9, "security": 10,
}  # fmt: skip
"""Widths of the printed columns, in millimetres."""
EM = 2.65
"""7.5 pt in millimetres: the width of a Chinese character there."""


def low(row: dict[str, str]) -> bool:
    """Does every cell surely stand in two lines? Then the row's height is known, and nothing has to be measured.
    Reckons on the wide side: what only may be too long is measured."""
    return all(
        _width(row[name]) <= 2 * (room - 2.4 - EM) and _longest(row[name]) <= room - 2.4
        for name, room in ROOM.items()
    )


def _width(text: str) -> float:
    return EM * sum(map(_em, text))


def _em(letter: str) -> float:
    if ord(letter) > 0x2000 or letter == "·":
        return 1
    return 0.57 if letter.isdigit() else 0.4 if letter in "-.,()" else 0.9 if letter.isupper() else 0.7


def _longest(text: str) -> float:
    """Of the pieces of Latin letters and digits in it, which are not broken."""
    return max((_width(piece) for piece in re.findall(r"[!-~]+", text)), default=0)


AT_ONCE = 500
"""Rows that are printed while somebody waits for the page."""


def print_short(edition: Edition, *, actor: Actor) -> Edition:
    """Print one edition, unless it is so long that the worker shall do it."""
    return edition if edition.count > AT_ONCE else print_edition(edition, actor=actor)


def print_edition(edition: Edition, *, actor: Actor) -> Edition:
    """Print what is not printed yet of one edition into the fonds file."""
    register = edition.register
    name = f"{register}第{edition.number}版"
    if edition.printed_id is None:
        paper = _keep(register, "销毁清册", name, register_pdf(edition), "application/pdf", actor)
        Edition.objects.filter(pk=edition.pk, printed=None).update(printed=paper)
    if edition.sheet_id is None:
        paper = _keep(register, "销毁清册（电子表格）", name, register_sheet(edition), XLSX, actor)
        Edition.objects.filter(pk=edition.pk, sheet=None).update(sheet=paper)
    edition.refresh_from_db()
    return edition


def print_waiting(*, actor: Actor) -> int:
    """Print one edition that waits for it. Returns how many: the worker has other work besides."""
    waiting = Edition.objects.filter(Q(printed=None) | Q(sheet=None)).select_related("register__fonds")
    edition = waiting.order_by("frozen_at").first()
    if edition:
        print_edition(edition, actor=actor)
    return 1 if edition else 0


def register_pdf(edition: Edition) -> bytes:
    register = edition.register
    rows = list(rows_of(register, edition.number).values_list("columns", flat=True))
    earlier = register.editions.filter(number__lt=edition.number).order_by("number")
    data = {
        "title": f"{register}　{register.title}",
        "edition": edition.number,
        "reason": edition.reason,
        "count": edition.count,
        "pages": sum(row["文件页数"] for row in rows),
        "digest": edition.digest,
        "frozen_on": _day(edition.frozen_at),
        "earlier": [
            f"第 {one.number} 版 {_day(one.frozen_at)}"
            + (f"，备案号 {one.filing_no}" if one.filing_no else "")
            for one in earlier
        ],
        "left": [
            {"no": position, "code": code, "reason": reason}
            for position, code, reason in register.rows.exclude(left_edition=None)
            .filter(left_edition__lte=edition.number)
            .order_by("position")
            .values_list("position", "record__reference_code", "left_reason")
        ],
    }
    return printing.pdf(
        "retention/register",
        data,
        fonds=register.fonds,
        printed_on=timezone.localdate(edition.frozen_at),
        rows=[row | {"low": low(row)} for row in map(_printed, rows)],
        landscape=True,
    )


def _printed(columns: dict) -> dict[str, str]:
    return {SHORT[name]: str(columns.get(name, "")) for name in listing.COLUMNS}


def register_sheet(edition: Edition) -> bytes:
    """The same rows as a spreadsheet. A text that begins with = is a text, never a formula."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("销毁清册")
    for number, name in enumerate(listing.COLUMNS, 1):
        sheet.column_dimensions[chr(64 + number)].width = WIDTHS.get(name, 10)
    sheet.freeze_panes = "A2"
    head = [WriteOnlyCell(sheet, value=name) for name in listing.COLUMNS]
    for cell in head:
        cell.font = Font(bold=True)
    sheet.append(head)
    rows = rows_of(edition.register, edition.number).values_list("columns", flat=True)
    for columns in rows.iterator():
        sheet.append([_plain(sheet, columns.get(name, "")) for name in listing.COLUMNS])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _plain(sheet, value):
    if isinstance(value, str) and value.startswith("="):
        cell = WriteOnlyCell(sheet, value=value)
        cell.data_type = "s"
        return cell
    return value


def certificate(register: Register, *, actor: Actor) -> Paper:
    """The 销毁执行记录 of a register whose rows are all final; printed once, whatever is interrupted."""
    about = f"register:{register.pk}"
    found = Paper.objects.filter(about=about, kind="销毁执行记录").first()
    if found:
        return found
    return _keep(register, "销毁执行记录", str(register), certificate_pdf(register), "application/pdf", actor)


def certificate_pdf(register: Register) -> bytes:
    edition = register.editions.get(number=register.edition)
    rows = list(
        rows_of(register, register.edition).values_list(
            "position", "record__reference_code", "state", "destroyed_at", "left_reason", "evidence"
        )
    )
    destroyed = [row for row in rows if row[2] == "destroyed"]
    ended = max((row[3] for row in destroyed), default=None) or timezone.now()
    versions = sum(len(row[5].get("removed", ())) for row in destroyed)
    retired = Counter(one["words"] for row in destroyed for one in row[5].get("retired", ()))
    gone = rows_of(register, register.edition).filter(state="destroyed").values("record")
    keys = str(object_keys.fate(gone))
    data = {
        "title": f"{register}　销毁执行记录",
        "facts": [
            ["清册题名", register.title],
            ["清册版次", f"第 {edition.number} 版，{edition.count} 件"],
            ["备案", f"{edition.filed_with}　{edition.filing_no}　{edition.filed_on or ''}"],
            ["批准人", f"{register.approved_by}　{_day(register.approved_at)}"],
            ["执行人", str(register.executed_by)],
            ["监销人", f"{register.supervisor_one}、{register.supervisor_two}"],
            ["销毁方式", register.manner],
            ["销毁地点", register.place],
            ["开始时间", _moment(register.started_at)],
            ["结束时间", _moment(ended)],
            ["已销毁", f"{len(destroyed)} 件，存储版本 {versions} 个，均已列举证明不存在"],
            *(
                ["随存储退役", f"其中 {count} 件还有副本在{words}，不是在这里清除的，未经列举证明"]
                for words, count in sorted(retired.items())
            ),
            *([["数据密钥", keys]] if keys else []),
            ["抽出续存", f"{len(rows) - len(destroyed)} 件"],
        ],
        "supervisors": [str(register.supervisor_one), str(register.supervisor_two)],
        "executor": str(register.executed_by),
        "digest": edition.digest,
        "evidence": evidence_digest(register),
    }
    return printing.pdf(
        "retention/destruction",
        data,
        fonds=register.fonds,
        printed_on=timezone.localdate(ended),
        rows=[
            {
                "no": str(position),
                "code": code,
                "result": states.ROW_STATES[state],
                "at": _moment(at) if at else "",
                "reason": reason,
            }
            for position, code, state, at, reason, _ in rows
        ],
    )


def evidence_digest(register: Register) -> str:
    """SHA-256 over canonical JSON of what was removed and proven absent, row by row."""
    rows = rows_of(register, register.edition).order_by("position")
    return signing.digest_of(
        [[str(pk), evidence] for pk, evidence in rows.values_list("record_id", "evidence")]
    )


def _keep(register: Register, kind: str, title: str, content: bytes, mime: str, actor: Actor) -> Paper:
    return fonds_file.keep_paper(
        register.fonds,
        kind=kind,
        title=title,
        about=f"register:{register.pk}",
        content=content,
        mime=mime,
        actor=actor,
    )


def _day(moment) -> str:
    return timezone.localtime(moment).date().isoformat() if moment else ""


def _moment(moment) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S}" if moment else ""
