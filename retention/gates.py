"""The gates to what belongs to a fonds: holds, groups, appraisals, registers, signatures. What lies in another fonds
is not found, as if it did not exist."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from archive import permissions
from archive.errors import NotFound
from archive.permissions import Actor
from retention.models import Appraisal, Group, Hold, Register, Signature
from retention.permissions import within


def holds(actor: Actor) -> QuerySet[Hold]:
    return _open(Hold.objects.select_related("fonds"), actor, "hold.read")


def groups(actor: Actor) -> QuerySet[Group]:
    return _open(Group.objects.select_related("fonds"), actor, "appraisal.read")


def appraisals(actor: Actor) -> QuerySet[Appraisal]:
    return _open(
        Appraisal.objects.select_related("fonds", "group", "opened_by", "minutes"), actor, "appraisal.read"
    )


def registers(actor: Actor) -> QuerySet[Register]:
    rows = Register.objects.select_related(
        "fonds", "requested_by", "approved_by", "supervisor_one", "supervisor_two", "executed_by", "certificate",
    )  # fmt: skip
    return _open(rows, actor, "register.read")


def signatures(actor: Actor) -> QuerySet[Signature]:
    """Paper signatures with their scans."""
    rows = Signature.objects.filter(manner="paper").select_related(
        "person", "entered_by", "confirmed_by", "withdrawn_by", "scan__fonds"
    )
    return _open(rows, actor, "signature.confirm", "scan__fonds__code")


def one(rows: QuerySet, pk: UUID, what: str) -> Any:
    found = rows.filter(pk=pk).first()
    if found is None:
        raise NotFound(what=what)
    return found


def _open(rows: QuerySet, actor: Actor, code: str, path: str = "fonds__code") -> QuerySet:
    permissions.require(actor, code)
    return within(rows, actor, code, path)
