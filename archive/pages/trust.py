"""受信任的根证书, for the 安全保密员; who examines or audits may look."""

from datetime import datetime

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from archive import permissions, trust
from archive.errors import WrongInput
from archive.http import actor_of, allowed
from archive.inspection.fence import Fence
from archive.models import TrustedRoot

MOST_BYTES = 1 << 20
MOST_LIST_BYTES = 17 << 20
NOBODY = "没有根证书时，签名只核对内容是否被改动，签名人记为“未核对”。"


class Add(forms.Form):
    file = forms.FileField(
        label="证书文件", help_text="PEM 或 DER 编码的 X.509 证书，可含多张；RSA、ECDSA、SM2 均可。"
    )
    basis = forms.CharField(
        label="依据",
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="凭什么信任它：发布文件的名称和文号、与发证机构核对指纹的方式和时间。",
    )


class AddList(forms.Form):
    revoked = forms.FileField(
        label="吊销列表文件",
        help_text="PEM 或 DER 编码的 X.509 CRL，由信任库里的机构签发；RSA、ECDSA、SM2 均可。",
    )


@require_http_methods(["GET", "POST"])
@allowed("trust.read")
def listing(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    form = Add()
    if request.method == "POST":
        permissions.require(actor, "trust.manage")
        form = Add(request.POST, request.FILES)
        if form.is_valid() and form.cleaned_data["file"].size > MOST_BYTES:
            form.add_error("file", "文件太大，不像是证书。")
        if form.is_valid():
            try:
                with Fence() as fence:
                    content = form.cleaned_data["file"].read()
                    added = trust.add(content, basis=form.cleaned_data["basis"], fence=fence, actor=actor)
            except WrongInput as fault:
                form.add_error("file", str(fault.fields["reason"]))
            else:
                names = "、".join(f"“{row.name}”" for row in added)
                messages.success(request, f"已信任{names}。" if names else "文件里的证书早已在信任库中。")
                return redirect("trust:list")
    return _page(request, form, AddList())


@require_POST
@allowed("trust.manage")
def add_list(request: HttpRequest) -> HttpResponse:
    form = AddList(request.POST, request.FILES)
    if form.is_valid():
        try:
            with Fence() as fence:
                content = form.cleaned_data["revoked"].read(MOST_LIST_BYTES)
                row, one = trust.add_list(content, fence=fence, actor=actor_of(request))
        except WrongInput as fault:
            form.add_error("revoked", str(fault.fields["reason"]))
        else:
            messages.success(request, f"已更新“{row.name}”的吊销列表，共吊销 {one['count']} 张证书。")
            return redirect("trust:list")
    return _page(request, Add(), form)


def _page(request: HttpRequest, form: Add, list_form: AddList) -> HttpResponse:
    actor = actor_of(request)
    rows = list(TrustedRoot.objects.defer("revocations").order_by("name", "added_at"))
    context = {
        "rows": [_row(row) for row in rows if row.removed_at is None],
        "removed": [row for row in rows if row.removed_at is not None],
        "lists": [_list(name, one) for name, one in trust.lists()],
        "form": form,
        "list_form": list_form,
        "may_manage": actor.may("trust.manage"),
        "nobody": NOBODY + ("" if actor.may("trust.manage") else "根证书由安全保密员加入。"),
        "breadcrumbs": [{"label": "管理"}, {"label": "受信任的根证书"}],
    }
    return render(request, "trust/list.html", context, status=422 if form.errors or list_form.errors else 200)


def _row(row: TrustedRoot) -> dict:
    left = (row.not_after - timezone.now()).days
    state = ("good", "有效", "success")
    if left < 0:
        state = ("over", "已失效", "danger")
    elif left < trust.SOON.days:
        state = ("soon", f"{left} 天后失效", "warning")
    return {
        "root": row,
        "state": state,
        "fingerprint": [" ".join(row.sha256[i + j : i + j + 8] for j in range(0, 32, 8)) for i in (0, 32)],
    }


def _list(name: str, one: dict) -> dict:
    """A list as it is shown: its times as such, without its entries."""
    times = {key: datetime.fromisoformat(one[key]) for key in ("this_update", "next_update", "added_at")}
    over = times["next_update"] < timezone.now()
    state = ("over", "已过期", "danger") if over else ("good", "有效", "success")
    return {"name": name, "count": one["count"], "added_by": one["added_by"], "state": state, **times}


@require_POST
@allowed("trust.manage")
def remove(request: HttpRequest, pk) -> HttpResponse:
    row = trust.withdraw(pk, reason=request.POST.get("reason", ""), actor=actor_of(request))
    messages.success(request, f"不再信任“{row.name}”。已有的检测报告不变；需要的话请重新检测。")
    return redirect("trust:list")


PLACES = [("管理", "受信任的根证书", "trust:list", "trust.read")]
app_name = "trust"
urlpatterns = [
    path("", listing, name="list"),
    path("revoked/", add_list, name="add-list"),
    path("<uuid:pk>/remove/", remove, name="remove"),
]
