"""执行: manner and place, the beginning from which there is no way back, progress, pause, and what is left for later."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from archive.http import actor_of, allowed
from archive.permissions import Actor
from retention import execution, gates, wording
from retention.models import Register
from retention.permissions import may
from retention.views.answering import at_form, confirm, edition_seen, told
from retention.views.forms import Start
from retention.views.registers import crumbs

LEFT = 200
"""Rows shown that wait for a lock or a store."""


@require_http_methods(["GET", "POST"])
@allowed("register.execute")
def execute(request: HttpRequest, pk: UUID) -> HttpResponse:
    actor = actor_of(request)
    register = gates.one(gates.registers(actor), pk, "这本销毁清册")
    before = Register.objects.filter(fonds=register.fonds).exclude(place="").order_by("-started_at")
    form = Start(
        request.POST or None, initial={"place": before.values_list("place", flat=True).first() or ""}
    )
    if request.method == "POST":
        if register.state == "executing":  # clicked twice
            return redirect("retention:execute", pk)
        if form.is_valid():
            with at_form(form, 销毁方式和地点="place"):
                confirm(request)
                execution.start(pk, actor=actor, seen=edition_seen(request), **form.cleaned_data)
                messages.success(request, f"{register}已开始执行；可以离开本页，进度在待办里。")
                return redirect("retention:execute", pk)
    if register.state not in ("supervised", "executing", "executed"):
        messages.warning(request, wording.next_step(register))
        return redirect("retention:register", pk)
    context = {
        "register": register,
        "state": wording.register_chip(register),
        "steps": wording.register_steps(register, register.editions.filter(number=register.edition).first()),
        "form": form,
        "waits_until": register.not_before if register.not_before and register.not_before > timezone.now() else None,
        "breadcrumbs": crumbs(register, "执行"),
        **(facts := _progress(register, actor)),
        **_words(register, facts["counts"]["total"]),
    }  # fmt: skip
    return render(request, "retention/execute.html", context, status=422 if form.errors else 200)


def _words(register: Register, count: int) -> dict[str, str]:
    return {
        "number_words": f"{register}第 {register.edition} 版，{count} 件",
        "start_words": f"将从全部存储中删除这 {count} 件的电子文件、副本、转换件和索引，不能恢复。每一件销毁前再核对一次，"
        "刚被暂缓的抽出续存。目录、摘要和凭证永久保留。",
        "start_verb": f"销毁 {count} 件",
    }


def _progress(register: Register, actor: Actor) -> dict[str, Any]:
    counts = execution.progress(register)
    done = counts["destroyed"] + counts["kept"]
    last = register.rows.aggregate(at=Max("destroyed_at"))["at"]
    seconds = (last - register.started_at).total_seconds() if last and register.started_at else 0
    open_rows = counts["listed"] + counts["removing"]
    rate = counts["destroyed"] / seconds if seconds > 1 and open_rows else 0
    waiting = register.rows.exclude(locked_until=None).exclude(state__in=["destroyed", "kept"])
    finished = register.state == "executed"
    if finished:
        sentence = f"执行完毕：已销毁 {counts['destroyed']} 件，抽出续存 {counts['kept']} 件"
    elif register.stopped:
        sentence = "已暂停：清除到一半的仍会清完，新的不再开始"
    elif not open_rows and counts["locked"]:
        sentence = f"其余 {counts['locked']} 件锁定未到期，到期自动接着销毁"
    else:
        sentence = "正在销毁"
    return {
        "counts": counts,
        "progress": {
            "done": done,
            "total": counts["total"],
            "rate": rate,
            "remaining": open_rows / rate if rate and not register.stopped else None,
            "finished": finished,
            "sentence": sentence,
        },
        "waiting": [
            {"row": row, "state": wording.row_chip(row.state)}
            for row in waiting.select_related("record")
            .defer("record__description")
            .order_by("position")[:LEFT]
        ],
        "may_pause": register.state == "executing" and may(actor, "register.execute", register.fonds),
    }


@require_GET
@allowed("register.execute")
def progress(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The part that asks again by itself; when all is done the whole page is shown anew."""
    actor = actor_of(request)
    register = gates.one(gates.registers(actor), pk, "这本销毁清册")
    answered = render(
        request, "retention/_progress.html", {"register": register, **_progress(register, actor)}
    )
    if register.state == "executed":
        answered["HX-Refresh"] = "true"
    return answered


@require_POST
@allowed("register.execute")
def pause(request: HttpRequest, pk: UUID) -> HttpResponse:
    actor = actor_of(request)
    gates.one(gates.registers(actor), pk, "这本销毁清册")
    with told(request):
        if "resume" in request.POST:
            execution.resume(pk, actor=actor)
            messages.success(request, "继续执行。")
        else:
            execution.stop(pk, actor=actor)
            messages.success(request, "已暂停：清除到一半的仍会清完，新的不再开始。")
    return redirect(reverse("retention:execute", args=[pk]))
