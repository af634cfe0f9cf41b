"""What a rebuild brought back, and what it could not."""

import logging
from collections import Counter
from dataclasses import dataclass, field

log = logging.getLogger("archive.rebuild")

MOST_SAID = 10_000


@dataclass
class Report:
    """`counts`: rows that came back, by table. `problems`: (key, reason), only the first ones; `faults` counts all."""

    counts: Counter = field(default_factory=Counter)
    problems: list[tuple[str, str]] = field(default_factory=list)
    faults: int = 0
    snapshots: list[str] = field(default_factory=list)

    def problem(self, key: str, reason: str) -> None:
        self.faults += 1
        if len(self.problems) < MOST_SAID:
            self.problems.append((key, reason))
