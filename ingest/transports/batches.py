"""批次清单: the list that may lie beside the packages of one hand-over (`batch.json`), and whether it was kept.

The list is foreign and is read with care; whatever is wrong with it is said and never stops a package. What the
packages are is taken from their own declarations, never from their file names.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archive import privacy

NAME = "batch.json"
LARGEST = 16 * 1024 * 1024
MOST_NAMED = 20


@dataclass(frozen=True)
class Batch:
    """What a list says, as far as it can be read; None or () = it says nothing of that."""

    folder: Path
    batch_no: str = ""
    source: str | None = None
    fonds: str | None = None
    cases: int | None = None
    bytes: int | None = None
    business_nos: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.batch_no or str(self.folder / NAME)


def read(folder: Path, notes: list[str]) -> Batch | None:
    """The list in this folder; None where there is none or it cannot be read (then a note says so)."""
    path = folder / NAME
    if not path.is_file():
        return None
    try:
        if path.stat().st_size > LARGEST:
            notes.append(f"{path} 过大，没有读取，按没有批次清单处理。")
            return None
        data = json.loads(path.read_bytes().decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as fault:
        notes.append(f"{path} 不能读取（{fault}），按没有批次清单处理。")
        return None
    if not isinstance(data, dict):
        notes.append(f"{path} 不是 JSON 对象，按没有批次清单处理。")
        return None
    return _understood(folder, data, notes)


def _understood(folder: Path, data: dict[str, Any], notes: list[str]) -> Batch:
    def value(key: str, kind: type, word: str) -> Any:
        found = data.get(key)
        if found is None:
            return None
        if isinstance(found, kind) and not isinstance(found, bool):
            return found
        notes.append(f"{folder / NAME} 的 {key} 应为{word}，未予核对。")
        return None

    listed = value("business_nos", list, "业务编号的列表") or []
    numbers = [number.strip() for number in listed if isinstance(number, str) and number.strip()]
    if len(numbers) < len(listed):
        notes.append(
            f"{folder / NAME} 的 business_nos 中有 {len(listed) - len(numbers)} 项不是业务编号，未予核对。"
        )
    return Batch(
        folder=folder,
        batch_no=_plain(value("batch_no", str, "文字") or "", 80),
        source=value("source", str, "文字"),
        fonds=value("fonds", str, "文字"),
        cases=value("cases", int, "整数"),
        bytes=value("bytes", int, "整数"),
        business_nos=tuple(dict.fromkeys(numbers)),
    )


def _plain(text: str, limit: int) -> str:
    return "".join(character for character in text if character.isprintable()).strip()[:limit]


def size_note(batch: Batch, size: int) -> str:
    """A word where the list gives another size than `size`, the bytes of the packages' files as handed over. A
    mere note: senders count in different ways (packed, unpacked, payload alone)."""
    if batch.bytes in (None, size):
        return ""
    return f"批次 {batch.name}：清单写 {batch.bytes} 字节，信息包文件共 {size} 字节，请核对计算口径。"


def differences(batch: Batch, outcomes: Iterable[dict[str, Any]]) -> list[str]:
    """What is missing, extra or otherwise than listed, as sentences; empty = the list was kept. `outcomes`: the
    lines of the batch's packages."""
    lines = list(outcomes)
    there = list(dict.fromkeys(line["business_no"] for line in lines if line["business_no"]))
    said = []
    if batch.cases is not None and batch.cases != len(lines):
        said.append(f"清单写 {batch.cases} 件，实有 {len(lines)} 件")
    if batch.business_nos:
        missing = [number for number in batch.business_nos if number not in there]
        extra = [number for number in there if number not in batch.business_nos]
        said += [
            f"{word} {_named(numbers)}" for word, numbers in (("缺少", missing), ("多出", extra)) if numbers
        ]
    strange = [
        line["business_no"] for line in lines if batch.source and line["source"] not in (None, batch.source)
    ]
    if strange:
        said.append(f"清单的来源系统是 {batch.source}，{_named(strange)} 不是")
    elsewhere = [
        line["business_no"] for line in lines
        if batch.fonds and line["reference_code"] and not line["reference_code"].startswith(f"{batch.fonds}-")
    ]  # fmt: skip
    if elsewhere:
        said.append(f"清单的全宗是 {batch.fonds}，{_named(elsewhere)} 归入了别的全宗")
    return [privacy.mask_text(f"批次 {batch.name}：{sentence}。") for sentence in said]


def _named(numbers: list[str]) -> str:
    more = f" 等 {len(numbers)} 件" if len(numbers) > MOST_NAMED else ""
    return "、".join(str(number)[:60] for number in numbers[:MOST_NAMED]) + more
