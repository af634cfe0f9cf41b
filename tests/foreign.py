"""Every file below a folder through the examination: `python -m tests.foreign FOLDER`.

For test files of other projects, unpacked anywhere outside this one. Says how many were accepted, flagged and rejected in
each top folder, what failed other than by encryption, the slowest, and every file that broke or outlasted its parser;
answers 1 when there is one. docs/foreign-files.md tells what was found so.
"""

import sys
import time
from collections import Counter
from pathlib import Path

from archive.inspection.examine import examine
from archive.inspection.fence import Fence

SLOW = 5.0
"""Seconds; what takes longer is worth a look."""


def run(folder: Path, report=print) -> dict[str, Counter]:
    """By the first folder below `folder`: verdicts, and `broke` = the parser did not come to an end."""
    told: dict[str, Counter] = {}
    with Fence() as fence:
        for path in sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()):
            began = time.monotonic()
            result = examine(path, fence)
            seconds = time.monotonic() - began
            counts = told.setdefault(path.relative_to(folder).parts[0], Counter())
            counts[result["verdict"]] += 1
            failed = [row["message"] for row in result["findings"] if row["verdict"] == "failed"]
            counts["broke"] += (broke := any("解析没有完成" in message for message in failed))
            if broke or seconds > SLOW or (failed and not any("加密" in message for message in failed)):
                report(f"{path.relative_to(folder)}  {seconds:.1f} s  {failed[0] if failed else ''}")
    return told


def main() -> int:
    told = run(Path(sys.argv[1]))
    for name, counts in told.items():
        print(f"{name}: {dict(counts)}")
    return 1 if any(counts["broke"] for counts in told.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
