"""人员与授权, for the 安全保密员. The auditor may look."""

from django import forms
from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from archive import people, terms
from archive.errors import NotFound, WrongInput
from archive.http import actor_of, allowed, keyset, pager_of, timeline
from archive.models import Assignment, Department, Event, Fonds, User
from archive.models.people import ADMINISTRATORS
from archive.people import Extent
from archive.permissions import ROLES
from archive.sieves import DayInput
from archive.templatetags.archive_words import moment

CRUMBS = [{"label": "管理"}, {"label": "人员与授权"}]
Boxes = forms.CheckboxSelectMultiple


class NewUser(forms.Form):
    username = forms.CharField(label="用户名", max_length=40, help_text="登录用：字母、数字或 @ . + - _。")
    name = forms.CharField(label="姓名", max_length=60)


class Give(forms.Form):
    role = forms.ChoiceField(label="角色", choices=[("", "请选择"), *ROLES.items()])
    fonds = forms.ChoiceField(label="全宗", required=False, help_text="三员不选，其他角色必选。")
    departments = forms.MultipleChoiceField(
        label="部门", required=False, widget=Boxes, help_text="不选 = 全部部门。"
    )
    stages = forms.MultipleChoiceField(
        label="业务环节",
        required=False,
        widget=Boxes,
        choices=list(terms.STAGES.items()),
        help_text="不选 = 全部环节。",
    )
    insurances = forms.MultipleChoiceField(
        label="险种",
        required=False,
        widget=Boxes,
        choices=list(terms.INSURANCES.items()),
        help_text="不选 = 全部险种。",
    )
    security = forms.TypedChoiceField(
        label="密级上限",
        choices=list(terms.SECURITY_LEVELS.items()),
        coerce=int,
        initial=terms.DEFAULT_SECURITY,
    )
    valid_from = forms.DateField(label="有效期从", required=False, widget=DayInput())
    valid_until = forms.DateField(
        label="有效期至",
        required=False,
        widget=DayInput(),
        help_text="检查人员应写明止期。",
    )

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        fonds = list(Fonds.objects.order_by("code"))
        self.fields["fonds"].choices = [("", "全系统（仅三员）"), *((row.code, str(row)) for row in fonds)]
        departments = Department.objects.select_related("fonds").order_by("fonds__code", "name")
        self.fields["departments"].choices = [(str(row.pk), str(row)) for row in departments]

    def extent(self) -> Extent:
        asked = self.cleaned_data
        return Extent(
            fonds=Fonds.objects.get(code=asked["fonds"]) if asked["fonds"] else None,
            departments=tuple(int(pk) for pk in asked["departments"]) or None,
            stages=tuple(asked["stages"]) or None,
            insurances=tuple(asked["insurances"]) or None,
            security=asked["security"],
            valid_from=asked["valid_from"],
            valid_until=asked["valid_until"],
        )


@require_GET
@allowed("people.read")
def listing(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    users = User.objects.filter(is_system=False)
    role, active = request.GET.get("role", ""), request.GET.get("active", "")
    if who := request.GET.get("who", "").replace("\0", "").strip():
        users = users.filter(Q(username__icontains=who) | Q(name__icontains=who))
    if role in ROLES:
        users = users.filter(assignments__role=role).distinct()
    if active in ("yes", "no"):
        users = users.filter(is_active=active == "yes")
    page = keyset(users.prefetch_related("assignments__fonds"), ("username", "id"), request)
    names = dict(Department.objects.values_list("pk", "name"))
    context = {
        "users": [_row(user, names) for user in page.rows],
        "total": page.total,
        "exact": page.exact,
        "unit": "人",
        "pager": pager_of(request, page),
        "role_choices": list(ROLES.items()),
        "role": role,
        "active": active,
        "who": who,
        "action": {"label": "新增用户", "url": reverse("people:new")} if actor.may("people.manage") else None,
        "breadcrumbs": CRUMBS,
    }
    return render(request, "people/list.html", context)


def _row(user: User, departments: dict[int, str]) -> dict:
    rows = sorted(user.assignments.all(), key=lambda row: (list(ROLES).index(row.role), row.pk))
    return {
        "user": user,
        "url": reverse("people:one", args=[user.pk]),
        "state": ("on", "在用", "success") if user.is_active else ("off", "已停用", "gone"),
        "assignments": [_assignment(row, departments) for row in rows],
    }


def _assignment(row: Assignment, departments: dict[int, str]) -> dict:
    today = timezone.localdate()
    over = row.valid_until is not None and row.valid_until < today
    early = row.valid_from is not None and row.valid_from > today
    return {
        "pk": row.pk,
        "role": ROLES.get(row.role, row.role),
        "extent": people.in_words(row, departments),
        "state": ("over", "已过期", "gone") if over else ("early", "未生效", "neutral") if early else None,
        "administrator": row.role in ADMINISTRATORS,
    }


@never_cache
@require_http_methods(["GET", "POST"])
@allowed("people.manage")
def new(request: HttpRequest) -> HttpResponse:
    form = NewUser(request.POST or None)
    crumbs = [CRUMBS[0], CRUMBS[1] | {"url": reverse("people:list")}, {"label": "新增用户"}]
    if request.method == "POST" and form.is_valid():
        try:
            user, password = people.make_user(**form.cleaned_data, actor=actor_of(request))
        except WrongInput as fault:
            form.add_error(
                "name" if fault.fields["field"] == "姓名" else "username", str(fault.fields["reason"])
            )
        else:
            return _told(request, user, password, "已新增。下一步：给他授权。")
    status = 422 if form.errors else 200
    return render(request, "people/new.html", {"form": form, "breadcrumbs": crumbs}, status=status)


def _told(request: HttpRequest, user: User, password: str, sentence: str) -> HttpResponse:
    """The one page that shows an initial password: the answer to a post, never to be asked for again."""
    crumbs = [CRUMBS[0], CRUMBS[1] | {"url": reverse("people:list")}, {"label": user.name}]
    context = {"person": user, "password": password, "sentence": sentence, "breadcrumbs": crumbs}
    return render(request, "people/password.html", context)


@require_GET
@allowed("people.read")
def one(request: HttpRequest, pk) -> HttpResponse:
    return _person(request, pk, Give())


def _person(request: HttpRequest, pk, form: Give) -> HttpResponse:
    actor = actor_of(request)
    user = User.objects.filter(pk=pk, is_system=False).prefetch_related("assignments__fonds").first()
    if user is None:
        raise NotFound(what="这个用户")
    row = _row(user, dict(Department.objects.values_list("pk", "name")))
    context = {
        "person": user,
        "row": row,
        "form": form,
        "own": user.pk == actor.id,
        "may_manage": actor.may("people.manage") and user.pk != actor.id,
        "events": _events(user),
        "facts": [
            {"label": "用户名", "value": user.username, "code": True},
            {"label": "姓名", "value": user.name},
            {"label": "上次登录", "value": _since(user.last_login)},
            {"label": "建立", "value": _since(user.date_joined)},
        ],
        "breadcrumbs": [CRUMBS[0], CRUMBS[1] | {"url": reverse("people:list")}, {"label": user.name}],
    }
    return render(request, "people/one.html", context, status=422 if form.errors else 200)


def _since(value) -> str:
    return moment(value) if value else "从未"


def _events(user: User) -> list[dict]:
    rows = Event.objects.filter(kind="user", subject=str(user.pk)).order_by("-sequence")[:40]
    return timeline(rows)


@require_POST
@allowed("people.manage")
def assign(request: HttpRequest, pk) -> HttpResponse:
    form = Give(request.POST)
    if form.is_valid():
        try:
            row = people.assign(pk, form.cleaned_data["role"], form.extent(), actor=actor_of(request))
        except WrongInput as fault:
            fields = {"角色": "role", "全宗": "fonds", "部门": "departments", "有效期": "valid_until"}
            form.add_error(fields.get(str(fault.fields["field"])), str(fault.fields["reason"]))
        else:
            messages.success(request, f"已授予{ROLES[row.role]}。")
            return redirect("people:one", pk)
    return _person(request, pk, form)


@require_POST
@allowed("people.manage")
def unassign(request: HttpRequest, assignment: int) -> HttpResponse:
    user = people.unassign(assignment, actor=actor_of(request))
    messages.success(request, f"已收回 {user.name} 的这项授权。")
    return redirect("people:one", user.pk)


@require_POST
@allowed("people.manage")
def deactivate(request: HttpRequest, pk) -> HttpResponse:
    user = people.deactivate(pk, reason=request.POST.get("reason", ""), actor=actor_of(request))
    messages.success(request, f"{user.name} 已停用。")
    return redirect("people:one", pk)


@require_POST
@allowed("people.manage")
def activate(request: HttpRequest, pk) -> HttpResponse:
    user = people.activate(pk, actor=actor_of(request))
    messages.success(request, f"{user.name} 已恢复。")
    return redirect("people:one", pk)


@never_cache
@require_POST
@allowed("people.manage")
def password(request: HttpRequest, pk) -> HttpResponse:
    secret = people.set_password(pk, actor=actor_of(request))
    return _told(request, User.objects.get(pk=pk), secret, "已重设；他在别处的登录已失效。")


PLACES = [("管理", "人员与授权", "people:list", "people.read")]

app_name = "people"
urlpatterns = [
    path("", listing, name="list"),
    path("new/", new, name="new"),
    path("<uuid:pk>/", one, name="one"),
    path("<uuid:pk>/assign/", assign, name="assign"),
    path("<uuid:pk>/deactivate/", deactivate, name="deactivate"),
    path("<uuid:pk>/activate/", activate, name="activate"),
    path("<uuid:pk>/password/", password, name="password"),
    path("assignments/<int:assignment>/remove/", unassign, name="unassign"),
]
