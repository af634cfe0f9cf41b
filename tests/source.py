"""The product as source: what the tests of its habits look at."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("archive", "ingest", "retention", "search", "config")


@cache
def modules() -> dict[str, ast.Module]:
    """Path from the root → syntax tree, for every module of the product but migrations."""
    files = (file for room in ROOMS for file in (ROOT / room).rglob("*.py") if "migrations" not in file.parts)
    return {
        file.relative_to(ROOT).as_posix(): ast.parse(file.read_text(), file.name) for file in sorted(files)
    }
