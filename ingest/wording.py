"""How a submission is worded on a page: its state, where it stands on its way, what it is about, what to do next.

Reads what was loaded with the row and the profile packs; asks the database only in `underway`, once for a list.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from archive import changes, privacy, profiles, terms
from archive.templatetags.archive_words import moment
from ingest import states
from ingest.models import CONFIRMATION, JUDGEMENT, MOST_ATTEMPTS, PERIOD, FindingRow, Submission

TONES = {
    "received": "neutral",
    "returned": "danger",
    "waiting": "waiting",
    "accepted": "progress",
    "filed": "progress",
    "archived": "success",
    "refused": "danger",
    "superseded": "gone",
}
WAY = ("接收", "检测", "判定", "归档", "保存", "检索")
STANDS_AT = {
    "refused": 0,
    "received": 1,
    "returned": 2,
    "waiting": 2,
    "accepted": 3,
    "filed": 4,
    "superseded": 2,
}
"""The step of WAY at which a package of that state stands; an archived one stands at the last, or is through."""


def chip_of(submission: Submission) -> tuple[str, str, str]:
    if stuck(submission):
        return "stuck", "停住", "danger"
    state = submission.state
    return state, states.SUBMISSION_STATES[state], TONES[state]


def stuck(submission: Submission) -> bool:
    return submission.state in states.OPEN and submission.attempts >= MOST_ATTEMPTS


def item_title(source: str, item: str) -> str:
    """The item's name in the newest pack of its source; its code where no pack knows it."""
    packs = profiles.registry().packs(source)
    found = packs[-1].item(item) if packs else None
    return found.title if found else item


def source_name(source: str) -> str:
    packs = profiles.registry().packs(source)
    return packs[-1].system if packs else source


def name_of(submission: Submission) -> str:
    """The business number, or the file's name where the package could not say one; masked."""
    return privacy.mask_text(submission.business_no) or submission.arrived_as


def title_of(submission: Submission) -> str:
    return submission.title or item_title(submission.source, submission.item) or submission.arrived_as


def steps(submission: Submission, *, indexed: bool, waits_for: str = "") -> list[dict[str, str]]:
    """For parts/stepper.html. `indexed`: the search knows the record."""
    through = submission.state == "archived" and indexed
    here = len(WAY) if through else STANDS_AT.get(submission.state, len(WAY) - 1)
    found = []
    for number, label in enumerate(WAY):
        state = "done" if number < here else "todo"
        note = ""
        if number == here:
            state, note = _here(submission, waits_for)
        elif number == 0:
            note = moment(submission.received_at)[5:]
        found.append({"label": label, "state": state, "note": note})
    return found


def _here(submission: Submission, waits_for: str) -> tuple[str, str]:
    if stuck(submission):
        return "failed", f"试了 {submission.attempts} 次"
    if submission.state in ("refused", "returned", "superseded"):
        return "failed", states.SUBMISSION_STATES[submission.state]
    if submission.state == "waiting":
        return "waiting", waits_for or "等待人工"
    held = submission.claimed_until and submission.claimed_until > timezone.now()
    return "current", "进行中" if held or submission.state in ("filed", "archived") else "排队中"


WAITS_FOR = {PERIOD: "保管期限待定", JUDGEMENT: "等待人工判断", CONFIRMATION: "等待确认归档"}


def waits_for(findings: Iterable[FindingRow]) -> str:
    """The first thing that a waiting package waits for, as a word."""
    open_checks = {row.check_id for row in findings if row.verdict == "manual"}
    return next((word for check, word in WAITS_FOR.items() if check in open_checks), "等待人工")


REMEDIES = {
    PERIOD: "到“保管期限”判定这个事项的期限；判定后系统自动重新检测、归档，不用重新移交。",
    CONFIRMATION: "核对后点“确认归档”。",
    JUDGEMENT: "看过材料、有了结论之后点“确认归档”，并在说明里写明结论。",
}
SCAN = "GD-4-2"


def finding_dict(row: FindingRow) -> dict[str, Any]:
    """For parts/finding_list.html, with what to do where the sentence does not say it."""
    remedy = REMEDIES.get(row.check_id, "") if row.verdict == "manual" else ""
    if row.check_id == SCAN and row.verdict == "not-run" and settings.REQUIRE_SCAN:
        remedy = "请系统管理员配置或启动病毒扫描，然后点“重新检测”。"
    told = row.as_dict()
    return told | {"remedy": remedy} if remedy else advised(told)


ADVICE = re.compile(r"(?P<said>.+。)(?P<advice>请[^。]+。)", re.DOTALL)


def advised(finding: dict) -> dict:
    """The same finding, what to do parted from what is wrong where its last sentence says it."""
    found = ADVICE.fullmatch(finding["message"]) if finding["verdict"] != "passed" else None
    return finding | {"message": found["said"], "remedy": found["advice"]} if found else finding


def next_step(submission: Submission, waits: str) -> str:
    """What happens next and who does it, in one sentence; "" where nothing is to be done."""
    if stuck(submission):
        return "多次没有处理成功。请点“重新开始处理”；仍不成功的，请告诉系统管理员。"
    if submission.state == "returned":
        return (
            f"请移交部门按下面每一条更正，把修订号（submission.json 的 revision）改为 {submission.revision + 1}，重新打包移交；"
            "新的修订收到后，这个包自动标为被取代。"
        )
    if submission.state == "refused":
        return "请按拒收原因更正后，作为新的信息包重新移交；原包留存备查。"
    if submission.state == "waiting":
        return next(
            (REMEDIES[check] for check, word in WAITS_FOR.items() if word == waits),
            "请看下面每一条的怎么办。",
        )
    return ""


REASONS = {
    "period": ("保管期限待定", Q(check_id=PERIOD, verdict="manual")),
    "confirm": ("等待确认归档", Q(check_id=CONFIRMATION, verdict="manual")),
    "judge": ("等待人工判断", Q(check_id=JUDGEMENT, verdict="manual")),
    "scan": ("没有查毒", Q(check_id="X-scan", verdict="manual")),
    **{key: (f"{word}不通过", Q(property=key, verdict="failed")) for key, word in terms.PROPERTIES.items()},
}
"""Why a package does not go on, as the work list can be narrowed: word, the findings that say so."""
OUTDATED = "检测规则已更新"


@dataclass(frozen=True)
class Way:
    """One line of a list of packages underway."""

    submission: Submission
    name: str
    title: str
    state: tuple[str, str, str]
    steps: list[dict[str, str]]
    open: bool  # something will still happen by itself


def ways(submissions: Sequence[Submission]) -> list[Way]:
    """With one question to the outbox for all of them. Wants `record` selected along and `findings` prefetched."""
    unindexed = not_indexed([row.record_id for row in submissions if row.record_id])
    return [
        Way(
            submission=row,
            name=name_of(row),
            title=title_of(row),
            state=chip_of(row),
            steps=steps(row, indexed=row.record_id not in unindexed, waits_for=waits_for(row.findings.all())),
            open=(row.state in states.OPEN and not stuck(row))
            or (row.state == "archived" and row.record_id in unindexed),
        )
        for row in submissions
    ]


def not_indexed(records: Sequence[UUID]) -> set[UUID]:
    return changes.among("search", records)
