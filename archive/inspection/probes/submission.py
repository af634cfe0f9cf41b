"""Read `submission.json` so that nothing in it can hurt whoever handles it later. Runs inside the fenced child.

Refused: not UTF-8, not JSON, not an object, the same key twice (readers would differ), nested deeper than
`MAX_DEPTH`, numbers that are not finite, larger than `MAX_BYTES`.
"""

import json
import math
import re
from pathlib import Path

MAX_BYTES = 16 << 20
MAX_DEPTH = 16
_ILLEGIBLE = re.compile("[\x00\ud800-\udfff]")


def read(path: Path | None) -> dict:
    """`{"submission": object or None, "submission_fault": Chinese sentence part or ""}`."""
    if path is None:
        return {"submission": None, "submission_fault": ""}
    try:
        return {"submission": parse(path.read_bytes()), "submission_fault": ""}
    except ValueError as fault:
        return {"submission": None, "submission_fault": str(fault)}


def parse(data: bytes) -> dict:
    """The object, or ValueError with a Chinese reason."""
    if len(data) > MAX_BYTES:
        raise ValueError(f"文件过大（{len(data)} 字节，上限 {MAX_BYTES} 字节）")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise ValueError(f"不是 UTF-8 编码（第 {fault.start + 1} 个字节）") from None
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except json.JSONDecodeError as fault:
        raise ValueError(f"不是有效的 JSON（第 {fault.lineno} 行第 {fault.colno} 列）") from None
    except RecursionError:
        raise ValueError(f"嵌套超过 {MAX_DEPTH} 层") from None
    if not isinstance(value, dict):
        raise ValueError("最外层不是对象")
    _check(value, 1)
    return value


def _object(pairs: list[tuple[str, object]]) -> dict:
    value = {_legible(key): _legible(item) for key, item in pairs}
    if len(value) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"键“{next(k for k in keys if keys.count(k) > 1)[:40]}”出现多次")
    return value


def _legible(value: object) -> object:
    """NUL and half surrogates cannot be stored: the replacement character takes their place, and is then found."""
    if isinstance(value, list):
        return [_legible(item) for item in value]
    return _ILLEGIBLE.sub("\ufffd", value) if isinstance(value, str) else value


def _constant(name: str) -> None:
    raise ValueError(f"含有 JSON 不允许的数值 {name}")


def _check(value: object, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ValueError(f"嵌套超过 {MAX_DEPTH} 层")
    if isinstance(value, dict):
        for item in value.values():
            _check(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("含有超出范围的数值")
