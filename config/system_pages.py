"""系统状态 and 固化核验: what the machines do by themselves, and whether all of it stands."""

from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Count, Min
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from archive import changes, jobs, permissions, seals
from archive.fixity import ROUND_DAYS
from archive.http import COUNT_TO, actor_of, allowed
from archive.models import Change, Copy, FixityRun, Fonds
from archive.permissions import Actor
from archive.states import COPY_STATES
from archive.templatetags.archive_words import amount, moment
from config import copies, doctor, schedule, storage_pages
from ingest.models import Submission
from ingest.views.upload import stalled

TONES = {"ok": "success", "warning": "warning", "failed": "danger", "absent": "unknown"}
WORDS = {"ok": "正常", "warning": "提醒", "failed": "失败", "absent": "没有配置"}
PARTS = {
    "python": "Python", "settings": "设置", "database": "数据库", "triggers": "只增触发器", "roles": "数据库角色",
    "keys": "密钥", "object-keys": "数据密钥", "store": "对象存储", "staging": "暂存区", "search": "检索", "jobs": "任务队列",
    "outbox": "变更消息", "backup": "备份", "clamd": "病毒扫描", "fonts": "中文字体", "pronom": "格式识别", "typst": "排版",
    "verapdf": "PDF/A 验证",
}  # fmt: skip
TOPICS = {
    "search": "等待进入检索",
    "text": "等待重读正文的档案",
    seals.EVENT: "等待封存的事件",
    seals.ACCESS: "等待封存的利用记录",
}


@require_GET
@allowed("system.read")
def state(request: HttpRequest) -> HttpResponse:
    """What the rows tell costs nothing; the probes of the doctor run only when asked for."""
    context = {
        "worker": _worker(),
        "copies": _copies(),
        "outbox": _outbox(),
        "jobs": _jobs(),
        "queued": jobs.waiting(),
        "parts": _parts() if request.GET.get("examine") else None,
        "breadcrumbs": [{"label": "管理"}, {"label": "系统状态"}],
    }
    return render(request, "system/state.html", context)


def _parts() -> list[dict[str, Any]]:
    found = []
    for part in doctor.examine():
        state = (part.state, WORDS.get(part.state, part.state), TONES.get(part.state, "unknown"))
        name, _, which = part.part.partition(":")
        found.append({"part": part, "name": f"{PARTS.get(name, name)} {which}".strip(), "state": state})
    return found


def _worker() -> dict[str, Any]:
    """Whether anybody takes up what came in."""
    waiting = Submission.objects.filter(state="received")
    oldest = waiting.aggregate(at=Min("received_at"))["at"]
    if stalled(timezone.now()):
        state = ("stalled", "没有工作进程", "danger")
    elif Submission.objects.stuck().exists():
        state = ("stuck", "有信息包停住", "warning")
    else:
        state = ("on", "正常", "success")
    return {"state": state, "count": waiting.count(), "oldest": oldest}


def _copies() -> list[dict[str, Any]]:
    """Per store what is not in order; what is stored is told by the oldest check, not by counting millions."""
    rows = Copy.objects.filter(state__in=["pending", "failed", "damaged"]).order_by()
    found = [
        {"store": store, "state": _copy_state(state), "count": count}
        for store, state, count in rows.values_list("store", "state")
        .annotate(Count("pk"))
        .order_by("store", "state")
    ]
    return found


COPY_TONES = {
    "pending": "progress",
    "stored": "success",
    "failed": "danger",
    "damaged": "danger",
    "removed": "gone",
}


def _copy_state(code: str) -> tuple[str, str, str]:
    return code, COPY_STATES[code], COPY_TONES[code]


def _outbox() -> list[dict[str, Any]]:
    oldest = dict(Change.objects.order_by().values_list("topic").annotate(Min("created_at")))
    return [
        {"label": label, "count": changes.waiting(topic), "oldest": oldest.get(topic)}
        for topic, label in TOPICS.items()
    ]


def _jobs() -> list[dict[str, Any]]:
    names = {job.code: job.name for job in schedule.JOBS}
    found = []
    for ran in jobs.history(schedule.JOBS):
        failed = ran.failed_at and (not ran.succeeded_at or ran.failed_at > ran.succeeded_at)
        state = ("failed", "上次失败", "danger") if failed else ("ok", "正常", "success")
        if not ran.succeeded_at and not ran.failed_at:
            state = ("new", "还没有运行过", "unknown")
        found.append({"name": names[ran.code], "ran": ran, "state": state})
    return found


class Check(forms.Form):
    fonds = forms.ModelChoiceField(
        label="全宗",
        queryset=Fonds.objects.order_by("code"),
        required=False,
        empty_label="所有全宗，最久没有核验的",
        help_text="选一个全宗，就核验它的全部副本。",
    )
    limit = forms.IntegerField(
        label="核验多少个副本",
        min_value=1,
        max_value=100_000,
        initial=1000,
        help_text="从最久没有核验的开始。",
    )


@require_http_methods(["GET", "POST"])
@allowed("fixity.read")
def fixity(request: HttpRequest) -> HttpResponse:
    """固化信息核验: the runs, what is damaged now, and one more run for whoever may start it."""
    actor = actor_of(request)
    form = Check(request.POST or None)
    if request.method == "POST":
        permissions.require(actor, "fixity.run")
        if form.is_valid():
            _enqueue(request, actor, form.cleaned_data["limit"], form.cleaned_data["fonds"])
            return redirect("system:fixity")
    context = {
        "form": form,
        "may_run": actor.may("fixity.run"),
        "runs": [_run(run) for run in FixityRun.objects.order_by("-started_at")[:15]],
        "damaged_count": len(copies.damaged(actor).values("pk")[:COUNT_TO]),
        "facts": _checked(),
        "breadcrumbs": [{"label": "保管"}, {"label": "固化核验"}],
    }
    return render(request, "system/fixity.html", context, status=422 if form.errors else 200)


def _enqueue(request: HttpRequest, actor: Actor, limit: int, fonds: Fonds | None) -> None:
    if fonds:
        if not actor.reaches("fixity.run", fonds.code):
            raise permissions.NotAllowed(reason=f"全宗 {fonds.code} 不在您“执行固化核验”的范围内。")
        jobs.enqueue("config.on_demand.check_fonds", fonds.pk, actor.id, name=f"固化核验全宗 {fonds.code}")
        what = f"全宗 {fonds.code} 的全部副本"
    else:
        jobs.enqueue("config.on_demand.check_fixity", str(limit), actor.id, name=f"固化核验 {limit} 个副本")
        what = f"{amount(limit)} 个副本"
    messages.success(request, f"已排队核验 {what}；可以离开，结果会出现在下面。")


def _checked() -> list[dict[str, Any]]:
    stored = Copy.objects.filter(state__in=["stored", "damaged"])
    # Said as what they are not, so that the database walks the index of times instead of sorting all copies.
    known = Copy.objects.exclude(state__in=["pending", "failed", "removed"]).exclude(checked_at=None)
    oldest = known.order_by("checked_at", "id").values_list("checked_at", flat=True).first()
    never = len(stored.filter(checked_at=None).values("pk")[:COUNT_TO])
    return [
        {"label": "最久未核验", "value": moment(oldest) if oldest else "—"},
        {"label": "从未核验", "value": f"{amount(never)} 个副本{'以上' if never == COUNT_TO else ''}"},
        {"label": "轮次", "value": f"每个副本至少每 {ROUND_DAYS} 天核验一次"},
    ]


def _run(run: FixityRun) -> dict[str, Any]:
    if run.finished_at is None:
        state = ("running", "没有完成", "progress")
    elif run.damaged:
        state = ("damaged", f"受损 {run.damaged}", "danger")
    else:
        state = ("sound", "全部完好", "success")
    return {"run": run, "state": state, "extent": _extent(run.extent)}


def _extent(code: str) -> str:
    kind, _, value = code.partition(":")
    names = {
        "all": "全部",
        "restore": "恢复备份之后",
        "limit": f"最久未核验的 {value} 个",
        "record": "一件档案",
        "fonds": f"全宗 {value}",
        "locks": "续锁时发现",
    }
    return names.get(kind, code)


app_name = "system"
urlpatterns = [
    path("state/", state, name="state"),
    path("fixity/", fixity, name="fixity"),
    path("storage/", storage_pages.page, name="storage"),
]
