"""保管期限: what is undetermined and holds packages up, then the whole schedule; deciding and confirming.

Facts of two rooms (the schedule, the packages that wait), hence here. Determinations are append-only: a page shows
every one that was ever made.
"""

from itertools import groupby
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_GET, require_http_methods

from archive import determinations, permissions
from archive.errors import ArchiveError, NotFound
from archive.http import actor_of, allowed
from archive.models import Determination
from archive.permissions import Actor
from archive.templatetags.archive_words import period as period_word
from archive.terms import RETENTIONS
from config import determining
from config.determining import Key


class Decide(forms.Form):
    prefix = "decide"
    period = forms.ChoiceField(
        label="保管期限", choices=[("", "请选择"), *((code, period_word(code)) for code in RETENTIONS)]
    )
    basis = forms.CharField(
        label="依据",
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="文件名称、文号、条款；内部会议写时间和议题。",
    )
    provisional = forms.BooleanField(
        label="暂定",
        required=False,
        help_text="先按这个期限归档，存储锁定按年滚动；确认之前不能进入销毁清册。",
    )


class Confirm(forms.Form):
    prefix = "confirm"
    basis = forms.CharField(
        label="核对依据",
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="写明核对了哪一份原文（文件名、文号、页）。",
    )


@require_GET
@allowed("determination.read")
def periods(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    waiting = determining.waiting_by_item(actor)
    classes, items = determining.overview(waiting)
    still_open = sorted((key for key in [*items, *classes] if key.open), key=lambda key: -key.waiting)
    groups = [
        {"number": number, "name": members[0].row.class_name, "rows": [_row(key) for key in members]}
        for number, members in (
            (n, list(rows)) for n, rows in groupby(classes, key=lambda key: key.row.class_no)
        )
    ]
    context = {
        "open": [_row(key) for key in still_open],
        "waiting": waiting.total(),
        "items": [_row(key) for key in items if not key.open],
        "groups": groups,
        "unsettled": sum(not key.settled and not key.open for key in [*classes, *items]),
        "may_set": actor.may("determination.set"),
        "breadcrumbs": [{"label": "保管"}, {"label": "保管期限"}],
    }
    return render(request, "periods/list.html", context)


def _row(key: Key) -> dict:
    return {
        "key": key,
        "code": key.key.removeprefix("item:"),
        "url": f"{reverse('periods:one')}?{urlencode({'key': key.key})}",
        "name": key.name or "（期限表没有写明）",
        "system": key.system,
        "period": period_word(key.period),
        "mark": key.mark,
        "waiting": key.waiting,
        "sources": key.row.source_count if key.row else None,
        "basis": (key.confirmed or key.decision).basis if key.confirmed or key.decision else "",
        "items": "、".join(item.title for item in key.items[:4]) + ("等" if len(key.items) > 4 else ""),
    }


@require_http_methods(["GET", "POST"])
@allowed("determination.read")
def one(request: HttpRequest) -> HttpResponse:
    """One class or item: what is known, what was decided, and the two forms."""
    actor = actor_of(request)
    key = _key(request.GET.get("key", ""), actor)
    decide, confirm = Decide(), Confirm()
    if request.method == "POST":
        confirming = "confirm" in request.POST
        form = Confirm(request.POST) if confirming else Decide(request.POST)
        decide, confirm = (decide, form) if confirming else (form, confirm)
        if form.is_valid():
            try:
                count = _settle(key, form, confirming, actor)
            except permissions.NotAllowed:
                raise
            except ArchiveError as fault:  # a rule of the field, said at the form; nothing typed is lost
                form.add_error(None, str(fault))
            else:
                word = "已确认" if confirming else "已暂定" if form.cleaned_data["provisional"] else "已判定"
                follow = f"，{count} 个等待的信息包正在重新检测" if count else ""
                messages.success(request, f"{key.name or key.key} 的保管期限{word}{follow}。")
                return redirect("periods:list")
    least = determinations.minimum(key.key, key.item.schedule_classes if key.item else ())
    context = {
        "key": key,
        "row": _row(key),
        "decide": decide,
        "confirm": confirm,
        "minimum": f"期限表规定的最低期限是{period_word(least)}，不能判定得更短。" if least else "",
        "history": _history(key.key),
        "facts": _facts(key),
        "corrections": _corrections(key),
        "may_set": actor.may("determination.set"),
        "may_confirm": actor.may("determination.confirm") and bool(key.period) and not key.confirmed,
        "breadcrumbs": [
            {"label": "保管"},
            {"label": "保管期限", "url": reverse("periods:list")},
            {"label": key.key.removeprefix("item:"), "code": True},
        ],
    }
    return render(
        request, "periods/one.html", context, status=422 if decide.errors or confirm.errors else 200
    )


def _settle(key: Key, form: forms.Form, confirming: bool, actor: Actor) -> int:
    asked = form.cleaned_data
    if confirming:
        return determining.confirm(key.key, basis=asked["basis"], actor=actor)
    return determining.determine(
        key.key, asked["period"], basis=asked["basis"], provisional=asked["provisional"], actor=actor
    )


def _corrections(key: Key) -> str:
    """What a confirmation does to records that are here already; "" = to none."""
    parts = [
        f"{count:,} 件{'暂' if provisional else ''}按 {period_word(now)} 归档的"
        + ("转为正式期限" if now == key.period else f"更正为 {period_word(key.period)}")
        for now, provisional, count in determining.corrections(key.key)
    ]
    return (
        f"确认之后，{'，'.join(parts)}；可鉴定日期和存储锁定随之更改，档号不变，每件留下记录。"
        if parts
        else ""
    )


def _key(asked: str, actor: Actor) -> Key:
    """Raises NotFound for what neither the schedule nor a pack knows."""
    classes, items = determining.overview(determining.waiting_by_item(actor))
    found = next((key for key in [*classes, *items] if key.key == asked), None)
    if found is not None:
        return found
    if asked.startswith("item:"):
        item = determining.item_of(asked)
        if item is not None:
            return Key(asked, item.title, item=item)
    raise NotFound(what=f"类项或事项“{asked[:60]}”")


def _facts(key: Key) -> list[dict]:
    if key.item is not None:
        return [
            {"label": "事项", "value": key.item.title},
            {"label": "来源系统", "value": key.system},
            {"label": "期限类项", "value": "、".join("由本单位按事项判定" if code == "site" else code for code in key.item.schedule_classes)},
            {"label": "等待的包", "value": key.waiting},
        ]  # fmt: skip
    row = key.row
    return [
        {"label": "类项", "value": row.code, "code": True},
        {"label": "类别", "value": row.class_name},
        {"label": "归档范围", "value": row.materials, "wide": True},
        {"label": "期限表", "value": f"{row.schedule}，{row.valid_from} 起"},
        {"label": "表中期限", "value": period_word(row.period)},
        {"label": "来源数", "value": row.source_count},
        {"label": "说明", "value": row.note, "wide": True},
        {"label": "有关事项", "value": "、".join(item.title for item in key.items), "wide": True},
        {"label": "等待的包", "value": key.waiting},
    ]


TONES = {"determined": "neutral", "provisional": "warning", "confirmed": "success"}


def _history(key: str) -> list[dict]:
    return [
        {
            "at": row.decided_at,
            "who": row.decided_by_name,
            "what": f"{row.get_kind_display()}：{period_word(row.period)}",
            "why": row.basis,
            "tone": TONES[row.kind],
        }
        for row in Determination.objects.filter(key=key).order_by("-id")[:50]
    ]


app_name = "periods"
urlpatterns = [path("", periods, name="list"), path("one/", one, name="one")]
