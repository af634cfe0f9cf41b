"""存储: how every store stands, for the system administrator: what lies there, what is owed or damaged, which locks and
checks are due, whether promises are kept, and how old backup and catalogue snapshot are.

Asks rows only; no store is asked by a view, but for the space left on a local disk. Which record is concerned is not
said here: whoever keeps the machines reads no records.
"""

import shutil
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Count, OuterRef, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from archive import evidence, keks, readings, stores
from archive.errors import NotConfigured
from archive.http import actor_of, allowed
from archive.models import CatalogueSnapshot, Fonds, ObjectKey, StoreRetirement
from archive.readings import COUNT_TO, Standing
from archive.storage import Store, StoreConfig
from archive.templatetags.archive_words import age, amount, moment, size
from config import promises, retirement_pages
from config.backup import taking

SPACE_LEAST = 10 * 1024**3
STALE = timedelta(hours=36)
"""What is made daily and is older than this was missed."""
REASONS = 3
State = tuple[str, str, str]
Line = tuple[str, State, str]
"""What it is about, how it is, a sentence that says more."""
GOOD, UNKNOWN = "success", "unknown"


@require_GET
@allowed("system.read")
def page(request: HttpRequest) -> HttpResponse:
    configured = stores.configured()
    standing = readings.standing(list(configured))
    leaving = {
        row.store: retirement_pages.state_of(row) for row in StoreRetirement.objects.filter(withdrawn_at=None)
    }
    context = {
        "stores": [
            _store(one, configured.get(name)) | {"leaving": leaving.get(name)}
            for name, one in standing.items()
        ],
        "retired": StoreRetirement.objects.filter(confirmed_at__isnull=False).order_by("confirmed_at"),
        "safeguards": [_backup(), _snapshot(), _evidence(), _keys()],
        "until": timezone.localdate() - timedelta(days=1),
        "may_check": actor_of(request).may("fixity.read"),
        "breadcrumbs": [{"label": "管理"}, {"label": "存储"}],
    }
    return render(request, "system/storage.html", context)


def _store(one: Standing, store: Store | None) -> dict[str, Any]:
    kept = promises.known(store.config) if store else None
    lines = [_written(one), _sound(one), _locked(one), _checked(one)]
    if store is None:
        lines.insert(
            0,
            (
                "配置",
                ("gone", "不在当前配置中", "danger"),
                "把它写回 ARCHIVE_STORES，否则里面的副本读不到；确实没有了的，申请退役。",
            ),
        )
    else:
        lines.append(_promises(kept))
        lines += _space(store.config, one)
    return {
        "name": one.store,
        "anchor": f"store-{one.store}",
        "kind": _kind(store),
        "where": _where(store),
        "state": _worst(lines),
        "objects": one.objects,
        "bytes": one.bytes,
        "new": one.new,
        "as_of": one.as_of,
        "lines": lines,
        "days": one.days,
        "charts": _charts(one),
    }


def _worst(lines: list[Line]) -> State:
    tones = {state[2] for _, state, _ in lines}
    if "danger" in tones:
        return ("danger", "要处理", "danger")
    if "warning" in tones:
        return ("warning", "留意", "warning")
    return ("sound", "正常", GOOD)


def _written(one: Standing) -> Line:
    if not one.behind:
        return "写入", ("done", "都已写好", GOOD), ""
    old = one.oldest_behind and timezone.now() - one.oldest_behind > timedelta(hours=1)
    why = [
        f"{(fault or '还没有轮到').rstrip('。')}（{amount(count)} 个）"
        for fault, count in one.reasons[:REASONS]
    ]
    if len(one.reasons) > REASONS:
        why.append(f"另有 {len(one.reasons) - REASONS} 种原因")
    words = f"最早的从 {moment(one.oldest_behind)} 起。{'；'.join(why)}"
    return "写入", ("behind", f"待写 {amount(one.behind)}", "warning" if old else "progress"), words


def _sound(one: Standing) -> Line:
    quarantined = f"隔离的受损版本 {amount(one.quarantined)} 个" if one.quarantined else ""
    if not one.damaged:
        return "完好", ("sound", "没有受损", GOOD), quarantined
    words = "由档案员下令从好的副本恢复。" + (f"{quarantined}。" if quarantined else "")
    return "完好", ("damaged", f"受损 {amount(one.damaged)}", "danger"), words


def _locked(one: Standing) -> Line:
    if one.locks_late:
        words = "续锁任务没有做成，请看系统状态里的定时任务。锁还在，离到期还有几年。"
        return "续锁", ("late", f"过期未续 {amount(one.locks_late)}", "danger"), words
    if one.locks_due:
        return "续锁", ("due", f"30 天内 {amount(one.locks_due)}", "neutral"), "到日子自动续锁并读回核对。"
    return "续锁", ("done", "30 天内没有", GOOD), ""


def _checked(one: Standing) -> Line:
    if not one.objects:
        return "核验", ("none", "没有对象", UNKNOWN), ""
    oldest = f"最久的一个核验于{_ago(one.oldest_check)}" if one.oldest_check else ""
    if not one.late_checks:
        return "核验", ("done", "90 天内 100%", GOOD), oldest
    if one.late_checks > COUNT_TO:
        return "核验", ("late", f"超过 {amount(COUNT_TO)} 个逾期", "warning"), oldest
    part = max(0.0, 100 * (1 - one.late_checks / max(one.objects, 1)))
    words = f"{amount(one.late_checks)} 个超过 90 天没有核验。{oldest}"
    return "核验", ("late", f"90 天内 {min(part, 99.9):.1f}%", "warning"), words


def _promises(found: promises.Kept | None) -> Line:
    if found is None:
        return "承诺", ("none", "还没有试过", "warning"), "每晚试一次；也可以现在全面体检。"
    when = f"{found.on} 真的写、锁、试删过"
    if found.broken:
        return (
            "承诺",
            ("broken", f"{len(found.broken)} 项没有做到", "danger"),
            f"{''.join(found.broken.values())}{when}。",
        )
    if timezone.localdate() - date.fromisoformat(found.on) > timedelta(days=2):
        return "承诺", ("stale", f"{_ago(date.fromisoformat(found.on))}试的", "warning"), when
    return "承诺", ("kept", "都做到了", GOOD), when


def _kind(store: Store | None) -> str:
    if store is None:
        return ""
    return "对象存储" if store.config.bucket else "本地文件夹"


def _where(store: Store | None) -> str:
    """Asks nothing: what the configuration says."""
    if store is None:
        return ""
    config = store.config
    return f"{config.endpoint_url or 'AWS'} {config.bucket}" if config.bucket else config.path


def _space(config: StoreConfig, one: Standing) -> list[Line]:
    if config.bucket:
        return []
    try:
        disk = shutil.disk_usage(_folder(config.path, one))
    except OSError:
        return [("空间", ("unknown", "看不到", "danger"), "文件夹不在，或没有权限：可能没有挂载。")]
    words, state = f"共 {size(disk.total)}", ("free", f"剩 {size(disk.free)}", GOOD)
    if daily := _daily_growth(one):
        words += f"；近 30 天每天多 {size(daily)}，约够 {amount(disk.free // daily)} 天"
        if disk.free < daily * 60:
            state = ("filling", f"剩 {size(disk.free)}", "warning")
    if disk.free < SPACE_LEAST:
        state = ("full", f"只剩 {size(disk.free)}", "danger")
    elif disk.free < disk.total / 20:
        state = ("low", f"只剩 {size(disk.free)}", "warning")
    return [("空间", state, words)]


def _folder(path: str, one: Standing) -> Path:
    """Where the files lie; where nothing was ever stored, the folder in which their own will be made."""
    if one.objects:
        return Path(path, "objects")
    return next(folder for folder in (Path(path), *Path(path).parents) if folder.exists())


def _daily_growth(one: Standing) -> int:
    """Bytes a day over the last 30 days; 0 where that is not known, or nothing was added."""
    if not one.days:
        return 0
    last = one.days[-1]
    recent = [day for day in one.days if last.day - day.day <= timedelta(days=30)]
    apart = (last.day - recent[0].day).days
    return max(0, last.bytes - recent[0].bytes) // apart if apart else 0


def _charts(one: Standing) -> list[dict[str, Any]]:
    grown = [
        (day.day, max(0, day.bytes - before.bytes))
        for before, day in zip(one.days, one.days[1:], strict=False)
        if day.day - before.day == timedelta(days=1)
    ]
    owed = [(day.day, day.behind + day.damaged) for day in one.days]
    most = max((value for _, value in owed), default=0)
    return [
        {"title": "每天增加", "days": grown, "words": size(max((value for _, value in grown), default=0))},
        {"title": "待写和受损的副本", "days": owed, "words": f"{most:,}"},
    ]


# What stands beside the stores


def _backup() -> dict[str, Any]:
    newest = taking.newest()
    if newest is None:
        hint = "设置 ARCHIVE_BACKUP_DIR 和 ARCHIVE_BACKUP_PASSPHRASE_FILE，每天自动备份；或运行 manage.py backup。"
        return {"name": "备份", "state": ("none", "还没有", "danger"), "words": hint}
    words = f"{moment(newest.taken_at)}，{size(newest.bytes)}，保存到 {newest.expires_on:%Y-%m-%d}"
    stale = timezone.now() - newest.taken_at > STALE
    state = ("stale", _ago(newest.taken_at), "warning") if stale else ("fresh", "今天有", GOOD)
    if stale and not settings.BACKUP_DIR:
        words += "。没有设置 ARCHIVE_BACKUP_DIR，不会自动备份"
    return {"name": "备份", "state": state, "words": words}


def _snapshot() -> dict[str, Any]:
    newest = (
        CatalogueSnapshot.objects.filter(fonds=OuterRef("pk")).order_by("-taken_at").values("taken_at")[:1]
    )
    taken = list(Fonds.objects.annotate(last=Subquery(newest)).values_list("code", "last"))
    never = [code for code, last in taken if last is None]
    known = [last for _, last in taken if last is not None]
    if not known:
        words = "目录快照让目录可以只从存储重建。"
        return {
            "name": "目录快照",
            "state": ("none", "还没有", "warning" if taken else UNKNOWN),
            "words": words,
        }
    words = f"各全宗里最旧的一份：{moment(min(known))}"
    if never:
        words = f"{len(never)} 个全宗还没有：{'、'.join(never[:5])}。{words}"
    stale = never or timezone.now() - min(known) > 8 * timedelta(days=1)
    state = ("stale", _ago(min(known)), "warning") if stale else ("fresh", _ago(max(known)), GOOD)
    return {"name": "目录快照", "state": state, "words": words}


def _evidence() -> dict[str, Any]:
    count, last = evidence.lacking(timezone.now())
    row = {"name": "系统文件"}
    if last is None:
        return row | {
            "state": ("none", "还没有核对", UNKNOWN),
            "words": "封存、核验结果、全宗卷、快照，每晚核对一部分。",
        }
    words = f"最近 {moment(last)} 核对；每个文件 {evidence.ROUND_DAYS} 天轮到一次"
    if count:
        words += "。用 manage.py repair --files 查看，加 --reason 从好的一份重新存入。"
        return row | {"state": ("lacking", f"缺或坏 {amount(count)}", "danger"), "words": words}
    return row | {"state": ("whole", "都在", GOOD), "words": words}


def _keys() -> dict[str, Any]:
    row = {"name": "加密密钥"}
    if not ObjectKey.objects.exists():
        return row | {"state": ("none", "没有加密的全宗", UNKNOWN), "words": ""}
    try:
        current, *others = keks.known()
    except NotConfigured as fault:
        return row | {"state": ("missing", "没有密钥", "danger"), "words": str(fault)}
    old = ObjectKey.objects.filter(kek__in=others, wrapped__gt="").order_by()
    count = old.values("pk")[: COUNT_TO + 1].aggregate(count=Count("pk"))["count"] if others else 0
    if count:
        words = f"现用 {current}；还有 {amount(count)} 把数据密钥等着换成它，每晚自动换。"
        return row | {"state": ("turning", "正在换密钥", "progress"), "words": words}
    return row | {"state": ("turned", "都用现用的密钥", GOOD), "words": f"现用 {current}"}


def _ago(at: datetime | date) -> str:
    """3 天前."""
    words = age(at)
    return words if words == "刚刚" else f"{words}前"
