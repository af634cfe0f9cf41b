"""销毁清册: the list, the making of one, its page with rows and editions, and what the archivist does with it before the
head decides: take out, freeze, file, withdraw."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from archive.errors import WrongInput
from archive.http import actor_of, allowed, keyset, pager_of, timeline
from archive.models import Event, Record
from archive.permissions import Actor
from archive.templatetags.archive_words import moment
from retention import duelist, gates, wording
from retention import registers as verbs
from retention.models import Appraisal, Edition, Register, RegisterRow
from retention.permissions import may
from retention.views.answering import answer, at_form, number, once, readable, sent_before, told
from retention.views.forms import File, NewRegister

CRUMBS = [{"label": "鉴定销毁"}]
TABS = {
    "open": ("办理中", ("draft", "frozen", "filed", "refiling", "approved", "supervised", "executing")),
    "executed": ("已执行", ("executed",)),
    "ended": ("未批准、已撤销", ("refused", "withdrawn")),
    "all": ("全部", ()),
}


@require_GET
@allowed("register.read")
def listing(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    rows = gates.registers(actor)
    counts = dict(rows.order_by().values_list("state").annotate(Count("pk")))
    sums = {
        name: sum(counts.get(state, 0) for state in states) if states else sum(counts.values())
        for name, (_, states) in TABS.items()
    }
    tab = request.GET.get("state", "")
    if tab not in TABS:
        tab = "open" if sums["open"] else "all"
    states = TABS[tab][1]
    page = keyset(rows.filter(state__in=states) if states else rows, ("-made_at", "-id"), request)
    sizes = _sizes([row.pk for row in page.rows])
    context = {
        "tabs": [
            {"label": label, "url": f"?state={name}", "count": sums[name], "current": name == tab}
            for name, (label, _) in TABS.items()
        ],
        "rows": [
            {
                "register": row,
                "count": sizes.get(row.pk, 0),
                "state": wording.register_chip(row),
                "next": wording.next_step(row) if row.state in TABS["open"][1] else row.end_reason,
            }
            for row in page.rows
        ],
        "total": page.total,
        "exact": page.exact,
        "unit": "册",
        "pager": pager_of(request, page),
        "action": {"label": "编制清册", "url": reverse("retention:register_new")} if actor.may("register.make") else None,
        "breadcrumbs": [*CRUMBS, {"label": "销毁清册"}],
    }  # fmt: skip
    return render(request, "retention/registers.html", context)


def _sizes(ids: list[UUID]) -> dict[UUID, int]:
    """Rows in the newest edition, or in the draft."""
    rows = RegisterRow.objects.filter(register__in=ids, left_edition=None).order_by()
    return dict(rows.values_list("register").annotate(Count("pk")))


@require_http_methods(["GET", "POST"])
@allowed("register.make")
def new(request: HttpRequest) -> HttpResponse:
    """From what appraisals have let go and no live register holds; whole appraisals at a time."""
    actor = actor_of(request)
    if sent := sent_before(request):
        return sent
    ready = duelist.ready_for_register(actor.fonds("register.make"))
    counts = dict(ready.order_by().values_list("appraisal").annotate(Count("pk")))
    found = {
        str(row.pk): row
        for row in Appraisal.objects.filter(pk__in=counts).select_related("fonds").order_by("-decided_at")
    }
    asked = request.GET.get("appraisal", "")
    form = NewRegister(
        request.POST or None, initial={"appraisals": [asked] if asked in found else list(found)[:1]}
    )
    form.fields["appraisals"].choices = [
        (pk, f"{row}　{row.title}（{row.fonds.code}，{counts[row.pk]} 件）") for pk, row in found.items()
    ]
    if request.method == "POST" and form.is_valid():
        chosen = [found[pk] for pk in form.cleaned_data["appraisals"]]
        with at_form(form, 题名="title", 档案="appraisals"):
            if len({row.fonds_id for row in chosen}) > 1:
                raise WrongInput(field="档案", reason="一册只列一个全宗的档案，请分别编制。")
            ids = ready.filter(appraisal__in=chosen).values("record")
            records = Record.objects.visible_to(actor.scope("register.make")).filter(pk__in=ids)
            made = verbs.make(
                chosen[0].fonds, records.defer("description"), form.cleaned_data["title"], actor=actor
            )
            messages.success(request, f"{made}已编制。核对条目之后定稿。")
            return answer(request, reverse("retention:register", args=[made.pk]))
    context = {
        "form": form,
        "any": bool(found),
        "once": once(),
        "breadcrumbs": [
            *CRUMBS,
            {"label": "销毁清册", "url": reverse("retention:registers")},
            {"label": "编制清册"},
        ],
    }
    return render(request, "retention/register_new.html", context, status=422 if form.errors else 200)


@require_GET
@allowed("register.read")
def page(request: HttpRequest, pk: UUID) -> HttpResponse:
    actor = actor_of(request)
    register = gates.one(gates.registers(actor), pk, "这本销毁清册")
    newest = register.editions.filter(number=register.edition).first()
    rows = RegisterRow.objects.filter(register=register).select_related("record").defer("record__description")
    shown = request.GET.get("show", "")
    counts = dict(rows.order_by().values_list("state").annotate(Count("pk")))
    tabs = _tabs(counts, shown)
    if shown in counts:
        rows = rows.filter(state=shown)
    slice_ = keyset(rows, ("position", "id"), request)
    seen = readable(actor, [row.record_id for row in slice_.rows])
    size = register.rows.filter(left_edition=None).count()
    context = {
        "register": register,
        "state": wording.register_chip(register),
        "steps": wording.register_steps(register, newest),
        "next": wording.next_step(register),
        "count": size,
        "locked": counts.get("locked", 0),
        "freeze_words": f"第 1 版共 {size} 件。定稿即计算摘要、打印 PDF 和电子表格存入全宗卷；此后条目只能由负责人或暂缓"
        "抽出，抽出另编新版。",
        "freeze_verb": f"定稿 {size} 件",
        "editions": register.editions.select_related("printed", "sheet", "receipt").order_by("-number"),
        "newest": newest,
        "printing": newest is not None and newest.sheet_id is None,
        "tabs": tabs,
        "rows": [
            {"row": row, "state": wording.row_chip(row.state), "seen": row.record_id in seen}
            for row in slice_.rows
        ],
        "total": slice_.total,
        "exact": slice_.exact,
        "pager": pager_of(request, slice_),
        "facts": _facts(register, newest),
        "events": _events(register),
        "may_read_papers": actor.may("paper.read"),
        "breadcrumbs": crumbs(register),
        **_actions(register, actor),
    }
    return render(request, "retention/register.html", context)


def crumbs(register: Register, here: str = "") -> list[dict[str, str]]:
    way = [*CRUMBS, {"label": "销毁清册", "url": reverse("retention:registers")}]
    own = {"label": str(register)}
    if not here:
        return [*way, own]
    return [*way, own | {"url": reverse("retention:register", args=[register.pk])}, {"label": here}]


def _tabs(counts: dict[str, int], shown: str) -> list[dict[str, Any]]:
    if len(counts) < 2:
        return []
    found = [{"label": "全部", "url": "?", "count": sum(counts.values()), "current": shown not in counts}]
    for state, (_, word, _) in ((state, wording.row_chip(state)) for state in wording.ROW_TONES):
        if state in counts:
            found.append(
                {"label": word, "url": f"?show={state}", "count": counts[state], "current": shown == state}
            )
    return found


def _facts(register: Register, newest: Edition | None) -> list[dict[str, Any]]:
    both = "、".join(str(one) for one in (register.supervisor_one, register.supervisor_two) if one)
    facts = [{"label": "编制", "value": f"{register.requested_by}　{moment(register.made_at)}"}]
    if newest and newest.filed_on:
        facts += [
            {"label": "备案机关", "value": newest.filed_with},
            {"label": "备案号", "value": newest.filing_no},
            {"label": "备案日期", "value": newest.filed_on.isoformat()},
        ]
    if register.approved_by:
        facts.append({"label": "批准", "value": f"{register.approved_by}　{moment(register.approved_at)}"})
    if both:
        facts.append({"label": "监销", "value": both})
    if register.executed_by:
        facts += [
            {"label": "执行", "value": f"{register.executed_by}　{moment(register.started_at)}"},
            {"label": "方式", "value": register.manner},
            {"label": "地点", "value": register.place},
        ]
    if register.finished_at:
        facts.append({"label": "完成", "value": moment(register.finished_at)})
    return facts


def _events(register: Register) -> list[dict[str, Any]]:
    rows = Event.objects.filter(kind="register", subject=str(register.pk)).order_by("-sequence")[:40]
    return timeline(rows)


def _actions(register: Register, actor: Actor) -> dict[str, bool]:
    """What this person may do with the register as it stands."""

    def can(code: str, *states: str) -> bool:
        return register.state in states and may(actor, code, register.fonds)

    supervises = can("register.supervise", "approved") and not (
        register.supervisor_one_id and register.supervisor_one.user_id == actor.id
    )
    return {
        "may_freeze": can("register.make", "draft"),
        "may_take_out": can("register.make", "draft"),
        "may_withdraw": can("register.make", "draft", "frozen", "filed"),
        "may_file": can("register.file", "frozen", "refiling"),
        "may_decide": can("register.approve", "filed"),
        "may_leave_out": can("register.approve", "approved", "supervised", "refiling"),
        "may_enter_decision": can("signature.enter", "filed") and not register.pending,
        "may_supervise": supervises,
        "may_enter_supervision": can("signature.enter", "approved"),
        "may_execute": can("register.execute", "supervised", "executing"),
        "waits_for_confirmation": bool(register.pending),
    }


# --- what the archivist does with it ---------------------------------------------------------------------------------


@require_POST
@allowed("register.make")
def freeze(request: HttpRequest, pk: UUID) -> HttpResponse:
    actor = actor_of(request)
    register = gates.one(gates.registers(actor), pk, "这本销毁清册")
    with told(request):
        edition = verbs.freeze(pk, actor=actor)
        how = "已定稿并打印" if edition.sheet_id else "已定稿，正在打印，可以离开本页"
        messages.success(request, f"{register}第 {edition.number} 版{how}：{edition.count} 件。")
    return redirect("retention:register", pk)


@require_POST
@allowed("register.make")
def take_out(request: HttpRequest, pk: UUID) -> HttpResponse:
    actor = actor_of(request)
    register = gates.one(gates.registers(actor), pk, "这本销毁清册")
    reason = request.POST.get("reason", "")
    with told(request):
        chosen = _chosen(request, register)
        if not chosen:
            raise WrongInput(field="条目", reason="没有勾选要抽出的条目。")
        verbs.take_out(pk, dict.fromkeys(chosen, reason), actor=actor)
        messages.success(request, f"已抽出 {len(chosen)} 件。")
    return redirect("retention:register", pk)


def _chosen(request: HttpRequest, register: Register) -> list[int]:
    """The keys of this register's rows whose numbers (序号) were posted."""
    numbers = [one for one in map(number, request.POST.getlist("pk")) if one is not None]
    found: list[int] = []
    for start in range(0, len(numbers), 500):
        part = register.rows.filter(position__in=numbers[start : start + 500])
        found += part.order_by("position").values_list("pk", flat=True)
    return found


@require_POST
@allowed("register.make")
def withdraw(request: HttpRequest, pk: UUID) -> HttpResponse:
    actor = actor_of(request)
    register = gates.one(gates.registers(actor), pk, "这本销毁清册")
    with told(request):
        verbs.withdraw(pk, request.POST.get("reason", ""), actor=actor)
        messages.success(request, f"{register}已撤销，其中的档案可以另编清册。")
    return redirect("retention:register", pk)


@require_http_methods(["GET", "POST"])
@allowed("register.file")
def file(request: HttpRequest, pk: UUID) -> HttpResponse:
    """登记备案."""
    actor = actor_of(request)
    register = gates.one(gates.registers(actor), pk, "这本销毁清册")
    if sent := sent_before(request):
        return sent
    before = (
        Edition.objects.filter(register__fonds=register.fonds).exclude(filed_with="").order_by("-filed_on")
    )
    form = File(
        request.POST or None,
        request.FILES or None,
        initial={"filed_with": before.values_list("filed_with", flat=True).first() or ""},
    )
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        names = {
            "备案机关": "filed_with",
            "备案号": "filing_no",
            "备案日期": "filed_on",
            "备案回执": "receipt",
        }
        with at_form(form, **names):
            edition = verbs.file_with_authority(
                pk, filed_with=asked["filed_with"], filing_no=asked["filing_no"], filed_on=asked["filed_on"],
                receipt=asked["receipt"].read(), receipt_mime=asked["receipt"].content_type, actor=actor,
            )  # fmt: skip
            messages.success(request, f"第 {edition.number} 版已登记备案：{edition.filing_no}。")
            return answer(request, reverse("retention:register", args=[pk]))
    newest = register.editions.select_related("printed", "sheet").filter(number=register.edition).first()
    context = {
        "register": register,
        "edition": newest,
        "form": form,
        "closed": register.state not in ("frozen", "refiling"),
        "next": wording.next_step(register),
        "once": once(),
        "may_read_papers": actor.may("paper.read"),
        "breadcrumbs": crumbs(register, "登记备案"),
    }
    return render(request, "retention/file.html", context, status=422 if form.errors else 200)
