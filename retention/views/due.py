"""到期档案: what may be appraised today, what is in the way of the rest, and from here before a group."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from archive.http import actor_of, allowed, keyset, pager_of
from archive.models import Record
from retention import appraisal, duelist
from retention.views.forms import Sieve

TABS = {"free": "可鉴定", "blocked": "受阻", "busy": "鉴定销毁中", "all": "全部"}
EMPTY = {
    "free": ("没有可以鉴定的到期档案", "保管期限满后的次日起，档案会出现在这里。"),
    "blocked": ("没有受阻的到期档案", "暂缓销毁的、期限类项未经确认的会出现在这里，并说明原因。"),
    "busy": ("没有正在鉴定或销毁的档案", "提交鉴定之后会出现在这里。"),
    "all": ("没有到期的档案", "保管期限满后的次日起，档案会出现在这里。"),
}


@require_GET
@allowed("due.read")
def due(request: HttpRequest) -> HttpResponse:
    actor, today = actor_of(request), timezone.localdate()
    rows = duelist.due(actor, "due.read", today)
    classes = duelist.classes(rows)
    sieve = Sieve(request.GET, fonds=sorted(actor.fonds("due.read")), classes=classes)
    rows = sieve.narrow(rows)
    unsettled = duelist.unsettled(classes)
    counts = duelist.parted(rows, unsettled)
    tab = request.GET.get("tab", "")
    if tab not in TABS:
        tab = next((name for name in ("free", "blocked", "busy") if counts[name]), "all")
    part = duelist.part(rows, tab, unsettled).select_related("fonds").defer("description")
    page = keyset(part, ("due_on", "id"), request, counted=counts[tab])
    kept = "&".join(f"{name}={value}" for name, value in sieve.cleaned_data.items() if value)
    context = {
        "tabs": _tabs(request, tab, counts),
        "tab": tab,
        "rows": _rows(page.rows, today),
        "total": page.total,
        "exact": page.exact,
        "pager": pager_of(request, page),
        "sieve": sieve,
        "empty": EMPTY[tab],
        "may_submit": actor.may("appraisal.open"),
        "may_hold": actor.may("hold.place"),
        "all_url": f"{reverse('retention:submit')}?{kept}" if tab == "free" and page.total else "",
        "to_confirm": sorted(key.removeprefix("item:") for key in unsettled),
        "may_see_periods": actor.may("determination.read"),
        "today": today,
        "breadcrumbs": [{"label": "鉴定销毁"}, {"label": "到期档案"}],
    }
    return render(request, "retention/due.html", context)


def _tabs(request: HttpRequest, current: str, counts: dict[str, int]) -> list[dict]:
    params = request.GET.copy()
    for name in ("after", "before"):
        params.pop(name, None)
    found = []
    for name, label in TABS.items():
        params["tab"] = name
        found.append(
            {
                "label": label,
                "url": f"?{params.urlencode()}",
                "count": counts[name],
                "current": name == current,
            }
        )
    return found


def _rows(records: list[Record], today) -> list[dict]:
    faults = appraisal.entry_faults(records, today)
    return [
        {"record": record, "state": _state(faults.get(record.pk, ())), "reasons": faults.get(record.pk, ())}
        for record in records
    ]


def _state(faults) -> tuple[str, str, str]:
    if any(fault.startswith("已在鉴定") for fault in faults):
        return "appraised", "鉴定中", "progress"
    if any(fault.startswith("已在销毁清册") for fault in faults):
        return "listed", "已列清册", "progress"
    if any("暂缓" in fault for fault in faults):
        return "held", "暂缓销毁", "held"
    if any(fault.startswith("已在待列清册") for fault in faults):
        return "gone", "待列清册", "waiting"
    if faults:
        return "blocked", "受阻", "warning"
    return "free", "可鉴定", "success"
