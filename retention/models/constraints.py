"""A constraint that several tables share."""

from django.db import models
from django.db.models import Q


def known(field: str, values: dict, name: str) -> models.CheckConstraint:
    """The field holds one of the keys of `values`."""
    return models.CheckConstraint(condition=Q(**{f"{field}__in": list(values)}), name=name)
