"""销毁清册: made from what an appraisal let go, frozen, printed, filed with the 人社 department; rows may still leave.

Contract:
- a row's columns are written once, when the record enters, and never change (retention/triggers.py);
- a row that leaves before execution makes a new numbered edition, which is printed and filed again; an approval
  stands for the rest;
- each verb commits before it prints: what a kill leaves unprinted the worker prints (`register_papers`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from archive import changes, fonds_file, numbering, privacy
from archive.errors import ArchiveError, NotFound, WrongInput, WrongState
from archive.models import Fonds, Record
from archive.permissions import Actor
from retention import holds, listing, persons, register_papers, signing, states
from retention.editions import (
    Changed,
    compare,
    digest_of,
    end,
    expect,
    issue,
    locked,
    move,
    rows_of,
    save,
    say,
)
from retention.models import Edition, Register, RegisterRow
from retention.permissions import require

BEFORE_EXECUTION = ("draft", "frozen", "filed", "refiling", "approved", "supervised")


class NotListed(ArchiveError):
    """Names at most the first few; `reasons` holds them all: record id → why."""

    code, status, sentence = (
        "not-listed",
        409,
        "有 {count} 件不能列入销毁清册：{first}。请先处理，或不选它们。",
    )


# --- making -------------------------------------------------------------------------------------------------------


def make(fonds: Fonds, records: Iterable[Record], title: str, *, actor: Actor) -> Register:
    """A draft of these records. Raises NotListed, with every reason, when one of them may not be destroyed.

    A long list enters in several transactions: a kill leaves a shorter draft, which shows what it holds.
    """
    require(actor, "register.make", fonds)
    if not (title := title.strip()):
        raise WrongInput(field="题名", reason="请写明清册题名。")
    chosen = sorted(_readable({record.pk for record in records}, actor), key=_order)
    if not chosen:
        raise WrongInput(field="档案", reason="没有选择档案。")
    if any(record.fonds_id != fonds.pk for record in chosen):
        raise WrongInput(field="档案", reason=f"一册只列一个全宗的档案，这里是全宗 {fonds.code}。")
    today = timezone.localdate()
    facts = dict(_facts(chosen, kept_until=today))
    refuse_unlisted({record: facts[record.pk].obstacles for record in chosen})
    with transaction.atomic():
        register = Register.objects.create(
            fonds=fonds,
            number=numbering.draw(f"{fonds.code}-销毁清册·{today.year}"),
            year=today.year,
            title=privacy.mask_text(title)[:200],
            made_at=timezone.now(),
            requested_by=persons.of(actor),
        )
        say(register, "register.made", actor, count=len(chosen))
    for start in range(0, len(chosen), listing.CHUNK):
        part = chosen[start : start + listing.CHUNK]
        rows = [
            RegisterRow(
                register=register,
                record=record,
                position=position,
                columns={"序号": position, **facts[record.pk].columns},
                objects_digest=facts[record.pk].objects_digest,
            )
            for position, record in enumerate(part, start + 1)
        ]
        try:
            with transaction.atomic():
                register = locked(register, "列入档案")
                RegisterRow.objects.bulk_create(rows)
                save(register)
        except IntegrityError:
            _refuse_listed_twice(register, part, actor=actor)
            raise
    return register


def _refuse_listed_twice(register: Register, part: Sequence[Record], *, actor: Actor) -> None:
    listed = RegisterRow.objects.filter(record__in=part, state__in=states.LIVE_ROWS).exclude(
        register=register
    )
    reasons = {row.record: (f"已列入{row.register}",) for row in listed.select_related("record", "register")}
    withdraw(register.pk, "有档案已列入另一册", actor=actor)
    refuse_unlisted(reasons)


def refuse_unlisted(reasons: Mapping[Record, Sequence[str]]) -> None:
    against = {record: why for record, why in reasons.items() if why}
    if against:
        first = "；".join(f"{r.reference_code}（{'、'.join(why)}）" for r, why in list(against.items())[:3])
        raise NotListed(
            count=len(against), first=first, reasons={str(r.pk): list(w) for r, w in against.items()}
        )


def _readable(ids: set[UUID], actor: Actor) -> list[Record]:
    """The records as they are now. Raises NotFound when one lies outside where the actor may list."""
    rows = Record.objects.visible_to(actor.scope("register.make")).select_related("fonds")
    wanted = list(ids)
    parts = (wanted[start : start + listing.CHUNK] for start in range(0, len(wanted), listing.CHUNK))
    found = [record for part in parts for record in rows.filter(pk__in=part)]
    if len(found) != len(ids):
        raise NotFound(what="所选档案中的某一件")
    return found


def _order(record: Record) -> tuple:
    return (record.year, record.category, record.stage, record.insurance, record.retention, record.number)


def _facts(records: Sequence[Record], *, kept_until: date):
    for start in range(0, len(records), listing.CHUNK):
        part = records[start : start + listing.CHUNK]
        yield from listing.facts_of(part, kept_until=kept_until, today=timezone.localdate()).items()


# --- freezing -----------------------------------------------------------------------------------------------------


def freeze(register_id: UUID, *, actor: Actor) -> Edition:
    """定稿: the first edition, with its digest, printed by `register_papers`. Raises NotListed when something has
    changed since the records entered."""
    register = Register.objects.select_related("fonds").get(pk=register_id)
    require(actor, "register.make", register.fonds)
    expect(register, "定稿", "draft")
    rows = rows_of(register, 1).filter(state="listed")
    refuse_unlisted({row.record: differences for row, differences in compare(register, rows) if differences})
    digest, count = digest_of(register, 1)
    if not count:
        raise WrongInput(field="清册", reason="清册里没有档案。")
    with transaction.atomic():
        held = locked(register, "定稿")
        edition = issue(held, 1, digest, count)
        move(held, "frozen")
        say(held, "register.frozen", actor, edition=1, count=count, digest=digest)
    return register_papers.print_short(edition, actor=actor)


# --- filing with the authority ------------------------------------------------------------------------------------


def file_with_authority(
    register_id: UUID,
    *,
    filed_with: str,
    filing_no: str,
    filed_on: date,
    receipt: bytes,
    receipt_mime: str = "application/pdf",
    actor: Actor,
) -> Edition:
    """备案: the current edition was filed, with this receipt. After it the head may approve; an approval that was
    given before stands for the rest."""
    register = Register.objects.select_related("fonds").get(pk=register_id)
    require(actor, "register.file", register.fonds)
    expect(register, "登记备案", "frozen", "refiling")
    edition = register.editions.get(number=register.edition)
    filed_with, filing_no = filed_with.strip(), filing_no.strip()
    if not filed_with:
        raise WrongInput(field="备案机关", reason="请写明向哪个人社部门备案。")
    if not filing_no:
        raise WrongInput(field="备案号", reason="请写明备案号。")
    signing.require_scan(receipt, receipt_mime, "备案回执", "备案回执")
    if not timezone.localdate(edition.frozen_at) <= filed_on <= timezone.localdate():
        raise WrongInput(field="备案日期", reason=f"应在第 {edition.number} 版定稿之后，不晚于今天。")
    if edition.printed_id is None or edition.sheet_id is None:
        raise WrongState(
            what=f"{register}第 {edition.number} 版", state="正在打印", verb="登记备案，请稍后再试"
        )
    paper = fonds_file.keep_paper(
        register.fonds,
        kind="备案回执",
        title=f"{register}第{edition.number}版备案回执（{filing_no}）",
        about=f"register:{register.pk}",
        content=receipt,
        mime=receipt_mime,
        actor=actor,
    )
    with transaction.atomic():
        held = locked(register, "登记备案")
        Edition.objects.filter(pk=edition.pk).update(
            filed_with=filed_with[:120],
            filing_no=filing_no[:120],
            filed_on=filed_on,
            filed_by_id=actor.id,
            receipt=paper,
        )
        move(held, "approved" if held.approved_by_id else "filed")
        say(
            held, "register.filed", actor, edition=edition.number, filed_with=filed_with, filing_no=filing_no,
            filed_on=filed_on.isoformat(),
        )  # fmt: skip
    edition.refresh_from_db()
    return edition


# --- leaving ------------------------------------------------------------------------------------------------------


def take_out(register_id: UUID, reasons: Mapping[int, str], *, actor: Actor) -> Register:
    """Rows (by their key) out of a draft, each with its reason. Later only the head or a hold takes rows out."""
    register = Register.objects.select_related("fonds").get(pk=register_id)
    require(actor, "register.make", register.fonds)
    expect(register, "抽出条目", "draft")
    return leave(register, {pk: privacy.mask_text(why) for pk, why in reasons.items()}, actor=actor)


def follow_holds(record_ids: Sequence[UUID], *, actor: Actor) -> None:
    """What a hold has caught leaves its register: a new edition before the execution; during it the row is marked.
    Follows the outbox (topic `holds.REGISTERS`): reads how things stand now, so a late or doubled message does no harm."""
    rows = RegisterRow.objects.filter(record_id__in=record_ids, state__in=["listed", "locked"])
    for register_id in sorted(set(rows.values_list("register_id", flat=True))):
        again = True
        while again:
            try:
                _take_out_held(register_id, rows.filter(register_id=register_id), actor)
                again = False
            except Changed:
                continue


def drain(*, actor: Actor) -> int:
    """Follow up on waiting messages of holds once. Returns how many were done."""
    return changes.follow(holds.REGISTERS, lambda ids: follow_holds(ids, actor=actor))


def _take_out_held(register_id: UUID, rows: QuerySet[RegisterRow], actor: Actor) -> None:
    register = Register.objects.select_related("fonds").get(pk=register_id)
    listed = dict(rows.values_list("record_id", "pk"))
    covering = holds.covering_all(list(listed))
    held = {listed[record]: "；".join(words) for record, words in covering.items()}
    if held and register.state in BEFORE_EXECUTION:
        leave(register, held, actor=actor)
    elif held and register.state == "executing":
        with transaction.atomic():
            kept = sum(
                rows.filter(pk=pk).update(state="kept", left_reason=reason[:300])
                for pk, reason in sorted(held.items())  # in the order in which an execution locks them
            )
            if kept:
                say(register, "register.rows_kept", actor, count=kept)


def leave(
    register: Register,
    reasons: Mapping[int, str],
    *,
    actor: Actor,
    decide: Callable[[Register], str | None] = lambda register: None,
) -> Register:
    """Take rows out, and make the edition without them. `decide` may change the locked register (an approval) and
    say where it moves; by itself it goes back to wait for its filing. Raises Changed when somebody was quicker.
    """
    if any(not reason.strip() for reason in reasons.values()):
        raise WrongInput(field="理由", reason="抽出的每一件都要写明理由。")
    draft, number = register.state == "draft", max(1, register.edition + 1)
    digest, count = digest_of(register, number, without=reasons)
    with transaction.atomic():
        held = locked(register, "抽出条目")
        rows = RegisterRow.objects.filter(register=held, state__in=["listed", "locked"])
        by_reason: dict[str, list[int]] = {}
        for pk, reason in reasons.items():
            by_reason.setdefault(reason.strip()[:300], []).append(pk)
        left = sum(
            rows.filter(pk__in=pks).update(state="kept", left_reason=reason, left_edition=number)
            for reason, pks in by_reason.items()
        )
        if left != len(reasons):
            raise WrongInput(field="条目", reason="有的条目不在这一册里，或已经抽出。")
        why = "；".join(list(by_reason)[:3])
        to = decide(held) or ("frozen" if held.state in ("draft", "frozen", "filed") else "refiling")
        held.supervisor_one = held.supervisor_two = None  # they signed another edition
        if draft:
            save(held)
            edition = None
        elif count:
            edition = issue(held, number, digest, count, f"抽出 {left} 件：{why}")
            move(held, to)
        else:
            edition, held.end_reason = None, f"全部抽出：{why}"[:300]
            move(held, "withdrawn")
        made = f"另出第 {number} 版" if edition else "没有新版"
        say(held, "register.rows_left", actor, count=left, made=made, why=why)
    if edition is not None:
        register_papers.print_short(edition, actor=actor)
    return held


def withdraw(register_id: UUID, reason: str, *, actor: Actor) -> Register:
    """撤销 a register before its approval: its records are free for another one."""
    register = Register.objects.select_related("fonds").get(pk=register_id)
    require(actor, "register.make", register.fonds)
    expect(register, "撤销", "draft", "frozen", "filed")
    if not (reason := privacy.mask_text(reason.strip())):
        raise WrongInput(field="理由", reason="请写明撤销的理由。")
    with transaction.atomic():
        return end(locked(register, "撤销"), "withdrawn", reason, "register.withdrawn", actor)
