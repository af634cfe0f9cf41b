"""人工确认: what holds, what ends soon, what is missing; giving and withdrawing it."""

from datetime import timedelta

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from archive import permissions
from archive.errors import WrongInput
from archive.http import actor_of, allowed
from archive.models import ManualConfirmation, SourceSystem
from archive.sieves import DayInput
from ingest import confirmations
from ingest.confirmations import CHECKS, EXTENTS, LONGEST_DAYS, SOON, extent_of

ENDED_SHOWN = 50


class Give(forms.Form):
    checks = forms.MultipleChoiceField(
        label="检测项",
        choices=[(check, f"{check} {name}") for check, name in CHECKS.items()],
        widget=forms.CheckboxSelectMultiple,
    )
    extent = forms.ChoiceField(label="范围", choices=[("", "请选择"), *EXTENTS.items()])
    source = forms.ChoiceField(label="来源系统", required=False, help_text="范围为来源系统时选。")
    batch = forms.CharField(
        label="批次号", required=False, max_length=80, help_text="范围为批次时填，与批次清单一致。"
    )
    verdict = forms.ChoiceField(label="结论", choices=list(ManualConfirmation.VERDICTS.items()))
    valid_until = forms.DateField(
        label="有效至",
        widget=DayInput(),
        help_text=f"最长 {LONGEST_DAYS} 天；到期后重新核查。",
    )
    statement = forms.CharField(
        label="确认说明",
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="核查了什么、怎样核查、看到了什么。它会写进检测报告。",
    )

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        systems = SourceSystem.objects.order_by("code").values_list("code", "name")
        self.fields["source"].choices = [
            ("", "请选择"),
            *((code, f"{name}（{code}）") for code, name in systems),
        ]
        self.fields["valid_until"].initial = timezone.localdate() + timedelta(days=LONGEST_DAYS - 1)


@require_http_methods(["GET", "POST"])
@allowed("confirmation.read")
def listing(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    form = Give()
    if request.method == "POST":
        permissions.require(actor, "confirmation.give")
        form = Give(request.POST)
        if form.is_valid():
            asked = form.cleaned_data
            reference = asked["source"] if asked["extent"] == "source" else asked["batch"]
            try:
                rows = confirmations.confirm(
                    checks=asked["checks"],
                    extent=asked["extent"],
                    reference=reference,
                    verdict=asked["verdict"],
                    statement=asked["statement"],
                    valid_until=asked["valid_until"],
                    actor=actor,
                )
            except WrongInput as fault:
                form.add_error(None, str(fault))
            else:
                messages.success(request, f"已登记 {len(rows)} 项人工确认，以后接收的信息包引用它们。")
                return redirect("ingest:confirmations")
    today = timezone.localdate()
    rows = ManualConfirmation.objects.order_by("check_id", "extent", "reference", "-confirmed_at")
    holding = [_row(row, today) for row in rows.filter(withdrawn_at=None, valid_until__gte=today)]
    ended = rows.exclude(withdrawn_at=None, valid_until__gte=today).order_by("-confirmed_at")[:ENDED_SHOWN]
    there = {row["row"].check_id for row in holding}
    context = {
        "holding": holding,
        "ended": [_row(row, today) for row in ended],
        "missing": "、".join(name for check, name in CHECKS.items() if check not in there),
        "form": form,
        "may_give": actor.may("confirmation.give"),
        "breadcrumbs": [{"label": "收集"}, {"label": "人工确认"}],
    }
    return render(request, "ingest/confirmations.html", context, status=422 if form.errors else 200)


def _row(row: ManualConfirmation, today) -> dict:
    state = ("good", "有效", "success")
    if row.withdrawn_at:
        state = ("withdrawn", "已撤回", "gone")
    elif row.valid_until < today:
        state = ("over", "已到期", "gone")
    elif row.valid_until - today < SOON:
        state = ("soon", f"{(row.valid_until - today).days} 天后到期", "warning")
    verdict = ("passed", "符合", "success") if row.verdict == "passed" else ("failed", "不符合", "danger")
    return {
        "row": row,
        "name": CHECKS.get(row.check_id, ""),
        "extent": extent_of(row),
        "state": state,
        "verdict": verdict,
    }


@require_POST
@allowed("confirmation.give")
def withdraw(request: HttpRequest, pk) -> HttpResponse:
    row = confirmations.withdraw(pk, reason=request.POST.get("reason", ""), actor=actor_of(request))
    messages.success(request, f"已撤回对“{CHECKS.get(row.check_id, row.check_id)}”的确认。")
    return redirect("ingest:confirmations")
