"""What the filters of lists share. A filter that makes no sense is left out, never an error page."""

from datetime import date, datetime, time

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils import timezone

FIRST, LAST = date(1900, 1, 1), date(2999, 12, 31)
"""Days that can be asked for. At the ends of the calendar another time zone has no such moment any more."""


class DayInput(forms.DateInput):
    """A day as a browser picks it: it understands this one writing only."""

    def __init__(self) -> None:
        super().__init__(attrs={"type": "date"}, format="%Y-%m-%d")


class Day(forms.DateField):
    """A day that may be left out, between FIRST and LAST."""

    def __init__(self, **kwargs) -> None:
        super().__init__(
            required=False,
            widget=DayInput(),
            validators=[MinValueValidator(FIRST), MaxValueValidator(LAST)],
            **kwargs,
        )


def midnight(day: date) -> datetime:
    """The moment at which that day begins here."""
    return timezone.make_aware(datetime.combine(day, time.min))
