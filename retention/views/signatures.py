"""纸质签署: what one user entered from a signed sheet, and another compares with its scan. Only then it counts."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from archive.http import actor_of, allowed, keyset, pager_of
from archive.permissions import Actor
from archive.templatetags.archive_words import day, moment
from retention import approval, gates, positions, signing, supervision
from retention.models import Opinion, Register, RegisterRow, Signature
from retention.states import SIGNATURE_STATES
from retention.views.answering import told

IMAGES = ("image/jpeg", "image/png")
"""What a browser shows by itself, unharmed by the content policy."""


@require_GET
@allowed("signature.confirm")
def listing(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    rows = gates.signatures(actor)
    parts = {
        "waiting": rows.filter(confirmed_at=None, withdrawn_at=None),
        "confirmed": rows.exclude(confirmed_at=None),
        "withdrawn": rows.exclude(withdrawn_at=None),
    }
    state = request.GET.get("state", "waiting")
    state = state if state in parts else "waiting"
    sign = "" if state == "waiting" else "-"
    page = keyset(parts[state], (f"{sign}entered_at", f"{sign}id"), request)
    context = {
        "tabs": [
            {
                "label": SIGNATURE_STATES[name],
                "url": f"?state={name}",
                "count": part.count(),
                "current": name == state,
            }
            for name, part in parts.items()
        ],
        "state": state,
        "rows": [{"signature": row, "mine": row.entered_by_id == actor.id} for row in page.rows],
        "total": page.total,
        "exact": page.exact,
        "unit": "份",
        "pager": pager_of(request, page),
        "breadcrumbs": [{"label": "鉴定销毁"}, {"label": "纸质签署"}],
    }
    return render(request, "retention/signatures.html", context)


@require_http_methods(["GET", "POST"])
@allowed("signature.confirm")
def one(request: HttpRequest, pk: UUID) -> HttpResponse:
    actor = actor_of(request)
    found = gates.one(gates.signatures(actor), pk, "这份纸质签署")
    if request.method == "POST":
        with told(request):
            _confirm(found, actor)
            messages.success(request, f"已核对：{found.person.name}，{found.meaning}。")
            return redirect(_about(found)[1])
        return redirect("retention:signature", pk)
    label, url = _about(found)
    context = {
        "signature": found,
        "facts": _facts(found),
        "about": label,
        "about_url": url,
        "picture": found.scan.mime in IMAGES,
        "mine": found.entered_by_id == actor.id,
        "waits": found.state == "waiting",
        "may_read_papers": actor.may("paper.read"),
        "breadcrumbs": [
            {"label": "鉴定销毁"},
            {"label": "纸质签署", "url": reverse("retention:signatures")},
            {"label": found.person.name},
        ],
    }
    return render(request, "retention/signature.html", context)


@require_POST
@allowed("signature.confirm")
def withdraw(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What was entered is wrong: back to whoever enters it, with the reason."""
    actor = actor_of(request)
    found = gates.one(gates.signatures(actor), pk, "这份纸质签署")
    with told(request):
        signing.withdraw_paper(found, request.POST.get("reason", ""), actor=actor)
        messages.success(request, f"已撤回：{found.person.name}，{found.meaning}。可以重新录入。")
        return redirect(_about(found)[1])
    return redirect("retention:signature", pk)


def _confirm(found: Signature, actor: Actor) -> None:
    """Each kind takes effect by its own verb."""
    kind, _, subject = found.subject.partition(":")
    if kind != "register":
        signing.confirm_paper(found, actor=actor)
        return
    register = Register.objects.get(pk=subject)
    if register.pending.get("signature") == str(found.pk):
        approval.confirm_on_paper(register.pk, actor=actor)
    else:
        supervision.confirm_on_paper(register.pk, found, actor=actor)


def _about(found: Signature) -> tuple[str, str]:
    kind, _, subject = found.subject.partition(":")
    if kind == "register":
        return "销毁清册", reverse("retention:register", args=[subject])
    return "鉴定", reverse("retention:appraisal", args=[subject])


def _facts(found: Signature) -> list[dict[str, Any]]:
    facts = [
        {"label": "签署人", "value": " ".join(filter(None, [found.person.name, found.person.organisation, found.person.duty]))},
        {"label": "签署内容", "value": found.meaning},
        {"label": "签署日期", "value": day(found.signed_on)},
        {"label": "录入", "value": f"{found.entered_by.name}　{moment(found.entered_at)}"},
    ]  # fmt: skip
    facts[3:3] = _of_opinion(found) or _of_decision(found)
    if found.confirmed_at:
        facts.append({"label": "核对", "value": f"{found.confirmed_by.name}　{moment(found.confirmed_at)}"})
    if found.withdrawn_at:
        facts.append({"label": "撤回", "value": f"{found.withdrawn_by.name}　{moment(found.withdrawn_at)}"})
        facts.append({"label": "撤回的理由", "value": found.withdrawn_reason})
    return facts


def _of_opinion(found: Signature) -> list[dict[str, Any]]:
    opinion = Opinion.objects.filter(signature=found).first()
    if opinion is None:
        return []
    numbers = list(opinion.on.values_list("item__position", "item__record"))
    sample = set(opinion.sample)
    return [
        {"label": "所及序号", "value": positions.write((n for n, _ in numbers), "、")},
        {"label": "理由", "value": opinion.reason},
        {"label": "样本序号", "value": positions.write((n for n, pk in numbers if str(pk) in sample), "、")},
    ]  # fmt: skip


def _of_decision(found: Signature) -> list[dict[str, Any]]:
    kind, _, subject = found.subject.partition(":")
    register = Register.objects.filter(pk=subject).first() if kind == "register" else None
    if register is None or register.pending.get("signature") != str(found.pk):
        return []
    left = register.pending["decision"]["left_out"]
    rows = RegisterRow.objects.filter(pk__in=[int(pk) for pk in left]).values_list("position", flat=True)
    reason = register.pending["decision"]["refused"] or "；".join(dict.fromkeys(left.values()))
    return [
        {"label": "抽出序号", "value": positions.write(rows, "、") or "没有抽出"},
        {"label": "理由", "value": reason},
    ]
