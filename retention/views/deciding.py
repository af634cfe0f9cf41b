"""批准: one page for the head. What is to be destroyed, why, what is held, where it was filed; then whole, in part, or not
at all. Three actions: the 待办, the page, the word with his password."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from archive.errors import ArchiveError, NotFound, WrongInput
from archive.http import actor_of, allowed
from archive.permissions import Actor
from retention import approval, gates, positions, wording
from retention.editions import rows_of
from retention.models import Register
from retention.views.answering import (
    answer,
    at_form,
    confirm,
    edition_seen,
    number,
    once,
    readable,
    sent_before,
)
from retention.views.forms import DecidedOnPaper
from retention.views.registers import crumbs

FIELDS = {"抽出的理由": "part_reason", "抽出的序号": "numbers"}
SHOWN = 500
"""Rows that may be ticked off one by one; of a longer register they are named by their numbers."""
AFTER = ("approved", "supervised", "refiling")


@require_http_methods(["GET", "POST"])
@allowed("register.approve")
def decide(request: HttpRequest, pk: UUID) -> HttpResponse:
    actor = actor_of(request)
    register = gates.one(gates.registers(actor), pk, "这本销毁清册")
    if sent := sent_before(request):
        return sent
    fault, refused = "", ""
    if request.method == "POST":
        try:
            messages.success(request, _decided(request, register, actor))
            return answer(request, reverse("retention:register", args=[pk]))
        except NotFound:
            raise
        except ArchiveError as error:  # said above the page; nothing typed is lost
            fault, refused = str(error), _place(request, error)
            register.refresh_from_db()
    summary = approval.summary_for_head(register)
    context = {
        "register": register,
        "tones": {
            "filed": "success" if summary["filing_no"] else "waiting",
            "held": "danger" if summary["held_rows"] else "success",
        },
        "state": wording.register_chip(register),
        "summary": summary,
        "rows": _rows(register, actor, request),
        "shown": SHOWN,
        "open": register.state == "filed",
        "after": register.state in AFTER,
        "next": wording.next_step(register),
        "fault": fault,
        "errors": {refused: fault} if fault else {},
        "number_words": f"{register}第 {register.edition} 版，{summary['count']} 件",
        "words": _words(summary),
        "typed": {name: request.POST.get(name, "") for name in ("part_reason", "numbers", "reason")},
        "printed": register.editions.filter(number=register.edition)
        .values_list("printed", flat=True)
        .first(),
        "may_read_papers": actor.may("paper.read"),
        "once": once(),
        "breadcrumbs": crumbs(register, "审批"),
    }
    return render(request, "retention/decide.html", context, status=422 if fault else 200)


def _words(summary: dict[str, Any]) -> dict[str, str]:
    """The consequence of each decision, with its number."""
    rest = "没有列出的（写了序号的除外）一并批准；" if summary["count"] > SHOWN else ""
    days = summary["waiting_days"]
    then = f"等待 {days} 天之后由执行人执行" if days else "执行人执行"
    return {
        "approve": f"{rest}没有勾选的抽出续存，再销毁须重新鉴定。批准之后由两名监销人核对、{then}；清除的电子文件不能恢复，只留目录和凭证。",
        "refuse": f"全部 {summary['count']} 件继续保存，回到到期清单，须重新鉴定；本册到此结束。清册本身有误的，请档案员撤销后另编。",
        "leave": "没有勾选的抽出续存，不能加回本册；另编新版再备案。已有的批准对其余条目继续有效，监销须重新核对。",
    }


def _decided(request: HttpRequest, register: Register, actor: Actor) -> str:
    if "refuse" in request.POST:
        reason = request.POST.get("reason", "")
        if not reason.strip():
            raise WrongInput(field="理由", reason="请写明不批准的理由。")
        approval.refuse(
            register.pk, reason, confirmed=confirm(request), actor=actor, seen=edition_seen(request)
        )
        return f"{register}没有批准，全部条目继续保存。"
    left = _left_out(request, register)
    if register.state in AFTER:
        approval.leave_out(
            register.pk, left, confirmed=confirm(request), actor=actor, seen=edition_seen(request)
        )
        return f"已抽出 {len(left)} 件；新版备案之后，批准对其余条目继续有效。"
    approval.approve(
        register.pk, left_out=left, confirmed=confirm(request), actor=actor, seen=edition_seen(request)
    )
    if left:
        return f"已部分批准，抽出 {len(left)} 件；新版备案之后等两名监销人核对。"
    return f"已批准{register}，等两名监销人核对。"


def _place(request: HttpRequest, error: ArchiveError) -> str:
    """Where the refusal is said: beside the field that is wrong, else in the dialog that was answered."""
    return FIELDS.get(error.fields.get("field"), "refuse" if "refuse" in request.POST else "approve")


def _left_out(request: HttpRequest, register: Register) -> dict[int, str]:
    """Shown rows that are not ticked any more, and rows named by number; one reason for all of them."""
    kept = set(request.POST.getlist("keep"))
    named = positions.read(request.POST.get("numbers", ""), "抽出的序号")
    rows = dict(rows_of(register, register.edition).filter(state="listed").values_list("position", "pk"))
    shown = {number(text) for text in request.POST.getlist("shown") if text not in kept}
    left = (shown - {None}) | set(named)
    if unknown := sorted(left - set(rows)):
        raise WrongInput(field="抽出的序号", reason=f"这一版没有第 {unknown[0]} 号，或者已经抽出。")
    reason = request.POST.get("part_reason", "").strip()
    if left and not reason:
        raise WrongInput(field="抽出的理由", reason=f"有 {len(left)} 件没有勾选，请写明为什么抽出。")
    return dict.fromkeys((rows[position] for position in sorted(left)), reason)


def _rows(register: Register, actor: Actor, request: HttpRequest) -> list[dict[str, Any]]:
    rows = list(
        rows_of(register, max(1, register.edition))
        .filter(state="listed")
        .select_related("record")
        .defer("record__description")[:SHOWN]
    )
    seen = readable(actor, [row.record_id for row in rows])
    kept = set(request.POST.getlist("keep")) if request.method == "POST" else None
    return [
        {
            "row": row,
            "seen": row.record_id in seen,
            "ticked": kept is None or "keep" not in request.POST or str(row.position) in kept,
        }
        for row in rows
    ]


@require_http_methods(["GET", "POST"])
@allowed("signature.enter")
def paper(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What the head decided on a signed sheet; takes effect when another user has confirmed it."""
    actor = actor_of(request)
    register = gates.one(gates.registers(actor), pk, "这本销毁清册")
    if sent := sent_before(request):
        return sent
    if register.state != "filed":
        messages.warning(request, wording.next_step(register))
        return redirect("retention:register", pk)
    form = DecidedOnPaper(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        names = {"理由": "reason", "抽出的序号": "left_out", "条目": "left_out", "签署日期": "signed_on"}
        with at_form(form, **names, 扫描件="scan", 签署人="name"):
            left, refused = _on_paper(register, asked)
            approval.enter_on_paper(
                pk, form.person(), left_out=left, refused=refused, signed_on=asked["signed_on"],
                scan=asked["scan"].read(), mime=asked["scan"].content_type, actor=actor,
            )  # fmt: skip
            messages.success(request, "已录入纸质批准；另一人对照扫描件核对之后生效。")
            return answer(request, reverse("retention:register", args=[pk]))
    context = {
        "title": "录入纸质批准",
        "sentence": f"{register}第 {register.edition} 版。照批准页录入；另一人对照扫描件核对之后才生效。",
        "form": form,
        "verb": "录入",
        "back_url": reverse("retention:register", args=[pk]),
        "once": once(),
        "breadcrumbs": crumbs(register, "录入纸质批准"),
    }
    return render(request, "retention/paper_form.html", context, status=422 if form.errors else 200)


def _on_paper(register: Register, asked: dict[str, Any]) -> tuple[dict[int, str], str]:
    reason = asked["reason"].strip()
    if asked["decision"] == "all":
        return {}, ""
    if not reason:
        raise WrongInput(field="理由", reason="抽出或不批准的，请写明理由。")
    if asked["decision"] == "refuse":
        return {}, reason
    numbers = positions.read(asked["left_out"], "抽出的序号")
    rows = dict(rows_of(register, register.edition).filter(state="listed").values_list("position", "pk"))
    if not numbers or (unknown := [one for one in numbers if one not in rows]):
        which = f"没有第 {unknown[0]} 号" if numbers else "没有写"
        raise WrongInput(field="抽出的序号", reason=f"{which}，请照批准页写明抽出哪几件。")
    return {rows[position]: reason for position in numbers}, ""
