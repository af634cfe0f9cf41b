"""Fields, constraints, queryset methods and derived values. What changes them stands in the verbs."""

from .holdings import Counter, Department, Determination, Fonds, Paper, RetentionClass, SourceSystem
from .journal import Access, ChainHead, Change, Event, Seal
from .objects import Block, Copy, Damage, DigitalObject, FixityRun, ObjectText, Record, Relation
from .parties import RecordParty
from .people import Assignment, User

__all__ = [
    "Access", "Assignment", "Block", "ChainHead", "Change", "Copy", "Counter", "Damage", "Department",
    "Determination", "DigitalObject", "Event", "FixityRun", "Fonds", "ObjectText", "Paper", "Record", "RecordParty",
    "Relation", "RetentionClass", "Seal", "SourceSystem", "User",
]  # fmt: skip
