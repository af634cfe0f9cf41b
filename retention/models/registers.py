"""销毁清册: registers, their editions and rows, approval and supervision. All of it is kept for ever."""

from django.db import models
from django.db.models import F, Q

from archive.identifiers import new_id
from retention import states
from retention.models.constraints import known
from retention.models.signing import Person, Signature


class Register(models.Model):
    """销毁清册. The persons stand in one row, so that the database itself keeps them apart."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    fonds = models.ForeignKey("archive.Fonds", models.PROTECT)
    number = models.PositiveIntegerField("编号")
    year = models.PositiveSmallIntegerField()
    title = models.CharField("题名", max_length=200)
    state = models.CharField(max_length=10, default="draft", choices=list(states.REGISTER_STATES.items()))
    edition = models.PositiveSmallIntegerField(default=0)  # of the newest frozen edition
    revision = models.PositiveIntegerField(default=1)
    made_at = models.DateTimeField()
    requested_by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    approved_by = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    approved_at = models.DateTimeField(null=True)
    approval = models.ForeignKey(Signature, models.PROTECT, null=True, related_name="+")
    pending = models.JSONField(
        default=dict
    )  # a decision on paper that is still to be confirmed (retention/approval.py)
    end_reason = models.CharField("未批准或撤销的理由", max_length=300, blank=True)
    not_before = models.DateTimeField("等待期满", null=True)
    supervisor_one = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    supervisor_two = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    executed_by = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    manner = models.CharField("销毁方式", max_length=120, blank=True)
    place = models.CharField("销毁地点", max_length=120, blank=True)
    stopped = models.BooleanField(default=False)  # a person asked the execution to pause
    certificate = models.ForeignKey("archive.Paper", models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = verbose_name_plural = "销毁清册"
        constraints = [
            models.UniqueConstraint(fields=["fonds", "year", "number"], name="register_number_once"),
            known("state", states.REGISTER_STATES, "register_state_is_known"),
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True) | ~Q(approved_by=F("requested_by")),
                name="approver_is_not_the_requester",
            ),
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True)
                | Q(executed_by__isnull=True)
                | ~Q(approved_by=F("executed_by")),
                name="approver_is_not_the_executor",
            ),
            models.CheckConstraint(
                condition=Q(supervisor_one__isnull=True)
                | Q(supervisor_two__isnull=True)
                | ~Q(supervisor_one=F("supervisor_two")),
                name="two_supervisors_are_two_persons",
            ),
            *(
                models.CheckConstraint(
                    condition=Q(**{f"{supervisor}__isnull": True})
                    | Q(**{f"{other}__isnull": True})
                    | ~Q(**{supervisor: F(other)}),
                    name=f"{supervisor}_is_not_{other}",
                )
                for supervisor in ("supervisor_one", "supervisor_two")
                for other in ("approved_by", "executed_by")
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["approved", "refiling", "supervised", "executing", "executed"])
                | (Q(approved_by__isnull=False) & Q(approval__isnull=False)),
                name="approved_says_by_whom",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["supervised", "executing", "executed"])
                | (Q(supervisor_one__isnull=False) & Q(supervisor_two__isnull=False)),
                name="nothing_is_executed_without_two_supervisors",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["executing", "executed"]) | Q(executed_by__isnull=False),
                name="execution_says_by_whom",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["refused", "withdrawn"]) | ~Q(end_reason=""),
                name="an_ended_register_says_why",
            ),
        ]
        indexes = [models.Index(fields=["state", "made_at"], name="register_by_state")]

    def __str__(self) -> str:
        return f"销毁清册〔{self.year}〕{self.number}号"


class Edition(models.Model):
    """One numbered edition of a register, as it was frozen and filed with the 人社 department."""

    register = models.ForeignKey(Register, models.PROTECT, related_name="editions")
    number = models.PositiveSmallIntegerField()
    frozen_at = models.DateTimeField()
    reason = models.CharField(max_length=300, blank=True)  # why there is a new one
    count = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    printed = models.ForeignKey("archive.Paper", models.PROTECT, null=True, related_name="+")
    sheet = models.ForeignKey("archive.Paper", models.PROTECT, null=True, related_name="+")
    filed_with = models.CharField("备案机关", max_length=120, blank=True)
    filing_no = models.CharField("备案号", max_length=120, blank=True)
    filed_on = models.DateField("备案日期", null=True)
    filed_by = models.ForeignKey("archive.User", models.PROTECT, null=True, related_name="+")
    receipt = models.ForeignKey("archive.Paper", models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = verbose_name_plural = "清册版次"
        constraints = [
            models.UniqueConstraint(fields=["register", "number"], name="edition_once"),
            models.CheckConstraint(
                condition=Q(filed_on__isnull=True)
                | (~Q(filing_no="") & ~Q(filed_with="") & Q(receipt__isnull=False)),
                name="a_filing_has_number_and_receipt",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.register_id} 第{self.number}版"


class RegisterRow(models.Model):
    """One record in a register, with the columns as they were frozen."""

    register = models.ForeignKey(Register, models.PROTECT, related_name="rows")
    record = models.ForeignKey("archive.Record", models.PROTECT, related_name="register_rows")
    position = models.PositiveIntegerField("序号")
    state = models.CharField(max_length=10, default="listed", choices=list(states.ROW_STATES.items()))
    columns = models.JSONField(default=dict)  # the columns of the register, as printed
    objects_digest = models.CharField(max_length=64)  # over the digests of the record's objects
    left_edition = models.PositiveSmallIntegerField(null=True)  # the first edition it is not in
    left_reason = models.CharField(max_length=300, blank=True)
    locked_until = models.DateTimeField(null=True)  # not tried again before
    fault = models.CharField(max_length=300, blank=True)  # why the last try did not get through
    marked_at = models.DateTimeField(null=True)  # the point of no return
    destroyed_at = models.DateTimeField(null=True)
    evidence = models.JSONField(default=dict)  # exact keys and versions removed, and the proof of absence

    class Meta:
        verbose_name = verbose_name_plural = "清册条目"
        constraints = [
            models.UniqueConstraint(fields=["register", "position"], name="row_position_once"),
            models.UniqueConstraint(fields=["register", "record"], name="a_record_stands_once_in_a_register"),
            models.UniqueConstraint(
                fields=["record"],
                condition=Q(state__in=states.LIVE_ROWS),
                name="a_record_is_in_one_live_register",
            ),
            known("state", states.ROW_STATES, "row_state_is_known"),
            models.CheckConstraint(
                condition=~Q(state="destroyed") | Q(destroyed_at__isnull=False, marked_at__isnull=False),
                name="destroyed_row_says_when",
            ),
            models.CheckConstraint(condition=~Q(state="kept") | ~Q(left_reason=""), name="kept_row_says_why"),
        ]
        indexes = [models.Index(fields=["register", "state", "position"], name="row_by_state")]

    def __str__(self) -> str:
        return f"{self.register_id} {self.position}"


class Supervision(models.Model):
    """What one supervisor compared and signed, for one edition."""

    register = models.ForeignKey(Register, models.PROTECT, related_name="supervisions")
    edition = models.PositiveSmallIntegerField()
    person = models.ForeignKey(Person, models.PROTECT)
    compared_at = models.DateTimeField()
    compared = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)  # of the comparison's result
    signature = models.ForeignKey(Signature, models.PROTECT)

    class Meta:
        verbose_name = verbose_name_plural = "监销核对"
        constraints = [
            models.UniqueConstraint(
                fields=["register", "edition", "person"], name="supervision_once_a_person"
            )
        ]

    def __str__(self) -> str:
        return f"{self.register_id} {self.person}"
