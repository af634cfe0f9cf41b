"""The states of a record and of a stored copy, and every legal move. Pure.

`records.move()` is the only writer of a record's state, `keeping` of a copy's; a parametrised test walks every pair.
"""

RECORD_STATES = {
    "archived": "在管",
    "disposing": "销毁执行中",
    "destroyed": "已销毁",
    "transferred": "已移交",
}
RECORD_MOVES = {
    "archived": {"disposing", "transferred"},
    "disposing": {"destroyed"},  # from here there is no way back
    "destroyed": set(),
    "transferred": set(),
}

COPY_STATES = {
    "pending": "待写入",
    "stored": "完好",
    "failed": "写入失败",
    "damaged": "受损",
    "removed": "已清除",
}
COPY_MOVES = {
    "pending": {"stored", "failed", "removed"},
    "failed": {"pending", "stored", "removed"},
    "stored": {"damaged", "removed"},
    "damaged": {"stored", "pending", "removed"},  # pending: to be written again from a good copy
    "removed": {"pending"},  # only where it was never written: a store that was given up and is chosen again
}


def may_move(moves: dict[str, set[str]], old: str, new: str) -> bool:
    return new in moves.get(old, set())
