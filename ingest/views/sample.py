"""抽查: one archived package of the daily sample after the other, its pages beside what was found. Two clicks each:
look, say; the next one comes by itself."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from archive import audit, records, renditions
from archive.errors import WrongInput
from archive.http import actor_of, allowed, page_asked
from archive.models import DigitalObject, Record
from archive.permissions import Actor
from archive.templatetags.archive_words import period, stage_word, verdict_word
from ingest import reading, settling, wording
from ingest.models import Submission
from ingest.moves import get_for


@require_GET
@allowed("submission.sample")
def following(request: HttpRequest) -> HttpResponse:
    """The next one, or that there is none."""
    rows = Submission.objects.to_sample(actor_of(request)).order_by("sampled_on", "id")
    pk = rows.values_list("pk", flat=True).first()
    if pk is None:
        return render(request, "ingest/sampled.html", {"breadcrumbs": CRUMBS})
    return redirect("ingest:sample", pk)


CRUMBS = [{"label": "收集"}, {"label": "抽查"}]


@require_http_methods(["GET", "POST"])
@allowed("submission.sample")
def sample(request: HttpRequest, pk) -> HttpResponse:
    actor = actor_of(request)
    submission = get_for(actor, pk, "submission.sample")
    if request.method == "POST":
        return _judge(request, submission)
    if submission.sample_seen_at or not submission.sampled_on or submission.record_id is None:
        return redirect("ingest:samples")  # another archivist was faster
    record = records.get_for(actor, submission.record_id, "record.read")
    files = list(record.digital_objects.filter(role="original").order_by("position"))
    item, page = _place(request, files)
    if not request.GET:
        audit.access(actor=actor, action="record.viewed", record=record, purpose="抽查")
    context = {
        "submission": submission,
        "record": record,
        "left": Submission.objects.to_sample(actor).count(),
        "documents": _documents(files, item),
        "sheet": _sheet(record, files, item, page),
        "facts": _facts(record, submission, actor),
        "facts_title": "著录与检测",
        "watermark": "页面带有查看人和时间的水印。",
        "breadcrumbs": CRUMBS,
    }
    return render(request, "ingest/sample.html", context)


def _judge(request: HttpRequest, submission: Submission) -> HttpResponse:
    """ "ok" needs no words; anything else must say what is wrong."""
    verdict = "" if request.POST.get("verdict") == "ok" else request.POST.get("reason", "").strip()
    if request.POST.get("verdict") != "ok" and not verdict:
        raise WrongInput(field="问题", reason="请写明发现了什么问题；档案负责人会据此处理。")
    settling.sample_seen(submission.pk, verdict=verdict, actor=actor_of(request))
    messages.success(
        request, f"{wording.name_of(submission)} 抽查：{'有问题，已记录' if verdict else '无误'}。"
    )
    return redirect("ingest:samples")


def _place(request: HttpRequest, files: list[DigitalObject]) -> tuple[DigitalObject | None, int]:
    asked = request.GET.get("file", "")
    item = next((one for one in files if str(one.pk) == asked), files[0] if files else None)
    return item, page_asked(request.GET.get("page", ""), (item.pages or 1) if item else 1)


def _documents(files: list[DigitalObject], current: DigitalObject | None) -> list[dict]:
    by_material: dict[str, list[dict]] = {}
    for item in files:
        by_material.setdefault(item.material or "未列入清单的文件", []).append(
            {
                "name": item.path.removeprefix("data/"),
                "url": f"?file={item.pk}",
                "pages": item.pages,
                "current": item is current,
            }
        )
    return [{"name": name, "files": rows} for name, rows in by_material.items()]


def _sheet(record: Record, files: list, item: DigitalObject | None, page: int) -> dict[str, Any]:
    if item is None or not renditions.kind_of(item):
        return {"sentence": "这个文件没有可以显示的页面，请在档案页下载原件核对。"}
    pages, at = item.pages or 1, files.index(item)
    before = f"?file={item.pk}&page={page - 1}" if page > 1 else f"?file={files[at - 1].pk}" if at else ""
    after = f"?file={item.pk}&page={page + 1}" if page < pages else ""
    if not after and at + 1 < len(files):
        after = f"?file={files[at + 1].pk}"
    return {
        "number": page,
        "pages": pages,
        "image_url": reverse("reading:page", args=[record.pk, item.pk, page, renditions.PAGE]),
        "width": renditions.PAGE,
        "height": round(renditions.PAGE * 1.414),
        "alt": f"{item.material} 第 {page} 页",
        "prev_url": before,
        "next_url": after,
    }


def _facts(record: Record, submission: Submission, actor: Actor) -> list[dict[str, Any]]:
    facts = [
        {
            "label": "档号",
            "value": record.reference_code,
            "code": True,
            "url": reverse("record", args=[record.pk]),
        },
        {"label": "题名", "value": record.title},
        {"label": "业务事项", "value": record.item_title},
        {"label": "环节", "value": stage_word(record.stage)},
        {"label": "险种", "value": "、".join(record.insurance_names)},
        {"label": "形成日期", "value": record.formed_on.isoformat()},
        {"label": "保管期限", "value": period(record.retention, record.due_on)},
        {"label": "部门", "value": record.department.name if record.department else ""},
        {"label": "当事人", "value": _parties(record)},
    ]
    findings = [wording.finding_dict(row) for row in submission.findings.order_by("position")[:8]]
    if not findings:
        facts.append({"label": "检测", "value": "全部通过，没有提示"})
    facts += [
        {"label": f"{verdict_word(row['verdict'])} {row['check']}", "value": row["message"], "wide": True}
        for row in reading.seen_by(actor, findings)
    ]
    return facts


def _parties(record: Record) -> str:
    rows = record.parties.order_by("kind", "position").values_list("name", "id_shown")[:4]
    return "；".join(f"{name} {shown}".strip() for name, shown in rows)
