"""Pages that show facts of two middle apps: home, and the record page with its print sheet."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from archive import permissions, records
from archive.http import actor_of
from archive.models import Block, Copy, Record
from archive.permissions import Actor
from config import copies, navigation, record_fate, record_page
from config.export_pages import Why
from ingest import reading as ingest_reading
from search import reading

RECENT = 10
WATCHERS = ("manager", "sysadmin")
"""Who sees the strip of figures at home."""


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """待办 first; below what was archived lately in the reader's scope."""
    actor = actor_of(request)
    todos = navigation.waiting(request)
    context = {
        "todos": todos,
        "sentence": _sentence(actor, sum(todo.count for todo in todos)),
        "strip": _strip(actor),
        "recent": _recent(actor) if actor.may("record.read") else None,
        "no_role": not actor.roles,
    }
    return render(request, "home.html", context)


def _sentence(actor: Actor, count: int) -> str:
    if count:
        return f"有 {count:,} 件事等您处理。"
    return "没有等您处理的事。按 / 键查找档案。" if actor.may("record.read") else ""


def _recent(actor: Actor) -> list[Record]:
    rows = Record.objects.visible_to(actor.scope("record.read")).exclude(state="destroyed")
    rows = rows.select_related("fonds").defer("description").prefetch_related("related_by", "blocks")
    return list(rows.order_by("-archived_at", "-id")[:RECENT])


def _strip(actor: Actor) -> list[dict]:
    """What came in today, and whether every copy is written, for whoever answers for it."""
    if actor.roles.isdisjoint(WATCHERS):
        return []
    site = "sysadmin" in actor.roles
    today = ingest_reading.today(None if site else actor.fonds("submission.read"))
    left = dict.fromkeys(("pending", "failed"), 0)
    for state in Copy.objects.filter(state__in=["pending", "failed"]).values_list("state", flat=True)[
        :10_000
    ]:
        left[state] += 1
    kept = "全部写好" if not any(left.values()) else f"待写 {left['pending']}"
    return [
        {"label": "今日接收", "value": today["received"], "tone": "neutral"},
        {
            "label": "今日归档",
            "value": today["archived"],
            "tone": "success" if today["archived"] else "neutral",
        },
        {
            "label": "今日退回",
            "value": today["returned"],
            "tone": "danger" if today["returned"] else "neutral",
        },
        {
            "label": "今日待处理",
            "value": today["waiting"],
            "tone": "waiting" if today["waiting"] else "neutral",
        },
        {
            "label": "存储副本",
            "value": f"写入失败 {left['failed']}" if left["failed"] else kept,
            "tone": "danger" if left["failed"] else "progress" if left["pending"] else "success",
        },
    ]


# --- the record page --------------------------------------------------------------------------------------------------

TABS = {"": "概况", "findings": "检测", "copies": "副本", "history": "历程", "readings": "利用"}


@require_safe
def record(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One record, through its gate. Every opening is in the ledger; turning its tabs is the same reading."""
    actor = actor_of(request)
    found = records.get_for(actor, pk, "record.read")
    purpose = reading.current(request.session)
    reader = record_page.Reader.of(actor, found, purpose)
    files = record_page.objects(found)
    tabs = _tabs(request, reader, files)
    tab = next((one["name"] for one in tabs if one["current"]), "")
    reading.note(actor, "record.viewed", found, purpose=purpose, same="record" if tab else "")
    context = {
        "record": found,
        "tab": tab,
        "tabs": tabs,
        "reader": reader,
        "marks": record_page.marks(found, actor),
        "read_action": _read_action(found, files),
        "export_form": Why() if reader.may_export else None,
        "more": [
            *_hold_action(found, reader),
            *([{"label": "导出", "dialog": "export", "key": "e"}] if reader.may_export else []),
            {"label": "打印著录单", "url": reverse("record_print", args=[found.pk]), "key": "p"},
        ],
        "breadcrumbs": [
            {"label": "档案"},
            {"label": "查找档案", "url": reverse("search:find")},
            {"label": found.reference_code, "code": True},
        ],
    }
    if tab == "findings":
        reading.note(actor, "evidence.viewed", found, purpose=purpose, same="record")
        context["examination"] = ingest_reading.findings_of(found.pk, actor)
    elif tab == "copies":
        context["copies"] = copies.of_record(found, files, actor)
        context["may_check"] = found.state == "archived" and permissions.check(actor, "fixity.run", found)
    elif tab == "history":
        context["events"] = record_page.history(found, actor)
    elif tab == "readings":
        context["readings"] = record_page.readings(found)
    else:
        context |= _overview(found, reader, files)
        if reader.reveal and record_page.holds_numbers(found, context["parties"]):
            reading.note(actor, "number.revealed", found, purpose=purpose)
    request.place = "search:find"
    return render(request, "records/record.html", context)


def _overview(found: Record, reader: record_page.Reader, files: list) -> dict:
    return {
        "facts": record_page.facts(found),
        "retention": record_page.retention(found),
        "disposal": record_fate.disposal(found, reader.actor),
        "holds": record_fate.holds(found, reader.actor),
        "parties": record_page.parties(found, reader),
        "materials": record_page.materials(found, files, reader),
        "relations": record_page.relations(found, reader.actor),
        "form_of": record_page.form(found, reader),
        "events": record_page.history(found, reader.actor, limit=6),
    }


def _tabs(request: HttpRequest, reader: record_page.Reader, files: list) -> list[dict]:
    counts = {"copies": sum(len(item.copies.all()) for item in files)}
    hidden = {"findings": not reader.may_see_findings, "readings": not reader.may_see_readings}
    asked = request.GET.get("tab", "")
    return [
        {
            "name": name,
            "label": label,
            "url": f"?tab={name}" if name else request.path,
            "count": counts.get(name),
            "current": name == (asked if asked in TABS and not hidden.get(asked) else ""),
        }
        for name, label in TABS.items()
        if not hidden.get(name)
    ]


def _hold_action(found: Record, reader: record_page.Reader) -> list[dict]:
    if not reader.may_hold or found.state != "archived":
        return []
    return [{"label": "暂缓销毁", "url": f"{reverse('retention:hold_new')}?record={found.pk}"}]


def _read_action(found: Record, files: list) -> dict | None:
    if found.state == "destroyed":
        return None
    url = record_page.first_readable(found, files)
    return {"label": "阅读材料", "url": url, "key": "r"} if url else None


@require_safe
def record_print(request: HttpRequest, pk: UUID) -> HttpResponse:
    """档案著录单, A4. Numbers as on the screen: masked without a purpose."""
    actor = actor_of(request)
    found = records.get_for(actor, pk, "record.read")
    purpose = reading.current(request.session)
    reader = record_page.Reader.of(actor, found, purpose)
    parties = record_page.parties(found, reader)
    reading.note(actor, "record.viewed", found, purpose=purpose)
    if reader.reveal and record_page.holds_numbers(found, parties):
        reading.note(actor, "number.revealed", found, purpose=purpose)
    context = {
        "record": found,
        "fact_pairs": _pairs([*record_page.facts(found), *record_page.retention(found)[:4]]),
        "parties": parties,
        "files": [item for item in record_page.objects(found) if item.role == "original"],
        "events": record_page.history(found, actor, limit=30),
        "blocks": Block.objects.filter(record=found, lifted_at=None),
        "current_fonds": found.fonds,
        "printed_at": timezone.localtime(),
        "printed_by": actor.name,
        "back_url": reverse("record", args=[found.pk]),
    }
    return render(request, "records/print.html", context)


def _pairs(facts: list[dict]) -> list[list[dict]]:
    """Two facts a line of the printed form."""
    return [facts[at : at + 2] for at in range(0, len(facts), 2)]
