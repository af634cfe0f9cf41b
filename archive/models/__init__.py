"""Fields, constraints, queryset methods and derived values. What changes them stands in the verbs."""

from .checks import ManualConfirmation, PdfaClaim, Recognition, TrustedRoot
from .holdings import (
    CatalogueSnapshot,
    Counter,
    Department,
    Determination,
    Fonds,
    LockModeChange,
    Paper,
    RetentionClass,
    SourceSystem,
)
from .journal import Access, ChainHead, Change, Event, Seal
from .objects import (
    Block,
    Copy,
    Damage,
    DigitalObject,
    FixityRun,
    MadeContent,
    ObjectKey,
    ObjectText,
    QuarantinedVersion,
    Record,
    Relation,
)
from .parties import RecordParty
from .people import Assignment, User
from .upkeep import Backup, EvidenceLock, StoreReading, StoreRetirement

__all__ = [
    "Access", "Assignment", "Backup", "Block", "CatalogueSnapshot", "ChainHead", "Change", "Copy", "Counter", "Damage",
    "Department", "Determination", "DigitalObject", "Event", "EvidenceLock", "FixityRun", "Fonds", "LockModeChange", "MadeContent", "ManualConfirmation",
    "ObjectKey", "ObjectText", "Paper", "PdfaClaim", "QuarantinedVersion", "Recognition", "Record", "RecordParty", "Relation", "RetentionClass",
    "Seal", "SourceSystem", "StoreReading", "StoreRetirement", "TrustedRoot", "User",
]  # fmt: skip
