"""The states of a submission and every legal move. Pure."""

SUBMISSION_STATES = {
    "received": "待检测",
    "returned": "退回",
    "waiting": "待处理",
    "accepted": "待归档",
    "filed": "入库中",
    "archived": "已归档",
    "refused": "拒收",
    "superseded": "已被取代",
}
SUBMISSION_MOVES = {
    "received": {"returned", "waiting", "accepted", "refused", "superseded"},
    "returned": {"received", "superseded"},  # examined again after a pack or engine change
    "waiting": {"received", "returned", "accepted", "superseded"},
    "accepted": {"filed", "returned", "waiting", "received"},
    "filed": {"archived"},
    "archived": set(),
    "refused": set(),
    "superseded": set(),
}
OPEN = ("received", "accepted", "filed")
"""What the worker still has to do something about by itself."""


def may_move(old: str, new: str) -> bool:
    return new in SUBMISSION_MOVES[old]
