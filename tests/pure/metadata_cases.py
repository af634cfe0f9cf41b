"""Clean metadata to start from, and the way the checks see it. Samples of the packs are the one source of both."""

import copy
import json
from datetime import date
from pathlib import Path
from typing import Any

from archive import profiles
from archive.inspection import authenticity, base, integrity

TODAY = date(2026, 1, 5)
ROOMS = {authenticity.__name__, integrity.__name__}


def sample_files() -> list[Path]:
    return sorted(profiles.PACKS.glob("*/*/samples/*.json"))


def sample(path: Path) -> dict[str, Any]:
    """A sample with its submission made whole: `like` names another one, `change` and `remove` say how it differs."""
    data = json.loads(path.read_text(encoding="utf-8"))
    if "like" in data:
        whole = copy.deepcopy(sample(path.with_name(data["like"] + ".json"))["submission"])
        merge(whole, data.get("change", {}))
        for place in data.get("remove", []):
            table, key = place.split(".", 1)
            del whole[table][key]
        data["submission"] = whole
    return data


def merge(whole: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    for key, value in change.items():
        if isinstance(value, dict) and isinstance(whole.get(key), dict):
            merge(whole[key], value)
        else:
            whole[key] = value
    return whole


def clean(pack: str = "dongguan/2019-12/samples/online-clean", **change: Any) -> dict[str, Any]:
    return merge(sample(profiles.PACKS / f"{pack}.json")["submission"], change)


def examine(submission: Any, **facts: Any) -> list[base.Finding]:
    """Structure, look-up, then the checks of these rooms, as an examination runs them."""
    found = integrity.structure_findings(submission)
    if found:
        return found
    pack, item, found = integrity.lookup(submission)
    if found:
        return found
    package = base.Package(root=None, submission=submission, pack=pack, item=item, today=TODAY, facts=facts)
    for entry in base.CHECKS.values():
        if entry.function.__module__ in ROOMS:
            found += entry.function(entry, package)
    return found


def rows(findings: list[base.Finding]) -> set[tuple[str, str, str | None]]:
    return {(row.check, row.verdict, row.field) for row in findings}


def failed(findings: list[base.Finding]) -> set[tuple[str, str | None]]:
    return {(row.check, row.field) for row in findings if row.verdict == "failed"}
