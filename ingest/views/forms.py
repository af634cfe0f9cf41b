"""The small forms of this room."""

from datetime import timedelta

from django import forms
from django.db.models import Exists, OuterRef

from archive.models import Fonds, SourceSystem
from archive.permissions import Actor
from archive.sieves import Day, midnight
from ingest import outdated, wording
from ingest.models import FindingRow


def fonds_choices(actor: Actor, action: str) -> list[tuple[str, str]]:
    """(code, "D019 名称") of the fonds where this actor may do `action`."""
    rows = Fonds.objects.filter(code__in=actor.fonds(action)).order_by("code")
    return [(row.code, f"{row.code} {row.name}") for row in rows]


class HandIn(forms.Form):
    fonds = forms.ChoiceField(
        label="全宗", required=False, help_text="只在包里没有写全宗号时使用；包里写了的，以包里的为准。"
    )

    def __init__(self, *args, actor: Actor, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        choices = fonds_choices(actor, "submission.hand_in")
        self.fields["fonds"].choices = choices if len(choices) == 1 else [("", "不指定"), *choices]


class Sieve(forms.Form):
    """The filters of the work list. What makes no sense is left out, never an error page."""

    source = forms.ChoiceField(label="来源系统", required=False)
    fonds = forms.ChoiceField(label="全宗", required=False)
    reason = forms.ChoiceField(label="原因", required=False)
    since = Day(label="接收日期从")
    until = Day(label="到")
    number = forms.CharField(label="业务编号", required=False, max_length=120)

    def __init__(self, *args, actor: Actor, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        sources = SourceSystem.objects.order_by("name").values_list("code", flat=True)
        self.fields["source"].choices = [
            ("", "全部"),
            *((code, wording.source_name(code)) for code in sources),
        ]
        self.fields["fonds"].choices = [("", "全部"), *fonds_choices(actor, "submission.read")]
        reasons = [(key, word) for key, (word, _) in wording.REASONS.items()]
        self.fields["reason"].choices = [("", "全部"), *reasons, ("outdated", wording.OUTDATED)]
        self.is_valid()

    def narrow(self, rows):
        asked = self.cleaned_data
        if asked.get("source"):
            rows = rows.filter(source=asked["source"])
        if asked.get("fonds"):
            rows = rows.filter(fonds__code=asked["fonds"])
        if asked.get("reason") == "outdated":
            rows = outdated.outdated(rows)
        elif asked.get("reason"):
            said = FindingRow.objects.filter(wording.REASONS[asked["reason"]][1], submission=OuterRef("pk"))
            rows = rows.filter(Exists(said), state__in=outdated.SETTLED_BY_PEOPLE)
        if asked.get("since"):
            rows = rows.filter(received_at__gte=midnight(asked["since"]))
        if asked.get("until"):
            rows = rows.filter(received_at__lt=midnight(asked["until"] + timedelta(days=1)))
        if asked.get("number"):
            rows = rows.filter(business_no=asked["number"])
        return rows
