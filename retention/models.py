"""Decisions on records that exist: holds, appraisals, registers, approvals, supervision. All of it is kept for ever.

Persons are rows of their own (`Person`), because outsiders sign too, and because the database compares persons, not
accounts. Every decision rests on a `Signature`: given on screen, or entered from a signed sheet by one user and
confirmed by another.
"""

from django.db import models
from django.db.models import F, Q

from archive import terms
from archive.identifiers import new_id
from retention import states


def _known(field: str, values: dict, name: str) -> models.CheckConstraint:
    return models.CheckConstraint(condition=Q(**{f"{field}__in": list(values)}), name=name)


class Person(models.Model):
    """A human who decides or signs: a user of the system, or an outsider (人社 member, head)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField("姓名", max_length=60)
    organisation = models.CharField("单位", max_length=120, blank=True)
    duty = models.CharField("职务", max_length=60, blank=True)
    user = models.OneToOneField("archive.User", models.PROTECT, null=True, blank=True, related_name="person")
    id_token = models.CharField("证件号码散列", max_length=40, blank=True)  # tells namesakes apart

    class Meta:
        verbose_name = verbose_name_plural = "签署人"
        constraints = [
            models.UniqueConstraint(
                fields=["name", "organisation"],
                condition=Q(user__isnull=True),
                name="an_outsider_stands_once",
            )
        ]

    def __str__(self) -> str:
        return self.name


class Signature(models.Model):
    """One signature. A paper one counts once a second user has confirmed it against the scan."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    person = models.ForeignKey(Person, models.PROTECT, related_name="signatures")
    manner = models.CharField(max_length=6, choices=list(states.MANNERS.items()))
    subject = models.CharField(max_length=60)  # "appraisal:<uuid>", "register:<uuid>"
    meaning = models.CharField(max_length=300)  # what was signed, in words
    digest = models.CharField(max_length=64)  # of what was signed
    signed_on = models.DateField()
    entered_at = models.DateTimeField()
    entered_by = models.ForeignKey("archive.User", models.PROTECT, related_name="+")
    confirmed_at = models.DateTimeField(null=True)
    confirmed_by = models.ForeignKey("archive.User", models.PROTECT, null=True, related_name="+")
    scan = models.ForeignKey("archive.Paper", models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = verbose_name_plural = "签署"
        constraints = [
            _known("manner", states.MANNERS, "signature_manner_is_known"),
            models.CheckConstraint(
                condition=Q(confirmed_by__isnull=True) | ~Q(confirmed_by=F("entered_by")),
                name="a_paper_signature_is_confirmed_by_another",
            ),
            models.CheckConstraint(
                condition=Q(manner="screen") | Q(scan__isnull=False), name="a_paper_signature_has_its_scan"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} {self.meaning}"

    @property
    def counts(self) -> bool:
        return self.manner == "screen" or self.confirmed_at is not None


class Hold(models.Model):
    """暂缓销毁: keeps records from being destroyed until a person ends it. Its records are `archive.Block` rows, which
    follow in small transactions: until `settled_at` is set, something is still to be blocked or lifted."""

    KINDS = {"record": "按件", "person": "按人", "unit": "按单位", "search": "按检索结果"}

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    fonds = models.ForeignKey("archive.Fonds", models.PROTECT)
    number = models.PositiveIntegerField("编号")
    year = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=6, choices=list(KINDS.items()))
    about = models.CharField("对象", max_length=300)  # masked words
    party_key = models.CharField(
        max_length=210, blank=True
    )  # by person or unit: later records of theirs are held too
    reason = models.CharField("理由", max_length=300)
    authority = models.CharField("依据或要求单位", max_length=200)
    placed_at = models.DateTimeField()
    placed_by = models.ForeignKey("archive.User", models.PROTECT, null=True, related_name="+")
    placed_by_name = models.CharField(max_length=60)
    ended_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey("archive.User", models.PROTECT, null=True, related_name="+")
    end_reason = models.CharField(max_length=300, blank=True)
    wanted = models.JSONField(default=list)  # record ids, by record or search
    too_late = models.JSONField(default=list)  # record ids whose destruction had begun
    settled_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = "暂缓销毁"
        constraints = [
            models.UniqueConstraint(fields=["fonds", "year", "number"], name="hold_number_once"),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | (Q(ended_by__isnull=False) & ~Q(end_reason="")),
                name="a_person_ends_a_hold_with_a_reason",
            ),
        ]
        indexes = [
            models.Index(
                fields=["party_key"],
                condition=Q(ended_at__isnull=True) & ~Q(party_key=""),
                name="hold_standing",
            )
        ]

    def __str__(self) -> str:
        return f"暂缓〔{self.year}〕{self.number}号"


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
            _known("kind", states.MEMBER_KINDS, "member_kind_is_known"),
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
            _known("state", states.APPRAISAL_STATES, "appraisal_state_is_known"),
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
            _known("result", states.RESULTS, "opinion_result_is_known"),
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
    pending = models.JSONField(default=dict)  # a decision on paper that is still to be confirmed (retention/approval.py)
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
            _known("state", states.REGISTER_STATES, "register_state_is_known"),
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
            _known("state", states.ROW_STATES, "row_state_is_known"),
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
    ticked = models.JSONField(default=list)  # paper items ticked off, once paper is held here
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
