"""件 and its bytes: records, digital objects, stored copies."""

from datetime import date

from django.db import models

from archive import states, terms
from archive.identifiers import new_id
from archive.scopes import Facts, Scope


class RecordQuerySet(models.QuerySet):
    def visible_to(self, scope: Scope) -> "RecordQuerySet":
        """The only list of records that a page, a command or a job may start from."""
        return self.filter(scope.q())

    def due(self, on) -> "RecordQuerySet":
        """What may be appraised on that day: an index range, so its cost follows what is due."""
        return self.filter(state="archived", due_on__lte=on)


class Record(models.Model):
    """件: one archived case. Filed is filed: only the verbs in `records` change it, and never its code."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    fonds = models.ForeignKey("archive.Fonds", models.PROTECT)
    category = models.CharField("门类", max_length=4, default="ZY")
    reference_code = models.CharField("档号", max_length=80, unique=True)
    number = models.PositiveIntegerField("件号")
    title = models.CharField("题名", max_length=300)
    year = models.PositiveSmallIntegerField("年度")
    stage = models.CharField("业务环节", max_length=4, blank=True)
    insurance = models.CharField("险种", max_length=4, blank=True)
    insurance_codes = models.CharField("涉及险种", max_length=40, default=" ")  # " GS YL "
    formed_on = models.DateField("形成日期")
    retention = models.CharField("保管期限", max_length=4)
    retention_key = models.CharField("期限类项", max_length=90)
    provisional = models.BooleanField("暂定期限", default=False)
    due_on = models.DateField("可鉴定日", null=True)
    department = models.ForeignKey("archive.Department", models.PROTECT, null=True)
    unit_name = models.CharField("单位", max_length=200, blank=True)
    security = models.SmallIntegerField("密级", default=terms.DEFAULT_SECURITY)
    responsible = models.CharField("责任者", max_length=120, blank=True)
    document_no = models.CharField("文号", max_length=80, blank=True)
    state = models.CharField(max_length=12, default="archived", choices=list(states.RECORD_STATES.items()))
    revision = models.PositiveIntegerField(default=1)
    source = models.CharField("来源系统", max_length=30)
    item = models.CharField("业务事项", max_length=60)
    item_title = models.CharField(max_length=120)
    business_no = models.CharField("业务编号", max_length=120)
    business_revision = models.PositiveIntegerField(default=1)
    handed_in_by = models.ForeignKey("archive.User", models.PROTECT, null=True)
    description = models.JSONField(
        "著录", default=dict
    )  # fields, lines, process, system; personal values are cipher text
    package_sha256 = models.CharField(max_length=64, blank=True)
    content_digest = models.CharField(max_length=64, blank=True)
    page_count = models.PositiveIntegerField("页数", default=0)
    archived_at = models.DateTimeField("归档时间")
    destroyed_at = models.DateTimeField(null=True)

    objects = RecordQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "档案"
        constraints = [
            models.UniqueConstraint(
                fields=["source", "business_no", "business_revision"], name="case_is_filed_once"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=list(states.RECORD_STATES)), name="record_state_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(retention__in=terms.RETENTIONS), name="record_retention_is_legal"
            ),
            models.CheckConstraint(
                condition=models.Q(state="destroyed", destroyed_at__isnull=False)
                | (~models.Q(state="destroyed") & models.Q(destroyed_at__isnull=True)),
                name="destroyed_says_when",
            ),
            models.CheckConstraint(
                condition=models.Q(retention__in=[terms.PERMANENT, terms.ACCOUNTING], due_on__isnull=True)
                | (
                    ~models.Q(retention__in=[terms.PERMANENT, terms.ACCOUNTING])
                    & models.Q(due_on__isnull=False)
                ),
                name="only_limited_periods_fall_due",
            ),
        ]
        indexes = [
            models.Index(fields=["due_on", "id"], condition=models.Q(state="archived"), name="record_due"),
            models.Index(
                fields=["fonds", "due_on", "id"],
                condition=models.Q(state="archived"),
                name="record_due_in_fonds",
            ),
            models.Index(fields=["fonds", "-archived_at", "-id"], name="record_newest"),
            models.Index(fields=["fonds", "year", "stage", "number"], name="record_by_class"),
            models.Index(fields=["-archived_at", "-id"], name="record_newest_everywhere"),
        ]

    def __str__(self) -> str:
        return self.reference_code

    @property
    def insurances(self) -> list[str]:
        return self.insurance_codes.split()

    @property
    def insurance_names(self) -> list[str]:
        """The insurances of the case itself; the filing insurance 综合 only when it is the only one."""
        names = [terms.INSURANCES[code] for code in self.insurances]
        return [name for name in names if name != terms.COMBINED] or names

    @property
    def facts(self) -> Facts:
        """What a scope looks at. Wants `fonds` selected along: no query behind a property."""
        return Facts(
            fonds=self.fonds.code,
            category=self.category,
            stage=self.stage,
            insurances=frozenset(self.insurances),
            department=self.department_id,
            security=self.security,
            handed_in_by=self.handed_in_by_id,
        )


class Relation(models.Model):
    """更正 / 补充 / 回退: `record` says so of `earlier`; the earlier one stays and shows the mark everywhere."""

    record = models.ForeignKey(Record, models.PROTECT, related_name="relates")
    earlier = models.ForeignKey(Record, models.PROTECT, related_name="related_by", null=True)
    business_no = models.CharField(max_length=120)  # what was named, also when it is not (yet) in the archive
    kind = models.CharField(max_length=4, choices=[(word, word) for word in terms.RELATIONS])

    class Meta:
        verbose_name = verbose_name_plural = "关联"
        constraints = [
            models.UniqueConstraint(fields=["record", "business_no", "kind"], name="relation_once"),
        ]
        indexes = [models.Index(fields=["business_no"], name="relation_waiting")]

    def __str__(self) -> str:
        return f"{self.record_id} {self.kind} {self.business_no}"


class Block(models.Model):
    """Whatever keeps a record from being destroyed: a hold, a loan, an open request. Lifted rows stay as history."""

    KINDS = {"hold": "暂缓销毁", "loan": "借出未还", "request": "利用申请未结"}

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    record = models.ForeignKey(Record, models.PROTECT, related_name="blocks")
    kind = models.CharField(max_length=10, choices=list(KINDS.items()))
    reference = models.UUIDField()  # the hold, loan or request in its own room
    reason = models.CharField(max_length=300)
    placed_at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = "占用"
        constraints = [
            models.UniqueConstraint(
                fields=["record", "kind", "reference"],
                condition=models.Q(lifted_at__isnull=True),
                name="one_open_block_per_reason",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.reason}"


class DigitalObject(models.Model):
    """电子文件: one file of a record, or the report, declaration and manifest that lie beside it."""

    ROLES = {
        "original": "原件",
        "submission": "移交说明",
        "report": "检测报告",
        "manifest": "元数据清单",
        "eep": "EEP 元数据",
    }

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    record = models.ForeignKey(Record, models.PROTECT, related_name="digital_objects")
    role = models.CharField(max_length=12, choices=list(ROLES.items()), default="original")
    position = models.PositiveIntegerField()
    material = models.CharField("材料", max_length=120, blank=True)
    material_code = models.CharField(max_length=60, blank=True)
    path = models.CharField("文件名", max_length=400)  # masked where it holds a number
    sealed_path = models.TextField(blank=True)  # the exact name as cipher text, where the shown one is masked
    bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    sm3 = models.CharField(max_length=64)
    mime = models.CharField(max_length=120, blank=True)
    puid = models.CharField(max_length=30, blank=True)
    format = models.CharField(max_length=120, blank=True)
    pages = models.PositiveIntegerField(null=True)
    is_original = models.BooleanField("原件", default=True)
    is_sealed = models.BooleanField("加盖印章", default=False)
    is_signed = models.BooleanField("有签名", default=False)
    copies_declared = models.PositiveIntegerField("份数", default=1)
    encrypted = models.BooleanField("加密存放", default=False)  # by the data key of its ObjectKey

    class Meta:
        verbose_name = verbose_name_plural = "电子文件"
        constraints = [
            models.UniqueConstraint(fields=["record", "position"], name="object_position_once"),
        ]
        indexes = [models.Index(fields=["sha256"], name="object_sha256")]

    def __str__(self) -> str:
        return self.path


class Copy(models.Model):
    """副本: one stored copy. `sha256` of the stored bytes, which differ from the object's where they are encrypted."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    object = models.ForeignKey(DigitalObject, models.PROTECT, related_name="copies")
    store = models.CharField(max_length=40)
    key = models.CharField(max_length=200)
    version = models.CharField(max_length=120, blank=True)
    state = models.CharField(max_length=10, default="pending", choices=list(states.COPY_STATES.items()))
    stored_sha256 = models.CharField(max_length=64, blank=True)
    stored_bytes = models.BigIntegerField(null=True)
    lock_until = models.DateTimeField(null=True)
    lock_mode = models.CharField(max_length=12, blank=True)
    # The day on which `renewal` looks at the lock again. The first day of time: it has not looked yet, so whoever
    # forgets the column loses nothing. Null: locked to the end of its period, nothing to renew.
    renew_on = models.DateField("续锁日", null=True, default=date.min)
    legal_hold = models.BooleanField("存储端冻结", default=False)
    written_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    try_after = models.DateTimeField(null=True)
    fault = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "副本"
        constraints = [
            models.UniqueConstraint(fields=["object", "store"], name="one_copy_per_store"),
            models.CheckConstraint(
                condition=models.Q(state__in=list(states.COPY_STATES)), name="copy_state_is_known"
            ),
            models.CheckConstraint(
                condition=~models.Q(state="stored") | ~models.Q(version=""),
                name="stored_copy_has_its_version",
            ),
        ]
        indexes = [
            # Whole indexes: SQLite does not use one whose condition is an IN over bound values.
            models.Index(fields=["state", "try_after", "id"], name="copy_to_write"),
            models.Index(fields=["checked_at", "id"], name="copy_fixity_due"),
            models.Index(fields=["renew_on", "id"], name="copy_lock_due"),
        ]

    def __str__(self) -> str:
        return f"{self.store} {self.key}"


class QuarantinedVersion(models.Model):
    """隔离的受损版本: a damaged version that lies locked in its store under the key of its copy while a good one has
    taken its place. Nobody reads it; destruction removes it with the others."""

    copy = models.ForeignKey(Copy, models.PROTECT, related_name="quarantined")
    version = models.CharField(max_length=120)
    fault = models.CharField(max_length=300)
    ordered_at = models.DateTimeField()
    ordered_by_name = models.CharField(max_length=60)

    class Meta:
        verbose_name = verbose_name_plural = "隔离的受损版本"

    def __str__(self) -> str:
        return f"{self.copy_id} {self.version}"


class ObjectKey(models.Model):
    """One data key, wrapped by a key-encryption key (`kek` names it). The same wrapped key lies in the key store.
    Destroying it (wrapped = "") makes every encrypted copy unreadable, also those in backups of the bytes."""

    object = models.OneToOneField(DigitalObject, models.PROTECT, primary_key=True, related_name="data_key")
    kek = models.CharField(max_length=60)
    wrapped = models.CharField(max_length=1000, blank=True)  # base64; a key service gives more than we would
    made_at = models.DateTimeField()
    destroyed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = "数据密钥"
        indexes = [models.Index(fields=["kek", "object"], name="object_key_to_rotate")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(wrapped="", destroyed_at__isnull=False)
                | (~models.Q(wrapped="") & models.Q(destroyed_at__isnull=True)),
                name="destroyed_key_is_gone",
            )
        ]

    def __str__(self) -> str:
        return f"{self.object_id} {self.kek}"


class MadeContent(models.Model):
    """The bytes of an object that the archive itself made (a manifest), until every copy of it is stored."""

    object = models.OneToOneField(DigitalObject, models.PROTECT, primary_key=True, related_name="made")
    content = models.BinaryField()

    class Meta:
        verbose_name = verbose_name_plural = "待写内容"

    def __str__(self) -> str:
        return str(self.object_id)


class ObjectText(models.Model):
    """The text of an object for the index, numbers replaced by keyed tokens. A disposable rendition: not evidence."""

    object = models.OneToOneField(DigitalObject, models.PROTECT, primary_key=True, related_name="text")
    text = models.TextField()
    tokens = models.TextField(blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "全文"

    def __str__(self) -> str:
        return str(self.object_id)


class FixityRun(models.Model):
    """固化信息核验: one sweep over copies; its results are one sealed file, damage has rows."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    extent = models.CharField(max_length=80)
    checked = models.PositiveIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    damaged = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = verbose_name_plural = "固化核验"

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M}"


class Damage(models.Model):
    """One damaged copy as one sweep found it. Kept after repair."""

    FAULTS = {
        "missing": "缺失",
        "changed": "内容改变",
        "truncated": "长度不符",
        "unreadable": "不能读取",
        "lock": "锁定不符",
    }

    run = models.ForeignKey(FixityRun, models.PROTECT, related_name="damages")
    copy = models.ForeignKey(Copy, models.PROTECT, related_name="damages")
    fault = models.CharField(max_length=12, choices=list(FAULTS.items()))
    detail = models.CharField(max_length=300, blank=True)
    found_at = models.DateTimeField()

    class Meta:
        verbose_name = verbose_name_plural = "受损副本"

    def __str__(self) -> str:
        return f"{self.copy_id} {self.fault}"
