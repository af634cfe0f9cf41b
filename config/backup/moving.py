"""Putting files into their places so that a kill at any moment can be undone: a journal of renames.

The journal is on the disk before the first rename and goes when everything is done. While it is there, a restore was
begun and not ended: every other command refuses, and the next `restore` first puts everything back as it was.
Nothing is deleted and nothing overwritten: a file that is in the way is itself moved aside beforehand.
"""

import json
import os
from pathlib import Path

from django.conf import settings

from archive.errors import NotConfigured

Moves = list[tuple[Path, Path]]


def journal() -> Path:
    return Path(settings.ARCHIVE_DATA) / "restore-unfinished.json"


def require_finished() -> None:
    """Raises NotConfigured while a restore is half done."""
    if journal().exists():
        reason = (
            "一次恢复开始了，没有做完。请用同一份备份再运行 manage.py restore：它先放回原样，再从头做起。"
            f"（记在 {journal()}）"
        )
        raise NotConfigured(reason=reason)


def begin(moves: Moves, made: list[Path], scrap: Path, schema: dict | None = None) -> None:
    """Write down what is going to be moved, then move it, one after the other.

    `made`: files that the restored installation makes for itself (its databases and their logs); when it is undone,
    they go into the folder `scrap`, else the log of the new database would be taken for that of the old one.
    `schema`: kept for whoever undoes a restore of PostgreSQL (database.put_back).
    """
    plan = {"moves": [[str(source), str(target)] for source, target in moves]}
    plan |= {"made": [str(path) for path in made], "scrap": str(scrap), "schema": schema}
    text = json.dumps(plan, ensure_ascii=False, indent=1)
    journal().parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = journal().with_suffix(".draft")
    with open(draft, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.rename(draft, journal())
    _flush(journal().parent)
    for source, target in moves:
        if target.exists():
            raise FileExistsError(17, "已有同名文件", str(target))
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.rename(source, target)
        _flush(target.parent)


def unfinished() -> dict | None:
    """The plan of a restore that was begun and not ended."""
    return json.loads(journal().read_text()) if journal().exists() else None


def undo(plan: dict) -> None:
    """Put back what the plan moved, the last one first. May be done twice; `end` comes after it."""
    moves = [(Path(source), Path(target)) for source, target in plan["moves"]]
    untouched = {source for source, target in moves if not target.exists()}
    made = [Path(path) for path in plan["made"]]
    for number, path in enumerate(made):
        if path.exists() and path not in untouched:
            os.rename(path, Path(plan["scrap"]) / f"scrap-{number}")
    for source, target in reversed(moves):
        if target.exists() and not source.exists() and target not in made:
            os.rename(target, source)
            _flush(source.parent)


def end() -> None:
    journal().unlink()
    _flush(journal().parent)


def _flush(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
