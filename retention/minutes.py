"""鉴定会议纪要: what a group decided, record by record, as it is printed and signed. Reading only."""

from collections import Counter
from collections.abc import Mapping
from datetime import date

from django.utils import timezone

from archive import periods, printing
from retention import rules, tally
from retention.models import Appraisal, AppraisalItem, Opinion
from retention.rules import Outcome
from retention.states import MANNERS, RESULTS


def print_minutes(appraisal: Appraisal, results: Mapping[AppraisalItem, Outcome], decided_on: date) -> bytes:
    """PDF/A of the minutes. 1,000 records take about a second."""
    return printing.pdf(
        "retention/minutes",
        {
            "title": "档案鉴定会议纪要",
            "facts": _facts(appraisal, results, decided_on),
            "summary": _summary(results),
            "members": _members(appraisal),
        },
        fonds=appraisal.fonds,
        printed_on=decided_on,
        rows=[_row(item, one) for item, one in results.items()],
        landscape=True,
    )


def _facts(appraisal: Appraisal, results, decided_on: date) -> list[tuple[str, str]]:
    group = appraisal.group
    return [
        ("鉴定编号", str(appraisal)),
        ("题名", appraisal.title),
        ("鉴定小组", group.name),
        ("成立文号", f"{group.decree_no}（{group.decreed_on.isoformat()}）"),
        ("开始日期", timezone.localdate(appraisal.opened_at).isoformat()),
        ("结论日期", decided_on.isoformat()),
        ("鉴定件数", f"{len(results)} 件"),
        ("依据", "《社会保险业务档案管理规定（试行）》第十一条"),
    ]


def _summary(results: Mapping[AppraisalItem, Outcome]) -> list[str]:
    totals = rules.totals(results)
    lines = [f"{RESULTS[rules.DESTROY]} {totals[rules.DESTROY]} 件，编制销毁清册，备案、批准后监督销毁。"]
    longer = Counter(one.period for one in results.values() if one.result == rules.EXTEND)
    if longer:
        each = "，".join(f"{periods.spoken(period)} {count} 件" for period, count in sorted(longer.items()))
        lines.append(
            f"{RESULTS[rules.EXTEND]} {totals[rules.EXTEND]} 件（{each}），从原起算日起重新计算，原期限和原到期日保留可查。"
        )
    return lines


def _members(appraisal: Appraisal) -> list[dict[str, str]]:
    """Every member, what he says of how many records, and the last opinion of his that counts."""
    said = tally.of(appraisal).said()
    signed: dict[int, Opinion] = {}
    rows = Opinion.objects.filter(appraisal=appraisal).select_related("signature").order_by("pk")
    for opinion in rows:
        if opinion.signature.counts:
            signed[opinion.member_id] = opinion
    members = appraisal.group.members.select_related("person", "group__fonds").order_by("pk")
    return [_member(member, said.get(member.pk, {}), signed.get(member.pk)) for member in members]


def _member(member, said: Mapping[tuple[str, str], int], opinion: Opinion | None) -> dict[str, str]:
    person, fonds = member.person, member.group.fonds
    words = [
        f"{'延长至' + periods.spoken(period) if result == rules.EXTEND else RESULTS[result]} {count} 件"
        for (result, period), count in sorted(said.items())
    ]
    return {
        "name": person.name,
        "kind": member.get_kind_display(),
        "place": "　".join(filter(None, (person.organisation or fonds.name, person.duty))),
        "said": "；".join(words),
        "signed": opinion.signature.signed_on.isoformat() if opinion else "未发表意见",
        "manner": MANNERS[opinion.signature.manner] if opinion else "",
    }


def _row(item: AppraisalItem, one: Outcome) -> dict[str, object]:
    record = item.record
    return {
        "position": item.position,
        "title": record.title,
        "year": record.year,
        "code": record.reference_code,
        "old": periods.spoken(item.old_period),
        "due": item.old_due_on.isoformat() if item.old_due_on else "",
        "result": RESULTS[one.result],
        "new": periods.spoken(one.period),
        "reason": one.reason,
    }
