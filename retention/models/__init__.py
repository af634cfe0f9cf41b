"""Decisions on records that exist. What changes these rows stands in the verbs of this app."""

from .appraisals import Appraisal, AppraisalItem, Group, Member, Opinion, OpinionItem
from .holds import Hold
from .registers import Edition, Register, RegisterRow, Supervision
from .signing import Person, Signature

__all__ = [
    "Appraisal",
    "AppraisalItem",
    "Edition",
    "Group",
    "Hold",
    "Member",
    "Opinion",
    "OpinionItem",
    "Person",
    "Register",
    "RegisterRow",
    "Signature",
    "Supervision",
]
