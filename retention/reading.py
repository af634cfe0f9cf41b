"""What other rooms show of decisions: the fate of a record, and what holds it. One read function a question."""

from archive.models import Fonds, Record, RecordParty
from retention.models import Appraisal, Hold, RegisterRow


def fate_of(record: Record) -> dict | None:
    """For the stub: when it was destroyed, on whose approval, by which register. None when it stands in none now.

    Keys: state and register of the row, `at`, approver, executor, supervisors, filing, manner, place, reason, versions,
    retired (stores with which copies had gone before, in words), certificate (a Paper), fault and locked_until while the
    execution waits.
    """
    row = (
        RegisterRow.objects.filter(record=record)
        .exclude(state="kept")
        .select_related(
            "register__approved_by", "register__executed_by", "register__supervisor_one",
            "register__supervisor_two", "register__certificate",
        )
        .order_by("-pk")
        .first()
    )  # fmt: skip
    if row is None:
        return None
    register = row.register
    edition = register.editions.filter(number=register.edition).first()
    return {
        "state": row.state,
        "position": row.position,
        "register": register,
        "register_name": str(register),
        "at": row.destroyed_at,
        "approved_by": register.approved_by and str(register.approved_by),
        "approved_at": register.approved_at,
        "executed_by": register.executed_by and str(register.executed_by),
        "supervisors": [str(one) for one in (register.supervisor_one, register.supervisor_two) if one],
        "filed_with": edition.filed_with if edition else "",
        "filing_no": edition.filing_no if edition else "",
        "manner": register.manner,
        "place": register.place,
        "reason": row.columns.get("销毁原因", ""),
        "versions": len(row.evidence.get("removed", ())),
        "retired": [one["words"] for one in row.evidence.get("retired", ())],
        "certificate": register.certificate,
        "locked_until": row.locked_until,
        "fault": row.fault,
    }


def holds_of(record: Record) -> list[dict]:
    """Every hold that has caught the record, the standing ones first."""
    blocks = {block.reference: block for block in record.blocks.filter(kind="hold").order_by("lifted_at")}
    holds = Hold.objects.filter(pk__in=blocks).order_by("-placed_at")
    return sorted(
        (
            {
                "hold": hold,
                "name": str(hold),
                "reason": hold.reason,
                "authority": hold.authority,
                "placed_at": hold.placed_at,
                "ended_at": blocks[hold.pk].lifted_at,
                "end_reason": hold.end_reason,
            }
            for hold in holds
        ),
        key=lambda row: row["ended_at"] is not None,
    )


def listed_of(appraisal: Appraisal) -> int:
    """How many records of a decided appraisal have been listed in a register since, and not been kept."""
    rows = RegisterRow.objects.filter(
        record__appraisal_items__appraisal=appraisal,
        record__appraisal_items__result="destroy",
        register__made_at__gte=appraisal.decided_at,
    )
    return rows.exclude(state="kept").order_by().values("record").distinct().count()


def count_of_party(fonds: Fonds, kind: str, party_key: str) -> int:
    """How many records of this person or unit a hold would reach today."""
    rows = RecordParty.objects.filter(kind=kind, party_key=party_key, record__fonds=fonds)
    return rows.order_by().values("record").distinct().count()
