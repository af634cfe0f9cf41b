"""鉴定小组: who appraises, by which decree. A group never changes; another composition is another group."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from archive.http import actor_of, allowed
from retention import gates, persons, wording
from retention import groups as verbs
from retention.permissions import may
from retention.states import MEMBER_KINDS
from retention.views.answering import answer, at_form, once, sent_before, told
from retention.views.forms import MakeGroup, Members

CRUMBS = [{"label": "鉴定销毁"}, {"label": "鉴定"}, {"label": "鉴定小组"}]
MOST = 200


def _crumbs(here: str = "") -> list[dict[str, str]]:
    first, second, third = CRUMBS
    second = second | {"url": reverse("retention:appraisals")}
    return [first, second, third | {"url": reverse("retention:groups")}, {"label": here}] if here else [first, second, third]  # fmt: skip


@require_GET
@allowed("appraisal.read")
def listing(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    rows = (
        gates.groups(actor).prefetch_related("members__person").order_by("dissolved_on", "-decreed_on", "-id")
    )
    context = {
        "rows": [{"group": group, "state": _chip(group)} for group in rows[:MOST]],
        "action": {"label": "成立鉴定小组", "url": reverse("retention:group_new")} if actor.may("group.make") else None,
        "breadcrumbs": _crumbs(),
    }  # fmt: skip
    return render(request, "retention/groups.html", context)


def _chip(group) -> tuple[str, str, str]:
    return ("gone", "已解散", "gone") if group.dissolved_on else ("on", "在任", "success")


@require_GET
@allowed("appraisal.read")
def one(request: HttpRequest, pk: UUID) -> HttpResponse:
    actor = actor_of(request)
    group = gates.one(gates.groups(actor), pk, "这个鉴定小组")
    members = list(group.members.select_related("person__user"))
    members.sort(key=lambda member: (list(MEMBER_KINDS).index(member.kind), member.pk))
    context = {
        "group": group,
        "state": _chip(group),
        "members": members,
        "appraisals": [
            (row, wording.appraisal_chip(row)) for row in group.appraisal_set.order_by("-opened_at")[:50]
        ],
        "may_dissolve": group.dissolved_on is None and may(actor, "group.make", group.fonds),
        "breadcrumbs": _crumbs(group.name),
    }
    return render(request, "retention/group.html", context)


@require_http_methods(["GET", "POST"])
@allowed("group.make")
def new(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    if sent := sent_before(request):
        return sent
    form = MakeGroup(request.POST or None, actor=actor)
    kinds = [*MEMBER_KINDS, "business", "authority"]
    rows = Members(request.POST or None, prefix="member", initial=[{"kind": kind} for kind in kinds])
    if request.method == "POST" and form.is_valid() and rows.is_valid():
        with at_form(form, 鉴定小组="name", 成立日期="decreed_on"):
            members = [_member(row.cleaned_data) for row in rows if _filled(row.cleaned_data)]
            made = verbs.make_group(**form.cleaned_data, members=members, actor=actor)
            messages.success(request, f"{made.name}已登记，{len(members)} 名成员。")
            return answer(request, reverse("retention:group", args=[made.pk]))
    refused = bool(form.errors) or (request.method == "POST" and not rows.is_valid())
    context = {"form": form, "rows": rows, "once": once(), "breadcrumbs": _crumbs("成立")}
    return render(request, "retention/group_new.html", context, status=422 if refused else 200)


def _filled(row: dict) -> bool:
    return bool(row.get("user") or row.get("name"))


def _member(row: dict) -> tuple:
    if row["user"]:
        return persons.person_of(row["user"]), row["kind"]
    return persons.outsider(row["name"], row["organisation"], row["duty"]), row["kind"]


@require_POST
@allowed("group.make")
def dissolve(request: HttpRequest, pk: UUID) -> HttpResponse:
    actor = actor_of(request)
    group = gates.one(gates.groups(actor), pk, "这个鉴定小组")
    with told(request):
        verbs.dissolve(group, actor=actor)
        messages.success(request, f"{group.name}已解散。")
    return redirect("retention:group", pk)
