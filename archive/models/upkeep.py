"""What the system notes about its own keeping: how the stores fare day by day, which backups hold what."""

from datetime import date

from django.db import models

from archive.identifiers import new_id


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
