"""What the opinions of a group add up to. Of one member's opinions on a record the newest that counts holds; an opinion on
paper counts once its signature is confirmed.

Thousands of records usually share a handful of opinions, so a record is looked at as the set of the opinions on it, and
each set is judged once: the cost is one pass over the rows, not a judgement a record.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from django.db.models import Exists, OuterRef, Q, QuerySet

from retention import rules
from retention.models import Appraisal, AppraisalItem, Opinion, OpinionItem
from retention.rules import Outcome, Vote

COUNTS = Q(signature__manner="screen") | Q(signature__confirmed_at__isnull=False)
NO_VOTES: dict[int, Vote] = {}
UNDECIDED = rules.outcome(())


@dataclass(frozen=True)
class Tally:
    """`sets`: item → the keys of the opinions on it, oldest first; `opinions`: key → (member, vote)."""

    sets: Mapping[int, tuple[int, ...]]
    opinions: Mapping[int, tuple[int, Vote]]

    @cached_property
    def _judged(self) -> dict[tuple[int, ...], tuple[dict[int, Vote], Outcome]]:
        found = {}
        for one in set(self.sets.values()):
            votes = dict(self.opinions[key] for key in one)  # of each member the newest stays
            found[one] = votes, rules.outcome(votes.values())
        return found

    def votes(self, item: int) -> dict[int, Vote]:
        """By member; empty where nobody has spoken."""
        return self._judged[self.sets[item]][0] if item in self.sets else NO_VOTES

    def outcome(self, item: int) -> Outcome:
        return self._judged[self.sets[item]][1] if item in self.sets else UNDECIDED

    def said(self) -> dict[int, Counter[tuple[str, str]]]:
        """Member → what he says (result, period) → of how many items."""
        found: dict[int, Counter[tuple[str, str]]] = defaultdict(Counter)
        for one, many in Counter(self.sets.values()).items():
            for member, vote in self._judged[one][0].items():
                found[member][vote.result, vote.period] += many
        return found

    def spoken(self) -> Counter[int]:
        """Member → on how many items he has spoken."""
        return Counter({member: counts.total() for member, counts in self.said().items()})

    def totals(self, size: int) -> dict[str, int]:
        """Of `size` items: how many are to be extended, destroyed, and are undecided."""
        counts: Counter[str] = Counter()
        for one, many in Counter(self.sets.values()).items():
            counts[self._judged[one][1].result] += many
        extend, destroy = counts[rules.EXTEND], counts[rules.DESTROY]
        return {"extend": extend, "destroy": destroy, "undecided": size - extend - destroy}


def of(appraisal: Appraisal) -> Tally:
    """As it stands today. Two queries."""
    rows = Opinion.objects.filter(COUNTS, appraisal=appraisal).values_list(
        "pk", "member_id", "member__kind", "result", "period", "reason"
    )
    opinions = {pk: (member, Vote(*vote)) for pk, member, *vote in rows}
    sets: dict[int, list[int]] = defaultdict(list)
    items = OpinionItem.objects.filter(opinion__appraisal=appraisal).order_by("opinion_id")
    for item, opinion in items.values_list("item_id", "opinion_id").iterator(chunk_size=5000):
        if opinion in opinions:
            sets[item].append(opinion)
    return Tally({item: tuple(keys) for item, keys in sets.items()}, opinions)


def outcomes(appraisal: Appraisal) -> dict[AppraisalItem, Outcome]:
    """Every item in its order, and what it comes to today."""
    given = of(appraisal)
    items = appraisal.items.select_related("record").defer("record__description").order_by("position")
    return {item: given.outcome(item.pk) for item in items}


def unspoken(items: QuerySet[AppraisalItem], member) -> QuerySet[AppraisalItem]:
    """Those on which this member has given no opinion that counts."""
    return items.filter(~Exists(_counting(member=member)))


def extending(items: QuerySet[AppraisalItem]) -> QuerySet[AppraisalItem]:
    """Those that are to be extended as it stands today."""
    later = _counting(member=OuterRef("opinion__member"), item=OuterRef("item"), after=OuterRef("opinion_id"))
    return items.filter(Exists(_counting(result="extend").filter(~Exists(later))))


def _counting(*, item=None, after=None, **of_opinion) -> QuerySet[OpinionItem]:
    counts = Q(opinion__signature__manner="screen") | Q(opinion__signature__confirmed_at__isnull=False)
    rows = OpinionItem.objects.filter(counts, item=item or OuterRef("pk"))
    rows = rows.filter(**{f"opinion__{name}": value for name, value in of_opinion.items()})
    return rows.filter(opinion_id__gt=after) if after else rows
