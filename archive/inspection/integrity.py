"""完整性 of the metadata: is everything there that the format and the item ask for?

Judges what submission.json says, by its pack; the bytes of files are other rooms' business. `structure_findings`
(in `structure.py`) runs first: the checks here rely on the types it has found right.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

from archive import profiles
from archive.profiles import moment

from .base import Check, Finding, Package, check
from .structure import FILE, FIX, MATERIAL, PERSON, RELATION, STEP, SYSTEM, TOP, UNIT, structure_findings

__all__ = ["case_of", "lookup", "reported", "structure_findings"]

ACCEPTED, CLOSED = "受理", "办结"


def case_of(package: Package) -> profiles.Normalised:
    """The case read through its item, once for all checks; kept in `facts["case"]`."""
    if "case" not in package.facts:
        package.facts["case"] = profiles.normalise(package.item, package.submission)
    return package.facts["case"]


def reported(entry: Check, package: Package, *kinds: str) -> Iterator[Finding]:
    """The violations of these kinds as findings of this check. The pack is judged once for all checks."""
    if "violations" not in package.facts:
        package.facts["violations"] = profiles.judge(case_of(package))
    for row in package.facts["violations"]:
        if row.kind in kinds:
            yield entry.finding(
                row.severity, row.message, file=row.file, field=row.field, value=row.value, rule=row.rule
            )


def lookup(submission: dict[str, Any]) -> tuple[Any, Any, list[Finding]]:
    """(pack, item, findings) of a submission whose structure is right; an unknown source or item is failed."""
    registry = profiles.registry()
    source, code = submission["source"].strip(), submission["item"].strip()
    pack = registry.pack(source, date.fromisoformat(submission["handled_on"]))
    if pack is None:
        known = "、".join(registry.sources())
        message = f"来源系统“{profiles.shown(source)}”没有业务配置包（已有：{known}）。请核对 source，或请管理员装入配置包。"
        return None, None, [_unknown("X-source", "source", source, message)]
    item = pack.item(code)
    if item is None:
        known = "、".join(item.code for item in pack.items)
        message = f"来源系统“{source}”没有业务事项“{profiles.shown(code)}”（已有：{known}）。请核对 item。"
        return pack, None, [_unknown("X-item", "item", code, message)]
    return pack, item, []


def _unknown(check: str, field: str, value: str, message: str) -> Finding:
    return Finding(
        check=check, property="integrity", verdict="failed", file="submission.json", field=field,
        value=profiles.shown(value), rule="已登记的来源系统和业务事项", message=message,
    )  # fmt: skip


@check("GD-2-3", "integrity", "元数据项完整性", severity="warning")
def known_keys(check: Check, package: Package) -> Iterator[Finding]:
    """What the format and the item do not list is kept and noted. (What is missing, the structure has said.)"""
    submission = package.submission
    tables = [
        ("", submission, TOP),
        ("unit", submission.get("unit") or {}, UNIT),
        ("system", submission["system"], SYSTEM),
    ]
    for key, keys in (("persons", PERSON), ("process", STEP), ("relates", RELATION), ("materials", MATERIAL)):
        tables += [(f"{key}[{n}]", row, keys) for n, row in enumerate(submission.get(key) or ())]
    for number, material in enumerate(submission["materials"]):
        tables += [(f"materials[{number}].files[{n}]", row, FILE) for n, row in enumerate(material["files"])]
    for where, table, keys in tables:
        for key in table:
            if key not in keys:
                place = profiles.shown(f"{where}.{key}" if where else key)
                message = f"submission.json 的“{place}”不是归档信息包格式的元数据项，已照原样保存，请核对。"
                yield check.finding(
                    "warning", message, file="submission.json", field=place, rule="格式所列元数据项"
                )
    yield from reported(check, package, "unknown-field")


@check("GD-2-4", "integrity", "元数据必填著录项目")
def required(check: Check, package: Package) -> Iterator[Finding]:
    """Required fields of the form, and the party the item is about."""
    case, item = case_of(package), package.item
    if item.subject == "person" and not case.persons:
        message = f"业务事项“{item.title}”是个人业务，至少要有一个当事人（persons），现在没有。{FIX}"
        yield check.finding("failed", message, field="persons", rule="个人业务须有当事人")
    if item.subject == "unit" and case.unit is None:
        message = f"业务事项“{item.title}”是单位业务，须有单位（unit），现在没有。{FIX}"
        yield check.finding("failed", message, field="unit", rule="单位业务须有单位")
    for number, person in enumerate(case.persons):
        if not person.id_no:
            verdict = "failed" if item.subject == "person" else "warning"
            message = f"第{number + 1}个当事人“{profiles.shown(person.name)}”没有证件号码（id_no）。请补齐。"
            yield check.finding(verdict, message, field=f"persons[{number}].id_no", rule="当事人须有证件号码")
    yield from reported(check, package, "required")


@check("GD-2-5", "integrity", "过程信息完整性")
def process(check: Check, package: Package) -> Iterator[Finding]:
    """办结 on handled_on, and 受理 not after it; other steps not after 办结."""
    steps = [(step["action"].strip(), moment(step["at"])) for step in package.submission["process"]]
    handled_on = case_of(package).handled_on
    rule = "过程信息至少有受理和在办结日期的办结"
    closings = [at for action, at in steps if action == CLOSED]
    if not closings:
        message = f"过程信息（process）里没有“{CLOSED}”这一步。{FIX}"
        yield check.finding("failed", message, field="process", rule=rule)
    on_day = [at for at in closings if at.date() == handled_on]
    if closings and not on_day:
        value = closings[-1].date().isoformat()
        message = f"过程信息里“{CLOSED}”在{value}，与办结日期（{handled_on.isoformat()}）不是同一天。{FIX}"
        yield check.finding("failed", message, field="process", value=value, rule=rule)
    if ACCEPTED not in [action for action, _ in steps]:
        message = f"过程信息（process）里没有“{ACCEPTED}”这一步。{FIX}"
        yield check.finding("failed", message, field="process", rule=rule)
    closed = max(on_day, default=None)
    # A step, or a 办结, that gives the day alone is compared by the day.
    day_only = [len(step["at"].strip()) <= 10 for step in package.submission["process"]]
    by_day = closed is None or any(
        day_only[number] for number, (action, _) in enumerate(steps) if action == CLOSED
    )
    for number, (action, at) in enumerate(steps):
        late = at.date() > handled_on if by_day or day_only[number] else at > closed
        if action == CLOSED or not late:
            continue
        verdict = "failed" if action == ACCEPTED else "warning"
        message = f"过程信息里“{profiles.shown(action)}”在{at.isoformat()}，晚于办结。请核对各步的时间。"
        yield check.finding(
            verdict,
            message,
            field=f"process[{number}].at",
            value=at.isoformat(),
            rule=f"{ACCEPTED}等各步不晚于办结",
        )


@check("GD-2-7", "integrity", "内容数据完整性")
def materials(check: Check, package: Package) -> Iterator[Finding]:
    """Every required material, conditional ones too, in as many copies and with the seals that the item asks for."""
    yield from reported(check, package, "material")


@check("GD-2-9", "integrity", "归档范围", severity="warning")
def scope(check: Check, package: Package) -> Iterator[Finding]:
    """A material that the item does not list is kept, filed and noted."""
    yield from reported(check, package, "unknown-material")
