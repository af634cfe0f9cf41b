"""业务配置包: what each source system's business items consist of, as data.

A new source system is a folder under `packs/`, never code: README.md in this folder tells how to write one. This
package imports no models and knows no check numbers; `archive.inspection` asks it and reports.
"""

from ._case import (
    RESIDENT,
    DeclaredMaterial,
    Normalised,
    Person,
    Unit,
    declared_retention,
    insurances_of,
    insurances_of_form,
    is_identity_type,
    normalise,
)
from ._judge import KINDS, Violation, judge, shown, waiting_reasons
from ._loader import PACKS, fingerprint, load, registry
from ._model import Condition, Dictionary, Entry, Field, Item, Material, NeedsPerson, Pack, Registry, Rule
from ._rules import RULES
from ._values import TYPES, as_date, as_month, kind_of
from ._values import as_moment as moment

__all__ = [
    "KINDS", "PACKS", "RESIDENT", "RULES", "TYPES", "Condition", "DeclaredMaterial", "Dictionary", "Entry", "Field", "Item",
    "Material", "NeedsPerson", "Normalised", "Pack", "Person", "Registry", "Rule", "Unit", "Violation", "as_date",
    "as_month", "declared_retention", "fingerprint", "insurances_of", "insurances_of_form", "is_identity_type", "judge", "kind_of",
    "load", "moment", "normalise", "registry", "shown", "waiting_reasons",
]  # fmt: skip
