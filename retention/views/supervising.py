"""监销: the system compares every row with its record before two persons sign, each for himself."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from archive.http import actor_of, allowed, keyset, pager_of
from archive.permissions import Actor
from retention import editions, gates, supervision, wording
from retention.models import Register
from retention.views.answering import (
    answer,
    at_form,
    confirm,
    edition_seen,
    once,
    readable,
    sent_before,
    told,
)
from retention.views.forms import Who
from retention.views.registers import crumbs

SHOWN = 100
"""Rows on a page."""


@require_http_methods(["GET", "POST"])
@allowed("register.supervise")
def supervise(request: HttpRequest, pk: UUID) -> HttpResponse:
    actor = actor_of(request)
    register = gates.one(gates.registers(actor), pk, "这本销毁清册")
    if request.method == "POST":
        if sent := sent_before(request):
            return sent
        with told(request):
            signed = supervision.sign(pk, confirmed=confirm(request), actor=actor, seen=edition_seen(request))
            left = "可以执行了" if signed.supervisor_two_id else "还差一名监销人"
            messages.success(request, f"已签署监销核对，{left}。")
            return answer(request, reverse("retention:register", args=[pk]))
        return redirect("retention:supervise", pk)
    if register.state != "approved":
        messages.warning(request, wording.next_step(register))
        return redirect("retention:register", pk)
    rows = editions.rows_of(register, register.edition).filter(state="listed")
    page = keyset(
        rows.select_related("record").defer("record__description"), ("position", "id"), request, size=SHOWN
    )
    if page.before:  # only the first page compares them all, and is signed on
        shown = rows.filter(pk__in=[row.pk for row in page.rows])
        context = {"differences": [], "comparison": None}
        differs = {row.position: found for row, found in editions.compare(register, shown)}
    else:
        context, differs = _comparison(register, actor, stored=bool(request.GET.get("stored")))
    seen = readable(actor, [row.record_id for row in page.rows])
    context |= {
        "register": register,
        "state": wording.register_chip(register),
        "steps": wording.register_steps(register, register.editions.filter(number=register.edition).first()),
        "rows": [
            {"row": row, "seen": row.record_id in seen, "differs": differs.get(row.position, ())}
            for row in page.rows
        ],
        "total": page.total,
        "exact": page.exact,
        "pager": pager_of(request, page),
        "once": once(),
        "breadcrumbs": crumbs(register, "监销核对"),
    }
    return render(request, "retention/supervise.html", context)


def _comparison(register: Register, actor: Actor, *, stored: bool) -> tuple[dict[str, Any], dict]:
    """What the system found, for the page, and number → what differs."""
    comparison = supervision.compare(register, stored=stored)
    differs = {number: found for number, _, found in comparison.differences}
    signed = [one for one in (register.supervisor_one, register.supervisor_two) if one]
    mine = any(one.user_id == actor.id for one in signed)
    context = {
        "comparison": comparison,
        "tone": "danger" if comparison.differences else "success",
        "stored": stored,
        "whole": differs.get(0, ()),
        "differences": [row for row in comparison.differences if row[0]][:200],
        "signed": signed,
        "mine": mine,
        "may_sign": not mine and not comparison.differences,
        "number_words": f"{register}第 {comparison.edition} 版，{comparison.compared} 件全部相符",
        "sign_words": "您确认已按清册逐件核对，签署不能撤回。"
        + ("您是第二名监销人：签署之后即可执行，清除的不能恢复。" if signed else "还须另一名监销人签署。"),
    }
    return context, differs


@require_http_methods(["GET", "POST"])
@allowed("signature.enter")
def paper(request: HttpRequest, pk: UUID) -> HttpResponse:
    actor = actor_of(request)
    register = gates.one(gates.registers(actor), pk, "这本销毁清册")
    if sent := sent_before(request):
        return sent
    if register.state != "approved":
        messages.warning(request, wording.next_step(register))
        return redirect("retention:register", pk)
    form = Who(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        with at_form(form, 签署日期="signed_on", 扫描件="scan", 签署人="name"):
            supervision.enter_on_paper(
                pk, form.person(), signed_on=asked["signed_on"], scan=asked["scan"].read(),
                mime=asked["scan"].content_type, actor=actor,
            )  # fmt: skip
            messages.success(request, "已录入纸质监销签署；另一人对照扫描件核对之后生效。")
            return answer(request, reverse("retention:register", args=[pk]))
    return render(
        request, "retention/paper_form.html", _paper(register, form), status=422 if form.errors else 200
    )


def _paper(register: Register, form: Who) -> dict[str, Any]:
    return {
        "title": "录入纸质监销",
        "sentence": f"{register}第 {register.edition} 版。系统先逐件核对，全部相符才能录入；另一人核对扫描件之后生效。",
        "form": form,
        "verb": "录入",
        "back_url": reverse("retention:register", args=[register.pk]),
        "once": once(),
        "breadcrumbs": crumbs(register, "录入纸质监销"),
    }
