"""The pages of the gallery: the templates of the product filled with `sample` values. No rule lives here."""

from django import forms
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template import loader

from archive.errors import WrongState
from config.middleware import POLICY
from tests.look import sample


def strict_policy(get_response):
    """The content policy of the product: nothing inline, nothing from elsewhere."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response["Content-Security-Policy"] = POLICY
        return response

    return answer


class Person:
    is_authenticated = True

    def get_full_name(self) -> str:
        return "陈静"

    def get_username(self) -> str:
        return "chenjing"


class Nobody:
    is_authenticated = False


def frame(request: HttpRequest) -> dict:
    """What the product's context processor gives to the frame."""
    if request.path in ("/login/",):
        request.user = Nobody()
        return {"product": sample.PRODUCT}
    request.user = Person()
    return {
        "product": sample.PRODUCT,
        "current_fonds": sample.FONDS,
        "todo_count": 37,
        "roles": "档案员",
        "navigation": sample.navigation(request.path),
    }


class ReturnForm(forms.Form):
    title = forms.CharField(label="题名", help_text="单位、姓名、事项、年月，按这个次序。", max_length=120)
    handled_on = forms.DateField(
        label="办结日期", help_text="例如 2019-12-10", widget=forms.DateInput(attrs={"type": "text"})
    )
    stage = forms.ChoiceField(
        label="业务环节", choices=[("", "请选择"), ("DJ", "参保登记"), ("BG", "变更登记")]
    )
    years = forms.IntegerField(label="保管期限", required=False)
    medium = forms.ChoiceField(
        label="载体",
        choices=[("e", "电子"), ("p", "纸质"), ("b", "电子和纸质")],
        widget=forms.RadioSelect,
        initial="e",
    )
    reason = forms.CharField(
        label="依据", widget=forms.Textarea(attrs={"rows": 3}), help_text="写明文件名称和文号。"
    )
    sure = forms.BooleanField(label="我已核对原件", required=False)


class SignInForm(forms.Form):
    username = forms.CharField(
        label="用户名", widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "username"})
    )
    password = forms.CharField(
        label="密码", widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )


class BatchForm(forms.Form):
    fonds = forms.ChoiceField(
        label="全宗",
        choices=[("D019", "D019 东莞市社会保险基金管理局")],
        help_text="只用于包内没有写明全宗的情形。",
    )


class PasswordForm(forms.Form):
    old = forms.CharField(label="原密码", widget=forms.PasswordInput)
    new = forms.CharField(
        label="新密码", widget=forms.PasswordInput, help_text="至少 12 位，不要与姓名、用户名相近。"
    )
    again = forms.CharField(label="再输一次新密码", widget=forms.PasswordInput)


def home(request):
    return render(
        request, "home.html", {"todos": sample.TODOS, "events": sample.EVENTS[:4], "breadcrumbs": []}
    )


def records(request):
    return render(
        request,
        "records.html",
        {
            "records": sample.RECORDS,
            "groups": sample.groups(request.GET),
            "filters": sample.chips(request.GET),
            "clear_url": "/records/",
            "total": 10000,
            "exact": False,
            "sort": request.GET.get("sort", ""),
            "pager": {
                "first": 51,
                "last": 100,
                "prev_url": "?after=a",
                "next_url": "?after=b",
                "first_url": "?",
            },
            "actions": [
                {"label": "导出目录", "value": "export"},
                {"label": "加入利用单", "value": "basket"},
                {"label": "暂缓销毁", "dialog": "hold", "danger": True},
            ],
            "tools": [{"label": "导出 Excel", "url": "#"}],
            "breadcrumbs": [{"label": "档案", "url": "#"}, {"label": "档案目录"}],
        },
    )


def none(request):
    return render(
        request,
        "none.html",
        {
            "more": {"label": "接口说明", "url": "#"},
            "breadcrumbs": [{"label": "收集", "url": "#"}, {"label": "归档信息包"}],
        },
    )


def record(request):
    return render(request, "record.html", sample.record_page())


def read(request):
    return render(request, "read.html", sample.reading())


def package(request):
    return render(request, "package.html", sample.package_page())


def upload(request):
    if request.method == "POST":
        file = request.FILES["files"]
        if "bad" in file.name:
            return JsonResponse(
                {"code": "wrong-input", "message": f"{file.name}：不是 zip 文件。"}, status=400
            )
        return JsonResponse(
            {"word": "已归档", "tone": "success", "message": f"{file.size} 字节", "url": "/record/"}
        )
    return render(
        request,
        "upload.html",
        {"form": BatchForm(), "breadcrumbs": [{"label": "收集", "url": "#"}, {"label": "上传归档信息包"}]},
    )


def progress(request):
    """A page with work under way; asked by htmx, the work is finished."""
    if request.headers.get("HX-Request"):
        work = {"done": 600, "total": 600, "finished": True, "sentence": "归档完成"}
        return render(request, "parts/progress.html", {"progress": work, "poll_url": "/progress/"})
    return render(
        request, "working.html", {"progress": sample.gallery()["progress"], "poll_url": "/progress/"}
    )


def gallery(request):
    form = ReturnForm(
        {"title": "", "handled_on": "20191310", "stage": "DJ", "years": "100", "medium": "e", "reason": "…"}
    )
    context = sample.gallery() | {
        "form": form,
        "upload_form": BatchForm(),
        "breadcrumbs": [{"label": "部件"}],
    }
    return render(request, "gallery.html", context)


def register(request):
    return render(
        request, "register.html", {"rows": sample.REGISTER, "printed_at": sample.NOW, "printed_by": "陈静"}
    )


def refused(request):
    fault = WrongState(what="归档信息包 DG201912100001 ", state="已归档", verb="退回")
    return render(request, "refusal.html", {"fault": fault, "back_url": "/package/"}, status=fault.status)


def fault(request):
    """As Django renders it: without request and context."""
    return HttpResponse(loader.get_template("500.html").render(), status=500)


def login(request):
    return render(request, "registration/login.html", {"form": SignInForm(), "next": ""})


def password(request):
    return render(request, "registration/password_change_form.html", {"form": PasswordForm()})


def page_image(request, number):
    return HttpResponse(sample.form_page(number), content_type="image/svg+xml")
