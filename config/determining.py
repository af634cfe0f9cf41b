"""Deciding about retention periods, and what follows: packages that waited for it are judged again.

Two rooms take part (`archive.determinations`, `ingest.settling`), so the one function that calls both stands here;
the page and the command call it.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db.models import Count

from archive import correction, determinations, profiles
from archive.errors import WrongInput
from archive.models import Determination, RetentionClass
from archive.permissions import Actor
from archive.profiles import Item
from ingest import settling
from ingest.models import Submission


def determine(key: str, period: str, *, basis: str, provisional: bool, actor: Actor) -> int:
    """Returns how many waiting packages are judged again. Raises WrongInput as `determinations.determine`."""
    classes = classes_of(key)
    determinations.determine(key, period, basis=basis, actor=actor, provisional=provisional, classes=classes)
    return settling.examine_waiting(actor=actor)


def confirm(key: str, *, basis: str, actor: Actor) -> int:
    """As `determine`, for the manager's confirmation."""
    classes_of(key)
    determinations.confirm(key, basis=basis, actor=actor)
    return settling.examine_waiting(actor=actor)


def corrections(key: str) -> list[tuple[str, bool, int]]:
    """What confirming the key as it is decided now would correct: (period now, provisional, how many records)."""
    rows = correction.affected(key).order_by().values_list("retention", "provisional")
    return sorted((period, provisional, count) for period, provisional, count in rows.annotate(Count("pk")))


def classes_of(key: str) -> tuple[str, ...]:
    """The classes of an item, so that its determination never goes below a known minimum. Raises WrongInput for a
    key that no schedule and no pack knows."""
    if key.startswith("item:"):
        item = item_of(key)
        if item is None:
            raise WrongInput(field="类项", reason=f"没有业务事项“{key}”，应写成 item:<source>/<item>。")
        return item.schedule_classes
    number, dash, rest = key.partition("-")
    if not (dash and rest and number in "123456789" and len(number) == 1):
        raise WrongInput(field="类项", reason=f"“{key}”应写成 1-2、2-? 或 item:<source>/<item>。")
    return (key,)


def item_of(key: str) -> Item | None:
    """The item of `item:<source>/<item>` in the newest pack of its source."""
    source, _, code = key.removeprefix("item:").partition("/")
    packs = profiles.registry().packs(source)
    return packs[-1].item(code) if packs else None


@dataclass
class Key:
    """A class or an item as it stands today."""

    key: str
    name: str
    row: RetentionClass | None = None  # of the newest schedule; None for an item
    item: Item | None = None
    system: str = ""
    decision: Determination | None = None  # the newest row that gives a period
    confirmed: Determination | None = None  # since that decision
    waiting: int = 0  # packages that this would set free
    items: list[Item] = field(default_factory=list)  # of packs, that are filed under this class

    @property
    def period(self) -> str:
        """In force now; "" = undetermined."""
        return self.decision.period if self.decision else self.row.period if self.row else ""

    @property
    def open(self) -> bool:
        return not self.period

    @property
    def settled(self) -> bool:
        """As `determinations.settled`: a register may rest on it."""
        if self.decision or self.confirmed:
            return self.confirmed is not None
        return self.row is not None and bool(self.row.period) and self.row.source_count >= 2

    @property
    def mark(self) -> tuple[str, str, str]:
        if self.open:
            return "open", "待判定", "danger"
        if self.confirmed:
            return "confirmed", "已确认", "success"
        if self.decision:
            provisional = self.decision.kind == "provisional"
            return (
                self.decision.kind,
                "暂定" if provisional else "已判定，待确认",
                "warning" if provisional else "waiting",
            )
        return ("known", "多个来源", "neutral") if self.settled else ("single", "单一来源，待确认", "waiting")


def overview(waiting: Mapping[tuple[str, str], int]) -> tuple[list[Key], list[Key]]:
    """Every class of the newest schedule, and every item that needs or has a determination of its own. Two queries;
    `waiting`: packages that wait for a period, by (source, item)."""
    decisions, confirmations = _decided()
    classes = {
        row.code: Key(row.code, row.name, row=row)
        for row in RetentionClass.objects.order_by("class_no", "valid_from", "id")
    }
    items: list[Key] = []
    registry = profiles.registry()
    for source in registry.sources():
        pack = registry.packs(source)[-1]
        for item in pack.items:
            key = f"item:{source}/{item.code}"
            count = waiting.get((source, item.code), 0)
            known = [classes[code] for code in item.schedule_classes if code in classes]
            for entry in known:
                entry.items.append(item)
                if not entry.row.period and entry.key not in decisions:
                    entry.waiting += count
            if "site" in item.schedule_classes or key in decisions or not known:
                items.append(Key(key, item.title, item=item, system=pack.system, waiting=count))
    for entry in [*classes.values(), *items]:
        entry.decision = decisions.get(entry.key)
        entry.confirmed = confirmations.get(entry.key)
    return list(classes.values()), items


def _decided() -> tuple[dict[str, Determination], dict[str, Determination]]:
    """By key: the newest row that gives a period, and the confirmation since then."""
    decisions: dict[str, Determination] = {}
    confirmations: dict[str, Determination] = {}
    for row in Determination.objects.order_by("id"):
        if row.kind == "confirmed":
            confirmations[row.key] = row
        else:
            decisions[row.key] = row
            confirmations.pop(row.key, None)
    return decisions, confirmations


def waiting_by_item(actor: Actor) -> Counter[tuple[str, str]]:
    """Packages that wait for a period, in this actor's scope."""
    rows = Submission.objects.visible_to(actor).awaiting_period().order_by().values_list("source", "item")
    return Counter({(source, item): count for source, item, count in rows.annotate(Count("pk"))})
