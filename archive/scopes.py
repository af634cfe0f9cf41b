"""What a person may see, as one value with three faces: predicate, Q and search tokens.

Pure (Django's Q is a plain value). `archive.permissions` builds a Scope from a user's assignments;
`Record.objects.visible_to(scope)` uses `q()`, the search engines use `token_filter()` over the `scope_tokens` that
lie in the index. One test proves the three equal for random scopes and records (design §5.1).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Q

from archive.terms import SECURITY_LEVELS

HIGHEST = max(SECURITY_LEVELS)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a scope looks at in one record."""

    fonds: str  # fonds code
    category: str  # category code
    stage: str  # stage code, "" where the category has none
    insurances: frozenset[str]  # insurance codes under which it is found
    department: int | None  # Department.pk; None = formed outside any department
    security: int
    handed_in_by: UUID | None = None  # the user who handed it in


@dataclass(frozen=True, kw_only=True)
class Grant:
    """fonds × department × category × stage × insurance × security. None = all of that kind."""

    fonds: str
    departments: frozenset[int] | None = None
    categories: frozenset[str] | None = None
    stages: frozenset[str] | None = None
    insurances: frozenset[str] | None = None
    security: int = 1

    def admits(self, facts: Facts) -> bool:
        return (
            facts.fonds == self.fonds
            and facts.security <= self.security
            and (self.departments is None or facts.department in self.departments)
            and (self.categories is None or facts.category in self.categories)
            and (self.stages is None or facts.stage in self.stages)
            and (self.insurances is None or not self.insurances.isdisjoint(facts.insurances))
        )

    def q(self) -> Q:
        q = Q(fonds__code=self.fonds, security__lte=self.security)
        if self.departments is not None:
            q &= Q(department_id__in=self.departments)
        if self.categories is not None:
            q &= Q(category__in=self.categories)
        if self.stages is not None:
            q &= Q(stage__in=self.stages)
        if self.insurances is not None:
            # Kept as " GS YL " beside the rows: no join, so no doubled rows and exact counts.
            any_of = Q(pk__in=[])
            for code in sorted(code for code in self.insurances if " " not in code):
                any_of |= Q(insurance_codes__contains=f" {code} ")
            q &= any_of
        return q

    def clause(self) -> tuple[frozenset[str], ...]:
        """All of these, each any of its tokens."""
        parts = [frozenset({_cleared(self.fonds, min(self.security, HIGHEST))})]
        for letter, allowed in (
            ("d", self.departments),
            ("c", self.categories),
            ("s", self.stages),
            ("i", self.insurances),
        ):
            if allowed is not None:
                parts.append(frozenset(f"{letter}{str(value).lower()}" for value in allowed))
        return tuple(parts)


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The union of grants, and whatever the person handed in. `everything` is the system itself only."""

    everything: bool = False
    grants: tuple[Grant, ...] = field(default=())
    own: UUID | None = None

    def admits(self, facts: Facts) -> bool:
        if self.everything:
            return True
        if self.own is not None and facts.handed_in_by == self.own:
            return True
        return any(grant.admits(facts) for grant in self.grants)

    def q(self) -> Q:
        if self.everything:
            return Q()
        q = Q(pk__in=[])
        if self.own is not None:
            q |= Q(handed_in_by_id=self.own)
        for grant in self.grants:
            q |= grant.q()
        return q

    def token_filter(self) -> tuple[tuple[frozenset[str], ...], ...] | None:
        """None = no filter. Else any clause must hold; a clause = every set must share a token with the
        document. An empty outer tuple, or an empty set in a clause, matches nothing."""
        if self.everything:
            return None
        clauses = [grant.clause() for grant in self.grants]
        if self.own is not None:
            clauses.append((frozenset({f"u{self.own.hex}"}),))
        return tuple(clauses)


EVERYTHING = Scope(everything=True)
NOTHING = Scope()


def scope_tokens(facts: Facts) -> frozenset[str]:
    """The tokens of one record: ASCII letters and digits only, so that every engine keeps them whole."""
    tokens = {
        *(_cleared(facts.fonds, level) for level in range(facts.security, HIGHEST + 1)),
        f"c{facts.category.lower()}",
        f"s{facts.stage.lower()}",  # a bare "s" where there is no stage: a grant may name that too
        *(f"i{code.lower()}" for code in facts.insurances),
    }
    if facts.department is not None:
        tokens.add(f"d{facts.department}")
    if facts.handed_in_by is not None:
        tokens.add(f"u{facts.handed_in_by.hex}")
    return frozenset(tokens)


def _cleared(fonds: str, level: int) -> str:
    """ "Of this fonds, and open to whoever is cleared for this level": one token for what every grant asks, since
    each further token that stands nearly everywhere costs every search of every clerk."""
    return f"f{fonds.lower()}x{level}"


def matches(tokens: Iterable[str], token_filter: tuple[tuple[frozenset[str], ...], ...] | None) -> bool:
    """The meaning of `token_filter`, for engines to be compared with."""
    if token_filter is None:
        return True
    have = set(tokens)
    return any(all(not wanted.isdisjoint(have) for wanted in clause) for clause in token_filter)
