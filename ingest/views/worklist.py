"""收件与检测: every package this person may see, by what is to be done with it."""

import json
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from archive import jobs
from archive.http import COUNT_TO, actor_of, allowed, keyset, pager_of, render_page
from ingest import outdated, states, wording
from ingest.models import Submission
from ingest.places import OVERDUE_DAYS
from ingest.views.forms import Sieve


@dataclass(frozen=True)
class Tab:
    key: str
    label: str
    states: tuple[str, ...]  # () = all of them
    oldest_first: bool = False  # what is to be worked off; what is done stands newest first
    counted: bool = True  # counting what is done would cost what the archive holds


TABS = (
    Tab("waiting", "待处理", ("waiting",), oldest_first=True),
    Tab("returned", "退回", ("returned",), oldest_first=True),
    Tab("refused", "拒收", ("refused",)),
    Tab("underway", "处理中", states.OPEN, oldest_first=True),
    Tab("archived", "已归档", ("archived",), counted=False),
    Tab("all", "全部", (), counted=False),
)
EMPTY = {
    "waiting": ("没有等待处理的信息包", "需要人判定期限、确认归档的信息包会出现在这里。"),
    "returned": ("没有退回的信息包", "检测不通过、还没有重新移交的信息包会出现在这里。"),
    "refused": ("没有拒收的信息包", "打不开的文件、名称被其他内容占用的信息包会出现在这里，原包留存备查。"),
    "underway": ("没有正在处理的信息包", "刚收到的信息包在这里排队检测、归档，通常几秒钟。"),
    "archived": ("还没有归档的信息包", "检测通过的信息包自动归档后出现在这里。"),
    "all": ("还没有收到信息包", "可以上传，也可以由业务系统或交接目录移交。"),
}


TO_SETTLE = ("waiting", "returned")
OVERDUE = timedelta(days=OVERDUE_DAYS)


@require_GET
@allowed("submission.read")
def worklist(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    sieve = Sieve(request.GET, actor=actor)
    rows = sieve.narrow(Submission.objects.visible_to(actor))
    counts = dict(
        rows.filter(state__in=[state for tab in TABS if tab.counted for state in tab.states])
        .order_by()
        .values_list("state")
        .annotate(Count("pk"))
    )
    tab = _tab(request.GET.get("tab", ""), counts)
    if tab.states:
        rows = rows.filter(state__in=tab.states)
    sign = "" if tab.oldest_first else "-"
    page = keyset(rows.select_related("fonds", "record"), (f"{sign}received_at", f"{sign}id"), request)
    context = {
        "tabs": [_tab_link(request, one, tab, counts) for one in TABS],
        "tab": tab,
        "rows": [_row(row) for row in page.rows],
        "total": page.total,
        "exact": page.exact,
        "unit": "个",
        "pager": pager_of(request, page),
        "sieve": sieve,
        "filters": _chips(request, sieve),
        "clear_url": f"?tab={tab.key}",
        "empty": EMPTY[tab.key],
        "may_hand_in": actor.may("submission.hand_in"),
        **_again(request, rows, tab),
        "breadcrumbs": [{"label": "收集"}, {"label": "收件与检测"}],
    }
    return render_page(request, "ingest/worklist.html", None, context)


@require_http_methods(["GET", "POST"])
@allowed("submission.examine")
def again(request: HttpRequest) -> HttpResponse:
    """Examine again all that this list shows as examined by older rules: the work is done by the worker. Asked by GET, how
    far it is."""
    actor = actor_of(request)
    if request.method == "GET":
        return render(request, "parts/progress.html", _progress(request, request.GET))
    data = {name: request.POST.get(name, "") for name in Sieve.base_fields}
    data = {name: value for name, value in data.items() if value}
    rows = Sieve(data, actor=actor).narrow(Submission.objects.visible_to(actor, "submission.examine"))
    tab = next((one for one in TABS if one.key in TO_SETTLE and one.key == request.POST.get("tab")), None)
    if tab:
        rows = rows.filter(state__in=tab.states)
        data["tab"] = tab.key
    count = len(outdated.outdated(rows).values("pk")[:COUNT_TO])
    if not count:
        messages.info(request, "没有按旧规则检测的信息包，不用重新检测。")
        return redirect(f"{reverse('ingest:list')}?{urlencode(data)}")
    jobs.enqueue(
        "ingest.on_demand.examine_outdated", json.dumps(data), actor.id, name=f"重新检测 {count} 个信息包"
    )
    messages.success(request, f"已排队重新检测 {count} 个信息包；可以离开，结果会出现在各自的页上。")
    return redirect(f"{reverse('ingest:list')}?{urlencode(data | {'again': count})}")


def _again(request: HttpRequest, rows, tab: Tab) -> dict:
    """What the list says of older rules: how many of its packages were examined by them, and how far the work is."""
    if tab.key not in TO_SETTLE or not actor_of(request).may("submission.examine"):
        return {"outdated": 0}
    told = _progress(request, request.GET) if request.GET.get("again") else {}
    return {"outdated": len(outdated.outdated(rows).order_by().values("pk")[:COUNT_TO]), **told}


def _progress(request: HttpRequest, asked) -> dict:
    """For parts/progress.html: of the number ordered, how many are neither to be put in line nor in it."""
    actor = actor_of(request)
    total = asked.get("again", "")
    total = int(total) if total.isascii() and total.isdigit() and len(total) < 6 else 0
    rows = Submission.objects.visible_to(actor, "submission.examine")
    narrowed = Sieve(asked, actor=actor).narrow(rows)
    if asked.get("tab") in TO_SETTLE:
        narrowed = narrowed.filter(state=asked["tab"])
    left = len(outdated.outdated(narrowed).order_by().values("pk")[:COUNT_TO])
    left += len(rows.filter(state="received", examinations__gt=0).order_by().values("pk")[:COUNT_TO])
    done = max(0, total - left)
    sentence = "重新检测完毕。" if not left else "正在按新的检测规则重新检测；可以离开这一页。"
    return {
        "progress": {"done": done, "total": total, "unit": "个", "finished": not left, "sentence": sentence},
        "id": "again-progress",
        "poll_url": f"{reverse('ingest:again')}?{urlencode(asked.dict())}",
        "result": {
            "label": "刷新清单",
            "url": f"{reverse('ingest:list')}?{urlencode(_without_again(asked))}",
        },
    }


def _without_again(asked) -> dict:
    return {name: value for name, value in asked.dict().items() if name != "again"}


def _tab(key: str, counts: dict[str, int]) -> Tab:
    """The one asked for; else the first in which something is to be done; else all."""
    asked = next((tab for tab in TABS if tab.key == key), None)
    busy = (tab for tab in TABS if tab.counted and any(counts.get(state) for state in tab.states))
    return asked or next(busy, TABS[-1])


def _tab_link(request: HttpRequest, tab: Tab, current: Tab, counts: dict[str, int]) -> dict:
    params = request.GET.copy()
    for name in ("after", "before", "again"):
        params.pop(name, None)
    params["tab"] = tab.key
    count = sum(counts.get(state, 0) for state in tab.states) if tab.counted else None
    return {"label": tab.label, "url": f"?{params.urlencode()}", "count": count, "current": tab is current}


def _chips(request: HttpRequest, sieve: Sieve) -> list[dict]:
    found = []
    for name, field in sieve.fields.items():
        value = sieve.cleaned_data.get(name)
        if not value:
            continue
        params = request.GET.copy()
        for gone in (name, "after", "before"):
            params.pop(gone, None)
        said = dict(getattr(field, "choices", ())).get(value, value)
        found.append({"label": field.label, "value": str(said), "clear_url": f"?{params.urlencode()}"})
    return found


def _row(submission: Submission) -> dict:
    return {
        "pk": submission.pk,
        "url": reverse("ingest:submission", args=[submission.pk]),
        "name": wording.name_of(submission),
        "title": wording.title_of(submission),
        "item": wording.item_title(submission.source, submission.item),
        "source": wording.source_name(submission.source),
        "place": " ".join(
            filter(None, [submission.fonds.code if submission.fonds else "", submission.department_name])
        ),
        "received_at": submission.received_at,
        "state": wording.chip_of(submission),
        "reason": submission.reason,
        "overdue": submission.state in TO_SETTLE and timezone.now() - submission.received_at > OVERDUE,
        "outdated": outdated.is_outdated(submission),
        "code": submission.record.reference_code if submission.record else "",
    }
