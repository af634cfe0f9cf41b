"""鉴定意见: what a member of the group says of records. (What the opinions add up to: `tally`.)

An opinion covers one record or many; in either case the member has opened a sample of them on the screen since the
appraisal began (one record: that record; for a signed sheet: the sample stated on it). Nobody gives one on his own
file. An opinion on paper counts once its signature is confirmed; of one member's opinions on a record the newest
that counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from archive import audit, periods, privacy
from archive.determinations import Known
from archive.errors import NotAllowed, WrongInput, WrongState
from archive.models import Access
from archive.permissions import Actor
from retention import permissions, persons, rules, signing
from retention.models import Appraisal, AppraisalItem, Member, Opinion, OpinionItem
from retention.states import APPRAISAL_STATES, RESULTS

OPENED = ("record.viewed", "page.viewed", "object.downloaded")
"""The readings that count as having opened a record."""


@dataclass(frozen=True)
class _Sheet:
    """One opinion, checked, ready to be signed."""

    member: Member
    appraisal: Appraisal
    items: Sequence[AppraisalItem]
    result: str
    period: str
    reason: str
    sample: Sequence[UUID]

    @property
    def meaning(self) -> str:
        words = RESULTS[self.result] + (f"（{self.period}）" if self.result == rules.EXTEND else "")
        return f"{self.appraisal} {len(self.items)} 件：{words}"

    @property
    def subject(self) -> str:
        return f"appraisal:{self.appraisal.pk}"

    @property
    def digest(self) -> str:
        return signing.digest_of(
            {
                "appraisal": str(self.appraisal.pk),
                "records": [str(item.record_id) for item in self.items],
                "result": self.result,
                "period": self.period,
                "reason": self.reason,
                "sample": [str(pk) for pk in self.sample],
            }
        )


def give_opinion(
    member: Member,
    items: Sequence[AppraisalItem],
    result: str,
    *,
    reason: str,
    confirmed: bool,
    actor: Actor,
    period: str = "",
    sample: Sequence[UUID] = (),
) -> Opinion:
    """On screen, by the member himself. `sample`: ids of the records that he opened for an opinion on several.

    Raises WrongInput (result, period, sample), NotAllowed (not he, not confirmed, his own file), WrongState.
    """
    sheet = _checked(member, items, result, period, reason, sample)
    permissions.require(actor, "opinion.give", sheet.appraisal.fonds)
    _really_opened(sheet)
    with transaction.atomic():
        _locked(sheet)
        signature = signing.sign_on_screen(
            member.person,
            subject=sheet.subject,
            meaning=sheet.meaning,
            digest=sheet.digest,
            confirmed=confirmed,
            actor=actor,
        )
        return _write(sheet, signature, actor)


def enter_opinion(
    member: Member,
    items: Sequence[AppraisalItem],
    result: str,
    *,
    reason: str,
    signed_on: date,
    scan: bytes,
    mime: str,
    actor: Actor,
    period: str = "",
    sample: Sequence[UUID] = (),
) -> Opinion:
    """From a signed sheet, with its scan. `sample` as the sheet states it. Counts once a second user has confirmed
    the signature. Call it outside a transaction (the scan goes to the stores)."""
    sheet = _checked(member, items, result, period, reason, sample)
    permissions.require(actor, "opinion.enter", sheet.appraisal.fonds)
    permissions.require(actor, "signature.enter", sheet.appraisal.fonds)
    if signed_on < timezone.localdate(sheet.appraisal.opened_at):
        raise WrongInput(field="签署日期", reason="不能早于鉴定开始的日期。")
    paper = signing.keep_scan(
        sheet.appraisal.fonds, member.person, subject=sheet.subject, meaning=sheet.meaning,
        signed_on=signed_on, scan=scan, mime=mime, actor=actor,
    )  # fmt: skip
    with transaction.atomic():
        _locked(sheet)
        signature = signing.entered(
            member.person, subject=sheet.subject, meaning=sheet.meaning, digest=sheet.digest,
            signed_on=signed_on, scan=paper, actor=actor,
        )  # fmt: skip
        return _write(sheet, signature, actor)


def _checked(
    member: Member,
    items: Sequence[AppraisalItem],
    result: str,
    period: str,
    reason: str,
    sample: Sequence[UUID],
) -> _Sheet:
    items = sorted({item.pk: item for item in items}.values(), key=lambda item: item.position)
    if not items:
        raise WrongInput(field="意见", reason="没有选择档案。")
    appraisal = Appraisal.objects.select_related("fonds", "group").filter(pk=items[0].appraisal_id).get()
    if any(item.appraisal_id != appraisal.pk for item in items):
        raise WrongInput(field="意见", reason="一份意见只能针对一次鉴定的档案。")
    if member.group_id != appraisal.group_id:
        raise NotAllowed(reason=f"{member.person.name}不是{appraisal.group.name}的成员。")
    if result not in RESULTS:
        raise WrongInput(field="意见", reason=f"应为{'或'.join(RESULTS.values())}。")
    if not (reason := privacy.mask_text(reason.strip())[:300]):
        raise WrongInput(field="理由", reason="请写明理由。")
    records = {item.record_id: item for item in items}
    if result == rules.DESTROY and period:
        raise WrongInput(field="期限", reason="同意销毁的意见不带期限。")
    refuse_impossible(items, result, period, timezone.localdate())
    if own := persons.own_files(member.person, list(records)):
        which, sentence = next(iter(own.items()))
        raise NotAllowed(reason=f"第 {records[which].position} 件的{sentence}。请去掉这一件再发表意见。")
    if len(items) == 1:
        sample = list(records)
    return _Sheet(member, appraisal, items, result, period, reason, _sample(records, sample))


def refuse_impossible(items: Sequence[AppraisalItem], result: str, period: str, on: date) -> None:
    """Raises WrongInput when that cannot be the result of one of the items on that day: an extension that is none, or
    destroying below the period that the site has meanwhile determined for the class."""
    pks, rows = [item.pk for item in items], []
    for start in range(0, len(pks), 500):
        rows += AppraisalItem.objects.filter(pk__in=pks[start : start + 500]).values_list(
            "position", "old_period", "record__formed_on", "record__retention_key"
        )
    known = Known({key for *_, key in rows})
    for position, old, formed_on, key in sorted(rows):
        least, fault = known.period_of(key, formed_on).retention, ""
        if result == rules.EXTEND:
            fault = periods.extension_fault(formed_on, old, period, on)
        if not fault and least and periods.shorter(period or old, least):
            fault = f"类项 {key} 的期限现为{least}，本件是{old}，应延长到不短于{least}"
        if fault:
            raise WrongInput(field=f"第 {position} 件", reason=f"{fault}。")


def _sample(records: dict[UUID, AppraisalItem], sample: Sequence[UUID]) -> list[UUID]:
    """The stated sample: of these records, and large enough."""
    sample = list(dict.fromkeys(sample))
    if any(pk not in records for pk in sample):
        raise WrongInput(field="样本", reason="样本里有不在这份意见之内的档案。")
    least = rules.sample_size(len(records), settings.GROUP_SAMPLE_PERCENT)
    if len(sample) < least:
        raise WrongInput(
            field="样本",
            reason=f"对 {len(records)} 件发表同一意见，至少打开查看 {least} 件，现在是 {len(sample)} 件。",
        )
    return sample


def opened_since(appraisal: Appraisal, user_id: UUID | None, record_ids: Sequence[UUID]) -> set[UUID]:
    """Which of these records this user has opened since the appraisal began, by the ledger of readings: what may count
    as a sample."""
    found: set[UUID] = set()
    for start in range(0, len(record_ids), 500):
        rows = Access.objects.filter(
            record__in=record_ids[start : start + 500],
            actor=user_id,
            action__in=OPENED,
            at__gte=appraisal.opened_at,
        )
        found.update(rows.order_by().values_list("record", flat=True).distinct())
    return found


def _really_opened(sheet: _Sheet) -> None:
    opened = opened_since(sheet.appraisal, sheet.member.person.user_id, sheet.sample)
    unopened = [item.position for item in sheet.items if item.record_id in set(sheet.sample) - opened]
    if unopened:
        words = "、".join(map(str, unopened[:5])) + ("等" if len(unopened) > 5 else "")
        raise WrongInput(
            field="样本",
            reason=f"第 {words} 件在鉴定开始以后您还没有打开查看，请先打开（共 {len(unopened)} 件）。",
        )


def _locked(sheet: _Sheet) -> None:
    appraisal = Appraisal.objects.select_for_update(of=("self",)).get(pk=sheet.appraisal.pk)
    if appraisal.state != "open":
        raise WrongState(what=str(appraisal), state=APPRAISAL_STATES[appraisal.state], verb="再发表意见")


def _write(sheet: _Sheet, signature, actor: Actor) -> Opinion:
    opinion = Opinion.objects.create(
        appraisal=sheet.appraisal,
        member=sheet.member,
        result=sheet.result,
        period=sheet.period,
        reason=sheet.reason,
        sample=[str(pk) for pk in sheet.sample],
        given_at=timezone.now(),
        signature=signature,
    )
    OpinionItem.objects.bulk_create(
        (OpinionItem(opinion=opinion, item=item) for item in sheet.items), batch_size=1000
    )
    audit.record(
        actor=actor,
        action="opinion.given",
        kind="appraisal",
        subject=sheet.appraisal.pk,
        name=str(sheet.appraisal),
        data={
            "person": sheet.member.person.name,
            "count": len(sheet.items),
            "result": sheet.meaning.rpartition("：")[2],
            "reason": sheet.reason,
            "digest": sheet.digest,
            "sample": len(sheet.sample),
        },
    )
    return opinion


def unconfirmed(appraisal: Appraisal) -> int:
    """How many opinions on paper no second user has confirmed."""
    return unconfirmed_of(appraisal.pk).count()


def unconfirmed_of(appraisal) -> QuerySet[Opinion]:
    rows = Opinion.objects.filter(appraisal=appraisal, signature__manner="paper")
    return rows.filter(signature__confirmed_at__isnull=True, signature__withdrawn_at__isnull=True)
