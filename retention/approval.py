"""批准: the head decides on a register, whole or in part, or refuses. Only after the current edition was filed.

Given on screen by the head himself, or entered from the signed sheet by one user and confirmed by another; what the
sheet decides waits in `Register.pending` and takes effect with the confirmation. Rows left out make a new edition; the
approval stands for the rest once that one is filed (`registers.leave`, `file_with_authority`).
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Sum
from django.utils import timezone

from archive import privacy, terms
from archive.errors import NotAllowed, WrongInput, WrongState
from archive.models import Block
from archive.permissions import Actor
from retention import persons, registers, signing, states
from retention.editions import end, expect, locked, move, rows_of, save, say
from retention.models import AppraisalItem, Hold, Person, Register, RegisterRow, Signature
from retention.permissions import require, require_signer
from retention.separation import keep_apart, kept_apart

APPROVED = ("refiling", "approved", "supervised")


def approve(
    register_id: UUID,
    *,
    left_out: Mapping[int, str] | None = None,
    confirmed: bool,
    actor: Actor,
    seen: int | None = None,
) -> Register:
    """Approve on screen. `left_out`: rows (by their key) that are not approved, each with its reason; `confirmed`:
    he has just proven again who he is; `seen`: the edition that he was shown."""
    return _on_screen(register_id, _decision(left_out=left_out), confirmed, actor, seen)


def refuse(
    register_id: UUID, reason: str, *, confirmed: bool, actor: Actor, seen: int | None = None
) -> Register:
    """Refuse the whole register on screen: every row is kept."""
    return _on_screen(register_id, _decision(refused=reason), confirmed, actor, seen)


def leave_out(
    register_id: UUID,
    left_out: Mapping[int, str],
    *,
    confirmed: bool,
    actor: Actor,
    seen: int | None = None,
) -> Register:
    """Take rows back after the approval, before the execution. A new edition, filed again; the approval stands."""
    register = Register.objects.select_related("fonds").get(pk=register_id)
    require(actor, "register.approve", register.fonds)
    expect(register, "抽出条目", *APPROVED, seen=seen)
    if not left_out:
        raise WrongInput(field="条目", reason="没有选择要抽出的条目。")
    decision = _decision(left_out=left_out)
    person = persons.of(actor)

    def decide(held: Register) -> None:
        _sign_on_screen(held, person, decision, confirmed, actor)

    return registers.leave(register, decision["left_out"], actor=actor, decide=decide)


def enter_on_paper(
    register_id: UUID,
    person: Person,
    *,
    left_out: Mapping[int, str] | None = None,
    refused: str = "",
    signed_on: date,
    scan: bytes,
    mime: str,
    actor: Actor,
) -> Signature:
    """What the head decided on a signed sheet. Takes effect when another user has confirmed it."""
    register = Register.objects.select_related("fonds").get(pk=register_id)
    decision = _decision(left_out=left_out, refused=refused)
    _one_at_a_time(register)
    _check(register, person, decision)
    edition = register.editions.get(number=register.edition)
    if not edition.filed_on <= signed_on <= timezone.localdate():
        raise WrongInput(field="签署日期", reason=f"批准应在备案（{edition.filed_on}）之后，不晚于今天。")
    signature = signing.enter_paper(
        person,
        fonds=register.fonds,
        subject=f"register:{register.pk}",
        meaning=_meaning(register, decision),
        digest=digest_of(register, decision),
        signed_on=signed_on,
        scan=scan,
        mime=mime,
        actor=actor,
    )
    with transaction.atomic():
        held = locked(register, "录入批准")
        held.pending = {"signature": str(signature.pk), "decision": decision}
        save(held)
    return signature


def confirm_on_paper(register_id: UUID, *, actor: Actor) -> Register:
    """Another user has compared the entered decision with the scan: it takes effect."""
    register = Register.objects.select_related("fonds").get(pk=register_id)
    if not register.pending:
        raise WrongState(
            what=str(register), state=states.REGISTER_STATES[register.state], verb="核对，没有待核对的批准"
        )
    decision = register.pending["decision"]
    decision["left_out"] = {int(pk): reason for pk, reason in decision["left_out"].items()}
    signature = Signature.objects.select_related("person").get(pk=register.pending["signature"])
    _check(register, signature.person, decision)
    if signature.digest != digest_of(register, decision):
        raise WrongState(what=str(register), state="签署之后有了新版", verb="核对，请重新报批")

    def sign(held: Register) -> Signature:
        return signing.confirm_paper(signature, actor=actor)

    return _take_effect(register, signature.person, decision, sign, actor)


def digest_of(register: Register, decision: Mapping) -> str:
    """What a head signs: this edition, and what he decided on it."""
    edition = register.editions.get(number=register.edition)
    left = {str(pk): reason for pk, reason in decision["left_out"].items()}
    return signing.digest_of(
        {
            "register": str(register.pk),
            "edition": edition.number,
            "digest": edition.digest,
            "left_out": left,
            "refused": decision["refused"],
        }
    )


# --- one decision -------------------------------------------------------------------------------------------------


def _decision(*, left_out: Mapping[int, str] | None = None, refused: str = "") -> dict:
    reasons = {pk: privacy.mask_text(reason.strip()) for pk, reason in (left_out or {}).items()}
    if not all(reasons.values()):
        raise WrongInput(field="理由", reason="不批准的每一件都要写明理由。")
    return {"left_out": reasons, "refused": privacy.mask_text(refused.strip())}


def _on_screen(
    register_id: UUID, decision: dict, confirmed: bool, actor: Actor, seen: int | None
) -> Register:
    register = Register.objects.select_related("fonds").get(pk=register_id)
    require(actor, "register.approve", register.fonds)
    expect(register, "批准", "filed", seen=seen)
    person = persons.of(actor)
    _one_at_a_time(register)
    _check(register, person, decision)

    def sign(held: Register) -> Signature:
        return _sign_on_screen(held, person, decision, confirmed, actor)

    return _take_effect(register, person, decision, sign, actor)


def _sign_on_screen(
    register: Register, person: Person, decision: dict, confirmed: bool, actor: Actor
) -> Signature:
    return signing.sign_on_screen(
        person,
        subject=f"register:{register.pk}",
        meaning=_meaning(register, decision),
        digest=digest_of(register, decision),
        confirmed=confirmed,
        actor=actor,
    )


def _meaning(register: Register, decision: Mapping) -> str:
    if decision["refused"]:
        return f"不批准{register}第 {register.edition} 版：{decision['refused']}"
    count = len(decision["left_out"])
    return f"批准{register}第 {register.edition} 版" + (f"，抽出 {count} 件" if count else "")


def _one_at_a_time(register: Register) -> None:
    if register.pending:
        raise WrongState(
            what=str(register),
            state="已录入一份纸质批准，待另一人核对",
            verb="再作决定，请先核对或撤回那一份",
        )


def _check(register: Register, person: Person, decision: Mapping) -> None:
    expect(register, "批准", "filed")
    require_signer(person, "register.approve", register.fonds)
    keep_apart(register, "approved_by", person)
    rows = rows_of(register, register.edition).filter(state="listed")
    if decision["refused"]:
        return
    left = set(decision["left_out"])
    staying = {
        record: code
        for pk, record, code in rows.values_list("pk", "record_id", "record__reference_code")
        if pk not in left
    }
    if not staying:
        raise WrongInput(field="条目", reason="全部抽出等于不批准，请用“不批准”并写明理由。")
    own = persons.own_files(person, list(staying))
    if own:
        record, why = next(iter(own.items()))
        raise NotAllowed(reason=f"清册中有 {len(own)} 件须由别人决定，请抽出：{staying[record]}，{why}。")


def _take_effect(register: Register, person: Person, decision: Mapping, sign, actor: Actor) -> Register:
    if decision["refused"]:
        with transaction.atomic():
            held = locked(register, "批准")
            held.approval, held.pending = sign(held), {}
            return end(held, "refused", decision["refused"], "register.refused", actor)

    def decide(held: Register) -> str:
        signature = sign(held)
        held.approved_by, held.approval, held.pending = person, signature, {}
        held.approved_at = timezone.now()
        held.not_before = held.approved_at + timedelta(days=settings.WAITING_DAYS)
        count = rows_of(held, held.edition).filter(state="listed").count()
        left = len(decision["left_out"])
        action = "register.approved_in_part" if left else "register.approved"
        say(held, action, actor, edition=held.edition, count=count, left=left)
        return "refiling"

    with kept_apart():
        if decision["left_out"]:
            return registers.leave(register, decision["left_out"], actor=actor, decide=decide)
        with transaction.atomic():
            held = locked(register, "批准")
            decide(held)
            move(held, "approved")
            return held


# --- what the head reads ------------------------------------------------------------------------------------------


def summary_for_head(register: Register) -> dict:
    """Everything on one page: totals by class and year, the group's reasons, holds, filing. A fixed number of
    queries, whatever the register holds."""
    edition = register.editions.filter(number=register.edition).first()
    rows = (
        rows_of(register, max(1, register.edition))
        .filter(state__in=[*states.LIVE_ROWS, "destroyed"])
        .order_by()
    )
    cells = list(
        rows.values("record__stage", "record__retention", "record__year").annotate(
            count=Count("pk"), pages=Sum("record__page_count")
        )
    )
    by_class, by_year = Counter(), Counter()
    for cell in cells:
        name = terms.STAGES.get(cell["record__stage"], cell["record__stage"] or "人事")
        by_class[name, cell["record__retention"]] += cell["count"]
        by_year[cell["record__year"]] += cell["count"]
    reasons = (
        AppraisalItem.objects.filter(
            record__in=rows.values("record"), open=False, result="destroy", appraisal__state="decided"
        )
        .values("appraisal__year", "appraisal__number", "appraisal__group__name", "reason")
        .annotate(count=Count("pk"))
        .order_by("appraisal__year", "appraisal__number", "-count")
    )
    left = RegisterRow.objects.filter(register=register, state="kept").order_by("position")
    holds = Hold.objects.filter(fonds=register.fonds, ended_at=None)
    held = Block.objects.filter(record=OuterRef("record"), lifted_at=None)
    return {
        "count": sum(by_year.values()),
        "pages": sum(cell["pages"] or 0 for cell in cells),
        "by_class": [
            {"class": name, "retention": period, "count": count}
            for (name, period), count in sorted(by_class.items())
        ],
        "by_year": [{"year": year, "count": count} for year, count in sorted(by_year.items())],
        "reasons": [
            {
                "appraisal": f"鉴定〔{row['appraisal__year']}〕{row['appraisal__number']}号",
                "group": row["appraisal__group__name"],
                "reason": row["reason"],
                "count": row["count"],
            }
            for row in reasons
        ],
        "left_out": [
            {"code": code, "reason": reason}
            for code, reason in left.values_list("record__reference_code", "left_reason")[:200]
        ],
        "left_out_count": left.count(),
        "holds": [
            {"hold": str(hold), "about": hold.about, "reason": hold.reason}
            for hold in holds.order_by("-placed_at")[:50]
        ],
        "holds_count": holds.count(),
        "held_rows": rows.filter(Exists(held)).count(),
        "edition": register.edition,
        "filed_with": edition.filed_with if edition else "",
        "filing_no": edition.filing_no if edition else "",
        "filed_on": edition.filed_on if edition else None,
        "requested_by": str(register.requested_by),
        "waiting_days": settings.WAITING_DAYS,
    }
