"""Whose archive it is, and by which rules: fonds, departments, source systems, retention."""

from django.db import models

from archive import terms
from archive.identifiers import new_id
from archive.models.people import OfTwoPersons


class Fonds(models.Model):
    """全宗: one agency. All rights and numbers are inside a fonds. The scheme is fixed once something is filed."""

    code = models.CharField("全宗号", max_length=12, unique=True)
    name = models.CharField("全宗名称", max_length=120)
    scheme = models.CharField("分类方案", max_length=20, choices=list(terms.SCHEMES.items()), default="stage")
    created_at = models.DateTimeField(auto_now_add=True)
    store_names = models.JSONField("存储", default=list)  # names from ARCHIVE_STORES; empty = all of them
    encrypted = models.BooleanField("加密存放", default=False)  # what is filed from now on

    class Meta:
        verbose_name = verbose_name_plural = "全宗"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(scheme__in=list(terms.SCHEMES)), name="fonds_scheme_is_known"
            )
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Department(models.Model):
    """形成部门: part of every scope."""

    fonds = models.ForeignKey(Fonds, models.PROTECT, related_name="departments")
    name = models.CharField("部门", max_length=80)

    class Meta:
        verbose_name = verbose_name_plural = "形成部门"
        constraints = [
            models.UniqueConstraint(fields=["fonds", "name"], name="department_once_in_fonds"),
        ]

    def __str__(self) -> str:
        return f"{self.fonds.code} {self.name}"


class LockModeChange(OfTwoPersons):
    """改为 COMPLIANCE 锁定: asked by one person, may be withdrawn while the window runs, confirmed by another after it.
    From then on nobody, not even the owner of the store, can delete a locked object before its day."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    fonds = models.ForeignKey(Fonds, models.PROTECT, related_name="lock_changes")
    reason = models.CharField("理由", max_length=300)
    confirm_from = models.DateField("可确认日")

    class Meta:
        verbose_name = verbose_name_plural = "锁定方式变更"
        constraints = [
            *OfTwoPersons.Meta.constraints,
            models.UniqueConstraint(
                fields=["fonds"],
                condition=models.Q(withdrawn_at__isnull=True),
                name="one_lock_mode_change_per_fonds",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.fonds_id} COMPLIANCE"


class CatalogueSnapshot(models.Model):
    """目录快照: the rows of one fonds (or, without a fonds, of the site) as one sealed file in every store, so that the
    catalogue can be rebuilt from storage alone. `copies`: [{"store", "key", "version"}]."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    fonds = models.ForeignKey(Fonds, models.PROTECT, related_name="snapshots", null=True)
    taken_at = models.DateTimeField()
    rows = models.PositiveIntegerField()
    bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    copies = models.JSONField(default=list)

    class Meta:
        verbose_name = verbose_name_plural = "目录快照"
        indexes = [models.Index(fields=["fonds", "-taken_at"], name="snapshot_newest")]

    def __str__(self) -> str:
        return f"{self.fonds_id} {self.taken_at:%Y-%m-%d %H:%M}"


class SourceSystem(models.Model):
    """来源系统, and what the site decides about it. What it may deliver stands in its profile pack."""

    code = models.CharField("代码", max_length=30, unique=True)
    name = models.CharField("名称", max_length=120)
    confirm_per_batch = models.BooleanField("逐批确认后归档", default=False)
    fonds = models.ManyToManyField(Fonds, blank=True, verbose_name="只允许交入")

    class Meta:
        verbose_name = verbose_name_plural = "来源系统"

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class RetentionClass(models.Model):
    """One row of the retention schedule, in one version of it. `period` is "" where the sources do not tell."""

    schedule = models.CharField("期限表", max_length=40)
    valid_from = models.DateField("施行日")
    code = models.CharField("类项号", max_length=10)  # "1-2", "2-1+"
    class_no = models.PositiveSmallIntegerField()
    class_name = models.CharField(max_length=60)
    name = models.CharField("项目", max_length=120, blank=True)
    materials = models.TextField("归档范围", blank=True)
    period = models.CharField("保管期限", max_length=4, blank=True)
    source_count = models.PositiveSmallIntegerField("来源数")
    note = models.TextField("说明", blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "保管期限表"
        constraints = [
            models.UniqueConstraint(fields=["schedule", "code"], name="class_once_in_schedule"),
            models.CheckConstraint(
                condition=models.Q(period__in=["", *terms.RETENTIONS]), name="class_period_is_legal"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Determination(models.Model):
    """期限判定: what the site decided about a class or a single item, with its basis. Append-only: the newest row of
    a key speaks. `kind` determined gives a period; confirmed states that the known one was checked against the
    original annex."""

    KINDS = {"determined": "判定", "provisional": "暂定", "confirmed": "确认"}

    key = models.CharField("类项或事项", max_length=90)  # "1-2", "2-?", "item:dalian/arrears"
    kind = models.CharField(max_length=12, choices=list(KINDS.items()))
    period = models.CharField(max_length=4, blank=True)
    basis = models.TextField("依据")
    decided_at = models.DateTimeField()
    decided_by = models.ForeignKey("archive.User", models.PROTECT, null=True)
    decided_by_name = models.CharField(max_length=60)

    class Meta:
        verbose_name = verbose_name_plural = "期限判定"
        indexes = [models.Index(fields=["key", "-id"], name="determination_newest")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind="confirmed") | models.Q(period__in=terms.RETENTIONS),
                name="determination_gives_a_period",
            ),
            models.CheckConstraint(condition=~models.Q(basis=""), name="determination_has_a_basis"),
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.period}"


class Paper(models.Model):
    """全宗卷的一份文件: registers, minutes, approvals, receipts, destruction records. Permanent, numbered, never due.
    `copies` names every stored copy: [{"store", "key", "version"}]."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    fonds = models.ForeignKey(Fonds, models.PROTECT, related_name="papers")
    number = models.PositiveIntegerField("序号")
    kind = models.CharField("种类", max_length=40)
    title = models.CharField("题名", max_length=200)
    about = models.CharField(
        max_length=60, blank=True
    )  # "register:<uuid>", "appraisal:<uuid>", "hold:<uuid>"
    made_at = models.DateTimeField()
    made_by_name = models.CharField(max_length=60)
    mime = models.CharField(max_length=120)
    bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    copies = models.JSONField(default=list)

    class Meta:
        verbose_name = verbose_name_plural = "全宗卷文件"
        constraints = [models.UniqueConstraint(fields=["fonds", "number"], name="paper_number_once")]
        indexes = [models.Index(fields=["about"], name="paper_about")]

    def __str__(self) -> str:
        return f"{self.fonds_id}-{self.number} {self.title}"


class Counter(models.Model):
    """The last number drawn in one numbering scope. Written by `numbering` only, under its row lock."""

    scope = models.CharField(max_length=80, unique=True)
    last = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = verbose_name_plural = "编号"

    def __str__(self) -> str:
        return f"{self.scope} {self.last}"
