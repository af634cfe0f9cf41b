"""The record page, put together: one small function for each place on it, plain values for the templates.

It shows facts of two middle apps (how the record was examined, who read it), so it lives here. Numbers are masked
unless `reveal` says that this reader, with a purpose recorded, may see them.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.urls import reverse

from archive import audit, determinations, periods, permissions, privacy, renditions, terms, unseen
from archive.models import DigitalObject, Event, Record, Relation
from archive.packages.content import GONE
from archive.permissions import Actor
from archive.templatetags.archive_words import day, moment
from config import record_fate
from ingest import reading as ingest_reading
from search import reading

EVENT_TONES = {
    "record.filed": "success", "record.kept": "success", "record.related": "warning", "copy.failed": "danger",
    "copy.damaged": "danger", "copy.recovered": "success", "copy.restore_ordered": "progress",
    "copy.restored": "success", "copy.relocked": "success", "object.loss_stated": "warning",
    "object.loss_confirmed": "danger", "submission.returned": "danger",
    "submission.waiting": "waiting",
}  # fmt: skip
MOST_LINES, MOST_EVENTS = 100, 300


@dataclass(frozen=True)
class Reader:
    """Who looks at the page, and what he may see of it."""

    actor: Actor
    reveal: bool
    may_reveal: bool
    may_download: bool
    may_export: bool
    may_see_findings: bool
    may_see_readings: bool
    may_hold: bool

    @classmethod
    def of(cls, actor: Actor, record: Record, purpose: reading.Purpose | None) -> "Reader":
        may_reveal = bool(permissions.check(actor, "record.reveal", record))
        return cls(
            actor=actor,
            reveal=may_reveal and purpose is not None,
            may_reveal=may_reveal,
            may_download=record.state != "destroyed"
            and bool(permissions.check(actor, "record.download", record)),
            may_export=record.state not in GONE and bool(permissions.check(actor, "record.export", record)),
            may_see_findings=bool(permissions.check(actor, "submission.read", record)),
            may_see_readings=bool(permissions.check(actor, "reading.ledger", record)),
            may_hold=bool(permissions.check(actor, "hold.place", record)),
        )


# --- what stands above everything ---------------------------------------------------------------------------------


def marks(record: Record, actor: Actor) -> list[dict]:
    """Notices: what another record says of this one, what blocks it, what is not settled. A record outside the
    reader's scope is not named."""
    by = list(record.related_by.all())
    seen = _visible({row.record_id for row in by}, actor)
    notices = []
    for row in by:
        other = seen.get(row.record_id)
        what = f"{other.reference_code}　{other.title}" if other else unseen.ANOTHER
        notices.append(
            {
                "tone": "warning",
                "title": f"被{row.kind}",
                "text": f"{what} {_SAYS[row.kind]}",
                "action": {"label": "打开", "url": reverse("record", args=[other.pk])} if other else "",
            }
        )
    for block in record.blocks.all():
        if block.lifted_at is None:
            text = f"{block.reason}（{day(block.placed_at)}起）；解除之前不会销毁。"
            notices.append({"tone": "warning", "title": block.get_kind_display(), "text": text, "action": ""})
    if record.state in ("disposing", "destroyed"):
        notices.append(record_fate.gone(record, actor))
    return notices


_SAYS = {
    "更正": "更正了这件档案，请以更正后的为准。",
    "补充": "补充了这件档案，请一并查看。",
    "回退": "回退了这件档案所记的业务。",
}


def relations(record: Record, actor: Actor) -> list[dict]:
    """What this record says of others."""
    rows = list(Relation.objects.filter(record=record).order_by("id"))
    seen = _visible({row.earlier_id for row in rows if row.earlier_id}, actor)
    found = []
    for row in rows:
        other = seen.get(row.earlier_id)
        if other:
            url, what = reverse("record", args=[other.pk]), f"{other.reference_code}　{other.title}"
        else:
            url, what = (
                "",
                "不在您的查看范围内" if row.earlier_id else f"业务编号 {row.business_no}，还没有归档",
            )
        found.append({"kind": row.kind, "what": what, "url": url})
    return found


def _visible(ids: set, actor: Actor) -> dict:
    if not ids:
        return {}
    rows = Record.objects.visible_to(actor.scope("record.read")).defer("description")
    return rows.in_bulk(ids)


# --- description --------------------------------------------------------------------------------------------------


def facts(record: Record) -> list[dict]:
    filed_under = terms.INSURANCES.get(record.insurance, "")
    insurances = "、".join(record.insurance_names)
    if filed_under == terms.COMBINED and insurances != filed_under:
        insurances = f"{filed_under}（{insurances}）"
    return [
        {"label": "年度", "value": record.year},
        {"label": "业务环节", "value": terms.STAGES.get(record.stage, record.stage)},
        {"label": "险种", "value": insurances},
        {"label": "业务事项", "value": record.item_title},
        {"label": "形成日期", "value": day(record.formed_on)},
        {"label": "形成部门", "value": record.department.name if record.department else ""},
        {"label": "责任者", "value": record.responsible},
        {"label": "文号", "value": record.document_no},
        {"label": "密级", "value": terms.SECURITY_LEVELS.get(record.security, record.security)},
        {"label": "页数", "value": f"{record.page_count} 页" if record.page_count else ""},
        {"label": "业务编号", "value": _business(record), "code": True},
        {"label": "全宗", "value": f"{record.fonds.code} {record.fonds.name}"},
        {"label": "归档时间", "value": moment(record.archived_at)},
    ]


def _business(record: Record) -> str:
    revision = f"（修订 {record.business_revision}）" if record.business_revision > 1 else ""
    return f"{privacy.mask_text(record.business_no)}{revision}"


def retention(record: Record) -> list[dict]:
    """The period in words, when it may be appraised, and whether anybody may rely on it."""
    runs = periods.runs_from(record.formed_on)
    rows = [
        {"label": "保管期限", "value": periods.in_words(record.formed_on, record.retention)},
        {"label": "起算", "value": day(runs)},
        {"label": "可鉴定日", "value": day(record.due_on) if record.due_on else "不鉴定销毁"},
        {"label": "依据", "value": _basis(record.retention_key)},
    ]
    if record.provisional:
        state = ("provisional", "暂定", "waiting")
    elif determinations.settled(record.retention_key, record.formed_on):
        state = ("settled", "已确认", "success")
    else:
        state = ("unsettled", "待确认", "waiting")
    return [*rows, {"label": "期限判定", "state": state, "title": _SETTLED[state[0]]}]


_SETTLED = {
    "settled": "有两个来源，或已由档案负责人核对原文确认。",
    "unsettled": "只有一个来源；进入销毁清册之前，须由档案负责人核对原文确认一次。",
    "provisional": "暂定的期限；判定之前不进入销毁清册。",
}


def _basis(key: str) -> str:
    return f"本单位对事项 {key[5:]} 的判定" if key.startswith("item:") else f"期限表第 {key} 项"


def parties(record: Record, reader: Reader) -> list[dict]:
    hold, may_hold = reverse("retention:hold_new"), reader.may_hold
    return [
        {
            "kind": party.get_kind_display(),
            "name": party.name,
            "number_label": party.id_type or ("证件号码" if party.kind == "person" else "信用代码"),
            "number": _number(party, reader.reveal),
            "own_no": party.own_no,
            "all_url": reverse("search:party", args=[record.pk, party.position]),
            "hold_url": f"{hold}?record={record.pk}&party={party.kind}:{party.position}" if may_hold else "",
        }
        for party in record.parties.order_by("-kind", "position")[:MOST_LINES]
    ]


def holds_numbers(record: Record, shown: list[dict]) -> bool:
    """Whether the page, once revealed, shows anything that is otherwise masked."""
    persons = any(party["number"] for party in shown if party["kind"] != "单位")
    return persons or privacy.PREFIX in str(record.description)


def _number(party: Any, reveal: bool) -> str:
    if party.kind == "unit":
        return party.uscc
    return privacy.decrypt(party.id_no) if reveal else party.id_shown


def form(record: Record, reader: Reader) -> dict:
    """What the form says: its fields, its lines as a table, and the steps of the business."""
    description = record.description or {}
    fields = [
        {"label": label, "value": _shown(value, reader.reveal)}
        for label, value in (description.get("fields") or {}).items()
    ]
    lines = (description.get("lines") or [])[:MOST_LINES]
    heads = list(dict.fromkeys(label for line in lines for label in line))
    rows = [[_shown(line.get(label, ""), reader.reveal) for label in heads] for line in lines]
    steps = [
        _step(step, reader.reveal) for step in description.get("process") or [] if isinstance(step, dict)
    ]
    return {
        "fields": fields,
        "heads": heads,
        "rows": rows,
        "line_count": len(description.get("lines") or []),
        "steps": steps,
        "has_opinions": any(step["rest"] for step in steps),
    }


def _step(step: dict, reveal: bool) -> dict:
    shown = {key: _shown(value, reveal) for key, value in step.items()}
    return {
        "what": shown.get("step") or shown.get("name") or shown.get("action") or "",
        "who": shown.get("person") or shown.get("operator") or shown.get("actor") or shown.get("by") or "",
        "at": _time(shown.get("at") or shown.get("time") or ""),
        "rest": "；".join(
            value for key, value in shown.items() if key in ("result", "opinion", "note") and value
        ),
    }


def _time(text: str) -> str:
    """A declared time as people read it; what is none stays as it came."""
    try:
        return moment(datetime.fromisoformat(text))
    except ValueError:
        return text


def _shown(value: Any, reveal: bool) -> str:
    """A described value as text: cipher text decrypted for whoever may see it, else masked."""
    if isinstance(value, list | tuple):
        return "、".join(_shown(item, reveal) for item in value)
    if isinstance(value, dict):
        return "；".join(f"{key}：{_shown(item, reveal)}" for key, item in value.items())
    if isinstance(value, bool):
        return "是" if value else "否"
    text = "" if value is None else str(value)
    if not text.startswith(privacy.PREFIX):
        return text
    clear = privacy.decrypt(text)
    if reveal:
        return clear
    masked = privacy.mask_text(clear)
    return masked if masked != clear else privacy.mask_number(clear)


# --- materials and copies -------------------------------------------------------------------------------------------


def objects(record: Record) -> list[DigitalObject]:
    return list(record.digital_objects.prefetch_related("copies").order_by("position"))


def materials(record: Record, files: list[DigitalObject], reader: Reader) -> list[dict]:
    return [
        {
            "name": item.material or "未列材料",
            "file": item.path.rpartition("/")[2],
            "format": item.format or item.mime,
            "pages": item.pages,
            "bytes": item.bytes,
            "state": _kept(item),
            "read_url": ""
            if record.state == "destroyed"
            else reverse("reading:read", args=[record.pk, item.pk]),
            "download_url": reverse("reading:original", args=[record.pk, item.pk])
            if reader.may_download
            else "",
        }
        for item in files
        if item.role == "original"
    ]


def _kept(item: DigitalObject) -> tuple[str, str, str]:
    """All copies of a file in one word."""
    found = [copy.state for copy in item.copies.all()]
    stored = found.count("stored")
    if bad := sum(state in ("damaged", "failed") for state in found):
        return "damaged", f"{bad} 份有问题", "danger"
    if "pending" in found:
        return "pending", f"待写入 {found.count('pending')} 份", "progress"
    if not stored:
        return "none", "已清除" if found else "没有副本", "gone"
    return "stored", f"{stored} 份完好", "success"


def first_readable(record: Record, files: list[DigitalObject]) -> str:
    originals = [item for item in files if item.role == "original"]
    readable = next((item for item in originals if renditions.kind_of(item)), None)
    chosen = readable or (originals[0] if originals else None)
    return reverse("reading:read", args=[record.pk, chosen.pk]) if chosen else ""


# --- what happened ----------------------------------------------------------------------------------------------------


def history(record: Record, actor: Actor, *, limit: int = MOST_EVENTS) -> list[dict]:
    """Events of the record and of the package it came in, the latest first; other records named by right only."""
    submission = ingest_reading.submission_of(record.pk)
    chains = Q(kind="record", subject=str(record.pk))
    if submission is not None:
        chains |= Q(kind="submission", subject=str(submission.pk))
    events = list(Event.objects.filter(chains).order_by("-at", "-id")[:limit])
    sentences = unseen.without_unseen_codes([audit.sentence(event) for event in events], actor)
    return [
        {
            "at": event.at,
            "who": event.actor_name,
            "role": event.actor_role,
            "what": sentence,
            "tone": EVENT_TONES.get(event.action, "neutral"),
        }
        for event, sentence in zip(events, sentences, strict=True)
    ]


def readings(record: Record) -> list[dict]:
    return [
        {
            "at": row.at,
            "who": row.actor_name,
            "what": audit.sentence(row),
            "purpose": row.purpose,
            "from": row.address,
        }
        for row in reading.readings_of(record.pk)
    ]
