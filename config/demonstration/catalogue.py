"""Whole collections of packages: the living archive of `manage.py demo`, and many small ones for tests and bench.

The plan needs no printing, so a collection that lies in its folder already costs next to nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from config.demonstration import bags, cases, light
from config.demonstration.faults import DEMONSTRATED, FAULTS, WARNED, Fault
from config.demonstration.pages import Draft
from config.demonstration.people import People

SEED = 2026

FONDS = {
    "D019": (cases.DONGGUAN, "stage"),
    "L010": (cases.DALIAN, "insurance-stage"),
    "G003": (cases.GUIZHOU, "stage"),
}
"""Fonds code → (name, scheme). Dalian files by 险种 as well; its inspections concern all insurances: 综合."""

DEPARTMENTS = {
    "D019": ("参保登记科", "松山湖分局", "虎门分局", "长安分局", "待遇科"),
    "L010": ("登记管理科", "甘井子办事处", "开发区办事处"),
    "G003": ("全民参保登记办公室", "统计科"),
}
"""待遇科 forms nothing yet: its staff see an empty list, as their scope wants it."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One package of a collection and what must become of it: archived, waiting or returned."""

    path: Path
    fonds: str
    source: str
    item: str
    business_no: str
    outcome: str
    fault: Fault | None = None


def demo_packages(folder: Path, *, count: int = 60, seed: int = SEED, readable: bool = True) -> list[Planned]:
    """Build the packages of the demonstration in `folder`; what lies there already stays as it is.

    Of 60: 33 Dongguan increases, online and at the counter, handled 2019–2025; 8 Dalian inspections formed
    2009–2015 (10 years: past their period in 2026); 4 quarterly statistics; 4 summaries, which wait for a
    determination; 10 that are returned for one fault each, and one that is filed with a warning. Then 5 more of the
    inspections, so that there is something at every step towards destruction. `readable`: printed with fonts; else
    `light`. Raises NotConfigured, naming the command that installs it, when a Chinese font is needed and there is none.
    """
    people = People(seed)
    drafts = [(draft, None) for draft in _clean(people, count - len(_demonstrated(count)))]
    drafts += [
        (_faulty(people, fault, number), fault) for number, fault in enumerate(_demonstrated(count), 900)
    ]
    # Drawn last: whoever was drawn before stays who he was.
    drafts += [(_inspection(people, year, 100 + at), None) for at, year in enumerate(_more_years(count), 1)]
    planned = []
    todo: list[tuple[Draft, Fault | None, Path]] = []
    for at, (draft, fault) in enumerate(drafts):
        business_no = draft.submission["business_no"]
        path = folder / (business_no if at % 5 == 4 else f"{business_no}.zip")
        planned.append(_plan(draft, path, fault))
        if not path.exists():
            todo.append((draft, fault, path))
    _print([draft for draft, _, _ in todo], readable=readable)
    for draft, fault, path in todo:
        _pack(draft, fault, path)
    return planned


def light_packages(folder: Path, count: int, seed: int = 1) -> Iterator[Path]:
    """`count` clean Dongguan increases as small zips, one after the other; every other one from the counter."""
    people = People(seed)
    units = [people.unit() for _ in range(max(1, min(200, count // 10)))]
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, count + 1):
        draft = cases.increase(
            people, handled_on=_working_day(people, 2019, 2025), number=number, counter=number % 2 == 0,
            department=DEPARTMENTS["D019"][number % 4], insured=number % len(cases.INSURANCE_SETS),
            rare=number % 50 == 0, unit=people.random.choice(units), prefix="DP",
        )  # fmt: skip
        light.print_drafts([draft])
        yield _pack(draft, None, folder / f"{draft.submission['business_no']}.zip")


def hostile(kind: str, seed: int = 7) -> bags.Tree:
    """The finished bag of a light package with the fault `kind` of `faults.FAULTS`: path inside it → bytes."""
    fault = FAULTS[kind]
    draft = _faulty(People(seed), fault, 1)
    light.print_drafts([draft])
    return _tree(draft, fault)


def _demonstrated(count: int) -> list[Fault]:
    """The faults of a collection: at most one package in five."""
    return [FAULTS[name] for name in (*DEMONSTRATED, *WARNED)][: count // 5]


def _clean(people: People, count: int) -> Iterator[Draft]:
    """Drafts in the proportions of 33 : 8 : 4 : 4."""
    inspections, statistics, summaries = (round(count * share / 49) for share in (8, 4, 4))
    manners = ("雇佣就业", "雇佣就业", "雇佣就业", "派遣就业", "雇佣就业", "灵活就业")
    for number in range(1, count - inspections - statistics - summaries + 1):
        established = number % 17 == 0
        yield cases.increase(
            people, handled_on=_working_day(people, 2019, 2025), number=number,
            department=DEPARTMENTS["D019"][number % 4], counter=number % 2 == 0, established=established,
            manner="雇佣就业" if established else manners[number % len(manners)],
            insured=number % len(cases.INSURANCE_SETS), rare=number % 4 == 1,
        )  # fmt: skip
    for number in range(1, inspections + 1):
        yield _inspection(people, 2009 + (number - 1) % 7, number)
    for number in range(1, statistics + 1):
        year, quarter = 2015 + (number - 1) // 4, (number - 1) % 4 + 1
        yield cases.quarterly(people, year=year, quarter=quarter, number=number, department="统计科")
    for number in range(1, summaries + 1):
        yield cases.summary(
            people,
            handled_on=_working_day(people, 2016, 2017),
            number=number,
            department="全民参保登记办公室",
        )


def _inspection(people: People, year: int, number: int) -> Draft:
    return cases.inspection(
        people, handled_on=_working_day(people, year, year, months=(3, 6)), number=number,
        department=DEPARTMENTS["L010"][number % 3],
    )  # fmt: skip


def _more_years(count: int) -> tuple[int, ...]:
    """In which years the further inspections were formed: none in a small collection."""
    return (2011, 2011, 2012, 2012, 2012) if count >= 60 else ()


def _faulty(people: People, fault: Fault, number: int) -> Draft:
    draft = cases.increase(
        people, handled_on=_working_day(people, 2020, 2025), number=number, department="参保登记科",
        counter=fault.counter,
    )  # fmt: skip
    if fault.on_draft:
        fault.on_draft(draft)
    return draft


def _print(drafts: list[Draft], *, readable: bool) -> None:
    if readable and drafts:
        from config.demonstration import (
            forms,  # typst costs a tenth of a second to load: only who prints pays
        )

        forms.print_drafts(drafts)
    else:
        light.print_drafts(drafts)


def _tree(draft: Draft, fault: Fault | None) -> bags.Tree:
    if fault and fault.on_files:
        fault.on_files(draft.files)
    handled_on = date.fromisoformat(draft.submission["handled_on"])
    bag = bags.Bag(
        submission=draft.submission, files=draft.files, organisation=draft.organisation, bagged_on=handled_on
    )
    tree = bag.tree()
    if fault and fault.on_tree:
        fault.on_tree(tree)
    return tree


def _pack(draft: Draft, fault: Fault | None, path: Path) -> Path:
    return bags.write(_tree(draft, fault), path, zip=path.suffix == ".zip")


def _plan(draft: Draft, path: Path, fault: Fault | None) -> Planned:
    submission = draft.submission
    outcome = fault.outcome if fault else "waiting" if submission["item"] == "summary-form" else "archived"
    named = {key: submission[key] for key in ("fonds", "source", "item", "business_no")}
    return Planned(path=path, outcome=outcome, fault=fault, **named)


def _working_day(people: People, first: int, last: int, *, months: tuple[int, int] = (1, 12)) -> date:
    """A Monday to Friday in one of the years and months; holidays are not looked at."""
    random = people.random
    day = date(random.randint(first, last), random.randint(*months), random.randint(1, 28))
    return day - timedelta(days=max(0, day.weekday() - 4))
