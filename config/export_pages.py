"""导出: one record from its page, or what a search found, as a package that is made while one goes on working.

Facts of several rooms (the question, the record, the order), hence here. What was ordered is seen and fetched by the one
who ordered it, and is gone after some days.
"""

from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from archive import jobs
from archive.errors import NotFound
from archive.http import actor_of, allowed, attachment, render_page
from archive.models import Record
from archive.packages import orders, outgoing
from archive.packages.content import GONE
from archive.packages.orders import MOST_RECORDS, Order
from archive.permissions import Actor
from archive.templatetags.archive_words import moment, size
from config import found_records
from retention.views.answering import answer, at_form, ids_of, once, sent_before

STATES = {
    "waiting": ("waiting", "排队等候", "waiting"),
    "running": ("running", "正在打包", "progress"),
    "stalled": ("stalled", "中断", "danger"),
    "failed": ("failed", "没有完成", "danger"),
    "done": ("done", "可以下载", "success"),
}
MEGABYTE = 1024 * 1024


class Why(forms.Form):
    """What every export says of itself."""

    purpose = forms.CharField(
        label="导出目的",
        min_length=outgoing.LEAST,
        max_length=outgoing.MOST,
        help_text="为什么导出、交给谁，例如“移交市档案馆，移交书〔2026〕3 号”。记入每件档案的历程和利用记录，不能修改。",
    )
    format = forms.ChoiceField(
        label="格式",
        choices=[
            ("bag", "BagIt 信息包：可以再移交到另一套本系统，任何 BagIt 工具都能核对"),
            ("mets", "METS 信息包：按 E-ARK 通用规范，供其他档案系统接收"),
        ],
        initial="bag",
        widget=forms.RadioSelect,
    )


@require_GET
@allowed("record.export")
def listing(request: HttpRequest) -> HttpResponse:
    rows = [_row(one) for one in orders.mine(actor_of(request))]
    context = {
        "rows": rows,
        "total": len(rows),
        "exact": True,
        "unit": "次",
        "days": settings.EXPORT_DAYS,
        "breadcrumbs": [{"label": "档案"}, {"label": "导出"}],
    }
    return render(request, "exports/list.html", context)


def _crumbs(here: str) -> list[dict[str, Any]]:
    return [{"label": "档案"}, {"label": "导出", "url": reverse("exports:list")}, {"label": here}]


def _row(order: Order) -> dict[str, Any]:
    done = order.state == "done"
    return {
        "order": order,
        "state": STATES[order.state],
        "format": outgoing.FORMATS[order.format],
        "package_url": reverse("exports:package", args=[order.id]) if done else "",
    }


@require_http_methods(["GET", "POST"])
@allowed("record.export")
def new(request: HttpRequest) -> HttpResponse:
    """Which records, why, in which form. Opened for one record (`?record=`) or with the question of a search in the
    address; posted with the rows that stayed ticked."""
    actor = actor_of(request)
    if sent := sent_before(request):
        return sent
    form = Why(request.POST if request.method == "POST" else None)
    ids, words = _chosen(request, actor)
    if request.method == "POST" and form.is_valid():
        with at_form(form, 导出目的="purpose", 格式="format"):
            ticked = ids_of(request)
            made = orders.order(ticked, actor=actor, **form.cleaned_data)
            _begin(request, made)
            return answer(request, reverse("exports:one", args=[made.id]))
    rows = Record.objects.visible_to(actor.scope("record.export")).exclude(state__in=GONE)
    found = rows.defer("description").in_bulk(ids)
    if not found:
        raise NotFound(what="可以导出的档案")
    context = {
        "form": form,
        "words": words,
        "rows": [found[pk] for pk in ids if pk in found],
        "left_out": len(ids) - len(found),
        "total": len(found),
        "exact": True,
        "once": once(),
        "breadcrumbs": _crumbs("新的导出"),
    }
    return render(request, "exports/new.html", context, status=422 if form.errors else 200)


def _chosen(request: HttpRequest, actor: Actor) -> tuple[list[UUID], str]:
    if request.method == "POST":
        shown = ids_of(request, "shown") or ids_of(request)
        return shown, request.POST.get("words", "")[:400]
    if request.GET.get("record"):
        try:
            return [UUID(request.GET["record"])], ""
        except ValueError:
            raise NotFound(what="这件档案") from None
    instead = "请加条件分几次导出，或请系统管理员用命令导出。"
    return found_records.of_search(request, actor, verb="导出", most=MOST_RECORDS, instead=instead)


def _begin(request: HttpRequest, made: Order) -> None:
    """A small one at once; else the queue has it, and whoever ordered goes on working."""
    if orders.at_once(made):
        orders.work(made.id)
    else:
        _enqueue(made)
        messages.success(request, f"已开始导出 {len(made.records)} 件；可以离开本页，完成后在“导出”里下载。")


def _enqueue(order: Order) -> None:
    jobs.enqueue("config.on_demand.make_export", order.id, name=f"导出 {len(order.records)} 件")


@require_GET
@allowed("record.export")
def one(request: HttpRequest, pk: UUID) -> HttpResponse:
    """How far it is; asks again by itself until it is finished, and then shows the whole page anew."""
    order = orders.get(pk, actor=actor_of(request))
    finished = order.state in ("done", "failed", "stalled")
    context = {
        **_row(order),
        "progress": _progress(order, finished),
        "poll_url": request.path,
        "facts": _facts(order),
        "may_begin_again": order.state in ("failed", "stalled", "waiting"),
        "breadcrumbs": _crumbs(order.name),
    }
    request.place = "exports:list"
    response = render_page(request, "exports/one.html", "parts/progress.html", context)
    if finished and request.htmx:
        response["HX-Refresh"] = "true"
    return response


def _progress(order: Order, finished: bool) -> dict[str, Any]:
    if len(order.records) > 1:
        done, total, unit = order.progress.records, len(order.records), "件"
    else:
        total = max(1, order.bytes // MEGABYTE)
        done, unit = min(total, order.progress.bytes // MEGABYTE), "MB"
    sentence = {
        "waiting": "等候任务进程取走；一直不动的，请告诉系统管理员查看“系统状态”。",
        "running": "正在打包；写完后逐个文件回读核对，再给出下载。",
    }.get(order.state, STATES[order.state][1])
    return {"done": done, "total": total, "unit": unit, "finished": finished, "sentence": sentence}


def _facts(order: Order) -> list[dict[str, Any]]:
    rows = [
        {"label": "档案", "value": order.name, "code": True},
        {"label": "件数", "value": f"{len(order.records)} 件"},
        {"label": "格式", "value": outgoing.FORMATS[order.format]},
        {"label": "导出目的", "value": order.purpose, "wide": True},
        {"label": "提出时间", "value": moment(order.ordered_at)},
    ]
    if order.state == "done":
        rows += [
            {"label": "完成时间", "value": moment(order.finished_at)},
            {"label": "大小", "value": size(order.size)},
            {"label": "保留到", "value": moment(order.until)},
            {"label": "SHA-256", "value": order.sha256, "code": True, "wide": True},
        ]
    return rows


@require_POST
@allowed("record.export")
def again(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Begin anew what was broken off or refused."""
    order = orders.get(pk, actor=actor_of(request))
    if order.state != "done":
        _begin(request, order)
    return redirect("exports:one", pk)


@require_GET
@allowed("record.export")
def package(request: HttpRequest, pk: UUID) -> HttpResponse:
    order, stream = orders.open_package(pk, actor=actor_of(request))
    return attachment(stream, f"{order.name}.zip", mime="application/zip", size=order.size)


@require_POST
@allowed("record.export")
def drop(request: HttpRequest, pk: UUID) -> HttpResponse:
    orders.drop(pk, actor=actor_of(request))
    messages.success(request, "导出包已从服务器清除；历程和利用记录仍在。")
    return redirect("exports:list")


app_name = "exports"
urlpatterns = [
    path("", listing, name="list"),
    path("new/", new, name="new"),
    path("<uuid:pk>/", one, name="one"),
    path("<uuid:pk>/package", package, name="package"),
    path("<uuid:pk>/again/", again, name="again"),
    path("<uuid:pk>/drop/", drop, name="drop"),
]
