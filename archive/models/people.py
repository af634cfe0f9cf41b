"""Who works here: users and what each may do where.

A user holds roles by assignment, each with its own scope and validity. The three separated administrators
(三员) exclude one another by a database constraint.
"""

from django.contrib.auth.models import AbstractUser
from django.db import models

from archive.identifiers import new_id

ADMINISTRATORS = ("sysadmin", "secadmin", "auditor")


class User(AbstractUser):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField("姓名", max_length=60)
    id_token = models.CharField(
        "证件号码散列", max_length=40, blank=True
    )  # so that nobody decides on his own file
    is_system = models.BooleanField("系统账户", default=False)
    first_name = None
    last_name = None
    REQUIRED_FIELDS = ["name"]

    class Meta:
        verbose_name = verbose_name_plural = "用户"

    def __str__(self) -> str:
        return f"{self.name}（{self.username}）"

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name


class OfTwoPersons(models.Model):
    """What one person asks for and another confirms. Until then it may be withdrawn; once confirmed it stays."""

    asked_at = models.DateTimeField()
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    asked_by_name = models.CharField(max_length=60)
    confirmed_at = models.DateTimeField(null=True)
    confirmed_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True)
    confirmed_by_name = models.CharField(max_length=60, blank=True)
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by_name = models.CharField(max_length=60, blank=True)

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=models.Q(confirmed_by__isnull=True) | ~models.Q(confirmed_by=models.F("asked_by")),
                name="%(class)s_takes_two_persons",
            ),
            models.CheckConstraint(
                condition=models.Q(confirmed_at__isnull=True) | models.Q(withdrawn_at__isnull=True),
                name="%(class)s_confirmed_stays",
            ),
        ]


class Assignment(models.Model):
    """One role of one user, in one fonds (or the whole site), over a part of it. None = all of that kind."""

    user = models.ForeignKey(User, models.PROTECT, related_name="assignments")
    role = models.CharField("角色", max_length=30)
    fonds = models.ForeignKey("archive.Fonds", models.PROTECT, null=True, blank=True)
    departments = models.JSONField("部门", null=True, blank=True)  # list of Department.pk
    categories = models.JSONField("门类", null=True, blank=True)
    stages = models.JSONField("业务环节", null=True, blank=True)
    insurances = models.JSONField("险种", null=True, blank=True)
    security = models.SmallIntegerField("密级上限", default=1)
    valid_from = models.DateField(null=True, blank=True)
    valid_until = models.DateField(null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "授权"
        constraints = [
            models.UniqueConstraint(
                fields=["user"],
                condition=models.Q(role__in=ADMINISTRATORS),
                name="nobody_is_two_of_the_three_administrators",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.role}"
