"""导出: records leave as packages. An act of its own permission, for a purpose that both ledgers keep.

The exact bytes go out, numbers and all: a package with changed bytes proves nothing. Hence the permission, the purpose,
an event and a reading per record, written before the package gets its name. All or nothing: a record that cannot go
out whole stops the package and is named.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from archive import audit, privacy, records
from archive.errors import NotFound, WrongInput
from archive.models import Record
from archive.packages import bag, content, mets
from archive.packages.content import Content, Part, made
from archive.packages.writing import FolderTarget, Target, Written, ZipTarget
from archive.permissions import Actor

FORMATS = {"bag": "BagIt 信息包", "mets": "METS 信息包（E-ARK）"}
LEAST, MOST = 4, 120
"""Characters of a purpose."""


@dataclass(frozen=True)
class Progress:
    """How far a package is: told while it is written."""

    records: int
    bytes: int


def purpose_of(text: str) -> str:
    """The purpose as the ledgers keep it. Raises WrongInput when it says nothing."""
    text = " ".join(privacy.mask_text(text.replace("\0", "")).split())
    if not LEAST <= len(text) <= MOST:
        reason = f"请写明为什么导出、交给谁（{LEAST} 至 {MOST} 字），例如“移交市档案馆，移交书〔2026〕3 号”。"
        raise WrongInput(field="导出目的", reason=reason)
    return text


def format_of(code: str) -> str:
    if code not in FORMATS:
        raise WrongInput(field="格式", reason=f"只能是 {'、'.join(FORMATS)}。")
    return code


def gather(pk: UUID, *, actor: Actor) -> Content:
    """What would go out of one record, through its gate. Raises what the gate and `content.of` raise."""
    return content.of(records.get_for(actor, pk, "record.export"))


def export(
    ids: Sequence[UUID],
    target: Target,
    *,
    format: str,
    purpose: str,
    actor: Actor,
    tell: Callable[[Progress], None] = lambda _: None,
) -> Written:
    """Write the packages of these records into `target`: in a zip one folder each, named by 档号, and beside several a
    batch.json that lists them; a folder holds one package. Rights are asked again for each record as its turn comes."""
    format, purpose = format_of(format), purpose_of(purpose)
    if not ids:
        raise NotFound(what="要导出的档案")
    done: list[Record] = []
    count = 0

    def step(size: int) -> None:
        nonlocal count
        count += size
        tell(Progress(len(done), count))

    target.step = step
    with target:
        for pk in ids:
            found = gather(pk, actor=actor)
            for part in parts_of(found, format):
                target.add(part, found.name)
            done.append(found.record)
            tell(Progress(len(done), count))
        if len(done) > 1:
            target.add(_batch(done))
        return target.finish(before=lambda: _note(done, format, purpose, actor))


def parts_of(found: Content, format: str) -> list[Part]:
    now = timezone.now()
    return mets.parts(found, at=now) if format == "mets" else bag.parts(found, on=timezone.localdate(now))


def target_at(path: Path, *, zip: bool) -> Target:
    return ZipTarget(path) if zip else FolderTarget(path)


def _batch(done: Sequence[Record]) -> Part:
    """The list that receiving compares with what has arrived."""
    listed = {"cases": len(done), "business_nos": [record.business_no for record in done]}
    if len(sources := {record.source for record in done}) == 1:
        listed["source"] = sources.pop()
    return made("batch.json", json.dumps(listed, ensure_ascii=False, indent=1).encode(), "application/json")


def _note(done: Sequence[Record], format: str, purpose: str, actor: Actor) -> None:
    for record in done:
        with transaction.atomic():
            audit.record(
                actor=actor,
                action="record.exported",
                kind="record",
                subject=record.pk,
                name=f"{record.reference_code} {record.title}",
                data={"format": FORMATS[format], "purpose": purpose},
            )
            audit.access(
                actor=actor,
                action="package.exported",
                record=record,
                purpose=purpose,
                data={"format": FORMATS[format]},
            )
