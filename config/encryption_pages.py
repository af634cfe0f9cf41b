"""加密存放: which fonds are stored encrypted, how the keys stand, and deciding it. The verb stands in `archive.holdings`.

The consequence is said before the button: whoever loses the keys loses the records.
"""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

from archive import holdings, keks, key_care, object_keys
from archive.http import actor_of, allowed
from archive.models import Fonds
from archive.templatetags.archive_words import amount

ON_WORDS = (
    "从现在起归档的文件用各自的密钥加密存放，已归档的不变。密钥文件和它的备份是唯一的钥匙：两样都丢失，"
    "这些档案再也不能读出，谁也帮不上。请先确认密钥已经另外备份、由两人分管。"
)
OFF_WORDS = "从现在起归档的文件不加密存放。已经加密的仍是密文，照样要密钥才能读出。"


@require_GET
@allowed("encryption.read")
def listing(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    sealed = key_care.encrypted_originals()
    rows = [
        {
            "fonds": fonds,
            "state": ("on", "加密", "held") if fonds.encrypted else ("off", "不加密", "neutral"),
            "files": sealed.get(fonds.pk, 0),
            "may": actor.reaches("encryption.set", fonds.code),
            "words": OFF_WORDS if fonds.encrypted else ON_WORDS,
        }
        for fonds in Fonds.objects.order_by("code")
        if actor.reaches("encryption.read", fonds.code)
    ]
    context = {
        "rows": rows,
        "may": any(row["may"] for row in rows),
        "ready": keks.ready(),
        "keys": _keys() if keks.ready() else [],
        "breadcrumbs": [{"label": "保管"}, {"label": "加密存放"}],
    }
    return render(request, "encryption/list.html", context)


def _keys() -> list[dict[str, Any]]:
    missing, waiting = key_care.missing_keks(), key_care.waiting()
    facts: list[dict[str, Any]] = [
        {"label": "现用密钥", "value": keks.current(), "code": True},
        {"label": "旧密钥", "value": "、".join(keks.known()[1:]) or "没有", "code": True},
        {"label": "等待换密钥", "value": f"{amount(waiting)} 把数据密钥" if waiting else "没有"},
        {"label": "密钥库", "value": object_keys.key_store().describe()["where"], "code": True},
    ]
    if missing:
        facts.append({"label": "缺少", "value": "、".join(missing), "code": True})
    return facts


@require_POST
@allowed("encryption.set")
def decide(request: HttpRequest, code: str) -> HttpResponse:
    encrypted = request.POST.get("encrypted") == "yes"
    fonds = holdings.set_encryption(code, encrypted, actor=actor_of(request))
    messages.success(request, f"全宗 {fonds.code} 以后归档的文件{'加密' if encrypted else '不加密'}存放。")
    return redirect("encryption:list")


app_name = "encryption"
urlpatterns = [path("", listing, name="list"), path("<slug:code>/", decide, name="decide")]
