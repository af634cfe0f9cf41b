"""Before a record exists: what arrived, and what is wrong with it.

The declaration itself (submission.json) is never copied into the database: it lies in the staged blob, and its
personal values with it. Rows hold what lists and decisions need, masked.
"""

from typing import Any

from django.db import models
from django.db.models import Exists, OuterRef, Q

from archive import terms
from archive.identifiers import new_id
from archive.inspection import Finding
from archive.models import Department, Fonds, Record
from archive.permissions import Actor
from archive.scopes import Grant
from ingest import states


class SubmissionQuerySet(models.QuerySet):
    def visible_to(self, actor: Actor, action: str = "submission.read") -> "SubmissionQuerySet":
        """The only list of submissions that a page may start from: where this actor may do `action`.

        A submission belongs to a fonds and a department and has a security level. Who may read also sees what he
        handed in himself. A grant narrowed to stages or insurances shows what was filed there: before that, a
        package has neither. What names no fonds of ours belongs to nobody yet: whoever examines sees it.
        """
        scope = actor.scope(action)
        if scope.everything:
            return self
        q = Q(pk__in=[])
        if action == "submission.read" and actor.may(action):
            q |= Q(received_by_id=actor.id)
        for grant in scope.grants:
            q |= _granted(grant)
        examining = actor.scope("submission.examine").grants if actor.may(action) else ()
        if examining:
            q |= Q(fonds=None, security__lte=max(grant.security for grant in examining))
        return self.filter(q)

    def awaiting_period(self) -> "SubmissionQuerySet":
        return self.filter(state="waiting", pk__in=_left_to_a_person(PERIOD))

    def awaiting_confirmation(self) -> "SubmissionQuerySet":
        """Nothing is missing but a person's word; a period still to be determined comes first."""
        rows = self.filter(state="waiting", pk__in=_left_to_a_person(CONFIRMATION, JUDGEMENT))
        return rows.exclude(pk__in=_left_to_a_person(PERIOD))

    def stuck(self) -> "SubmissionQuerySet":
        """Tried too often: the worker leaves them alone until somebody says again."""
        return self.filter(state__in=states.OPEN, attempts__gte=MOST_ATTEMPTS)

    def to_sample(self, actor: Actor) -> "SubmissionQuerySet":
        """Of the daily sample what nobody has looked at and this actor may both judge and read.

        The cost must follow the sample and not the archive: what is sampled is found first, by its own index, and
        only its records are asked.
        """
        sampled = Submission.objects.filter(sampled_on__isnull=False, sample_seen_at=None).values("pk")
        readable = Record.objects.visible_to(actor.scope("record.read")).filter(pk=OuterRef("record"))
        rows = self.visible_to(actor, "submission.sample").filter(pk__in=sampled)
        return rows.filter(Exists(readable)).exclude(state="filed")


def _left_to_a_person(*checks: str) -> models.QuerySet:
    return FindingRow.objects.filter(check_id__in=checks, verdict="manual").values("submission")


def _granted(grant: Grant) -> Q:
    if grant.categories is not None or grant.stages is not None or grant.insurances is not None:
        return Q(record__in=Record.objects.filter(grant.q()))
    q = Q(fonds__in=Fonds.objects.filter(code=grant.fonds), security__lte=grant.security)
    if grant.departments is not None:
        q &= Q(department_name__in=Department.objects.filter(pk__in=grant.departments).values("name"))
    return q


PERIOD, CONFIRMATION, JUDGEMENT = "X-retention", "X-confirm", "X-needs-person"
"""The findings that make a package wait for a person: a period, a confirmation per batch, a judgement."""
MOST_ATTEMPTS = 5


class Submission(models.Model):
    """归档信息包: one package that arrived. (source, business_no, revision) names it for ever."""

    CHANNELS = {"cli": "命令行", "web": "网页上传", "folder": "交接目录", "api": "业务系统接口"}

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    channel = models.CharField(max_length=8, choices=list(CHANNELS.items()))
    arrived_as = models.CharField("文件名", max_length=300)  # masked
    received_at = models.DateTimeField("接收时间")
    received_by = models.ForeignKey("archive.User", models.PROTECT, null=True)
    blob = models.CharField(max_length=120)  # in the staging storage; "" once everything is kept
    blob_bytes = models.BigIntegerField()
    blob_sha256 = models.CharField(max_length=64)
    blob_sm3 = models.CharField(max_length=64)
    batch_no = models.CharField("批次", max_length=80, blank=True)

    source = models.CharField("来源系统", max_length=30, blank=True)
    item = models.CharField("业务事项", max_length=60, blank=True)
    business_no = models.CharField("业务编号", max_length=120, blank=True)
    revision = models.PositiveIntegerField(default=1)
    content_digest = models.CharField(max_length=64, blank=True)
    default_fonds = models.CharField(max_length=12, blank=True)
    fonds = models.ForeignKey("archive.Fonds", models.PROTECT, null=True)
    department_name = models.CharField("形成部门", max_length=80, blank=True)
    security = models.SmallIntegerField("密级", default=terms.DEFAULT_SECURITY)
    title = models.CharField("题名", max_length=300, blank=True)  # masked
    handled_on = models.DateField("办结日期", null=True)

    state = models.CharField(
        max_length=12, default="received", choices=list(states.SUBMISSION_STATES.items())
    )
    reason = models.CharField("原因", max_length=300, blank=True)
    examined_at = models.DateTimeField(null=True)
    examinations = models.PositiveSmallIntegerField("检测次数", default=0)
    pack_version = models.CharField(max_length=40, blank=True)
    rules = models.CharField("检测规则", max_length=24, blank=True)  # see outdated.py
    report = models.CharField(max_length=120, blank=True)  # the newest full report, in the staging storage
    record_uuid = models.UUIDField(
        default=new_id
    )  # the record it will become: a crash between steps makes no second one
    record = models.ForeignKey("archive.Record", models.PROTECT, null=True)
    superseded_by = models.ForeignKey("self", models.PROTECT, null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    claimed_by = models.CharField(max_length=80, blank=True)  # see claims.py
    claimed_until = models.DateTimeField(null=True)

    # An archivist's confirmation, where the site wants one, and the daily sample.
    confirmed_at = models.DateTimeField(null=True)
    confirmed_by = models.ForeignKey("archive.User", models.PROTECT, null=True, related_name="+")
    sampled_on = models.DateField(null=True)
    sample_seen_at = models.DateTimeField(null=True)
    sample_verdict = models.CharField(max_length=200, blank=True)

    objects = SubmissionQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "归档信息包"
        constraints = [
            models.UniqueConstraint(
                fields=["source", "business_no", "revision"],
                condition=~models.Q(state="refused") & ~models.Q(business_no=""),
                name="a_submission_name_is_taken_once",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=list(states.SUBMISSION_STATES)), name="submission_state_is_known"
            ),
            models.CheckConstraint(
                condition=~models.Q(state__in=["filed", "archived"]) | models.Q(record__isnull=False),
                name="filed_submission_has_its_record",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "received_at", "id"], name="submission_by_state"),
            models.Index(fields=["-received_at", "-id"], name="submission_newest"),
            models.Index(fields=["content_digest"], name="submission_content"),
            models.Index(fields=["source", "business_no"], name="submission_case"),
            models.Index(
                fields=["sampled_on"],
                condition=models.Q(sampled_on__isnull=False, sample_seen_at__isnull=True),
                name="submission_to_sample",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source}/{self.business_no}.{self.revision}"


class FindingRow(models.Model):
    """A finding that did not pass. The full report is one compressed document beside the bytes."""

    submission = models.ForeignKey(Submission, models.PROTECT, related_name="findings")
    position = models.PositiveIntegerField()
    check_id = models.CharField(max_length=20)
    property = models.CharField(max_length=14, choices=list(terms.PROPERTIES.items()))
    verdict = models.CharField(max_length=8, choices=list(terms.VERDICTS.items()))
    file = models.CharField(max_length=400, blank=True)
    field = models.CharField(max_length=120, blank=True)
    value = models.CharField(max_length=300, blank=True)  # masked
    rule = models.CharField(max_length=300, blank=True)
    message = models.TextField()
    pages = models.JSONField("有关的页", default=list)  # of `file`, from 1

    class Meta:
        verbose_name = verbose_name_plural = "检测发现"
        constraints = [
            models.UniqueConstraint(fields=["submission", "position"], name="finding_position_once"),
        ]

    def __str__(self) -> str:
        return f"{self.check_id} {self.verdict}"

    def as_dict(self) -> dict[str, Any]:
        """As a report tells a finding."""
        return Finding(
            check=self.check_id, property=self.property, verdict=self.verdict, file=self.file or None,
            field=self.field or None, value=self.value or None, rule=self.rule, message=self.message,
            pages=tuple(self.pages),
        ).as_dict()  # fmt: skip
