"""What a register says of a record, and what keeps a record out of it. Reading only, in a fixed number of queries.

The columns are those of the usual 销毁清册登记表 (序号、文件题名、所属年度、档号、应保管期限、已保管期限、文件页数、备注, and what is
often added). What is read here when a record enters is frozen with the register; before the supervisors sign, and
again under the record's lock when its destruction begins, it is read once more and compared.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from archive import periods, states, terms
from archive.determinations import Known
from archive.manifests import MADE
from archive.models import Copy, DigitalObject, Record
from retention import holds, results
from retention.models import AppraisalItem
from retention.signing import digest_of

COLUMNS = (
    "序号", "文件题名", "文号", "责任者", "所属年度", "形成时间", "档号", "应保管期限", "已保管期限",
    "文件页数", "份数", "密级", "销毁原因", "备注",
)  # fmt: skip
CHUNK = 500
"""Records read at a time."""


@dataclass(frozen=True)
class Facts:
    """A record as a register sees it today. `obstacles`: why it may not be destroyed, in words; empty = it may."""

    columns: dict
    objects_digest: str
    obstacles: tuple[str, ...]


def facts_of(records: Sequence[Record], *, kept_until: date, today: date) -> dict[UUID, Facts]:
    """Of each record, without its 序号. `kept_until`: the day up to which 已保管期限 counts."""
    ids = [record.pk for record in records]
    objects: dict[UUID, list[DigitalObject]] = defaultdict(list)
    for item in DigitalObject.objects.filter(record_id__in=ids).order_by("record_id", "position"):
        objects[item.record_id].append(item)
    blocks = holds.covering_all(ids)
    unwritten = set(
        Copy.objects.filter(object__record_id__in=ids, state__in=["pending", "failed"]).values_list(
            "object__record_id", flat=True
        )
    )
    newest, standing = _newest_results(ids), results.standing_of(ids)
    known = Known(record.retention_key for record in records)
    found = {}
    for record in records:
        item = newest.get(record.pk)
        is_settled = known.period_of(record.retention_key, record.formed_on).settled
        found[record.pk] = Facts(
            columns=_columns(record, objects[record.pk], item, kept_until),
            objects_digest=objects_digest(objects[record.pk]),
            obstacles=tuple(
                _obstacles(
                    record,
                    item,
                    record.pk in standing,
                    blocks.get(record.pk, ()),
                    is_settled,
                    record.pk in unwritten,
                    today,
                )
            ),
        )
    return found


def _newest_results(ids: Sequence[UUID]) -> dict[UUID, AppraisalItem]:
    """The result of the newest closed appraisal of each record."""
    rows = AppraisalItem.objects.filter(record_id__in=ids, open=False, appraisal__state="decided")
    rows = rows.select_related("appraisal").order_by("appraisal__decided_at", "id")
    return {item.record_id: item for item in rows}


def _obstacles(record, item, stands, blocks, is_settled, is_unwritten, today) -> Iterable[str]:
    if record.state != "archived":
        yield f"档案目前是“{states.RECORD_STATES[record.state]}”"
    if record.due_on is None:
        yield f"保管期限是{record.retention}，不会到期"
    elif record.due_on > today:
        yield f"保管期限未满，{record.due_on} 起才可鉴定"
    if not is_settled:
        yield f"保管期限类项 {record.retention_key} 未经档案负责人确认"
    if item is None:
        yield "没有经过鉴定"
    elif item.result != "destroy":
        yield f"{item.appraisal} 的结论不是同意销毁"
    elif not stands:
        yield f"{item.appraisal}同意销毁之后又从清册抽出或改了期限，须重新鉴定"
    if is_unwritten:
        yield "还有副本没有写好"
    yield from blocks


def _columns(record: Record, objects: Sequence[DigitalObject], item, kept_until: date) -> dict:
    originals = [one for one in objects if one.role == "original"]
    reason = f"保管期限届满，{item.appraisal}同意销毁" if item else ""
    return {
        "文件题名": record.title,
        "文号": record.document_no,
        "责任者": record.responsible,
        "所属年度": record.year,
        "形成时间": record.formed_on.isoformat(),
        "档号": record.reference_code,
        "应保管期限": periods.spoken(record.retention),
        "已保管期限": f"{max(0, kept_until.year - record.formed_on.year - 1)}年",
        "文件页数": record.page_count,
        "份数": sum(one.copies_declared for one in originals),
        "密级": terms.SECURITY_LEVELS.get(record.security, ""),
        "销毁原因": f"{reason}（{item.reason}）" if item and item.reason else reason,
        "备注": "",
    }


def objects_digest(objects: Iterable[DigitalObject]) -> str:
    """SHA-256 over the digests of every object of a record, in order. Manifests are none of them: a hold that is placed
    and lifted makes new editions, and the record is the same."""
    return digest_of(
        [[str(one.pk), one.role, one.sha256, one.sm3, one.bytes] for one in objects if one.role not in MADE],
    )
