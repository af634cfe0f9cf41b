"""副本: what is damaged and what is owed; ordering repair; writing down a loss; which stores keep a fonds.

Every order names its reason on a page of its own before anything happens. All damaged copies of a store are one order
and a job.
"""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db import transaction
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from archive import audit, fixity, jobs, records, restoration, spreading, stores
from archive.errors import ArchiveError, NotFound
from archive.http import actor_of, allowed, keyset, pager_of
from archive.models import Copy, Fonds
from archive.permissions import Actor, NotAllowed
from archive.templatetags.archive_words import amount, share
from config import copies

CRUMBS = [{"label": "保管"}]
PLACE = "copies:damaged"
AT_ONCE, AT_ONCE_BYTES = 50, 20 * 1024 * 1024
"""So many copies are ordered, and a record of so many bytes is checked, while the page waits; more is a job."""


class Reason(forms.Form):
    reason = forms.CharField(
        label="理由",
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="例如“更换磁盘后核验发现缺失”。它记入审计，不能修改。",
    )


def _tabs(actor: Actor, current: str) -> list[dict[str, Any]]:
    tabs = [
        {"name": "damaged", "label": "受损副本", "count": len(copies.damaged(actor).values("pk")[:10_000])},
        {"name": "owed", "label": "待写副本", "count": len(copies.owed(actor).values("pk")[:10_000])},
    ]
    return [
        tab | {"url": reverse(f"copies:{tab['name']}"), "current": tab["name"] == current} for tab in tabs
    ]


@require_GET
@allowed("fixity.read")
def damaged(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    rows = copies.damaged(actor)
    by_store = rows.order_by().values_list("store").annotate(Count("pk")).order_by("store")
    store = request.GET.get("store", "")
    page = keyset(rows.filter(store=store) if store else rows, ("checked_at", "id"), request)
    shown = copies.damaged_rows(page.rows, actor)
    context = {
        "rows": shown,
        "hopeless": any(row["hopeless"] for row in shown),
        "stores": [
            {"name": name, "count": count, "url": f"?store={name}", "current": name == store}
            for name, count in by_store
        ],
        "store": store,
        "total": page.total,
        "exact": page.exact,
        "unit": "个",
        "pager": pager_of(request, page),
        "may_restore": actor.may("copy.restore"),
        "tabs": _tabs(actor, "damaged"),
        "breadcrumbs": [*CRUMBS, {"label": "副本"}],
    }
    return render(request, "copies/damaged.html", context)


@require_GET
@allowed("fixity.read")
def owed(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    request.place = PLACE
    rows = copies.owed(actor)
    page = keyset(rows, ("id",), request)
    by_store = rows.order_by().values_list("store", "state").annotate(Count("pk")).order_by("store", "state")
    context = {
        "rows": copies.owed_rows(page.rows, actor),
        "stores": [
            {"name": name, "state": copies.state_of(Copy(state=state)), "count": count}
            for name, state, count in by_store
        ],
        "total": page.total,
        "exact": page.exact,
        "unit": "个",
        "pager": pager_of(request, page),
        "tabs": _tabs(actor, "owed"),
        "breadcrumbs": [*CRUMBS, {"label": "副本"}],
    }
    return render(request, "copies/owed.html", context)


@require_http_methods(["GET", "POST"])
@allowed("copy.restore")
def order(request: HttpRequest) -> HttpResponse:
    """`?copy=…`, or the rows chosen in the list (posted as pk), or `?store=…`: all that are damaged there."""
    request.place = PLACE
    actor = actor_of(request)
    asked = request.POST if request.method == "POST" else request.GET
    store, ids = asked.get("store", ""), copies.copy_ids(asked.getlist("pk") or asked.getlist("copy"))
    rows = copies.damaged(actor)
    rows = rows.filter(pk__in=ids) if ids else rows.filter(store=store)
    count = rows.count() if ids or store else 0
    if not count:
        raise NotFound(what="要恢复的受损副本（可能已经恢复）")
    form = Reason(request.POST if "reason" in request.POST else None)
    if form.is_valid():
        _order(request, actor, rows, store if not ids else "", form.cleaned_data["reason"])
        return redirect("copies:damaged")
    shown = copies.damaged_rows(list(rows.order_by("object__record_id", "id")[:AT_ONCE]), actor)
    context = {
        "form": form,
        "rows": shown,
        "count": count,
        "ids": ids,
        "store": store if not ids else "",
        "hopeless": sum(row["hopeless"] for row in shown),
        "breadcrumbs": [*CRUMBS, {"label": "副本", "url": reverse("copies:damaged")}, {"label": "恢复"}],
    }
    return render(request, "copies/order.html", context, status=422 if form.errors else 200)


def _order(request: HttpRequest, actor: Actor, rows, store: str, reason: str) -> None:
    if store:
        with transaction.atomic():  # the job carries ids only: the reason stands in the ledger
            data = {"store": store, "reason": reason, "count": rows.count()}
            event = audit.record(
                actor=actor, action="store.restore_ordered", kind="site", subject="restoration", data=data
            )  # fmt: skip
        jobs.enqueue("config.on_demand.restore_store", event.pk, actor.id, name=f"恢复存储 {store} 的副本")
        messages.success(
            request,
            f"已排队恢复存储“{store}”的 {amount(data['count'])} 个副本；可以离开，恢复好的会从表里消失。",
        )
        return
    done = restoration.restore_all(rows, actor=actor, reason=reason)
    say = messages.warning if done.hopeless or done.faults else messages.success
    say(request, f"已下令：{done}。重写由后台进行，完成后回读核对。")


@require_http_methods(["GET", "POST"])
@allowed("copy.lost")
def loss(request: HttpRequest, pk: UUID) -> HttpResponse:
    """登记灭失 of one file without any good copy."""
    request.place = PLACE
    actor = actor_of(request)
    record, item = records.file_for(actor, pk, "copy.lost")
    form = Reason(request.POST if request.method == "POST" else None)
    form.fields["reason"].help_text = "写明在哪里找过、为什么找不回来。它记入审计，不能修改。"
    if form.is_valid():
        try:
            written = restoration.state_loss(item.pk, actor=actor, reason=form.cleaned_data["reason"])
        except NotAllowed:
            raise
        except ArchiveError as fault:
            form.add_error(None, str(fault))
        else:
            word = "灭失已登记" if written.confirmed else "已提出登记灭失，等另一人确认"
            messages.success(request, f"{record.reference_code} 第 {item.position + 1} 个文件：{word}。")
            return redirect("copies:damaged")
    rows = list(copies.damaged(actor).filter(object=item).order_by("store"))
    context = {
        "form": form,
        "record": record,
        "item": item,
        "rows": copies.damaged_rows(rows, actor),
        "known": restoration.losses([record.pk]).get(str(item.pk)),
        "breadcrumbs": [*CRUMBS, {"label": "副本", "url": reverse("copies:damaged")}, {"label": "登记灭失"}],
    }
    return render(request, "copies/loss.html", context, status=422 if form.errors else 200)


@require_POST
@allowed("fixity.run")
def check(request: HttpRequest, pk: UUID) -> HttpResponse:
    """核验 of one record, now."""
    actor = actor_of(request)
    record = records.get_for(actor, pk, "fixity.run")
    held = Copy.objects.filter(object__record=record, state__in=["stored", "damaged"])
    if sum(filter(None, held.values_list("stored_bytes", flat=True))) > AT_ONCE_BYTES:
        jobs.enqueue(
            "config.on_demand.check_record", record.pk, actor.id, name=f"核验 {record.reference_code}"
        )
        messages.success(request, "这件档案较大，已排队核验；结果会出现在下面。")
    else:
        try:
            swept = fixity.sweep(actor=actor, record=record)
        except ArchiveError as fault:  # busy, or a store that does not answer: nothing is said of the copies
            messages.error(request, str(fault))
        else:
            say = messages.error if swept.damaged else messages.success
            say(
                request,
                f"核验 {swept.checked} 个副本：{f'受损 {swept.damaged} 个' if swept.damaged else '全部完好'}。",
            )
    return redirect(f"{reverse('record', args=[record.pk])}?tab=copies")


# --- the stores of a fonds --------------------------------------------------------------------------------------------


@require_GET
@allowed("fonds.stores")
def fonds_list(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    rows = [
        {"fonds": fonds, "stores": "、".join(stores.names_for(fonds)), "all": not fonds.store_names}
        for fonds in Fonds.objects.order_by("code")
        if actor.reaches("fonds.stores", fonds.code)
    ]
    context = {"rows": rows, "breadcrumbs": [{"label": "管理"}, {"label": "全宗的存储"}]}
    return render(request, "copies/fonds_list.html", context)


class Choose(forms.Form):
    every = forms.ChoiceField(
        label="存入",
        widget=forms.RadioSelect,
        choices=[("all", "配置的全部存储，今后新配置的也存"), ("some", "只存下面选定的")],
    )
    names = forms.MultipleChoiceField(label="选定的存储", widget=forms.CheckboxSelectMultiple, required=False)

    def __init__(self, *args: Any, fonds: Fonds, **kwargs: Any) -> None:
        chosen = {"every": "some" if fonds.store_names else "all", "names": stores.names_for(fonds)}
        super().__init__(*args, initial=chosen, **kwargs)
        self.fields["names"].choices = [(name, name) for name in stores.configured()]


@require_http_methods(["GET", "POST"])
@allowed("fonds.stores")
def fonds_stores(request: HttpRequest, code: str) -> HttpResponse:
    actor = actor_of(request)
    fonds = Fonds.objects.filter(code=code).first()
    if fonds is None or not actor.reaches("fonds.stores", fonds.code):
        raise NotFound(what=f"全宗“{code[:20]}”")
    form = Choose(request.POST if request.method == "POST" else None, fonds=fonds)
    if form.is_valid():
        asked = form.cleaned_data
        try:
            spreading.choose(fonds.pk, None if asked["every"] == "all" else asked["names"], actor=actor)
        except NotAllowed:
            raise
        except ArchiveError as fault:
            form.add_error("names", str(fault.fields.get("reason", fault)))
        else:
            messages.success(request, f"{fonds.code} 的存储已选定；缺的副本由后台逐批补齐，进度见下表。")
            return redirect("copies:fonds_stores", code=fonds.code)
    context = {
        "fonds": fonds,
        "form": form,
        "rows": [
            {"row": row, "share": share(row.stored, row.stored + row.waiting + row.damaged + row.missing)}
            for row in spreading.progress(fonds)
        ],
        "breadcrumbs": [
            {"label": "管理"},
            {"label": "全宗的存储", "url": reverse("copies:fonds_list")},
            {"label": fonds.code, "code": True},
        ],
    }
    return render(request, "copies/fonds_stores.html", context, status=422 if form.errors else 200)


app_name = "copies"
urlpatterns = [
    path("damaged/", damaged, name="damaged"),
    path("owed/", owed, name="owed"),
    path("order/", order, name="order"),
    path("loss/<uuid:pk>/", loss, name="loss"),
    path("check/<uuid:pk>/", check, name="check"),
    path("stores/", fonds_list, name="fonds_list"),
    path("stores/<str:code>/", fonds_stores, name="fonds_stores"),
]
