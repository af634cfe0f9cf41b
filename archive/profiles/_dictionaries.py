"""Code tables from CSV: columns `code,label,aliases,insurance`; aliases stand with `|` between them.

The tables of `packs/common/` belong to every source (险种, 证件类型, 性别); a pack's own lie in its `dictionaries/`
folder and win over a common one of the same name. A table's name is its file name.
"""

import csv
from functools import cache
from pathlib import Path

from archive import terms
from archive.errors import WrongPack

from ._model import Dictionary, Entry, plain

COMMON = Path(__file__).parent / "packs" / "common"
COLUMNS = {"code", "label", "aliases", "insurance"}


def read_folder(folder: Path) -> dict[str, Dictionary]:
    """Every table of a folder; none where there is no folder. Raises WrongPack."""
    return {path.stem: read_dictionary(path) for path in sorted(folder.glob("*.csv"))}


@cache
def common() -> dict[str, Dictionary]:
    return read_folder(COMMON)


def read_dictionary(path: Path) -> Dictionary:
    """Raises WrongPack for a file that cannot be read, a wrong column, an empty label, a word with two meanings."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            columns = list(reader.fieldnames or [])
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise WrongPack(file=path.name, key="", reason=f"代码表不能读取：{fault}") from None
    if not {"code", "label"} <= set(columns) or not set(columns) <= COLUMNS:
        raise WrongPack(
            file=path.name, key=",".join(columns), reason="表头应为 code,label[,aliases][,insurance]"
        )
    entries = tuple(_entry(path, number, row) for number, row in enumerate(rows, start=2))
    if not entries:
        raise WrongPack(file=path.name, key="label", reason="代码表是空的")
    _refuse_double_meaning(path, entries)
    return Dictionary(path.stem, entries)


def _entry(path: Path, number: int, row: dict) -> Entry:
    if None in row or None in row.values():
        raise WrongPack(file=path.name, key=f"第{number}行", reason="列数与表头不符")
    entry = Entry(
        code=row["code"].strip(),
        label=row["label"].strip(),
        aliases=tuple(word.strip() for word in (row.get("aliases") or "").split("|") if word.strip()),
        insurance=(row.get("insurance") or "").strip(),
    )
    if not entry.label:
        raise WrongPack(file=path.name, key=f"第{number}行", reason="label 不能为空")
    if entry.insurance and entry.insurance not in terms.INSURANCE_CODES:
        raise WrongPack(file=path.name, key=f"第{number}行", reason=f"没有“{entry.insurance}”这一险种")
    return entry


def _refuse_double_meaning(path: Path, entries: tuple[Entry, ...]) -> None:
    seen: dict[str, Entry] = {}
    for entry in entries:
        for word in {plain(word) for word in (entry.code, entry.label, *entry.aliases) if word}:
            if word in seen:
                raise WrongPack(
                    file=path.name,
                    key=word,
                    reason=f"既指“{seen[word].label}”又指“{entry.label}”，一词只能有一义",
                )
            seen[word] = entry
