"""存储退役: what still needs a store, asking for its retirement, withdrawing, confirming; and how far its copies are.

What it means is said before the button, with the numbers it concerns. The verbs stand in `archive.retirement`.
"""

from operator import itemgetter
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_http_methods, require_POST

from archive import permissions, retirement, stores
from archive.errors import NotFound
from archive.http import actor_of, allowed, timeline
from archive.models import Copy, Event, StoreRetirement
from archive.permissions import Actor
from archive.sieves import DayInput
from archive.templatetags.archive_words import amount, day, moment

PLACE = "system:storage"
TONES = {
    "store.retirement_asked": "waiting", "store.retirement_withdrawn": "gone", "store.retired": "held",
}  # fmt: skip


ONLY_HERE = (
    "存储还读得到的，先用 manage.py repair --files 存入别的存储；介质已损毁或丢失的，确认时记下它们也失去了。"
)


class Ask(forms.Form):
    medium = forms.ChoiceField(
        label="介质的去向", choices=list(StoreRetirement.MEDIA.items()), widget=forms.RadioSelect
    )
    gone_on = forms.DateField(label="处理或损毁的日期", widget=DayInput())
    paper = forms.CharField(
        label="凭据", max_length=120, help_text="证明它的文件的名称或编号，例如“介质销毁单 2026-17 号”。"
    )
    reason = forms.CharField(
        label="理由",
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3, "maxlength": 300}),
        help_text="例如“设备到期更换”。它记入审计，不能修改。",
    )


class Understand(forms.Form):
    understood = forms.BooleanField(required=False)


@require_http_methods(["GET", "POST"])
@allowed("retirement.read")
def one(request: HttpRequest, name: str) -> HttpResponse:
    """How it stands; a POST asks for the retirement."""
    actor = actor_of(request)
    request.place = PLACE
    row = retirement.current(name)
    if row is None and name not in stores.opened() and not Copy.objects.filter(store=name).exists():
        raise NotFound(what=f"存储“{name}”")
    form = Ask(request.POST or None)
    if form.is_valid():
        retirement.ask(name, **form.cleaned_data, actor=actor)
        messages.success(request, "已申请，等档案负责人或主要负责人确认；确认之前可以撤回。")
        return redirect("retirements:one", name=name)
    context = {"name": name, "row": row, "state": state_of(row), "form": form, "events": _history(name)}
    context |= _settling(row) if row and row.confirmed_at else _open(name, row, actor)
    context["breadcrumbs"] = [
        {"label": "管理"},
        {"label": "存储", "url": reverse(PLACE) if actor.may("system.read") else ""},
        {"label": "退役"},
    ]
    return render(request, "system/retirement.html", context, status=422 if form.errors else 200)


def state_of(row: StoreRetirement | None) -> tuple[str, str, str]:
    if row is None:
        return ("used", "在用", "neutral")
    return ("retired", "已退役", "gone") if row.confirmed_at else ("asked", "已申请退役", "waiting")


def _open(name: str, row: StoreRetirement | None, actor: Actor) -> dict[str, Any]:
    """What a confirmation would mean, and what stands in its way."""
    counts = _counts(name)
    copies = counts.get("stored", 0) + counts.get("damaged", 0)
    silent = retirement.silent(name)
    needed, only_here = retirement.needed(name, silent), retirement.only_here(name, silent)
    confirming = Understand()
    confirming.fields["understood"].label = (
        f"我明白：这里的 {amount(copies)} 个副本已随介质而去；以后销毁这些档案，凭证上写的是上面的凭据，不是列举证明；"
        "确认之后不能退回，这个名字永不再用"
    )
    owed = counts.get("pending", 0) + counts.get("failed", 0)
    here = f"完好 {amount(counts.get('stored', 0))} 个，受损 {amount(counts.get('damaged', 0))} 个，待写 {amount(owed)} 个"
    return {
        "facts": (_facts(row) if row else []) + [{"label": "这里的副本", "value": here, "wide": True}],
        "obstacle": retirement.obstacle(name),
        "needed": needed,
        "needed_words": f"{needed}。{retirement.WAYS}在那之前不能确认。",
        "blocked": bool(
            retirement.obstacle(name) or needed.files or (only_here and row and row.medium != "lost")
        ),
        "rows": sorted((_file(item, actor) for item in needed.first), key=itemgetter("code", "file")),
        "only_here_title": f"{amount(len(only_here))} 份系统文件只知道在这里",
        "only_here": only_here and f"{'、'.join(only_here[:3])}{'等' if only_here[3:] else ''}。{ONLY_HERE}",
        "storage_url": reverse(PLACE) if actor.may("system.read") else "",
        "may_ask": row is None and actor.may("retirement.ask"),
        "may_withdraw": row is not None and actor.may("retirement.withdraw"),
        "may_confirm": row is not None and actor.may("retirement.confirm"),
        "asked_by_me": row is not None and row.asked_by_id == actor.id,
        "confirming": confirming,
    }


def _file(item, actor: Actor) -> dict[str, Any]:
    """By code and number: whoever keeps the machines reads no records."""
    may = permissions.check(actor, "copy.lost", item.record)
    return {
        "code": item.record.reference_code,
        "file": f"第 {item.position + 1} 个文件",
        "url": reverse("copies:loss", args=[item.pk]) if may else "",
    }


def _settling(row: StoreRetirement) -> dict[str, Any]:
    counts = _counts(row.store)
    left = sum(count for state, count in counts.items() if state != "removed")
    facts = [
        {"label": "随之而去", "value": f"{amount(counts.get('removed', 0))} 个副本"},
        {"label": "还在登记", "value": f"{amount(left)} 个副本，由后台逐批标明" if left else "没有"},
    ]
    known = stores.opened().get(row.store)
    return {"facts": _facts(row) + facts, "still_named": known is not None}


def _counts(name: str) -> dict[str, int]:
    rows = Copy.objects.filter(store=name).order_by()
    return dict(rows.values_list("state").annotate(Count("pk")))


def _facts(row: StoreRetirement) -> list[dict[str, Any]]:
    found = [
        {"label": "申请", "value": f"{row.asked_by_name}，{moment(row.asked_at)}"},
        {"label": "介质", "value": f"{row.get_medium_display()}，{day(row.gone_on)}"},
        {"label": "凭据", "value": row.paper, "wide": True},
        {"label": "理由", "value": row.reason, "wide": True},
    ]
    if row.confirmed_at:
        found.insert(1, {"label": "确认", "value": f"{row.confirmed_by_name}，{moment(row.confirmed_at)}"})
    return found


def _history(name: str) -> list[dict[str, Any]]:
    rows = Event.objects.filter(kind="site", subject="stores", subject_name=name)
    return timeline(rows.order_by("-sequence")[:30], TONES)


@require_POST
@allowed("retirement.withdraw")
def withdraw(request: HttpRequest, name: str) -> HttpResponse:
    reason = request.POST.get("reason", "")
    retirement.withdraw(_asked(name).pk, reason=reason, actor=actor_of(request))
    messages.success(request, "已撤回，这个存储照常使用。")
    return redirect("retirements:one", name=name)


@require_POST
@allowed("retirement.confirm")
def confirm(request: HttpRequest, name: str) -> HttpResponse:
    understood = request.POST.get("understood") == "on"
    row = retirement.confirm(_asked(name).pk, understood=understood, actor=actor_of(request))
    messages.success(request, f"存储 {row.store} 已退役。它的副本由后台逐批标明。")
    return redirect("retirements:one", name=name)


def _asked(name: str) -> StoreRetirement:
    """The retirement that waits (or is confirmed: then the verb says so)."""
    row = retirement.current(name)
    if row is None:
        raise NotFound(what="这项存储退役")
    return row


app_name = "retirements"
urlpatterns = [
    path("<slug:name>/", one, name="one"),
    path("<slug:name>/withdraw/", withdraw, name="withdraw"),
    path("<slug:name>/confirm/", confirm, name="confirm"),
]
