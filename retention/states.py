"""The states of an appraisal, a register and its rows, and every legal move. Pure.

A register (销毁清册): 编制中 → 待备案 → 已备案 → 已批准 → 已核对 → 执行中 → 已执行. Rows that leave before execution make a new
numbered edition, which is filed again: before the approval the register waits for it as 待备案, after the approval as
新版待备案, and the approval stands for the rest. A register that nothing is left in is withdrawn.
"""

APPRAISAL_STATES = {"open": "鉴定中", "decided": "已作结论", "cancelled": "已撤销"}
APPRAISAL_MOVES = {"open": {"decided", "cancelled"}, "decided": set(), "cancelled": set()}

RESULTS = {"extend": "延长保管期限", "destroy": "同意销毁"}

REGISTER_STATES = {
    "draft": "编制中",
    "frozen": "待备案",
    "filed": "已备案",
    "refiling": "新版待备案",
    "approved": "已批准",
    "supervised": "已核对",
    "executing": "执行中",
    "executed": "已执行",
    "refused": "未批准",
    "withdrawn": "已撤销",
}
REGISTER_MOVES = {
    "draft": {"frozen", "withdrawn"},
    "frozen": {"filed", "withdrawn"},
    "filed": {"approved", "refiling", "refused", "frozen", "withdrawn"},
    "refiling": {"approved", "withdrawn"},
    "approved": {"supervised", "refiling", "withdrawn"},
    "supervised": {"executing", "refiling", "withdrawn"},
    "executing": {"executed"},
    "executed": set(),
    "refused": set(),
    "withdrawn": set(),
}

ROW_STATES = {
    "listed": "待销毁",
    "removing": "销毁中",
    "locked": "锁定未到期",
    "destroyed": "已销毁",
    "kept": "抽出续存",
}
ROW_MOVES = {
    "listed": {"removing", "locked", "kept"},
    "locked": {"removing", "kept"},
    "removing": {"destroyed"},
    "destroyed": set(),
    "kept": set(),
}
LIVE_ROWS = ("listed", "locked", "removing")

MEMBER_KINDS = {
    "leader": "经办机构相关负责人",
    "business": "业务人员",
    "archivist": "档案管理人员",
    "authority": "人社行政部门有关人员",
}
"""The four kinds of members of an appraisal group (Order 3, 2009, article 11)."""

SIGNATURE_STATES = {"screen": "屏幕签署", "waiting": "待核对", "confirmed": "已核对", "withdrawn": "已撤回"}

MANNERS = {"screen": "屏幕签署", "paper": "纸质签署"}
