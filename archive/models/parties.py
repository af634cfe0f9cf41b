"""当事人: who a record is about, as a snapshot. "Everything of this person" is a query over the party key."""

from django.db import models

from archive.models.objects import Record


class RecordParty(models.Model):
    record = models.ForeignKey(Record, models.PROTECT, related_name="parties")
    kind = models.CharField(max_length=6, choices=[("person", "个人"), ("unit", "单位")])
    position = models.PositiveIntegerField()
    name = models.CharField("名称", max_length=200)
    name_key = models.CharField(max_length=200)
    id_type = models.CharField("证件类型", max_length=40, blank=True)
    id_no = models.TextField("证件号码", blank=True)  # cipher text
    id_shown = models.CharField(max_length=60, blank=True)  # masked
    id_token = models.CharField(max_length=40, blank=True)
    last_four_token = models.CharField(max_length=40, blank=True)
    uscc = models.CharField("统一社会信用代码", max_length=30, blank=True)
    own_no = models.CharField("编号", max_length=60, blank=True)  # 个人编号 or 单位编号
    party_key = models.CharField(max_length=210)

    class Meta:
        verbose_name = verbose_name_plural = "当事人"
        constraints = [
            models.UniqueConstraint(fields=["record", "kind", "position"], name="party_position_once"),
        ]
        indexes = [
            models.Index(fields=["party_key", "record"], name="party_key"),
            models.Index(fields=["id_token"], condition=~models.Q(id_token=""), name="party_id_token"),
        ]

    def __str__(self) -> str:
        return self.name
