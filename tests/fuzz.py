"""Two thousand damaged samples through the examination: `python -m tests.fuzz [COUNT] [SEED]` (`make fuzz`).

Each is a sample with bits flipped, its end cut off, or a piece of another sample spliced in. None may raise, hang, or
bring the examining process down; that a parser dies in its child is a finding like any other, and is counted. A
mutation that goes wrong is kept in var/fuzz/, with the sentence that makes it again.
"""

import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from archive.inspection.examine import examine
from archive.inspection.fence import Fence
from tests.samples_table import ROOT, SAMPLES, rows

SECONDS = 25
"""What one file may take at the longest: the fence's own limit and a little for its death."""
KEPT = ROOT / "var" / "fuzz"


def mutated(data: bytes, other: bytes, dice: random.Random) -> bytes:
    kind, data = dice.choice(("flip", "cut", "splice", "repeat", "zero")), bytearray(data)
    if not data:
        return bytes(data)
    at = dice.randrange(len(data))
    if kind == "flip":
        for _ in range(dice.choice((1, 8, 64))):
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    elif kind == "cut":
        del data[at:]
    elif kind == "splice":
        start = dice.randrange(len(other) or 1)
        data[at : at + dice.randrange(4096)] = other[start : start + dice.randrange(4096)]
    elif kind == "repeat":
        data[at:at] = data[at : at + dice.randrange(2048)] * dice.randrange(1, 20)
    else:
        end = min(len(data), at + dice.randrange(512))
        data[at:end] = bytes(end - at)
    return bytes(data)


def run(count: int, seed: int, report=print) -> Counter:
    """How the mutations fared: verdicts, deaths of the child, and `wrong` = what must not be."""
    names = [row["path"] for row in rows()]
    told: Counter = Counter()
    with Fence() as fence, tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            dice = random.Random(f"{seed}:{number}")
            name, other = dice.choice(names), dice.choice(names)
            data = mutated((SAMPLES / name).read_bytes(), (SAMPLES / other).read_bytes(), dice)
            path = Path(folder) / Path(name).name
            path.write_bytes(data)
            began = time.monotonic()
            fault = ""
            try:
                result = examine(path, fence)
            except Exception as error:  # whatever it is, it must not be
                fault = f"{type(error).__name__}: {error}"
            else:
                told[result["verdict"]] += 1
                told["child died"] += any("解析没有完成" in row["message"] for row in result["findings"])
                if result["verdict"] not in ("accept", "flag", "reject"):
                    fault = f"verdict {result['verdict']}"
            if time.monotonic() - began > SECONDS:
                fault = fault or f"{time.monotonic() - began:.0f} s"
            if fault:
                told["wrong"] += 1
                KEPT.mkdir(parents=True, exist_ok=True)
                (KEPT / f"{seed}-{number}-{path.name}").write_bytes(data)
                report(f"{name}: {fault}  (seed {seed}, number {number})")
            path.unlink()
            if number % 200 == 199:
                report(f"{number + 1} of {count}: {dict(told)}")
    return told


def main() -> int:
    if not rows():
        print("No samples beside the project; nothing to do.")
        return 0
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    began = time.monotonic()
    told = run(count, seed)
    print(f"{count} mutations, seed {seed}, {time.monotonic() - began:.0f} s: {dict(told)}")
    return 1 if told["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
