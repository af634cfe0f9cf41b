"""四性检测报告: what an examination found, item by item of DA/T 70-2018, then by our own checks. Reads and counts only.

`tables` is part of every report that is written (`examination-report/2`), so that the JSON in a record's package stands
alone. A report of the first format holds findings only: its tables are made when it is read, by the items of today.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from archive import terms, unseen
from archive.inspection.checks import CHECKS
from archive.inspection.items import ITEMS, MANUAL, NOT_APPLICABLE, UNNAMED
from archive.models import Event
from archive.permissions import Actor
from ingest import staging
from ingest.models import CONFIRMATION, JUDGEMENT, PERIOD, Submission

FORMAT = "examination-report/2"
STAGE = "归档"
ORDER = ("failed", "manual", "warning", "not-run", "passed")
"""The gravest first: an item is as grave as the gravest of its findings."""
NOT_ASKED = "not-applicable"
VERDICT_ORDER = (*ORDER, NOT_ASKED)
VERDICTS = terms.VERDICTS | {NOT_ASKED: "不适用"}
OUTCOMES = {"returned": "退回", "waiting": "待处理", "accepted": "合格"}
KEPT = "长期保存"
STORED = "stored-"
"""Reports of later checks of a filed record (rechecking.py) lie beside those of its package, under names of their own."""
SOUND, FAULTY = "sound", "faulty"
STORED_OUTCOMES = {SOUND: "没有不通过项", FAULTY: "有不通过项"}
OWN_NAMES = {
    PERIOD: "保管期限", CONFIRMATION: "逐批确认", JUDGEMENT: "须由人判断", "X-name": "业务编号不含证件号码",
    "X-fonds": "全宗与来源系统", "X-scan": "本单位规定须查毒",
}  # fmt: skip
"""Checks that are no function of the registry (ingest/examination.py makes them)."""
TOLD = 3
"""Findings of one item that its row tells; the list of findings has all."""
UNREACHED = "信息包没有打开到这一步，没有检测。"


def tables(findings: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """{"counts", "items", "own"}: of each property how many items and own checks had which verdict; every item of the
    standard in its order; our own checks by property. `findings` as `Finding.as_dict` gives them."""
    by_check: dict[str, list[Mapping[str, Any]]] = {}
    for finding in findings:
        by_check.setdefault(finding["check"], []).append(finding)
    items = [_item(item, by_check.get(item.check, [])) for item in ITEMS]
    standard = {item.check for item in ITEMS}
    own = [_own(check, found) for check, found in sorted(by_check.items()) if check not in standard]
    own.sort(key=lambda row: list(terms.PROPERTIES).index(row["property"]))
    return {"counts": counts([*items, *own]), "items": items, "own": own}


def _item(item: Any, found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    row = {
        "number": item.number,
        "check": item.check,
        "name": item.name,
        "grade": item.grade,
        "property": item.property,
        "answer": item.answer,
    }
    if item.answer == NOT_APPLICABLE:
        return row | {"verdict": NOT_ASKED, "message": item.why}
    if not found:
        return row | {"verdict": "not-run", "message": UNREACHED}
    if item.answer == MANUAL and all("：不适用，" in row["message"] for row in found):
        return row | {"verdict": NOT_ASKED, "message": found[0]["message"].removeprefix(f"{item.name}：")}
    note = "编号推定。" if item.grade == "U" and item.name != UNNAMED else ""
    return row | _judged(item.name, found, note)


def _own(check: str, found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    name = CHECKS[check].name if check in CHECKS else OWN_NAMES.get(check, check)
    answer = MANUAL if check in (PERIOD, CONFIRMATION, JUDGEMENT) else "自动"
    row = {"check": check, "name": name, "property": found[0]["property"], "answer": answer}
    return row | _judged(name, found)


def _judged(name: str, found: Sequence[Mapping[str, Any]], note: str = "") -> dict[str, str]:
    """The verdict of the gravest findings, and what they say, a line each: the first few, how many more. What was tried
    in part only has not passed."""
    worst = min((row["verdict"] for row in found), key=_gravity)
    alike = [row["message"] for row in found if row["verdict"] == worst]
    if worst == "not-run" and any(row["verdict"] == "passed" for row in found):
        note += "其余通过，没有检测的："
    said = [message.removeprefix(f"{name}：") for message in alike[:TOLD]]
    more = f"……等 {len(alike)} 条" if len(alike) > TOLD else ""
    lines = "\n".join([*said, more] if more else said)
    return {"verdict": worst, "message": f"{note}{lines}"}


def _gravity(verdict: str) -> int:
    return ORDER.index(verdict) if verdict in ORDER else len(ORDER)


def counts(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """Of each property how many rows had which verdict, the gravest first."""
    found = Counter((row["property"], row["verdict"]) for row in rows)

    return {
        key: {verdict: found[key, verdict] for verdict in VERDICT_ORDER if found[key, verdict]}
        for key in terms.PROPERTIES
    }


# --- reading ------------------------------------------------------------------------------------------------------


def read(name: str, actor: Actor) -> dict[str, Any]:
    """The report of that name in the staging storage, either format, as this actor may see it: another record that it
    names is named only to whoever may read it. Raises StorageFailed when it is gone."""
    report = staging.read_report(name)
    report.setdefault("findings", [])
    report = {"stage": STAGE, "verdict": "", "engine": "1", "pack": "", "reasons": [], "files": []} | report
    if "items" not in report:
        report |= tables(report["findings"])
    parts = ("findings", "items", "own")
    rows = [row for part in parts for row in report[part]]
    messages = iter(unseen.without_unseen_codes([row["message"] for row in rows], actor))
    for part in parts:
        report[part] = [row | {"message": next(messages)} for row in report[part]]
    reasons = unseen.without_unseen_codes(report["reasons"], actor)
    return report | {"reasons": reasons}


def name_of(submission: Submission, number: int, kind: str = "") -> str:
    """The staged report of its n-th examination; `kind` STORED: of the n-th later check of its record."""
    return f"reports/{submission.pk}/{kind}{number:04d}.json.gz"


def history(submission: Submission, actor: Actor) -> list[dict[str, Any]]:
    """Every examination so far, the newest first: number, at, verdict, reason, rules (engine and pack; "" where it was
    not noted). From the ledger: what stood there stays."""
    actions = [f"submission.{verdict}" for verdict in OUTCOMES]
    events = Event.objects.filter(kind="submission", subject=str(submission.pk), action__in=actions)
    rows = [event for event in events.order_by("-sequence") if event.data.get("report_number")]
    reasons = unseen.without_unseen_codes([event.data.get("reason", "") for event in rows], actor)
    return [
        {
            "number": event.data["report_number"],
            "at": event.at,
            "verdict": event.action.partition(".")[2],
            "reason": reason,
            "rules": event.data.get("rules", ""),
        }
        for event, reason in zip(rows, reasons, strict=True)
    ]


def by_property(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    """(真实性, its rows), … ; a property without rows is left out."""
    rows = list(rows)
    for key, word in terms.PROPERTIES.items():
        if mine := [row for row in rows if row["property"] == key]:
            yield word, mine
