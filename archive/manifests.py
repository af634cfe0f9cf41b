"""元数据清单: what a record is, beside its bytes, so that the catalogue can be rebuilt from storage alone.

Canonical JSON made from rows only. Every column of the record and of what hangs on it stands in it, by the column's own
name, personal values as the cipher text of the database; numbers of database rows never do (a fonds stands there by its
code, a department by its name). Each edition carries its number, its time and the digest of the edition before it.
`stub` is the same without cipher text: what stays of a record that is destroyed.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from archive import catalogue, object_keys, periods, privacy, terms
from archive.models import (
    Determination,
    DigitalObject,
    Event,
    Record,
    RecordParty,
    Relation,
    User,
)

FORMAT = "archive-manifest/2"
TOPIC = "manifest"
"""Announced with a record's id when something was decided about it: a new edition is due (archive/editions.py)."""
STUBS = "stubs:"
"""What a paper of stubs is about begins with it: the register follows."""
MADE = ("manifest", "eep")
"""Roles of the objects that the archive itself makes of a record's rows."""
HEADER = ("edition", "made_at", "previous", "events")
"""What differs from edition to edition though nothing was decided. `previous`: SHA-256 of the edition before."""


@dataclass(frozen=True)
class Header:
    edition: int
    made_at: datetime
    previous: str = ""


def build(record: Record, header: Header) -> dict:
    """The manifest of a record as its rows are now. Wants `fonds`, `department` and `handed_in_by` selected along."""
    return catalogue.plain(
        {
            "format": FORMAT,
            "edition": header.edition,
            "made_at": header.made_at,
            "previous": header.previous,
            "fonds": _fonds(record),
            "record": _record(record),
            "words": _words(record),
            "parties": [_row(party, "id", "record") for party in _parties(record)],
            "relates": [_row(one, "id", "record") for one in record.relates.order_by("business_no", "kind")],
            "related_by": _related_by(record),
            "blocks": [_row(block, "record") for block in record.blocks.order_by("placed_at", "id")],
            "decisions": _decisions(record.retention_key),
            "objects": _objects(record),
            "events": _events(record),
        }
    )


def stub(record: Record, now: datetime) -> dict:
    """What is to be known of a record once it is destroyed: the manifest without any personal number."""
    return privacy.without_cipher_text(build(record, Header(0, now)))


def encode(manifest: dict) -> bytes:
    """One line a section: people can read it, and the same manifest gives the same bytes."""
    lines = [f'"{name}":{catalogue.line(manifest[name]).decode()}' for name in manifest]
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def parse(content: bytes) -> dict:
    """Raises ValueError for what is no manifest of ours."""
    try:
        manifest = json.loads(content)
        known = manifest["format"] == FORMAT and manifest["record"]["id"]
        parts = [
            manifest[name] for name in ("parties", "relates", "blocks", "decisions", "objects", "events")
        ]
        known = known and all(isinstance(part, list) for part in parts)
    except (UnicodeDecodeError, RecursionError, LookupError, TypeError) as fault:
        raise ValueError(f"不是元数据清单：{type(fault).__name__}") from fault
    if not known:
        raise ValueError("不是本系统的元数据清单")
    return manifest


def same(one: dict, other: dict) -> bool:
    """Nothing was decided between the two editions."""
    return _body(one) == _body(other)


def _body(manifest: dict) -> dict:
    """Objects that editions themselves brought are no difference between them."""
    body = {name: value for name, value in manifest.items() if name not in HEADER}
    return body | {"objects": [item for item in body["objects"] if item["role"] not in MADE]}


def _row(row, *without: str) -> dict:
    return catalogue.values_of(row, without)


def _fonds(record: Record) -> dict:
    return _row(record.fonds, "id")


def _record(record: Record) -> dict:
    who = record.handed_in_by
    named = {"department": record.department.name if record.department else None}
    named["handed_in_by"] = who_is(who) if who else None
    return _row(record, "fonds", "department", "handed_in_by") | named


def who_is(user: User) -> dict:
    return {"id": user.pk, "username": user.username, "name": user.name}


def _words(record: Record) -> dict:
    """The codes in words, for whoever reads this without us."""
    return {
        "fonds": record.fonds.name,
        "category": terms.CATEGORIES.get(record.category, ""),
        "stage": terms.STAGES.get(record.stage, ""),
        "insurances": record.insurance_names,
        "security": terms.SECURITY_LEVELS.get(record.security, ""),
    }


def _parties(record: Record) -> list[RecordParty]:
    return list(record.parties.order_by("kind", "position"))


def _related_by(record: Record) -> list[dict]:
    rows = Relation.objects.filter(earlier=record).select_related("record").order_by("record_id", "kind")
    return [
        {"record": one.record_id, "reference_code": one.record.reference_code, "kind": one.kind}
        for one in rows
    ]


def _decisions(key: str) -> list[dict]:
    """What the site decided about the period of these classes or this item, the oldest first."""
    rows = (
        Determination.objects.filter(key__in=periods.classes_of(key))
        .order_by("id")
        .select_related("decided_by")
    )
    return [
        _row(row, "id", "decided_by") | {"decided_by": who_is(row.decided_by) if row.decided_by else None}
        for row in rows
    ]


def _objects(record: Record) -> list[dict]:
    """Every object, with the stores that hold it or are to hold it: a version is found by listing its key there."""
    items = record.digital_objects.order_by("position").prefetch_related("copies")
    found = []
    for item in items:
        found.append(object_of(item, sorted(copy.store for copy in item.copies.all())))
    return found


def object_of(item: DigitalObject, names: list[str]) -> dict:
    """`key`: by which data key its bytes are encrypted, "" where they are not."""
    return catalogue.plain(_row(item, "record") | {"stores": names, "key": object_keys.key_id(item)})


def _events(record: Record) -> list[dict]:
    rows = Event.objects.filter(kind="record", subject=str(record.pk)).order_by("sequence")
    return [_row(row) for row in rows]
