"""鉴定: records from the due list, laid before a group, until every one of them has a result.

Contract:
- only what is due that day enters: in custody, its class settled, held by nothing, in no other open appraisal;
- `close` wants a result for every record; it prints the minutes into the fonds file first, then decides in one
  transaction, and refuses when an opinion came in between;
- extensions follow in small transactions (`resume`), so a kill leaves none forgotten; what is to be destroyed may
  enter a register. A decided appraisal never changes.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from archive import audit, extension, fonds_file, numbering, privacy
from archive.determinations import Known
from archive.errors import ArchiveError, WrongInput, WrongState
from archive.models import Fonds, Paper, Record
from archive.permissions import Actor
from retention import holds, minutes, opinions, permissions, results, rules, tally
from retention.models import Appraisal, AppraisalItem, Group, RegisterRow
from retention.rules import Candidate, Outcome
from retention.states import APPRAISAL_STATES, LIVE_ROWS

MOST = 10_000
CHUNK = 50
"""Extensions in one transaction: each costs an event, and a write may hold SQLite for 100 ms at most."""
STEP = 200
"""Extensions while somebody waits for the page, and in one turn of the worker, which has other work besides."""


class NotEligible(ArchiveError):
    """`reasons` holds them all: record id → list of sentences; the sentence names the first few."""

    code, status, sentence = "not-eligible", 409, "有 {count} 件不能进入鉴定：{first}。"


def entry_faults(records: Sequence[Record], on: date) -> dict[UUID, list[str]]:
    """Why these records may not enter an appraisal on that day; nothing for one that may. For pages and `open`."""
    faults: dict[UUID, list[str]] = {}
    known = Known({record.retention_key for record in records})
    for start in range(0, len(records), 500):
        part = records[start : start + 500]
        ids = [record.pk for record in part]
        covered, listed = holds.covering_all(ids), _elsewhere(ids)
        for record in part:
            found = rules.entry_faults(
                Candidate(
                    state=record.state,
                    due_on=record.due_on,
                    retention=record.retention,
                    retention_key=record.retention_key,
                    settled=known.period_of(record.retention_key, record.formed_on).settled,
                    blocks=covered.get(record.pk, ()),
                    listed=listed.get(record.pk, ()),
                ),
                on,
            )
            if found:
                faults[record.pk] = found
    return faults


def _elsewhere(ids: Sequence[UUID]) -> dict[UUID, list[str]]:
    """The open appraisals and live registers in which these records stand, or the appraisal that has let them go."""
    found: dict[UUID, list[str]] = defaultdict(list)
    for item in AppraisalItem.objects.filter(record_id__in=ids, open=True).select_related("appraisal"):
        found[item.record_id].append(str(item.appraisal))
    for row in RegisterRow.objects.filter(record_id__in=ids, state__in=LIVE_ROWS).select_related("register"):
        found[row.record_id].append(str(row.register))
    for pk, item in results.standing_of([pk for pk in ids if pk not in found]).items():
        found[pk].append(f"待列清册的档案（{item.appraisal}同意销毁）")
    return found


def open_appraisal(records: Iterable[UUID], group: Group, title: str, *, actor: Actor) -> Appraisal:
    """Lay these records before the group. All of them enter or none: raises NotEligible with every reason."""
    fonds = group.fonds
    permissions.require(actor, "appraisal.open", fonds)
    ids, title = list(dict.fromkeys(records)), title.strip()
    if not title:
        raise WrongInput(field="题名", reason="请写明鉴定的题名。")
    if not ids:
        raise WrongInput(field="档案", reason="没有选择档案。")
    if len(ids) > MOST:
        raise WrongInput(field="档案", reason=f"一次鉴定最多 {MOST} 件，请分批。")
    if group.dissolved_on is not None:
        raise WrongState(what=f"“{group.name}”", state="已解散", verb="鉴定")
    chosen = _chosen(ids, fonds, actor)
    today = timezone.localdate()
    _refuse(chosen, entry_faults(chosen, today))
    try:
        with transaction.atomic():
            appraisal = Appraisal.objects.create(
                fonds=fonds,
                group=group,
                number=numbering.draw(f"appraisal:{fonds.code}:{today.year}"),
                year=today.year,
                title=privacy.mask_text(title)[:200],
                opened_at=timezone.now(),
                opened_by_id=_person(actor),
            )
            AppraisalItem.objects.bulk_create(
                (
                    AppraisalItem(
                        appraisal=appraisal,
                        record=record,
                        position=position,
                        old_period=record.retention,
                        old_due_on=record.due_on,
                    )
                    for position, record in enumerate(chosen, 1)
                ),
                batch_size=1000,
            )
            data = {"count": len(chosen), "group": group.name, "title": appraisal.title}
            _say(appraisal, "appraisal.opened", actor, data)
    except IntegrityError:  # somebody else has just laid one of them before a group
        _refuse(chosen, entry_faults(chosen, today))
        raise
    return appraisal


def _chosen(ids: Sequence[UUID], fonds: Fonds, actor: Actor) -> list[Record]:
    rows = Record.objects.visible_to(actor.scope("appraisal.open")).filter(fonds=fonds).defer("description")
    found = [row for start in range(0, len(ids), 500) for row in rows.filter(pk__in=ids[start : start + 500])]
    if len(found) != len(ids):
        missing = len(ids) - len(found)
        raise WrongInput(field="档案", reason=f"有 {missing} 件不在全宗 {fonds.code} 或您的范围内。")
    return sorted(found, key=lambda r: (r.year, r.category, r.stage, r.insurance, r.retention, r.number))


def _person(actor: Actor) -> UUID:
    if actor.id is None:
        raise WrongInput(field="鉴定", reason="须由一位用户开展，系统不能代办。")
    return actor.id


def _refuse(records: Sequence[Record], faults: dict[UUID, list[str]]) -> None:
    against = [record for record in records if record.pk in faults]
    if against:
        first = "；".join(f"{r.reference_code}（{'；'.join(faults[r.pk])}）" for r in against[:3])
        reasons = {str(record.pk): faults[record.pk] for record in against}
        raise NotEligible(count=len(against), first=first, reasons=reasons)


def close(appraisal: Appraisal, *, actor: Actor) -> Appraisal:
    """作出结论. Raises WrongState while a record is undecided (and says who is missing) or a sheet waits, WrongInput when a period
    named is no extension any more. Call it outside a transaction (the minutes go to the stores)."""
    appraisal = Appraisal.objects.select_related("fonds", "group").get(pk=appraisal.pk)
    permissions.require(actor, "appraisal.close", appraisal.fonds)
    _expect_open(appraisal, "作出结论")
    decided_on = timezone.localdate()
    decided = tally.outcomes(appraisal)
    _all_decided(appraisal, decided)
    for one in set(decided.values()):
        alike = [item for item, other in decided.items() if other == one]
        opinions.refuse_impossible(alike, one.result, one.period, decided_on)
    paper = _keep_minutes(appraisal, decided, decided_on, actor)
    with transaction.atomic():
        locked = Appraisal.objects.select_for_update(of=("self",)).get(pk=appraisal.pk)
        _expect_open(locked, "作出结论")
        if tally.outcomes(locked) != decided or opinions.unconfirmed(locked):
            raise WrongState(what=str(appraisal), state="刚收到新的意见", verb="作出结论，请重新核对")
        _write_results(decided)
        locked.state, locked.decided_at, locked.minutes = "decided", timezone.now(), paper
        locked.revision += 1
        locked.save(update_fields=["state", "decided_at", "minutes", "revision"])
        totals = rules.totals(decided)
        data = {"destroy": totals[rules.DESTROY], "extend": totals[rules.EXTEND], "minutes": paper.sha256}
        _say(locked, "appraisal.closed", actor, data)
    _extend(locked, actor=actor)
    return locked


def _expect_open(appraisal: Appraisal, verb: str) -> None:
    if appraisal.state != "open":
        raise WrongState(what=str(appraisal), state=APPRAISAL_STATES[appraisal.state], verb=verb)


def _all_decided(appraisal: Appraisal, outcomes: dict[AppraisalItem, Outcome]) -> None:
    """Also a sheet that nobody has confirmed yet may hold the voice that decides."""
    waiting = opinions.unconfirmed(appraisal)
    undecided = {item: one for item, one in outcomes.items() if not one.result}
    if undecided:
        item, one = next(iter(undecided.items()))
        raise WrongState(
            what=str(appraisal),
            state=f"有 {len(undecided)} 件未作结论（第 {item.position} 件还缺{'、'.join(one.missing)}的意见"
            + (f"；{waiting} 份纸质意见待另一人核对" if waiting else "")
            + "）",
            verb="作出结论",
        )
    if waiting:
        state = f"有 {waiting} 份纸质意见待另一人核对"
        raise WrongState(what=str(appraisal), state=state, verb="作出结论，请先核对或退回")


def _keep_minutes(appraisal: Appraisal, outcomes, decided_on: date, actor: Actor) -> Paper:
    return fonds_file.keep_paper(
        appraisal.fonds,
        kind="鉴定会议纪要",
        title=f"{appraisal}会议纪要：{appraisal.title}"[:200],
        content=minutes.print_minutes(appraisal, outcomes, decided_on),
        mime="application/pdf",
        about=f"appraisal:{appraisal.pk}",
        actor=actor,
    )


def _write_results(outcomes: dict[AppraisalItem, Outcome]) -> None:
    """One statement for all items of the same result. Items to extend stay open until their record is extended."""
    alike: dict[Outcome, list[int]] = defaultdict(list)
    for item, one in outcomes.items():
        alike[one].append(item.pk)
    for one, ids in alike.items():
        for start in range(0, len(ids), 500):
            AppraisalItem.objects.filter(pk__in=ids[start : start + 500]).update(
                result=one.result, period=one.period, reason=one.reason, open=one.result == rules.EXTEND
            )


def _extend(appraisal: Appraisal, *, actor: Actor) -> None:
    """One step of what was decided. Again after a kill: what is done is done."""
    decided_on = timezone.localdate(appraisal.decided_at)
    basis = f"{appraisal}（{appraisal.group.name}）"
    step = list(appraisal.items.filter(open=True, result=rules.EXTEND).order_by("record_id")[:STEP])
    for start in range(0, len(step), CHUNK):
        items = step[start : start + CHUNK]
        with transaction.atomic():
            for item in items:
                extension.extend(item.record_id, item.period, basis=basis, decided_on=decided_on, actor=actor)
            AppraisalItem.objects.filter(pk__in=[item.pk for item in items]).update(open=False)


def resume(*, actor: Actor) -> int:
    """One step of every appraisal that still has something to extend. Returns how many there were."""
    rows = AppraisalItem.objects.filter(open=True, appraisal__state="decided")
    left = Appraisal.objects.filter(pk__in=rows.values("appraisal")).select_related("group")
    for appraisal in left:
        _extend(appraisal, actor=actor)
    return len(left)


@transaction.atomic
def cancel(appraisal: Appraisal, reason: str, *, actor: Actor) -> Appraisal:
    """撤销 an open appraisal: its records may enter another one; the opinions stay."""
    permissions.require(actor, "appraisal.open", appraisal.fonds)
    if not (reason := reason.strip()):
        raise WrongInput(field="理由", reason="请写明撤销的理由。")
    locked = Appraisal.objects.select_for_update(of=("self",)).get(pk=appraisal.pk)
    _expect_open(locked, "撤销")
    locked.items.update(open=False)
    locked.state = "cancelled"
    locked.revision += 1
    locked.save(update_fields=["state", "revision"])
    _say(locked, "appraisal.cancelled", actor, {"reason": reason})
    return locked


def _say(appraisal: Appraisal, action: str, actor: Actor, data: dict) -> None:
    audit.record(
        actor=actor,
        action=action,
        kind="appraisal",
        subject=appraisal.pk,
        name=f"{appraisal} {appraisal.title}",
        data=data,
    )
