"""One record, numbers masked."""

from archive import records, terms
from archive.models import ChainHead
from config.commands import ArchiveCommand


class Command(ArchiveCommand):
    help = "显示一件档案（号码已遮盖）。"

    def arguments(self, parser) -> None:
        parser.add_argument("reference_code")

    def run(self, *, reference_code: str, **_: object) -> int:
        record = records.get_by_code(self.actor(), reference_code)
        shown = describe(record)
        if self.json:
            self.line(shown)
            return 0
        for key in (
            "reference_code",
            "title",
            "state",
            "year",
            "stage",
            "retention",
            "formed_on",
            "due_on",
            "unit",
        ):
            self.stdout.write(f"{key:15} {shown[key] if shown[key] is not None else '—'}")
        for material in shown["materials"]:
            self.stdout.write(material["name"])
            for file in material["files"]:
                copies = "，".join(f"{copy['store']} {copy['state']}" for copy in file["copies"])
                self.stdout.write(f"    {file['path']}  {file['bytes']} 字节  {copies}")
        return 0


def describe(record) -> dict:
    """The answer of `manage.py show --json` (submission format)."""
    parties = list(record.parties.order_by("kind", "position"))
    units = [party for party in parties if party.kind == "unit"]
    materials: dict[str, list] = {}
    objects = record.digital_objects.prefetch_related("copies").order_by("position")
    for item in objects:
        name = item.material or (item.get_role_display() if item.role != "original" else "未列材料")
        materials.setdefault(name, []).append(
            {
                "object": str(item.pk),
                "path": item.path,
                "bytes": item.bytes,
                "sha256": item.sha256,
                "sm3": item.sm3,
                "puid": item.puid or None,
                "pages": item.pages,
                "copies": [
                    {
                        "store": copy.store,
                        "key": copy.key,
                        "version": copy.version,
                        "state": copy.state,
                        "checked_at": copy.checked_at.isoformat() if copy.checked_at else None,
                    }
                    for copy in item.copies.all()
                ],
            }
        )
    relates = [
        {"business_no": row.business_no, "relation": row.kind, "reference_code": row.earlier and row.earlier.reference_code}
        for row in record.relates.select_related("earlier").order_by("id")
    ] + [
        {"business_no": row.record.business_no, "relation": f"被{row.kind}", "reference_code": row.record.reference_code}
        for row in record.related_by.select_related("record").order_by("id")
    ]  # fmt: skip
    head = ChainHead.objects.filter(kind="record", subject=str(record.pk)).first()
    return {
        "reference_code": record.reference_code,
        "record": str(record.pk),
        "title": record.title,
        "category": terms.CATEGORIES.get(record.category, record.category),
        "year": record.year,
        "stage": terms.STAGES.get(record.stage) if record.stage else None,
        "insurances": record.insurance_names,
        "retention": record.retention,
        "formed_on": record.formed_on.isoformat(),
        "due_on": record.due_on.isoformat() if record.due_on else None,
        "state": record.state,
        "department": record.department.name if record.department else None,
        "unit": {"name": units[0].name, "uscc": units[0].uscc, "unit_no": units[0].own_no} if units else None,
        "persons": [
            {"name": p.name, "id_type": p.id_type or None, "id_no": p.id_shown or None, "personal_no": p.own_no or None}
            for p in parties
            if p.kind == "person"
        ],
        "materials": [{"name": name, "files": files} for name, files in materials.items()],
        "holds": [
            {"kind": block.kind, "reason": block.reason, "placed_at": block.placed_at.isoformat()}
            for block in record.blocks.filter(lifted_at=None)
        ],
        "relates": relates,
        "events": head.count if head else 0,
    }  # fmt: skip
