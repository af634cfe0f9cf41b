"""What persons contribute to the four-property checks: trusted roots for signatures, confirmations of what no program
can see. Nothing is deleted: what is withdrawn says when, by whom and why."""

from django.db import models

from archive.identifiers import new_id


class TrustedRoot(models.Model):
    """受信任的根证书: a chain of a signer must end in one. Kept by the security administrator."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField("名称", max_length=200)
    serial = models.CharField("序列号", max_length=80)
    sha256 = models.CharField("证书指纹", max_length=64)
    der = models.TextField()  # Base64
    not_before = models.DateTimeField("生效")
    not_after = models.DateTimeField("失效")
    basis = models.CharField("依据", max_length=300)
    revocations = models.JSONField(default=dict)  # scope → list of revoked certificates, see `archive.trust`
    added_at = models.DateTimeField()
    added_by_name = models.CharField(max_length=60)
    removed_at = models.DateTimeField(null=True)
    removed_by_name = models.CharField(max_length=60, blank=True)
    removed_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "受信任的根证书"
        constraints = [
            models.UniqueConstraint(
                fields=["sha256"], condition=models.Q(removed_at__isnull=True), name="root_trusted_once"
            ),
            models.CheckConstraint(condition=~models.Q(basis=""), name="root_has_a_basis"),
        ]

    def __str__(self) -> str:
        return self.name


class ManualConfirmation(models.Model):
    """人工确认: a person's recorded word on a check that no program can make (environment, carrier, process), for one
    connection (a source system) or one batch, with its validity. Later packages cite it; after `valid_until` the check
    is 未检测 again."""

    EXTENTS = {"source": "来源系统（接口）", "batch": "移交批次", "site": "本单位"}
    VERDICTS = {"passed": "符合", "failed": "不符合"}

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    check_id = models.CharField("检测项", max_length=20)
    extent = models.CharField("范围", max_length=10, choices=list(EXTENTS.items()))
    reference = models.CharField("对象", max_length=120, blank=True)  # code of the source, name of the batch
    fonds = models.ForeignKey("archive.Fonds", models.PROTECT, null=True)
    verdict = models.CharField("结论", max_length=10, choices=list(VERDICTS.items()))
    statement = models.CharField("确认说明", max_length=500)
    confirmed_at = models.DateTimeField()
    confirmed_by = models.ForeignKey("archive.User", models.PROTECT, related_name="+")
    confirmed_by_name = models.CharField(max_length=60)
    valid_from = models.DateField("有效自")
    valid_until = models.DateField("有效至")
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by_name = models.CharField(max_length=60, blank=True)
    withdrawn_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "人工确认"
        indexes = [
            models.Index(fields=["check_id", "extent", "reference", "-valid_until"], name="confirmation_of")
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(valid_until__gte=models.F("valid_from")), name="confirmation_has_a_term"
            ),
            models.CheckConstraint(condition=~models.Q(statement=""), name="confirmation_says_what"),
        ]

    def __str__(self) -> str:
        return f"{self.check_id} {self.extent} {self.reference}"


class PdfaClaim(models.Model):
    """PDF/A 声明: what a filed file says of itself, and what the validator said later. It never delays filing."""

    STATES = {"waiting": "待验证", "confirmed": "已验证", "refuted": "验证未通过", "unknown": "不能验证"}

    object = models.OneToOneField(
        "archive.DigitalObject", models.PROTECT, primary_key=True, related_name="pdfa_claim"
    )
    claim = models.CharField(max_length=4)  # "2b"
    state = models.CharField(max_length=10, default="waiting", choices=list(STATES.items()))
    flavour = models.CharField(max_length=4, blank=True)  # of the profile that was asked
    why = models.CharField(max_length=200, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    validated_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = "PDF/A 声明"
        indexes = [
            models.Index(
                fields=["attempts", "object"], condition=models.Q(state="waiting"), name="pdfa_to_validate"
            )
        ]

    def __str__(self) -> str:
        return f"PDF/A-{self.claim} {self.state}"

    @property
    def words(self) -> str:
        if self.state == "confirmed":
            return f"PDF/A-{self.flavour} 已验证"
        return f"自称 PDF/A-{self.claim}，{self.get_state_display()}"


class Recognition(models.Model):
    """文字识别 of a file that has pictures and no text: page by page, long after filing. `texts`: cipher text of the
    pages done so far, so that a killed worker goes on where it was; emptied when the whole text is in the index."""

    STATES = {"waiting": "待识别", "done": "已识别", "failed": "不能识别"}

    object = models.OneToOneField(
        "archive.DigitalObject", models.PROTECT, primary_key=True, related_name="recognition"
    )
    kind = models.CharField(max_length=5)  # pdf | image
    state = models.CharField(max_length=10, default="waiting", choices=list(STATES.items()))
    pages = models.PositiveIntegerField()
    pages_done = models.PositiveIntegerField(default=0)
    texts = models.JSONField(default=list)
    score = models.FloatField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    fault = models.CharField(max_length=200, blank=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = "文字识别"
        indexes = [
            models.Index(
                fields=["attempts", "object"], condition=models.Q(state="waiting"), name="to_recognise"
            )
        ]

    def __str__(self) -> str:
        return f"{self.object_id} {self.pages_done}/{self.pages}"
