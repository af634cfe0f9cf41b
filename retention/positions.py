"""Numbers of rows as people write them: 「1-20、23」. Pure. Keeps a choice of rows in an address."""

import re
from collections.abc import Iterable

from archive.errors import WrongInput

MOST = 10_000
_PART = re.compile(r"(\d{1,6})(?:[-－—–~至](\d{1,6}))?")


def read(text: str, field: str = "序号") -> list[int]:
    """Every number once, in order. Raises WrongInput for what is none."""
    found: set[int] = set()
    for part in re.split(r"[\s,，、;；]+", text.strip()):
        if not part:
            continue
        match = _PART.fullmatch(part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if first > last or last - first >= MOST:
            raise WrongInput(field=field, reason=f"“{part[:20]}”不是序号，请写成“1-20、23”这样。")
        found.update(range(first, last + 1))
        if len(found) > MOST:
            raise WrongInput(field=field, reason=f"一次最多 {MOST} 个序号。")
    return sorted(found)


def write(numbers: Iterable[int], between: str = ",") -> str:
    """The shortest way to write them: runs with a dash."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return between.join(str(a) if a == b else f"{a}-{b}" for a, b in runs)
