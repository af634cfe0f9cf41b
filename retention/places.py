"""What this room offers to the menu and to everybody's 待办. Each question is one query over what is open, under the
actor's fonds; what is done is never counted."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q
from django.urls import reverse
from django.utils import timezone

from archive.http import COUNT_TO
from archive.permissions import Actor
from retention import duelist, gates, opinions, signing
from retention.models import Appraisal, AppraisalItem, Hold, OpinionItem, Register, RegisterRow
from retention.states import MEMBER_KINDS

PLACES: list[tuple[str, str, str, str]] = [
    ("鉴定销毁", "到期档案", "retention:due", "due.read"),
    ("鉴定销毁", "暂缓销毁", "retention:holds", "hold.read"),
    ("鉴定销毁", "鉴定", "retention:appraisals", "appraisal.read"),
    ("鉴定销毁", "销毁清册", "retention:registers", "register.read"),
    ("鉴定销毁", "纸质签署", "retention:signatures", "signature.confirm"),
    ("鉴定销毁", "全宗卷", "retention:papers", "paper.read"),
]
"""(group, label, name of the address, action that opens it)"""

DUE_COUNTED = 1000
"""This question stands on every page: more due records than that are not counted there."""
OLD_HOLD = timedelta(days=365)
"""A hold that has stood for so long is looked at again; it never ends by itself."""
APART = 5
"""So many registers or appraisals are named one by one; more are one line."""

STEPS = {
    "frozen": ("register.file", "等待备案", "报送人社部门，收到回执后登记", "register_file"),
    "refiling": ("register.file", "新版等待备案", "抽出条目之后须再备案一次", "register_file"),
    "filed": ("register.approve", "等您批准", "看一页，批准、部分批准或者不批准", "decide"),
    "approved": ("register.supervise", "等您监销", "系统逐件核对之后签署", "supervise"),
    "supervised": ("register.execute", "可以执行", "批准、监销都已齐备", "execute"),
    "draft": ("register.make", "等待定稿", "核对条目之后定稿", "register"),
}
"""State → who is asked, what waits, what to do, the page where it is done."""


def todos(actor: Actor) -> list[dict[str, Any]]:
    """What waits for this actor: label, count, url, oldest, hint. Counts to COUNT_TO."""
    return list(_todos(actor))


def _todos(actor: Actor) -> Iterator[dict[str, Any]]:
    yield from _due(actor)
    if actor.may("opinion.give"):
        yield from _opinions(actor)
    if actor.may("appraisal.close"):
        yield from _to_close(actor)
    if actor.may("register.read"):
        yield from _registers(actor)
    if actor.may("signature.confirm"):
        since = list(signing.waiting_for(actor).order_by().values_list("entered_at", flat=True)[:COUNT_TO])
        yield _todo(
            "纸质签署等待核对",
            len(since),
            "signatures",
            "对照扫描件，核对之后才作数",
            min(since, default=None),
        )
    if actor.may("hold.end"):
        old = Hold.objects.filter(ended_at=None, placed_at__lt=timezone.now() - OLD_HOLD)
        count = old.filter(fonds__code__in=actor.fonds("hold.end")).count()
        yield _todo("暂缓已超过一年", count, "holds", "看看是否还要暂缓；只有人能解除")


def _todo(label: str, count: int, name: str, hint: str, oldest=None, *args: object) -> dict[str, Any]:
    url = reverse(f"retention:{name}", args=args) if count else ""
    return {"label": label, "count": count, "url": url, "oldest": oldest, "hint": hint}


def _due(actor: Actor) -> Iterator[dict[str, Any]]:
    if not actor.may("appraisal.open"):
        return
    rows = duelist.due(actor, "appraisal.open", timezone.localdate())
    unsettled = duelist.unsettled(duelist.classes(rows))
    free = duelist.part(rows, "free", unsettled)
    count = len(free.order_by("due_on").values("pk")[:DUE_COUNTED])
    yield _todo("到期档案可以提交鉴定", count, "due", "期满只是可以鉴定，不是可以销毁")
    if actor.may("determination.confirm"):
        keys = sorted(key.removeprefix("item:") for key in unsettled)
        yield {
            "label": "期限类项等待确认",
            "count": len(keys),
            "url": reverse("periods:list") if keys else "",
            "hint": f"{'、'.join(keys[:6])} 有档案到期，与原文核对确认之后才能鉴定",
        }


def _opinions(actor: Actor) -> Iterator[dict[str, Any]]:
    said = OpinionItem.objects.filter(
        opinion__member__person__user=actor.id, item=OuterRef("pk"), opinion__signature__withdrawn_at=None
    )
    unsaid = AppraisalItem.objects.filter(
        ~Exists(said), appraisal__state="open", appraisal__group__members__person__user=actor.id
    )
    waiting = unsaid.values_list("appraisal", "appraisal__title", "appraisal__opened_at").annotate(
        Count("pk")
    )
    for appraisal, title, opened_at, left in waiting.order_by("appraisal__opened_at")[:20]:
        yield _todo(
            "鉴定意见等您发表", left, "appraisal", f"{title}：打开查看，逐件或成组发表", opened_at, appraisal
        )


def _to_close(actor: Actor) -> Iterator[dict[str, Any]]:
    """Open appraisals in which nothing is undecided: each record has an opinion for extending, or all four kinds."""
    counts = Q(opinion__signature__manner="screen") | Q(opinion__signature__confirmed_at__isnull=False)
    spoken = OpinionItem.objects.filter(counts, item=OuterRef("pk"))
    lacking = Q()
    for kind in MEMBER_KINDS:
        lacking |= Q(~Exists(spoken.filter(opinion__member__kind=kind)))
    undecided = AppraisalItem.objects.filter(appraisal=OuterRef("pk"), open=True).filter(
        lacking, ~Exists(spoken.filter(opinion__result="extend"))
    )
    waits = opinions.unconfirmed_of(OuterRef("pk"))
    rows = Appraisal.objects.filter(state="open", fonds__code__in=actor.fonds("appraisal.close"))
    rows = rows.filter(~Exists(undecided), ~Exists(waits)).values_list("pk", "title", "opened_at")
    for pk, title, opened_at in rows[:APART]:
        yield _todo("鉴定意见已齐，可以作出结论", 1, "appraisal", title, opened_at, pk)


def _registers(actor: Actor) -> Iterator[dict[str, Any]]:
    open_states = [*STEPS, "executing"]
    rows = gates.registers(actor).filter(state__in=open_states).order_by("made_at")
    by_state: dict[str, list[Register]] = {}
    for register in rows[:200]:
        by_state.setdefault(register.state, []).append(register)
    for state, (code, label, hint, name) in STEPS.items():
        mine = [one for one in by_state.get(state, ()) if _concerns(actor, code, one)]
        for one in mine[:APART]:
            yield _todo(f"{one}{label}", 1, name, f"{one.title}：{hint}", _since(one), one.pk)
        if len(mine) > APART:
            yield _todo(f"另有销毁清册{label}", len(mine) - APART, "registers", hint)
    yield from _executing(actor, by_state.get("executing", []))
    if actor.may("register.make"):
        ready = duelist.ready_for_register(actor.fonds("register.make"))
        count = len(ready.order_by().values("pk")[:COUNT_TO])
        yield _todo("鉴定同意销毁，等待编制清册", count, "register_new", "暂缓的、已在清册里的不算")


def _concerns(actor: Actor, code: str, register: Register) -> bool:
    if register.fonds.code not in actor.fonds(code):
        return False
    if code == "register.approve" and register.pending:
        return False
    if code == "register.execute" and register.not_before and register.not_before > timezone.now():
        return False
    signed = register.supervisor_one
    return not (code == "register.supervise" and signed and signed.user_id == actor.id)


def _since(register: Register):
    return register.approved_at or register.made_at


def _executing(actor: Actor, registers: list[Register]) -> Iterator[dict[str, Any]]:
    mine = [one for one in registers if one.fonds.code in actor.fonds("register.execute")]
    left = dict(
        RegisterRow.objects.filter(register__in=mine, state__in=["listed", "removing", "locked"])
        .order_by()
        .values_list("register")
        .annotate(Count("pk"))
    )
    for one in mine[:APART]:
        waits = "已暂停，等您继续" if one.stopped else "正在执行，或锁定未到期"
        yield _todo(f"{one}还在执行", left.get(one.pk, 0), "execute", f"{one.title}：{waits}", None, one.pk)
