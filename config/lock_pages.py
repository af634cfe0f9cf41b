"""锁定方式: how the objects of each fonds are locked in the stores; asking for COMPLIANCE, withdrawing, confirming.

The consequence is said before the button, with the numbers it concerns. The verbs stand in `archive.lock_modes`.
"""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from archive import jobs, lock_modes
from archive.errors import NotFound
from archive.http import actor_of, allowed, timeline
from archive.models import Event, Fonds, LockModeChange
from archive.permissions import Actor
from archive.templatetags.archive_words import amount, day, moment

CRUMBS = [{"label": "保管"}]
GOVERNANCE = ("governance", "GOVERNANCE", "neutral")
TONES = {
    "lock_mode.asked": "waiting", "lock_mode.withdrawn": "gone", "lock_mode.confirmed": "held",
    "lock_mode.ordered": "progress",
}  # fmt: skip


class Understand(forms.Form):
    understood = forms.BooleanField(required=False)


@require_GET
@allowed("lock_mode.read")
def listing(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    rows = [
        {"fonds": fonds, "state": _state(change), "change": change}
        for fonds in Fonds.objects.order_by("code")
        if actor.reaches("lock_mode.read", fonds.code)
        for change in [lock_modes.current(fonds)]
    ]
    context = {"rows": rows, "breadcrumbs": [*CRUMBS, {"label": "锁定方式"}]}
    return render(request, "locks/list.html", context)


@require_GET
@allowed("lock_mode.read")
def one(request: HttpRequest, code: str) -> HttpResponse:
    actor = actor_of(request)
    fonds = _fonds(code, actor, "lock_mode.read")
    change, numbers = lock_modes.current(fonds), lock_modes.concerned(fonds)
    may = actor.reaches("lock_mode.change", fonds.code)
    form = Understand()
    form.fields[
        "understood"
    ].label = (
        f"我明白：在管的 {amount(numbers['records'])} 件档案，锁定日之前谁也不能删除，归错了也要等到那一天"
    )
    context = {
        "fonds": fonds,
        "state": _state(change),
        "change": change,
        "numbers": numbers,
        "facts": _facts(change, numbers),
        "years": settings.LOCK_HORIZON_YEARS,
        "unraised": numbers["locked"] - numbers["strict"] if change and change.confirmed_at else 0,
        "ask_words": f"现在什么也不变。{settings.COMPLIANCE_WINDOW_DAYS} 天后可由另一人确认；确认之前，有权的人都可以撤回。",
        "order_words": "后台逐个改为 COMPLIANCE，锁定日不变。改了的在锁定日之前谁也不能删除。",
        "window": "考虑期已过，等另一人确认"
        if change and timezone.localdate() >= change.confirm_from
        else "正在考虑期：还可以撤回",
        "form": form,
        "may": may,
        "refusal": _refusal(change, actor) if may else "",
        "events": _history(fonds),
        "breadcrumbs": [
            *CRUMBS, {"label": "锁定方式", "url": reverse("locks:list")}, {"label": fonds.code, "code": True},
        ],
    }  # fmt: skip
    return render(request, "locks/one.html", context)


@require_POST
@allowed("lock_mode.change")
def ask(request: HttpRequest, code: str) -> HttpResponse:
    actor = actor_of(request)
    change = lock_modes.ask(
        _fonds(code, actor, "lock_mode.change"), reason=request.POST.get("reason", ""), actor=actor
    )
    messages.success(request, f"已提出；{day(change.confirm_from)} 起可由另一人确认，之前都可以撤回。")
    return redirect("locks:one", code=code)


@require_POST
@allowed("lock_mode.change")
def withdraw(request: HttpRequest, code: str) -> HttpResponse:
    actor = actor_of(request)
    lock_modes.withdraw(_open(code, actor).pk, reason=request.POST.get("reason", ""), actor=actor)
    messages.success(request, "已撤回，仍按 GOVERNANCE 锁定。")
    return redirect("locks:one", code=code)


@require_POST
@allowed("lock_mode.change")
def confirm(request: HttpRequest, code: str) -> HttpResponse:
    actor = actor_of(request)
    understood = request.POST.get("understood") == "on"
    lock_modes.confirm(_open(code, actor).pk, understood=understood, actor=actor)
    messages.success(request, "已确认。从现在起新存入的都按 COMPLIANCE 锁定。")
    return redirect("locks:one", code=code)


@require_POST
@allowed("lock_mode.change")
def order(request: HttpRequest, code: str) -> HttpResponse:
    actor = actor_of(request)
    count = lock_modes.order(_fonds(code, actor, "lock_mode.change"), actor=actor)
    jobs.enqueue("config.schedule.renew_locks", name=f"改为 COMPLIANCE 锁定 {code}")
    messages.success(request, f"已安排 {amount(count)} 个副本改锁，在后台进行；可以离开。")
    return redirect("locks:one", code=code)


def _fonds(code: str, actor: Actor, action: str) -> Fonds:
    fonds = Fonds.objects.filter(code=code).first()
    if fonds is None or not actor.reaches(action, fonds.code):
        raise NotFound(what="这个全宗")
    return fonds


def _open(code: str, actor: Actor) -> LockModeChange:
    """The change that waits (or is confirmed: then the verb says so)."""
    change = lock_modes.current(_fonds(code, actor, "lock_mode.change"))
    if change is None:
        raise NotFound(what="这项锁定方式变更")
    return change


def _state(change: LockModeChange | None) -> tuple[str, str, str]:
    if change is None:
        return GOVERNANCE
    if change.confirmed_at:
        return ("compliance", "COMPLIANCE", "held")
    return ("asked", "待确认改为 COMPLIANCE", "waiting")


def _refusal(change: LockModeChange | None, actor: Actor) -> str:
    """Why this person cannot confirm now."""
    if change is None or change.confirmed_at:
        return ""
    if change.asked_by_id == actor.id:
        return "您是提出人，要由另一位有权的人确认。"
    if timezone.localdate() < change.confirm_from:
        return f"考虑期内，{day(change.confirm_from)} 起才可确认。"
    return ""


def _facts(change: LockModeChange | None, numbers: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = [
        {"label": "在管档案", "value": f"{amount(numbers['records'])} 件"},
        {"label": "其中永久", "value": f"{amount(numbers['endless'])} 件"},
        {"label": "带锁副本", "value": f"{amount(numbers['locked'])} 个"},
        {"label": "其中已改", "value": f"{amount(numbers['strict'])} 个"},
        {"label": "最晚锁到", "value": day(numbers["until"]) if numbers["until"] else ""},
    ]
    if change:
        found += [
            {"label": "提出", "value": f"{change.asked_by_name}，{moment(change.asked_at)}"},
            {"label": "理由", "value": change.reason, "wide": True},
            {"label": "可确认日", "value": day(change.confirm_from)},
        ]
    if change and change.confirmed_at:
        found.append({"label": "确认", "value": f"{change.confirmed_by_name}，{moment(change.confirmed_at)}"})
    return found


def _history(fonds: Fonds) -> list[dict[str, Any]]:
    rows = Event.objects.filter(kind="fonds", subject=fonds.code, action__startswith="lock_mode.")
    return timeline(rows.order_by("-sequence")[:30], TONES)


app_name = "locks"
urlpatterns = [
    path("", listing, name="list"),
    path("<slug:code>/", one, name="one"),
    path("<slug:code>/ask/", ask, name="ask"),
    path("<slug:code>/withdraw/", withdraw, name="withdraw"),
    path("<slug:code>/confirm/", confirm, name="confirm"),
    path("<slug:code>/order/", order, name="order"),
]
