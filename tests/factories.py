"""Submission packages for tests: legal by default, small, without fonts.

Thin wrappers over config/demonstration, which also builds the packages of `manage.py demo`.
"""

import copy
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from config.demonstration import bags, cases, catalogue, light
from config.demonstration.people import People


def a_submission(**changes: Any) -> dict[str, Any]:
    """submission.json of a clean Dongguan counter-increase, with `changes` at its top level.

    `fields` is merged instead of replaced; a field of value None is taken out.
    """
    draft = cases.increase(
        People(11), handled_on=date(2019, 12, 10), number=1, department="参保登记科", counter=True
    )
    submission = draft.submission
    fields = submission["fields"] | (changes.pop("fields", None) or {})
    submission |= changes
    submission["fields"] = {label: value for label, value in fields.items() if value is not None}
    return submission


def files_for(submission: dict[str, Any]) -> dict[str, bytes]:
    """A small real file for everything that `submission` declares; a PDF carries the fields as text."""
    lines = [
        f"{label}：{value}"
        for label, value in (submission.get("fields") or {}).items()
        if isinstance(value, str)
    ]
    files = {}
    for material in submission.get("materials") or []:
        for file in material["files"]:
            path = file["path"]
            if path.endswith(".pdf"):
                files[path] = light.pdf([[material["name"], path, *lines]] * (file.get("pages") or 1))
            else:
                files[path] = light.scan(f"{submission.get('business_no')} {path}")
    return files


def a_bag(
    folder: Path,
    submission: dict[str, Any] | None = None,
    files: dict[str, bytes] | None = None,
    zip: bool = False,
    break_: str | Callable[[bags.Tree], None] | None = None,
) -> Path:
    """A package in `folder`, named by its business number: a folder, or a zip.

    `files` replaces or adds payload by its path ("data/…"). `break_`: a name of `bags.BREAKS`, or a function
    that changes the finished bag (path → bytes) before it is written.
    """
    submission = copy.deepcopy(submission) if submission is not None else a_submission()
    tree = bags.Bag(submission=submission, files=files_for(submission) | (files or {})).tree()
    if break_ is not None:
        (bags.BREAKS[break_] if isinstance(break_, str) else break_)(tree)
    name = f"{submission.get('business_no', 'bag')}-{submission.get('revision', 1)}"
    return bags.write(tree, folder / (f"{name}.zip" if zip else name), zip=zip)


def a_hostile_bag(folder: Path, kind: str, zip: bool = False) -> Path:
    """A package with the one fault `kind` of `config.demonstration.faults.FAULTS`."""
    return bags.write(catalogue.hostile(kind), folder / (f"{kind}.zip" if zip else kind), zip=zip)


def some_packages(folder: Path, count: int, seed: int = 1) -> list[Path]:
    """`count` clean Dongguan increases of different people, as small zips."""
    return list(catalogue.light_packages(folder, count, seed))
