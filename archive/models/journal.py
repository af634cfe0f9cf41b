"""The two ledgers, their seals, and the outbox. Append-only: triggers refuse every change (archive/triggers.py)."""

from django.db import models

from archive.identifiers import new_id


class ChainHead(models.Model):
    """How long a subject's chain of events is and where it ends. Locked by whoever adds to it."""

    kind = models.CharField(max_length=20)
    subject = models.CharField(max_length=60)
    count = models.PositiveIntegerField(default=0)
    digest = models.CharField(max_length=64, default="")

    class Meta:
        verbose_name = verbose_name_plural = "事件链"
        constraints = [models.UniqueConstraint(fields=["kind", "subject"], name="one_chain_per_subject")]

    def __str__(self) -> str:
        return f"{self.kind}:{self.subject}"


class Event(models.Model):
    """One change. Names and codes are copied in, so that it outlives whoever it speaks of."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=20)
    subject = models.CharField(max_length=60)
    sequence = models.PositiveIntegerField()
    action = models.CharField(max_length=40)
    at = models.DateTimeField()
    actor = models.UUIDField(null=True)
    actor_name = models.CharField(max_length=60)
    actor_role = models.CharField(max_length=80, blank=True)
    address = models.CharField(max_length=60, blank=True)
    subject_name = models.CharField(max_length=300, blank=True)
    data = models.JSONField(default=dict)
    previous = models.CharField(max_length=64, blank=True)
    digest = models.CharField(max_length=64)

    class Meta:
        verbose_name = verbose_name_plural = "变更事件"
        constraints = [
            models.UniqueConstraint(fields=["kind", "subject", "sequence"], name="event_sequence_once"),
        ]
        indexes = [models.Index(fields=["-at", "-id"], name="event_newest")]

    def __str__(self) -> str:
        return f"{self.kind}:{self.subject}#{self.sequence} {self.action}"


class Access(models.Model):
    """One reading: a view, a download, a search. Not chained and locks nothing; sealed by month."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    at = models.DateTimeField()
    action = models.CharField(max_length=40)
    actor = models.UUIDField(null=True)
    actor_name = models.CharField(max_length=60)
    address = models.CharField(max_length=60, blank=True)
    record = models.UUIDField(null=True)
    record_name = models.CharField(max_length=300, blank=True)
    purpose = models.CharField(max_length=200, blank=True)
    data = models.JSONField(default=dict)
    digest = models.CharField(max_length=64)

    class Meta:
        verbose_name = verbose_name_plural = "利用记录"
        indexes = [
            models.Index(
                fields=["record", "-id"], condition=models.Q(record__isnull=False), name="access_record"
            ),
            models.Index(fields=["actor", "-id"], name="access_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.actor_name}"


class Seal(models.Model):
    """One Merkle root over everything that came since the last seal; the same lies locked in the object store."""

    number = models.PositiveIntegerField(primary_key=True)
    sealed_at = models.DateTimeField()
    events = models.PositiveIntegerField()
    accesses = models.PositiveIntegerField()
    last_event = models.UUIDField(null=True)
    last_access = models.UUIDField(null=True)
    root = models.CharField(max_length=64)
    previous = models.CharField(max_length=64, blank=True)
    digest = models.CharField(max_length=64)
    key = models.CharField(max_length=200)
    copies = models.JSONField(default=dict)  # store name → version of the sealed file there

    class Meta:
        verbose_name = verbose_name_plural = "封存"

    def __str__(self) -> str:
        return f"#{self.number}"


class Change(models.Model):
    """变更消息: something to be followed up. A finished row disappears; a failed one is still there."""

    topic = models.CharField(max_length=20)
    subject = models.UUIDField()
    created_at = models.DateTimeField(auto_now_add=True)
    try_after = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name = verbose_name_plural = "变更消息"
        indexes = [models.Index(fields=["topic", "id"], name="change_topic")]

    def __str__(self) -> str:
        return f"{self.topic} {self.subject}"
