"""审计: the two ledgers and their seals, to read. Nothing here changes anything.

The auditor reads all of it. An inspector reads what belongs to the fonds he was let into, and only where he was let
into the whole of one; titles are left out for him, because a ledger knows no department and no security level.
"""

from datetime import timedelta

from django import forms
from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_GET, require_POST

from archive import audit, changes, permissions, seals
from archive.http import actor_of, allowed, keyset, pager_of
from archive.models import Access, Event, Seal
from archive.permissions import Actor
from archive.sieves import Day, midnight

KINDS = {
    "record": "档案", "submission": "信息包", "fonds": "全宗", "hold": "暂缓", "group": "鉴定小组", "appraisal": "鉴定",
    "register": "清册", "person": "签署人", "user": "人员", "site": "全站",
}  # fmt: skip


class Sieve(forms.Form):
    who = forms.CharField(label="谁", required=False, max_length=60)
    action = forms.ChoiceField(label="做了什么", required=False)
    since = Day(label="从")
    until = Day(label="到")

    def __init__(self, *args, actions: dict[str, str], **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["action"].choices = [("", "全部"), *actions.items()]
        self.is_valid()

    def narrow(self, rows):
        asked = self.cleaned_data
        if asked.get("who"):
            rows = rows.filter(actor_name=asked["who"])
        if asked.get("action"):
            rows = rows.filter(action=asked["action"])
        if asked.get("since"):
            rows = rows.filter(at__gte=midnight(asked["since"]))
        if asked.get("until"):
            rows = rows.filter(at__lt=midnight(asked["until"] + timedelta(days=1)))
        return rows


class EventSieve(Sieve):
    kind = forms.ChoiceField(label="对象", required=False, choices=[("", "全部"), *KINDS.items()])
    field_order = ["kind", "action", "who", "since", "until"]

    def narrow(self, rows):
        rows = super().narrow(rows)
        return rows.filter(kind=self.cleaned_data["kind"]) if self.cleaned_data.get("kind") else rows


def _spoken(sentences: dict[str, str]) -> dict[str, str]:
    """An action's sentence without its fields, for choosing."""
    words = {}
    for action, sentence in sentences.items():
        head = sentence.partition("：")[0].partition("（")[0]
        words[action] = head if "{" not in head else head.partition("{")[0].strip(" “") or action
    return dict(sorted(words.items(), key=lambda pair: pair[1]))


def _whole_fonds(actor: Actor) -> list[str] | None:
    """None = every fonds (the auditor); else those in which the inspector is let into everything."""
    if "auditor" in actor.roles or actor.system:
        return None
    return sorted(
        grant.fonds
        for grant in actor.scope("audit.read").grants
        if (grant.departments, grant.categories, grant.stages, grant.insurances) == (None, None, None, None)
    )


@require_GET
@allowed("audit.read")
def events(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    sieve = EventSieve(request.GET, actions=_spoken(dict(audit.sentences())))
    fonds, rows = _whole_fonds(actor), Event.objects.all()
    if fonds is not None:
        q = Q(kind="fonds", subject__in=fonds)
        for code in fonds:
            q |= Q(kind="record", subject_name__startswith=f"{code}-")
        rows = rows.filter(q)
    page = keyset(sieve.narrow(rows), ("-at", "-id"), request)
    shown = [
        {
            "row": row,
            "what": audit.sentence(row),
            "kind": KINDS.get(row.kind, row.kind),
            "subject": row.subject_name if fonds is None else row.subject_name.partition(" ")[0],
            "url": reverse("record", args=[row.subject])
            if row.kind == "record" and actor.may("record.read")
            else "",
        }
        for row in page.rows
    ]
    return _list(request, "events", "变更事件", sieve, page, shown, fonds)


@require_GET
@allowed("audit.read")
def accesses(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    sieve = Sieve(request.GET, actions=_spoken(audit.ACCESSES))
    fonds, rows = _whole_fonds(actor), Access.objects.all()
    if fonds is not None:
        q = Q(pk__in=[])
        for code in fonds:
            q |= Q(record_name__startswith=f"{code}-")
        rows = rows.filter(q)
    page = keyset(sieve.narrow(rows), ("-id",), request)
    shown = [
        {
            "row": row,
            "what": audit.sentence(row),
            "subject": row.record_name if fonds is None else row.record_name.partition(" ")[0],
        }
        for row in page.rows
    ]
    return _list(request, "accesses", "利用记录", sieve, page, shown, fonds)


@require_GET
@allowed("audit.read")
def sealed(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    page = keyset(Seal.objects.all(), ("-number",), request)
    context = {
        "seals": page.rows,
        "total": page.total,
        "exact": page.exact,
        "unit": "号",
        "pager": pager_of(request, page),
        "unsealed": changes.waiting(seals.EVENT) + changes.waiting(seals.ACCESS),
        "may_seal": bool(permissions.check(actor, "audit.seal")),
        "tabs": _tabs("seals"),
        "breadcrumbs": [{"label": "管理"}, {"label": "审计"}],
    }
    request.place = "audit:events"
    return render(request, "audit/seals.html", context)


@require_POST
@allowed("audit.seal")
def seal_now(request: HttpRequest) -> HttpResponse:
    made = seals.seal_ledgers(actor=actor_of(request))
    if made is None:
        messages.info(request, "没有需要封存的新记录，或者另一次封存正在进行。")
    else:
        messages.success(request, f"已封存到第 {made.number} 号。")
    return redirect("audit:seals")


def _list(request, name: str, title: str, sieve: Sieve, page, shown: list[dict], fonds) -> HttpResponse:
    context = {
        "title": title,
        "rows": shown,
        "sieve": sieve,
        "total": page.total,
        "exact": page.exact,
        "unit": "条",
        "pager": pager_of(request, page),
        "tabs": _tabs(name),
        "limited_to": "、".join(fonds) if fonds is not None else "",
        "limited": fonds is not None,
        "breadcrumbs": [{"label": "管理"}, {"label": "审计"}],
    }
    request.place = "audit:events"
    return render(request, f"audit/{name}.html", context)


def _tabs(current: str) -> list[dict]:
    words = (("events", "变更事件"), ("accesses", "利用记录"), ("seals", "封存"))
    return [
        {"label": word, "url": reverse(f"audit:{name}"), "current": name == current} for name, word in words
    ]


PLACES = [("管理", "审计", "audit:events", "audit.read")]

app_name = "audit"
urlpatterns = [
    path("events/", events, name="events"),
    path("accesses/", accesses, name="accesses"),
    path("seals/", sealed, name="seals"),
    path("seals/now/", seal_now, name="seal_now"),
]
