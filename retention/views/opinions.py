"""鉴定意见: a member's own, on screen, after opening a sample; or entered from a signed sheet."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from archive.errors import NotAllowed, WrongInput
from archive.http import actor_of, allowed
from retention import gates, opinions, positions, rules, tally
from retention.models import Appraisal, AppraisalItem, Member
from retention.rules import sample_size
from retention.states import RESULTS
from retention.views.answering import answer, at_form, confirm, once, readable, sent_before
from retention.views.forms import SayHere, SayOnPaper

FIELDS = {"意见": "result", "期限": "period", "理由": "reason", "密码": "password"}
OFFERED = 12
"""Records offered to be opened as the sample, spread evenly over the choice."""


@require_http_methods(["GET", "POST"])
@allowed("opinion.give")
def give(request: HttpRequest, pk: UUID) -> HttpResponse:
    """On the rows `?items=1-20,23`; without it on all that this member has not spoken about."""
    actor = actor_of(request)
    found = gates.one(gates.appraisals(actor), pk, "这次鉴定")
    member = found.group.members.select_related("person").filter(person__user=actor.id).first()
    if member is None:
        raise NotAllowed(reason=f"您不是{found.group.name}的成员，不能在这里发表意见。")
    if sent := sent_before(request):
        return sent
    items = _items(found, member, request.GET.get("items", ""))
    ids = [item.record_id for item in items]
    opened = opinions.opened_since(found, actor.id, ids)
    form = SayHere(request.POST or None)
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        with at_form(form, **FIELDS):
            opinions.give_opinion(
                member, items, asked["result"], reason=asked["reason"], confirmed=confirm(request), actor=actor,
                period=asked["period"] if asked["result"] == rules.EXTEND else "",
                sample=[record for record in ids if record in opened],
            )  # fmt: skip
            messages.success(request, f"已对 {len(items)} 件发表意见：{RESULTS[asked['result']]}。")
            return answer(request, reverse("retention:appraisal", args=[found.pk]))
    context = {
        "appraisal": found,
        "member": member,
        "form": form,
        "count": len(items),
        "which": positions.write((item.position for item in items), "、"),
        "least": sample_size(len(items), settings.GROUP_SAMPLE_PERCENT),
        "opened": len(opened),
        "enough": len(opened) >= sample_size(len(items), settings.GROUP_SAMPLE_PERCENT),
        "rows": _offered(items, opened, readable(actor, ids[:1000])),
        "once": once(),
        "breadcrumbs": _crumbs(found, "发表意见"),
    }
    return render(request, "retention/opinion.html", context, status=422 if form.errors else 200)


def _items(found: Appraisal, member: Member, asked: str) -> list[AppraisalItem]:
    rows = found.items.order_by("position")
    if asked:
        wanted = positions.read(asked)
        items = [item for item in rows if item.position in set(wanted)] if len(wanted) > 500 else list(
            rows.filter(position__in=wanted)
        )  # fmt: skip
        if len(items) != len(wanted):
            raise WrongInput(field="序号", reason="有的序号不在这次鉴定里，请回到鉴定页重新勾选。")
        return items
    return list(tally.unspoken(rows, member))


def _offered(items, opened: set, seen: dict) -> list[dict[str, Any]]:
    """What was opened, and evenly spread what may be opened next."""
    done = [item for item in items if item.record_id in opened]
    rest = [item for item in items if item.record_id not in opened and item.record_id in seen]
    room = max(3, OFFERED - len(done))
    step = max(1, len(rest) // room)
    chosen = sorted([*done[:200], *rest[::step][:room]], key=lambda item: item.position)
    return [
        {"item": item, "record": seen.get(item.record_id), "opened": item.record_id in opened}
        for item in chosen
    ]


def _crumbs(found: Appraisal, here: str) -> list[dict[str, str]]:
    return [
        {"label": "鉴定销毁"},
        {"label": "鉴定", "url": reverse("retention:appraisals")},
        {"label": str(found), "url": reverse("retention:appraisal", args=[found.pk])},
        {"label": here},
    ]


@require_http_methods(["GET", "POST"])
@allowed("opinion.enter")
def paper(request: HttpRequest, pk: UUID) -> HttpResponse:
    """From a signed sheet: counts once another user has compared it with the scan."""
    actor = actor_of(request)
    found = gates.one(gates.appraisals(actor), pk, "这次鉴定")
    if sent := sent_before(request):
        return sent
    size = found.items.count()
    form = SayOnPaper(
        request.POST or None,
        request.FILES or None,
        group=found.group,
        initial={"items": f"1-{size}" if size > 1 else "1"},
    )
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        with at_form(form, **FIELDS, 所及序号="items", 样本="sample", 签署日期="signed_on", 扫描件="scan"):
            by_position = {item.position: item for item in found.items.all()}
            items = _known(by_position, asked["items"], "所及序号")
            sample = [item.record_id for item in _known(by_position, asked["sample"], "样本")]
            opinions.enter_opinion(
                asked["member"], items, asked["result"], reason=asked["reason"], signed_on=asked["signed_on"],
                scan=asked["scan"].read(), mime=asked["scan"].content_type, actor=actor, sample=sample,
                period=asked["period"] if asked["result"] == rules.EXTEND else "",
            )  # fmt: skip
            messages.success(
                request, f"已录入{asked['member'].person.name}的意见；另一人对照扫描件核对之后生效。"
            )
            return answer(request, reverse("retention:appraisal", args=[found.pk]))
    context = {
        "appraisal": found,
        "form": form,
        "once": once(),
        "sentence": "照签署页录入。录入后由另一人对照扫描件核对，核对之后才作数。",
        "title": "录入纸质意见",
        "back_url": reverse("retention:appraisal", args=[found.pk]),
        "verb": "录入",
        "breadcrumbs": _crumbs(found, "录入纸质意见"),
    }
    return render(request, "retention/paper_form.html", context, status=422 if form.errors else 200)


def _known(by_position: dict[int, AppraisalItem], text: str, field: str) -> list[AppraisalItem]:
    wanted = positions.read(text, field)
    if unknown := [number for number in wanted if number not in by_position]:
        raise WrongInput(field=field, reason=f"这次鉴定没有第 {unknown[0]} 件，共 {len(by_position)} 件。")
    return [by_position[number] for number in wanted]
