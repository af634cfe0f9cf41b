"""鉴定: groups named by decree, batches from the due list, opinions and their results."""

from django.db import models
from django.db.models import Q

from archive import terms
from archive.identifiers import new_id
from retention import states
from retention.models.constraints import known
from retention.models.signing import Person, Signature


class Group(models.Model):
    """鉴定小组: named by decree, with members of all four kinds."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    fonds = models.ForeignKey("archive.Fonds", models.PROTECT)
    name = models.CharField("名称", max_length=120)
    decree_no = models.CharField("成立文号", max_length=120)
    decreed_on = models.DateField("成立日期")
    dissolved_on = models.DateField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = "鉴定小组"

    def __str__(self) -> str:
        return self.name


class Member(models.Model):
    group = models.ForeignKey(Group, models.PROTECT, related_name="members")
    person = models.ForeignKey(Person, models.PROTECT)
    kind = models.CharField(max_length=10, choices=list(states.MEMBER_KINDS.items()))

    class Meta:
        verbose_name = verbose_name_plural = "鉴定小组成员"
        constraints = [
            models.UniqueConstraint(fields=["group", "person"], name="member_once"),
            known("kind", states.MEMBER_KINDS, "member_kind_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.person}（{self.get_kind_display()}）"


class Appraisal(models.Model):
    """鉴定批次: records from the due list, laid before a group."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    fonds = models.ForeignKey("archive.Fonds", models.PROTECT)
    group = models.ForeignKey(Group, models.PROTECT)
    number = models.PositiveIntegerField("编号")
    year = models.PositiveSmallIntegerField()
    title = models.CharField("题名", max_length=200)
    state = models.CharField(max_length=10, default="open", choices=list(states.APPRAISAL_STATES.items()))
    opened_at = models.DateTimeField()
    opened_by = models.ForeignKey("archive.User", models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True)
    minutes = models.ForeignKey("archive.Paper", models.PROTECT, null=True, related_name="+")
    revision = models.PositiveIntegerField(default=1)

    class Meta:
        verbose_name = verbose_name_plural = "鉴定"
        constraints = [
            models.UniqueConstraint(fields=["fonds", "year", "number"], name="appraisal_number_once"),
            known("state", states.APPRAISAL_STATES, "appraisal_state_is_known"),
        ]
        indexes = [models.Index(fields=["state", "opened_at"], name="appraisal_by_state")]

    def __str__(self) -> str:
        return f"鉴定〔{self.year}〕{self.number}号"


class AppraisalItem(models.Model):
    """One record in an appraisal, and the group's result: any member for extending decides, the longest wins."""

    appraisal = models.ForeignKey(Appraisal, models.PROTECT, related_name="items")
    record = models.ForeignKey("archive.Record", models.PROTECT, related_name="appraisal_items")
    position = models.PositiveIntegerField()
    open = models.BooleanField(default=True)
    result = models.CharField(max_length=8, blank=True, choices=list(states.RESULTS.items()))
    period = models.CharField("重新确定的期限", max_length=4, blank=True)
    reason = models.CharField("理由", max_length=300, blank=True)
    old_period = models.CharField(max_length=4)
    old_due_on = models.DateField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = "鉴定件"
        constraints = [
            models.UniqueConstraint(fields=["appraisal", "position"], name="appraisal_position_once"),
            models.UniqueConstraint(
                fields=["record"], condition=Q(open=True), name="a_record_is_in_one_open_appraisal"
            ),
            models.CheckConstraint(condition=Q(result__in=["", *states.RESULTS]), name="result_is_known"),
            models.CheckConstraint(
                condition=~Q(result="extend") | Q(period__in=terms.RETENTIONS),
                name="extending_names_a_period",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.appraisal_id} {self.position}"


class Opinion(models.Model):
    """What one member says of records in an appraisal, after opening a stated sample of them. Which, say the
    `OpinionItem` rows. It counts as its signature does; of one member's opinions on a record the newest."""

    appraisal = models.ForeignKey(Appraisal, models.PROTECT, related_name="opinions")
    member = models.ForeignKey(Member, models.PROTECT, related_name="opinions")
    result = models.CharField(max_length=8, choices=list(states.RESULTS.items()))
    period = models.CharField("重新确定的期限", max_length=4, blank=True)
    reason = models.CharField("理由", max_length=300)
    sample = models.JSONField("打开查看的样本", default=list)  # record ids
    given_at = models.DateTimeField()
    signature = models.OneToOneField(Signature, models.PROTECT, related_name="opinion")

    class Meta:
        verbose_name = verbose_name_plural = "鉴定意见"
        constraints = [
            known("result", states.RESULTS, "opinion_result_is_known"),
            models.CheckConstraint(
                condition=~Q(result="extend") | Q(period__in=terms.RETENTIONS),
                name="opinion_to_extend_names_a_period",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.member} {self.get_result_display()}"


class OpinionItem(models.Model):
    opinion = models.ForeignKey(Opinion, models.PROTECT, related_name="on")
    item = models.ForeignKey(AppraisalItem, models.PROTECT, related_name="opinions")

    class Meta:
        verbose_name = verbose_name_plural = "鉴定意见所及"
        constraints = [models.UniqueConstraint(fields=["opinion", "item"], name="opinion_once_on_a_record")]

    def __str__(self) -> str:
        return f"{self.opinion_id} {self.item_id}"
