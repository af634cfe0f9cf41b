"""The forms of this room. They check shapes; the verbs check rules."""

from django import forms
from django.utils import timezone

from archive.models import Fonds, User
from archive.permissions import Actor
from archive.sieves import DayInput
from archive.templatetags.archive_words import period
from archive.terms import ACCOUNTING, RETENTIONS
from retention import persons
from retention.models import Group, Member, Person
from retention.permissions import within
from retention.states import MEMBER_KINDS, RESULTS

SCAN = ".pdf,.jpg,.jpeg,.png,.tif,.tiff"
PERIODS = [("", "不延长"), *((code, period(code)) for code in RETENTIONS if code not in ("10", ACCOUNTING))]


def _day(label: str, **more) -> forms.DateField:
    return forms.DateField(label=label, widget=DayInput(), **more)


def _text(label: str, rows: int = 3, **more) -> forms.CharField:
    return forms.CharField(
        label=label, max_length=300, widget=forms.Textarea(attrs={"rows": rows, "maxlength": 300}), **more
    )


def _scan(label: str) -> forms.FileField:
    return forms.FileField(
        label=label,
        widget=forms.FileInput(attrs={"accept": SCAN}),
        help_text="PDF、JPEG、PNG 或 TIFF。存入全宗卷。",
    )


def _password() -> forms.CharField:
    return forms.CharField(
        label="您的登录密码",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text="签署前确认是您本人。",
    )


class Sieve(forms.Form):
    """The filters of the due list. What makes no sense is left out, never an error page."""

    fonds = forms.ChoiceField(label="全宗", required=False)
    year = forms.ChoiceField(label="形成年度", required=False)
    key = forms.ChoiceField(label="期限类项", required=False)

    def __init__(self, *args, fonds, classes, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        everything = ("", "全部")
        self.fields["fonds"].choices = [everything, *((code, code) for code in fonds)]
        self.fields["year"].choices = [
            everything,
            *((str(year), str(year)) for year in classes.years),
        ]
        self.fields["key"].choices = [
            everything,
            *((key, key.removeprefix("item:")) for key in classes.keys),
        ]
        if len(self.fields["fonds"].choices) < 3:
            del self.fields["fonds"]
        self.is_valid()

    def narrow(self, rows):
        asked = self.cleaned_data
        names = {"fonds": "fonds__code", "year": "formed_on__year", "key": "retention_key"}
        return rows.filter(**{names[name]: value for name, value in asked.items() if value})


class Submit(forms.Form):
    """提交鉴定."""

    group = forms.ModelChoiceField(label="鉴定小组", queryset=Group.objects.none(), empty_label=None)
    title = forms.CharField(label="题名", max_length=200)

    def __init__(self, *args, actor: Actor, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        rows = Group.objects.filter(dissolved_on=None).select_related("fonds").order_by("-decreed_on")
        self.fields["group"].queryset = within(rows, actor, "appraisal.open")
        self.fields["group"].label_from_instance = lambda group: f"{group.fonds.code}　{group.name}"


class Place(forms.Form):
    """暂缓销毁."""

    reason = _text("理由", help_text="为什么不能销毁，例如正在诉讼、审计或复核。不要写证件号码。")
    authority = forms.CharField(
        label="依据或要求单位",
        max_length=200,
        help_text="例如法院协助调查函的文号；没有文号的写要求的单位和日期。",
    )


class MakeGroup(forms.Form):
    fonds = forms.ModelChoiceField(label="全宗", queryset=Fonds.objects.none(), empty_label=None)
    name = forms.CharField(label="名称", max_length=120, initial="业务档案鉴定小组")
    decree_no = forms.CharField(label="成立文号", max_length=120)
    decreed_on = _day("成立日期")

    def __init__(self, *args, actor: Actor, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["fonds"].queryset = within(Fonds.objects.order_by("code"), actor, "group.make", "code")


class MemberRow(forms.Form):
    """One member: a user, or an outsider by name and organisation."""

    kind = forms.ChoiceField(label="代表", choices=list(MEMBER_KINDS.items()))
    user = forms.ModelChoiceField(
        label="本单位用户", queryset=User.objects.none(), required=False, empty_label="—"
    )
    name = forms.CharField(label="外单位人员姓名", max_length=60, required=False)
    organisation = forms.CharField(label="单位", max_length=120, required=False)
    duty = forms.CharField(label="职务", max_length=60, required=False)

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["user"].queryset = User.objects.filter(is_active=True, is_system=False).order_by("name")
        self.fields["user"].label_from_instance = lambda user: f"{user.name}（{user.username}）"
        for name, field in self.fields.items():
            field.widget.attrs["aria-label"] = f"{field.label}"
            if name in ("name", "organisation", "duty"):
                field.widget.attrs["placeholder"] = field.label

    def clean(self):
        asked = super().clean()
        if asked.get("user") and asked.get("name"):
            raise forms.ValidationError("一行只写一人：选本单位用户，或者写外单位人员。")
        if asked.get("name") and not asked.get("organisation"):
            raise forms.ValidationError(f"请写明{asked['name']}的单位。")
        return asked


Members = forms.formset_factory(MemberRow, extra=0, max_num=20)


class Say(forms.Form):
    """鉴定意见. The words of `result` are those of the regulation."""

    result = forms.ChoiceField(label="意见", choices=list(RESULTS.items()), widget=forms.RadioSelect)
    period = forms.ChoiceField(
        label="重新确定的期限",
        choices=PERIODS,
        required=False,
        help_text="只在延长时选。从原来的起算日算起，档号不变；几名成员意见不一的，取最长的期限。",
    )
    reason = _text("理由")


class SayHere(Say):
    password = _password()


class SayOnPaper(Say):
    member = forms.ModelChoiceField(label="成员", queryset=Member.objects.none(), empty_label="请选择")
    items = forms.CharField(label="所及序号", max_length=2000, help_text="签署页上写的，例如 1-20、23。")
    sample = forms.CharField(
        label="查看过的样本序号",
        max_length=2000,
        required=False,
        help_text="签署页上写明的；只有一件的不用写。",
    )
    signed_on = _day("签署日期")
    scan = _scan("签署页扫描件")
    field_order = ("member", "items", "result", "period", "reason", "sample", "signed_on", "scan")

    def __init__(self, *args, group: Group, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["member"].queryset = group.members.select_related("person").order_by("pk")


class NewRegister(forms.Form):
    appraisals = forms.MultipleChoiceField(label="鉴定批次", widget=forms.CheckboxSelectMultiple)
    title = forms.CharField(label="题名", max_length=200, initial="保管期限届满业务档案")


class File(forms.Form):
    """备案."""

    filed_with = forms.CharField(
        label="备案机关", max_length=120, help_text="同级人力资源和社会保障行政部门。"
    )
    filing_no = forms.CharField(label="备案号", max_length=120)
    filed_on = _day("备案日期")
    receipt = _scan("备案回执")

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["filed_on"].initial = timezone.localdate


class Who(forms.Form):
    """Whoever signed on paper: a user, or an outsider."""

    user = forms.ModelChoiceField(
        label="签署人", queryset=User.objects.none(), required=False, empty_label="外单位人员"
    )
    name = forms.CharField(label="外单位人员姓名", max_length=60, required=False)
    organisation = forms.CharField(label="外单位人员所在单位", max_length=120, required=False)
    signed_on = _day("签署日期")
    scan = _scan("签署页扫描件")

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["user"].queryset = User.objects.filter(is_active=True, is_system=False).order_by("name")
        self.fields["user"].label_from_instance = lambda user: f"{user.name}（{user.username}）"

    def clean(self):
        asked = super().clean()
        if bool(asked.get("user")) == bool(asked.get("name")):
            raise forms.ValidationError("请选签署人，或者写外单位人员的姓名和单位。")
        return asked

    def person(self) -> Person:
        asked = self.cleaned_data
        if asked["user"]:
            return persons.person_of(asked["user"])
        return persons.outsider(asked["name"], asked["organisation"])


class DecidedOnPaper(Who):
    decision = forms.ChoiceField(
        label="决定",
        choices=[("all", "全部批准"), ("part", "抽出一部分，批准其余"), ("refuse", "不批准")],
        widget=forms.RadioSelect,
        initial="all",
    )
    left_out = forms.CharField(
        label="抽出的序号", max_length=2000, required=False, help_text="只在抽出一部分时写，例如 3、7-9。"
    )
    reason = _text("抽出或不批准的理由", rows=2, required=False)
    field_order = (
        "user",
        "name",
        "organisation",
        "decision",
        "left_out",
        "reason",
        "signed_on",
        "scan",
    )


class Start(forms.Form):
    """开始执行."""

    manner = forms.CharField(
        label="销毁方式",
        max_length=120,
        widget=forms.Textarea(attrs={"rows": 2, "maxlength": 120}),
        initial="从全部存储中彻底删除电子文件及其副本、转换件和索引，逐件列举证明不存在",
    )
    place = forms.CharField(label="销毁地点", max_length=120, help_text="例如本中心档案机房。")
