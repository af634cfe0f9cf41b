"""元数据清单: what a record is, beside its bytes, so that the catalogue can be rebuilt from storage alone.

Canonical JSON made from rows only, and the same rows always give the same bytes: an interrupted keeping makes it
again. Personal values stand in it as the cipher text of the database.
"""

import json

from archive import terms
from archive.models import Record

FORMAT = "archive-manifest/1"


def build(record: Record) -> bytes:
    """The manifest of a record as filed. Wants `fonds` and `department` selected along."""
    objects = record.digital_objects.exclude(role="manifest").order_by("position")
    data = {
        "format": FORMAT,
        "id": str(record.id),
        "reference_code": record.reference_code,
        "fonds": {"code": record.fonds.code, "name": record.fonds.name, "scheme": record.fonds.scheme},
        "category": record.category,
        "number": record.number,
        "title": record.title,
        "year": record.year,
        "stage": {"code": record.stage, "name": terms.STAGES.get(record.stage, record.stage)},
        "insurance": record.insurance,
        "insurances": record.insurances,
        "formed_on": record.formed_on.isoformat(),
        "retention": record.retention,
        "retention_key": record.retention_key,
        "provisional": record.provisional,
        "due_on": record.due_on.isoformat() if record.due_on else None,
        "department": record.department.name if record.department else None,
        "security": record.security,
        "responsible": record.responsible,
        "document_no": record.document_no,
        "source": record.source,
        "item": record.item,
        "item_title": record.item_title,
        "business_no": record.business_no,
        "business_revision": record.business_revision,
        "archived_at": record.archived_at.isoformat(),
        "package_sha256": record.package_sha256,
        "content_digest": record.content_digest,
        "description": record.description,
        "parties": [
            {
                "kind": party.kind,
                "name": party.name,
                "id_type": party.id_type,
                "id_no": party.id_no,
                "uscc": party.uscc,
                "own_no": party.own_no,
            }
            for party in record.parties.order_by("kind", "position")
        ],
        "relates": [
            {"business_no": relation.business_no, "relation": relation.kind}
            for relation in record.relates.order_by("id")
        ],
        "objects": [
            {
                "id": str(item.id),
                "role": item.role,
                "position": item.position,
                "material": item.material,
                "material_code": item.material_code,
                "path": item.sealed_path or item.path,
                "bytes": item.bytes,
                "sha256": item.sha256,
                "sm3": item.sm3,
                "mime": item.mime,
                "puid": item.puid,
                "pages": item.pages,
                "original": item.is_original,
                "sealed": item.is_sealed,
                "signed": item.is_signed,
                "copies": item.copies_declared,
            }
            for item in objects
        ],
    }
    return json.dumps(data, ensure_ascii=False, sort_keys=True, indent=1).encode()
