"""Who decides and signs. Persons are rows of their own, because outsiders sign too, and because the database
compares persons, not accounts. Every decision rests on a `Signature`: given on screen, or entered from a signed
sheet by one user and confirmed by another.
"""

from django.db import models
from django.db.models import F, Q

from archive.identifiers import new_id
from retention import states
from retention.models.constraints import known


class Person(models.Model):
    """A human who decides or signs: a user of the system, or an outsider (人社 member, head)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField("姓名", max_length=60)
    organisation = models.CharField("单位", max_length=120, blank=True)
    duty = models.CharField("职务", max_length=60, blank=True)
    user = models.OneToOneField("archive.User", models.PROTECT, null=True, blank=True, related_name="person")
    id_token = models.CharField("证件号码散列", max_length=40, blank=True)  # tells namesakes apart

    class Meta:
        verbose_name = verbose_name_plural = "签署人"
        constraints = [
            models.UniqueConstraint(
                fields=["name", "organisation"],
                condition=Q(user__isnull=True),
                name="an_outsider_stands_once",
            )
        ]

    def __str__(self) -> str:
        return self.name


class Signature(models.Model):
    """One signature. A paper one counts once a second user has confirmed it against the scan; until then whoever
    entered it, or whoever may confirm it, may withdraw it for a reason."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    person = models.ForeignKey(Person, models.PROTECT, related_name="signatures")
    manner = models.CharField(max_length=6, choices=list(states.MANNERS.items()))
    subject = models.CharField(max_length=60)  # "appraisal:<uuid>", "register:<uuid>"
    meaning = models.CharField(max_length=300)  # what was signed, in words
    digest = models.CharField(max_length=64)  # of what was signed
    signed_on = models.DateField()
    entered_at = models.DateTimeField()
    entered_by = models.ForeignKey("archive.User", models.PROTECT, related_name="+")
    confirmed_at = models.DateTimeField(null=True)
    confirmed_by = models.ForeignKey("archive.User", models.PROTECT, null=True, related_name="+")
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by = models.ForeignKey("archive.User", models.PROTECT, null=True, related_name="+")
    withdrawn_reason = models.CharField("撤回或退回的理由", max_length=300, blank=True)
    scan = models.ForeignKey("archive.Paper", models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = verbose_name_plural = "签署"
        constraints = [
            known("manner", states.MANNERS, "signature_manner_is_known"),
            models.CheckConstraint(
                condition=Q(confirmed_by__isnull=True) | ~Q(confirmed_by=F("entered_by")),
                name="a_paper_signature_is_confirmed_by_another",
            ),
            models.CheckConstraint(
                condition=Q(manner="screen") | Q(scan__isnull=False), name="a_paper_signature_has_its_scan"
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at__isnull=True)
                | (Q(manner="paper") & Q(confirmed_at__isnull=True) & ~Q(withdrawn_reason="")),
                name="only_what_waits_is_withdrawn",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} {self.meaning}"

    @property
    def state(self) -> str:
        """One of `states.SIGNATURE_STATES`."""
        if self.manner == "screen":
            return "screen"
        return "confirmed" if self.confirmed_at else "withdrawn" if self.withdrawn_at else "waiting"

    @property
    def counts(self) -> bool:
        return self.manner == "screen" or self.confirmed_at is not None
