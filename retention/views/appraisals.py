"""鉴定: laying due records before a group, the batch page with every member's opinion, closing and cancelling."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from archive.http import actor_of, allowed, keyset, pager_of
from archive.models import Record
from archive.permissions import Actor
from archive.templatetags.archive_words import period
from retention import appraisal as verbs
from retention import duelist, gates, opinions, positions, reading, rules, tally, wording
from retention.models import Appraisal, AppraisalItem
from retention.permissions import may
from retention.states import APPRAISAL_STATES
from retention.views.answering import answer, at_form, ids_of, once, readable, sent_before, told
from retention.views.forms import Sieve, Submit

CRUMBS = [{"label": "鉴定销毁"}]
SHOWN = 50
"""Records listed before they are laid before a group; the rest are counted."""


@require_http_methods(["GET", "POST"])
@allowed("appraisal.open")
def submit(request: HttpRequest) -> HttpResponse:
    """提交鉴定: the selected rows of the due list (posted), or all that are free under its filters (in the address)."""
    actor, today = actor_of(request), timezone.localdate()
    if found := sent_before(request):
        return found
    ids = ids_of(request) if request.method == "POST" else []
    rows = Record.objects.visible_to(actor.scope("appraisal.open")).defer("description")
    rows = rows.filter(pk__in=ids) if ids else _all_free(request, actor, today)
    rows = rows.select_related("fonds").order_by("due_on", "id")
    if not ids:
        ids = list(rows.values_list("pk", flat=True)[: verbs.MOST + 1])
    sending = "title" in request.POST
    form = Submit(request.POST if sending else None, actor=actor, initial={"title": _title(rows)})
    if sending and form.is_valid():
        with at_form(form, 题名="title"):
            made = verbs.open_appraisal(
                ids, form.cleaned_data["group"], form.cleaned_data["title"], actor=actor
            )
            messages.success(request, f"{made}已提交，{len(ids)} 件等小组成员发表意见。")
            return answer(request, reverse("retention:appraisal", args=[made.pk]))
    shown = list(rows[:SHOWN])
    faults = verbs.entry_faults(shown, today)
    context = {
        "form": form,
        "rows": [{"record": record, "faults": faults.get(record.pk, ())} for record in shown],
        "ids": ids if request.method == "POST" else [],
        "count": len(ids),
        "against": len(faults),
        "no_group": not form.fields["group"].queryset.exists(),
        "may_make_group": actor.may("group.make"),
        "once": once(),
        "breadcrumbs": [
            *CRUMBS,
            {"label": "到期档案", "url": reverse("retention:due")},
            {"label": "提交鉴定"},
        ],
    }
    return render(request, "retention/submit.html", context, status=422 if form.errors else 200)


def _all_free(request: HttpRequest, actor: Actor, today):
    rows = duelist.due(actor, "appraisal.open", today)
    classes = duelist.classes(rows)
    sieve = Sieve(request.GET, fonds=sorted(actor.fonds("appraisal.open")), classes=classes)
    return duelist.part(sieve.narrow(rows), "free", duelist.unsettled(classes))


def _title(rows) -> str:
    years = sorted(set(rows.order_by().values_list("formed_on__year", flat=True).distinct()))
    if not years:
        return ""
    span = str(years[0]) if len(years) == 1 else f"{years[0]}–{years[-1]}"
    return f"{span} 年形成、保管期限届满的业务档案"


@require_GET
@allowed("appraisal.read")
def listing(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    rows = gates.appraisals(actor)
    counts = dict(rows.order_by().values_list("state").annotate(Count("pk")))
    state = request.GET.get("state", "")
    if state not in (*APPRAISAL_STATES, "all"):
        state = "open" if counts.get("open") else "all"
    page = keyset(rows if state == "all" else rows.filter(state=state), ("-opened_at", "-id"), request)
    sizes = dict(
        AppraisalItem.objects.filter(appraisal__in=[row.pk for row in page.rows])
        .order_by()
        .values_list("appraisal")
        .annotate(Count("pk"))
    )
    tabs = [*APPRAISAL_STATES.items(), ("all", "全部")]
    context = {
        "tabs": [
            {
                "label": label,
                "url": f"?state={code}",
                "count": sum(counts.values()) if code == "all" else counts.get(code, 0),
                "current": code == state,
            }
            for code, label in tabs
        ],
        "rows": [
            {"appraisal": row, "count": sizes.get(row.pk, 0), "state": wording.appraisal_chip(row)}
            for row in page.rows
        ],
        "total": page.total,
        "exact": page.exact,
        "unit": "批",
        "pager": pager_of(request, page),
        "more": [{"label": "鉴定小组", "url": reverse("retention:groups")}],
        "action": {"label": "从到期档案提交", "url": reverse("retention:due")} if actor.may("appraisal.open") else None,
        "breadcrumbs": [*CRUMBS, {"label": "鉴定"}],
    }  # fmt: skip
    return render(request, "retention/appraisals.html", context)


@require_GET
@allowed("appraisal.read")
def page(request: HttpRequest, pk: UUID) -> HttpResponse:
    actor = actor_of(request)
    found = gates.one(gates.appraisals(actor), pk, "这次鉴定")
    return render(request, "retention/appraisal.html", _page(request, found, actor))


def _page(request: HttpRequest, found: Appraisal, actor: Actor) -> dict[str, Any]:
    members = list(found.group.members.select_related("person").order_by("pk"))
    mine = next((one for one in members if one.person.user_id == actor.id), None)
    given = tally.of(found)
    items = found.items.all()
    size = items.count()
    totals = _totals(found, given, size)
    tabs, tab, chosen = _tabs(request, items, mine if found.state == "open" else None, totals)
    slice_ = keyset(chosen.select_related("record").defer("record__description"), ("position", "id"), request)
    seen = readable(actor, [item.record_id for item in slice_.rows])
    opened = (
        opinions.opened_since(found, actor.id, [item.record_id for item in slice_.rows]) if mine else set()
    )
    listed = size and found.state == "decided" and reading.listed_of(found)
    spoken = given.spoken()
    speaks = mine is not None and found.state == "open" and may(actor, "opinion.give", found.fonds)
    my_rest = size - spoken[mine.pk] if mine else 0
    return {
        "appraisal": found,
        "state": wording.appraisal_chip(found),
        "steps": wording.appraisal_steps(found, len(spoken), len(members), listed or 0),
        "members": [
            {
                "member": member,
                "kind": member.get_kind_display(),
                "spoken": spoken[member.pk],
                "mine": member is mine,
            }
            for member in members
        ],
        "count": size,
        "totals": totals,
        "close_words": f"同意销毁 {totals['destroy']} 件，延长保管期限 {totals['extend']} 件。结论不能再改；会议纪要打印存入"
        "全宗卷，延长的立即按新期限锁定，同意销毁的可以编制清册。",
        "unconfirmed": opinions.unconfirmed(found),
        "extending": items.filter(open=True, result=rules.EXTEND).count() if found.state == "decided" else 0,
        "tabs": tabs,
        "tab": tab,
        "rows": [_row(item, members, given, seen, opened) for item in slice_.rows],
        "total": slice_.total,
        "exact": slice_.exact,
        "pager": pager_of(request, slice_),
        "speaks": speaks,
        "my_rest": my_rest,
        "may_enter": found.state == "open" and may(actor, "opinion.enter", found.fonds),
        "may_close": found.state == "open" and may(actor, "appraisal.close", found.fonds),
        "may_cancel": found.state == "open" and may(actor, "appraisal.open", found.fonds),
        "to_list": found.state == "decided"
        and may(actor, "register.make", found.fonds)
        and duelist.ready_for_register(appraisal=found).count(),
        "may_read_papers": actor.may("paper.read"),
        "breadcrumbs": [
            *CRUMBS,
            {"label": "鉴定", "url": reverse("retention:appraisals")},
            {"label": str(found)},
        ],
    }  # fmt: skip


def _totals(found: Appraisal, given: tally.Tally, size: int) -> dict[str, int]:
    """How many are to be extended, destroyed, undecided."""
    if found.state == "open":
        return given.totals(size)
    by = dict(found.items.order_by().values_list("result").annotate(Count("pk")))
    return {"extend": by.get("extend", 0), "destroy": by.get("destroy", 0), "undecided": by.get("", 0)}


def _tabs(request, items, speaker, totals: dict[str, int]):
    """`speaker`: the member who looks, while he may still speak."""
    parts = {"all": ("全部", items)}
    if speaker:
        parts["mine"] = ("待我发表", tally.unspoken(items, speaker))
    if totals["extend"]:
        parts["extend"] = ("延长的", tally.extending(items))
    tab = request.GET.get("show", "all")
    tab = tab if tab in parts else "all"
    tabs = [
        {"label": label, "url": f"?show={name}", "count": rows.count(), "current": name == tab}
        for name, (label, rows) in parts.items()
    ]
    return (tabs if len(tabs) > 1 else []), tab, parts[tab][1]


def _row(item: AppraisalItem, members, given: tally.Tally, seen, opened) -> dict[str, Any]:
    votes, outcome = given.votes(item.pk), given.outcome(item.pk)
    result, years = (item.result, item.period) if item.result else (outcome.result, outcome.period)
    return {
        "item": item,
        "record": item.record,
        "seen": item.record_id in seen,
        "old": period(item.old_period, item.old_due_on),
        "opened": item.record_id in opened,
        "votes": [_vote(votes.get(member.pk)) for member in members],
        "result": wording.result_chip(result, years),
        "missing": "" if result else "、".join(outcome.missing),
        "reason": item.reason or outcome.reason,
    }


def _vote(vote) -> dict[str, str] | None:
    if vote is None:
        return None
    words = "销毁" if vote.result == rules.DESTROY else f"延长 {period(vote.period)}"
    return {"word": words, "tone": wording.RESULT_TONES[vote.result], "reason": vote.reason}


@require_POST
@allowed("opinion.give")
def choose(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The selected rows, on to the opinion about them; the choice stands in the address, so that one may go and open
    records meanwhile."""
    found = gates.one(gates.appraisals(actor_of(request)), pk, "这次鉴定")
    chosen = found.items.filter(record__in=ids_of(request)).values_list("position", flat=True)
    url = reverse("retention:opinion", args=[found.pk])
    return redirect(f"{url}?items={positions.write(chosen)}")


@require_POST
@allowed("appraisal.close")
def close(request: HttpRequest, pk: UUID) -> HttpResponse:
    actor = actor_of(request)
    found = gates.one(gates.appraisals(actor), pk, "这次鉴定")
    with told(request):
        verbs.close(found, actor=actor)
        messages.success(request, f"{found}已作出结论，会议纪要已存入全宗卷。")
    return redirect("retention:appraisal", pk)


@require_POST
@allowed("appraisal.open")
def cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    actor = actor_of(request)
    found = gates.one(gates.appraisals(actor), pk, "这次鉴定")
    with told(request):
        verbs.cancel(found, request.POST.get("reason", ""), actor=actor)
        messages.success(request, f"{found}已撤销，其中的档案回到到期清单。")
    return redirect("retention:appraisal", pk)
