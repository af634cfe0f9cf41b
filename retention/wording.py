"""How decisions are worded on every page: chips, the way of a register, the way of an appraisal. Pure presentation;
the caller has fetched what is asked of here."""

from typing import Any

from archive.templatetags.archive_words import day, period
from retention.models import Appraisal, Edition, Hold, Register
from retention.states import APPRAISAL_STATES, REGISTER_STATES, RESULTS, ROW_STATES

Chip = tuple[str, str, str]
APPRAISAL_TONES = {"open": "progress", "decided": "success", "cancelled": "gone"}
REGISTER_TONES = {
    "draft": "neutral", "frozen": "waiting", "filed": "waiting", "refiling": "waiting", "approved": "progress",
    "supervised": "progress", "executing": "warning", "executed": "gone", "refused": "danger", "withdrawn": "gone",
}  # fmt: skip
ROW_TONES = {
    "listed": "waiting", "removing": "warning", "locked": "held", "destroyed": "gone", "kept": "success",
}  # fmt: skip
RESULT_TONES = {"extend": "success", "destroy": "warning"}


def appraisal_chip(appraisal: Appraisal) -> Chip:
    return appraisal.state, APPRAISAL_STATES[appraisal.state], APPRAISAL_TONES[appraisal.state]


def register_chip(register: Register) -> Chip:
    if register.state == "executing" and register.stopped:
        return "stopped", "已暂停", "waiting"
    return register.state, REGISTER_STATES[register.state], REGISTER_TONES[register.state]


def row_chip(state: str) -> Chip:
    return state, ROW_STATES[state], ROW_TONES[state]


def hold_chip(hold: Hold) -> Chip:
    return ("ended", "已解除", "gone") if hold.ended_at else ("on", "生效中", "held")


def result_chip(result: str, years: str = "") -> Chip:
    if not result:
        return "", "未作结论", "waiting"
    words = f"延长至{period(years)}" if result == "extend" else RESULTS[result]
    return result, words, RESULT_TONES[result]


ENDED = {"refused": "未批准", "withdrawn": "已撤销"}
_REACHED = {
    "draft": 0, "frozen": 1, "filed": 2, "refiling": 1, "approved": 3, "supervised": 4, "executing": 4, "executed": 6,
}  # fmt: skip


def register_steps(register: Register, edition: Edition | None) -> list[dict[str, Any]]:
    """编制 → 备案 → 批准 → 监销 → 执行 → 完成, each done step with who and when."""
    filed = edition if edition and edition.filed_on else None
    both = [str(one) for one in (register.supervisor_one, register.supervisor_two) if one]
    notes = [
        f"{register.requested_by}\n{day(register.made_at)}",
        f"{filed.filing_no}\n{day(filed.filed_on)}" if filed else "",
        f"{register.approved_by}\n{day(register.approved_at)}" if register.approved_by else "",
        "、".join(both) + ("" if len(both) != 1 else "\n还差一人"),
        f"{register.executed_by}\n{day(register.started_at)}" if register.executed_by else "",
        day(register.finished_at) if register.finished_at else "",
    ]
    labels = ["编制", "备案", "批准", "监销", "执行", "完成"]
    if register.state in ENDED:
        reached = 2 if filed else 1 if register.edition else 0
        states = ["done"] * reached + ["failed"] + ["todo"] * (5 - reached)
        notes[reached] = ENDED[register.state]
    else:
        reached = _REACHED[register.state]
        now = "current" if register.state in ("draft", "executing") else "waiting"
        states = ["done"] * reached + [now] * (reached < 6) + ["todo"] * (5 - reached)
        if register.state == "refiling":
            states[2], notes[1] = "done", f"第 {register.edition} 版待备案"
    return [
        {"label": label, "state": state, "note": note}
        for label, state, note in zip(labels, states, notes, strict=True)
    ]


def next_step(register: Register) -> str:
    """What happens now and who does it, in one sentence."""
    return {
        "draft": "核对条目后定稿；定稿即编第 1 版并打印，此后条目不能增加。",
        "frozen": f"把第 {register.edition} 版报送同级人社行政部门备案，收到回执后在这里登记。",
        "filed": "等主要负责人批准：可以全部批准、抽出一部分，或者不批准。",
        "refiling": f"有条目抽出，第 {register.edition} 版须再备案一次；已有的批准对其余条目继续有效。",
        "approved": "等两名监销人分别核对并签署。",
        "supervised": "可以开始执行。开始之后，已清除的不能恢复。",
        "executing": "正在逐件清除并证明不存在；可以离开本页。",
        "executed": "已执行完毕，销毁执行记录在全宗卷。",
        "refused": f"没有批准：{register.end_reason}",
        "withdrawn": f"已撤销：{register.end_reason}",
    }[register.state]


def appraisal_steps(appraisal: Appraisal, spoken: int, members: int, listed: int) -> list[dict[str, Any]]:
    """提交 → 发表意见 → 作出结论 → 列入清册."""
    decided = appraisal.state == "decided"
    states = {
        "open": ["done", "waiting", "todo", "todo"],
        "decided": ["done", "done", "done", "done" if listed else "waiting"],
        "cancelled": ["done", "failed", "todo", "todo"],
    }[appraisal.state]
    notes = [
        f"{appraisal.opened_by.name}\n{day(appraisal.opened_at)}",
        "已撤销" if appraisal.state == "cancelled" else f"{members} 名成员中 {spoken} 名已发表",
        day(appraisal.decided_at) if decided else "",
        f"{listed} 件" if listed else "",
    ]
    labels = ["提交", "发表意见", "作出结论", "列入清册"]
    return [
        {"label": label, "state": state, "note": note}
        for label, state, note in zip(labels, states, notes, strict=True)
    ]
