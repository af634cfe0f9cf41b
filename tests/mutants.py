"""Faults made by hand: does the suite catch each? `python -m tests.mutants [--list] [--only NAME …] [--jobs N]`.

A mutant is one exact replacement in one file of the product, with the tests that must notice. Each runs in a copy of
the tree, so the tree itself is never touched. Before, the same tests must pass without any fault. Ends with 1 when a
mutant survives. `tests/mutant_list.py` holds the mutants; a test keeps every one of them applicable.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

from tests.mutant_list import MUTANTS, Mutant
from tests.source import ROOT

SECONDS = 180
"""A fault may make a test hang; that is noticed too."""


@contextmanager
def copy_of_the_tree() -> Iterator[Path]:
    """What git knows of and what it would add, as it stands in the work tree."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, check=True, capture_output=True,
        ).stdout  # fmt: skip
        for name in listed.decode().split("\0"):
            if name and (ROOT / name).is_file():
                (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, Path(folder) / name)
        yield Path(folder)


def run_tests(tree: Path, tests: tuple[str, ...]) -> tuple[bool, str]:
    """(did they pass, what noticed). A copy that pytest cannot even start in is no catch: that raises."""
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(tree)}
    # Tables straight from the models: a third of the time, and migrations have a test of their own.
    options = ("-x", "-q", "--no-header", "--nomigrations", "-p", "no:cacheprovider")
    command = [sys.executable, "-m", "pytest", *options, *tests]
    try:
        done = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        return False, f"no end within {SECONDS} s"
    if done.returncode == 0:
        return True, ""
    last = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    if done.returncode != 1 or not last:
        raise RuntimeError(
            f"pytest {' '.join(tests)}: {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-2000:]}"
        )
    return False, last[0].split(" ", 1)[1].split(" - ")[0].rpartition("::")[2]


@contextmanager
def fault(tree: Path, mutant: Mutant) -> Iterator[None]:
    path = tree / mutant.file
    before = path.read_text()
    path.write_text(before.replace(mutant.old, mutant.new, 1))
    try:
        yield
    finally:
        path.write_text(before)


def hunt(mutant: Mutant, trees: SimpleQueue) -> tuple[Mutant, bool, str, float]:
    """(mutant, caught, by what, seconds)."""
    tree, began = trees.get(), time.monotonic()
    try:
        with fault(tree, mutant):
            passed, by = run_tests(tree, mutant.tests)
        return mutant, not passed, by, time.monotonic() - began
    finally:
        trees.put(tree)


def chosen(names: list[str]) -> list[Mutant]:
    known = {mutant.name: mutant for mutant in MUTANTS} | {str(n): m for n, m in enumerate(MUTANTS, 1)}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SystemExit(f"no such mutant: {', '.join(unknown)} (see --list)")
    return [known[name] for name in names] or list(MUTANTS)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME")
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    mutants = chosen(asked.only)
    if asked.list:
        for number, mutant in enumerate(MUTANTS, 1):
            print(f"{number:3} {mutant.name:34} {mutant.why}")
        return 0
    with (
        copy_of_the_tree() as one,
        copy_of_the_tree() as two,
        ThreadPoolExecutor(min(asked.jobs, 2)) as lanes,
    ):
        passed, by = run_tests(one, tuple(dict.fromkeys(test for mutant in mutants for test in mutant.tests)))
        if not passed:
            print(
                f"The tests fail without any fault: {by}. Run them in the tree itself first.", file=sys.stderr
            )
            return 2
        trees: SimpleQueue = SimpleQueue()
        trees.put(one)
        trees.put(two)
        survivors = []
        for mutant, caught, by, seconds in lanes.map(lambda mutant: hunt(mutant, trees), mutants):
            print(
                f"{'caught  ' if caught else 'SURVIVED'} {seconds:5.1f} s  {mutant.name:34} {by}", flush=True
            )
            if not caught:
                survivors.append(mutant.name)
    print(f"{len(mutants) - len(survivors)} of {len(mutants)} caught")
    return 1 if survivors else 0


if __name__ == "__main__":
    raise SystemExit(main())
