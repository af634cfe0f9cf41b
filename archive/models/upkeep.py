"""What the system notes about its own keeping: how the stores fare day by day, which backups hold what."""

from datetime import date

from django.db import models
from django.utils import timezone

from archive.identifiers import new_id
from archive.models.people import OfTwoPersons


class StoreReading(models.Model):
    """How one store stood at the end of a day: for the charts of the system administrator."""

    store = models.CharField("存储", max_length=40)
    day = models.DateField("日期")
    objects_count = models.PositiveBigIntegerField("对象数")
    bytes = models.PositiveBigIntegerField("字节数")
    behind = models.PositiveIntegerField("待写副本")
    damaged = models.PositiveIntegerField("受损副本")
    locks_due = models.PositiveIntegerField("待续锁")
    oldest_check = models.DateTimeField("最久未核验", null=True)

    class Meta:
        verbose_name = verbose_name_plural = "存储读数"
        constraints = [models.UniqueConstraint(fields=["store", "day"], name="store_reading_once_a_day")]

    def __str__(self) -> str:
        return f"{self.store} {self.day}"


class EvidenceLock(models.Model):
    """The lock of something that the archive keeps in a store beside its records: a paper, a seal, a stub. `renewal`
    finds them by listing the stores, so nobody who writes one has to remember it; the table may be lost."""

    store = models.CharField(max_length=40)
    key = models.CharField(max_length=200)
    version = models.CharField(max_length=120)
    lock_until = models.DateTimeField(null=True)
    renew_on = models.DateField("续锁日", null=True, default=date.min)  # null: need not live on, or is gone
    found_at = models.DateTimeField()

    class Meta:
        verbose_name = verbose_name_plural = "系统文件的锁定"
        constraints = [
            models.UniqueConstraint(fields=["store", "key", "version"], name="evidence_lock_once"),
        ]
        indexes = [
            models.Index(fields=["renew_on", "id"], name="evidence_lock_due"),
            models.Index(fields=["store", "-found_at"], name="evidence_newest_found"),
        ]

    def __str__(self) -> str:
        return f"{self.store} {self.key}"


class StoreRetirement(OfTwoPersons):
    """存储退役: a store that is gone for good. Asked by who keeps the machines, confirmed by somebody who answers for the
    archive. From then on nothing is written, read, checked or owed there, and its name is never used again."""

    MEDIA = {"destroyed": "已销毁", "erased": "已清除数据", "lost": "已损毁或丢失"}

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    store = models.CharField("存储", max_length=40)
    reason = models.CharField("理由", max_length=300)
    medium = models.CharField("介质", max_length=10, choices=list(MEDIA.items()))
    gone_on = models.DateField("介质处理日期")
    paper = models.CharField("凭据", max_length=120)  # number or name of what proves it
    place = models.CharField(max_length=16, blank=True)  # where it was configured to be when it was confirmed
    settled_at = models.DateTimeField(null=True)  # all its copies are `removed`

    class Meta:
        verbose_name = verbose_name_plural = "存储退役"
        constraints = [
            *OfTwoPersons.Meta.constraints,
            models.UniqueConstraint(
                fields=["store"],
                condition=models.Q(withdrawn_at__isnull=True),
                name="one_retirement_per_store",
            ),
        ]

    def __str__(self) -> str:
        return self.store

    @property
    def words(self) -> str:
        """How it stands wherever a copy that went with the store is spoken of."""
        day = timezone.localdate(self.confirmed_at) if self.confirmed_at else "未确认"
        return f"存储 {self.store}（{day} 退役；介质{self.get_medium_display()}，{self.gone_on}，凭据：{self.paper}）"


class Backup(models.Model):
    """备份: database, keys and settings in one file (never the bytes of objects). The row says until when a destroyed
    key may still be found in it: until `expires_on`, or until somebody says that the file is gone."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    taken_at = models.DateTimeField("备份时间")
    name = models.CharField("文件名", max_length=200)
    bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    expires_on = models.DateField("保存到")
    gone_at = models.DateTimeField("已清除", null=True)
    made_by_name = models.CharField(max_length=60)

    class Meta:
        verbose_name = verbose_name_plural = "备份"
        indexes = [models.Index(fields=["-taken_at"], name="backup_newest")]

    def __str__(self) -> str:
        return f"{self.taken_at:%Y-%m-%d %H:%M} {self.name}"
