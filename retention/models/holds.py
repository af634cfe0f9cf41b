"""暂缓销毁: what keeps records from being destroyed until a person ends it."""

from django.db import models
from django.db.models import Q

from archive.identifiers import new_id


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
