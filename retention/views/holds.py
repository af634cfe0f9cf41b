"""暂缓销毁: what must not be destroyed and why; placing by record, person or unit, and ending by a person's word.

A hold on the hits of a search starts at `config.hold_pages`, which knows both rooms.
"""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from archive import records
from archive.errors import NotFound, WrongInput
from archive.http import actor_of, allowed, keyset, pager_of, timeline
from archive.models import Block, Event, Fonds, Record
from archive.permissions import Actor
from archive.templatetags.archive_words import moment
from retention import gates, reading, wording
from retention import holds as verbs
from retention.models import Hold
from retention.permissions import may
from retention.views.answering import answer, at_form, ids_of, number, once, readable, sent_before, told
from retention.views.forms import Place

CRUMBS = [{"label": "鉴定销毁"}]
SHOWN = 50


@require_GET
@allowed("hold.read")
def listing(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    rows = gates.holds(actor)
    ended = request.GET.get("state") == "ended"
    counts = {
        True: rows.exclude(ended_at=None).count(),
        False: rows.filter(ended_at=None).count(),
    }
    page = keyset(
        rows.exclude(ended_at=None) if ended else rows.filter(ended_at=None), ("-placed_at", "-id"), request
    )
    held = dict(
        Block.objects.filter(kind="hold", reference__in=[row.pk for row in page.rows], lifted_at=None)
        .order_by()
        .values_list("reference")
        .annotate(Count("pk"))
    )
    context = {
        "tabs": [
            {"label": "生效中", "url": "?", "count": counts[False], "current": not ended},
            {"label": "已解除", "url": "?state=ended", "count": counts[True], "current": ended},
        ],
        "ended": ended,
        "rows": [{"hold": row, "held": held.get(row.pk, 0)} for row in page.rows],
        "total": page.total,
        "exact": page.exact,
        "unit": "项",
        "pager": pager_of(request, page),
        "may_place": actor.may("hold.place"),
        "breadcrumbs": [*CRUMBS, {"label": "暂缓销毁"}],
    }
    return render(request, "retention/holds.html", context)


@require_GET
@allowed("hold.read")
def one(request: HttpRequest, pk: UUID) -> HttpResponse:
    actor = actor_of(request)
    hold = gates.one(gates.holds(actor), pk, "这项暂缓")
    blocks = Block.objects.filter(kind="hold", reference=hold.pk).select_related("record")
    page = keyset(blocks.defer("record__description"), ("placed_at", "id"), request)
    seen = readable(actor, [block.record_id for block in page.rows])
    held = blocks.filter(lifted_at=None).count()
    context = {
        "hold": hold,
        "state": wording.hold_chip(hold),
        "facts": _facts(hold),
        "held": held,
        "end_words": f"解除之后，{held} 件不再受这项暂缓保护：没有别的暂缓的，到期即可鉴定、列入清册并销毁。解除不能收回，"
        "要再保护须另提一项。",
        "rows": [{"block": block, "seen": block.record_id in seen} for block in page.rows],
        "total": page.total,
        "exact": page.exact,
        "pager": pager_of(request, page),
        "too_late": list(readable(actor, [UUID(text) for text in hold.too_late[:200]]).values()),
        "too_late_count": len(hold.too_late),
        "events": _events(hold),
        "may_end": hold.ended_at is None and may(actor, "hold.end", hold.fonds),
        "breadcrumbs": [
            *CRUMBS,
            {"label": "暂缓销毁", "url": reverse("retention:holds")},
            {"label": str(hold)},
        ],
    }
    return render(request, "retention/hold.html", context)


def _facts(hold: Hold) -> list[dict[str, Any]]:
    facts = [
        {"label": "方式", "value": hold.get_kind_display()},
        {"label": "对象", "value": hold.about},
        {"label": "理由", "value": hold.reason},
        {"label": "依据", "value": hold.authority},
        {"label": "提出", "value": f"{hold.placed_by_name}　{moment(hold.placed_at)}"},
    ]
    if hold.ended_at:
        facts += [
            {"label": "解除", "value": moment(hold.ended_at)},
            {"label": "解除理由", "value": hold.end_reason},
        ]
    return facts


def _events(hold: Hold) -> list[dict[str, Any]]:
    rows = Event.objects.filter(kind="hold", subject=str(hold.pk)).order_by("-sequence")[:30]
    return timeline(rows)


@require_http_methods(["GET", "POST"])
@allowed("hold.place")
def new(request: HttpRequest) -> HttpResponse:
    """Records: `?record=…`, or the selected rows of a list (posted as pk). With `&party=kind:position` everything of
    that person or unit instead."""
    actor = actor_of(request)
    if sent := sent_before(request):
        return sent
    chosen = _party(request, actor) or _records(request, actor)
    return place(request, chosen)


def place(request: HttpRequest, chosen: dict[str, Any]) -> HttpResponse:
    """The page that asks why, and the hold itself. `chosen`: kind, fonds, ids, party_key, about, count, words."""
    actor = actor_of(request)
    sending = "authority" in request.POST
    form = Place(request.POST if sending else None)
    if sending and form.is_valid():
        with at_form(form, 理由="reason", 依据="authority"):
            settled = verbs.place(
                chosen["fonds"], chosen["kind"], records=chosen["ids"], party_key=chosen["party_key"],
                about=chosen["about"], actor=actor, **form.cleaned_data,
            )  # fmt: skip
            messages.success(request, f"{settled.hold}已生效，{settled.held} 件暂缓销毁。")
            if settled.too_late:
                codes = "、".join(row.reference_code for row in settled.too_late[:3])
                messages.warning(request, f"有 {len(settled.too_late)} 件销毁已经开始，来不及暂缓：{codes}。")
            return answer(request, reverse("retention:hold", args=[settled.hold.pk]))
    shown = readable(actor, chosen["ids"][:SHOWN])
    context = {
        **chosen,
        "form": form,
        "rows": [shown[pk] for pk in chosen["ids"][:SHOWN] if pk in shown],
        "once": once(),
        "breadcrumbs": [
            *CRUMBS,
            {"label": "暂缓销毁", "url": reverse("retention:holds")},
            {"label": "新的暂缓"},
        ],
    }
    return render(request, "retention/hold_new.html", context, status=422 if form.errors else 200)


def _records(request: HttpRequest, actor: Actor) -> dict[str, Any]:
    ids = ids_of(request) if request.method == "POST" else []
    if not ids and request.GET.get("record"):
        ids = [records.get_for(actor, request.GET["record"], "hold.place").pk]
    if not ids:
        raise WrongInput(
            field="档案", reason="没有选择档案。请在到期清单或查找结果里选择，或者从档案页进入。"
        )
    return of_records(ids, actor)


def of_records(ids: list[UUID], actor: Actor, *, kind: str = "record", about: str = "") -> dict[str, Any]:
    """A hold on these records. Raises NotFound for one outside where he may, WrongInput when they are of several
    fonds."""
    rows = Record.objects.visible_to(actor.scope("hold.place")).filter(pk__in=ids)
    fonds = list(Fonds.objects.filter(pk__in=rows.order_by().values("fonds").distinct()))
    if not fonds:
        raise NotFound(what="所选的档案")
    if len(fonds) > 1:
        raise WrongInput(field="档案", reason="一项暂缓只能在一个全宗里，请按全宗分别选择。")
    return {
        "kind": kind,
        "fonds": fonds[0],
        "ids": ids,
        "posted": True,
        "party_key": "",
        "about": about,
        "count": len(ids),
        "words": about or f"选中的 {len(ids)} 件",
        "consequence": f"这 {len(ids)} 件在解除之前不会销毁；已在销毁清册里、尚未清除的，随即抽出，清册另出新版。",
    }


def _party(request: HttpRequest, actor: Actor) -> dict[str, Any] | None:
    if not request.GET.get("party"):
        return None
    record = records.get_for(actor, request.GET.get("record", ""), "hold.place")
    kind, _, position = request.GET["party"].partition(":")
    party = record.parties.filter(kind=kind, position=number(position)).first()
    if party is None:
        raise NotFound(what="这名当事人")
    about = f"{party.name}（{party.id_shown or party.uscc or '未登记号码'}）"
    count = reading.count_of_party(record.fonds, kind, party.party_key)
    who = "此人" if kind == "person" else "该单位"
    return {
        "kind": kind,
        "fonds": record.fonds,
        "ids": [],
        "posted": False,
        "party_key": party.party_key,
        "about": about,
        "count": count,
        "words": about,
        "consequence": f"{who}在全宗 {record.fonds.code} 现有的 {count} 件，以及今后归档的，在解除之前都不会销毁；"
        "已在销毁清册里、尚未清除的，随即抽出，清册另出新版。",
    }


@require_POST
@allowed("hold.end")
def end(request: HttpRequest, pk: UUID) -> HttpResponse:
    actor = actor_of(request)
    hold = gates.one(gates.holds(actor), pk, "这项暂缓")
    with told(request):
        verbs.end(hold, request.POST.get("reason", ""), actor=actor)
        messages.success(request, f"{hold}已解除。")
    return redirect("retention:hold", pk)
