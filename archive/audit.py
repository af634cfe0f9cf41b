"""The two ledgers. Events: every change, chained per subject. Accesses: every reading, not chained.

An event's digest covers its content and the digest before it, so a changed, inserted or removed event shows; the
chain's head is kept apart, so a cut tail shows; seals (`archive/seals.py`) lie also in the object store, so a
chain recomputed by someone who has only the database shows. Writing an action without a registered sentence raises.
Values are masked on the way in: no ledger holds a personal number.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from archive import changes, periods
from archive.identifiers import new_id
from archive.models import Access, ChainHead, Event, Record
from archive.permissions import Actor
from archive.privacy import mask_text

TABLE: dict[str, str] = {
    "record.filed": "归档：档号 {reference_code}，保管期限 {retention}",
    "record.kept": "电子文件已存入 {stores} 并回读核对",
    "manifest.kept": "元数据清单新的一版已存入 {stores} 并回读核对",
    "catalogue.snapshot": "存下目录快照：{rows} 行，摘要 {sha256}",
    "catalogue.rebuilt": "从存储重建目录：档案 {records} 件，用目录快照 {snapshots} 份，不能恢复 {problems} 处",
    "catalogue.completed": "从存储补全恢复的目录：补入 {added} 件，更新 {moved} 件，存根 {stubs} 件，没有补入 {problems} 处",
    "record.related": "被 {by} 标记为{kind}",
    "record.exported": "导出为{format}，目的：{purpose}",
    "record.described": "更正著录：{changes}",
    "copy.failed": "副本写入 {store} 失败：{fault}",
    "copy.damaged": "副本受损（{store}）：{fault}",
    "copy.recovered": "副本核验恢复完好（{store}）",
    "copy.restore_ordered": "下令恢复受损副本（{store}，{count} 个）：{reason}",
    "store.restore_ordered": "下令恢复存储 {store} 的全部受损副本（{count} 个）：{reason}",
    "store.retirement_asked": "申请存储 {store} 退役：{reason}；介质{medium}（{gone_on}，凭据：{paper}）",
    "store.retirement_withdrawn": "撤回存储 {store} 的退役申请：{reason}",
    "store.retired": "确认退役：{words}，由{asked_by}申请；随之失去的系统文件 {files_lost} 份",
    "copy.relocked": "副本重新锁定并回读核对（{store}），至 {until}",
    "copy.restored": "副本已从完好的副本重写并回读核对（{store}）",
    "object.loss_stated": "第 {position} 个文件提出登记灭失：{reason}",
    "object.loss_confirmed": "第 {position} 个文件登记灭失，由{first}提出：{reason}",
    "evidence.checked": "核对系统文件 {files} 个，缺或坏 {wanting} 个",
    "evidence.restored": "系统文件 {key} 在存储 {store} 重新存入：{reason}",
    "fonds.stores_chosen": "选定存储：{stores}（原为 {before}）",
    "paper.kept": "存入全宗卷第 {number} 号：{kind}《{title}》",
    "record.extended": "重新确定保管期限：{old_period}（{old_due_on}）改为 {period}（{due_on}），依据 {basis}",
    "record.period_confirmed": "暂定的保管期限 {period} 随类项 {key} 的确认成为正式期限，依据 {basis}",
    "record.period_corrected": "保管期限随类项 {key} 的确认更正：{old_period}（{old_due_on}）改为 {period}（{due_on}），依据 {basis}",
    "determination.set": "判定 {key} 的保管期限为 {period}：{basis}",
    "determination.provisional": "暂定 {key} 的保管期限为 {period}：{basis}",
    "determination.confirmed": "确认 {key} 的保管期限：{basis}",
    "fonds.made": "设立全宗 {code} {name}，分类方案 {scheme}",
    "fonds.encryption_set": "以后归档的文件{state}",
    "record.keys_destroyed": "数据密钥已销毁（{count} 把）；{backups}",
    "keys.rotated": "{count} 把数据密钥改由密钥 {kek} 加密",
    "keys.kek_added": "启用新的密钥加密密钥 {kek}",
    "department.made": "新增形成部门 {name}",
    "schedule.loaded": "载入保管期限表 {schedule}：{count} 项",
    "user.signed_in": "登录",
    "user.signed_out": "退出",
    "user.refused": "登录失败",
    "user.unknown": "登录失败：没有这个用户名",
    "user.made": "新增用户 {username}（{name}）",
    "user.assigned": "授予{role}：{extent}",
    "user.unassigned": "收回{role}：{extent}",
    "user.deactivated": "停用账户：{reason}",
    "user.activated": "恢复账户",
    "user.password_set": "重设初始密码",
    "user.password_changed": "修改自己的密码",
    "text.recognised": "文字识别 {file}：{pages} 页，与申报不符 {doubts} 处",
    "text.unreadable": "文字识别 {file} 没有成功（已识别 {pages} 页，{doubts}）",
    "pdfa.validated": "PDF/A 验证 {file}：{verdict}",
    "trust.added": "加入受信任的根证书“{name}”（序列号 {serial}），依据：{basis}",
    "trust.list_added": "更新“{name}”的吊销列表：{count} 张，签发于 {this_update}，下次更新 {next_update}",
    "trust.removed": "移出受信任的根证书“{name}”（序列号 {serial}），原因：{reason}",
    "fixity.run": "固化核验：{checked} 个副本，受损 {damaged} 个",
    "locks.renewed": "续锁：副本 {copies} 个，系统文件 {evidence} 个，改为 COMPLIANCE {raised} 个，受损 {damaged} 个，没有续成 {failed} 个",
    "lock_mode.asked": "提出改为 COMPLIANCE 锁定：{reason}（{confirm_from} 起可由另一人确认）",
    "lock_mode.withdrawn": "撤回改为 COMPLIANCE 锁定：{reason}",
    "lock_mode.confirmed": "确认改为 COMPLIANCE 锁定（提出人 {asked_by}）：在管档案 {records} 件",
    "lock_mode.ordered": "安排现有副本改为 COMPLIANCE 锁定：{copies} 个",
}
ACCESSES: dict[str, str] = {
    "record.viewed": "查看档案",
    "page.viewed": "查看页面图像 {file} 第 {page} 页",
    "object.downloaded": "下载原件 {file}",
    "package.exported": "导出为{format}",
    "export.downloaded": "下载导出包 {name}（{count} 件）",
    "searched": "检索“{query}”，命中 {total} 件",
    "number.revealed": "显示证件号码",
    "paper.viewed": "查看全宗卷第 {number} 号《{title}》",
    "evidence.viewed": "查看检测报告",
    "report.viewed": "查看信息包 {package} 的检测报告",
    "package.downloaded": "下载信息包 {package} 的原包",
}
_SENTENCES: dict[str, str] = dict(TABLE)


def assemble(*tables: Mapping[str, str]) -> None:
    """Add the sentences of other apps. The same action twice is a mistake."""
    for table in tables:
        for action, sentence in table.items():
            if _SENTENCES.setdefault(action, sentence) != sentence:
                raise ValueError(f"audit action {action} stands in two tables")


def sentences() -> Mapping[str, str]:
    return _SENTENCES


def record(
    *,
    actor: Actor,
    action: str,
    kind: str,
    subject: object,
    name: str = "",
    data: Mapping[str, object] | None = None,
) -> Event:
    """Append one event to the chain of (kind, subject), inside the verb's transaction.

    `data` fills the action's sentence; its values are plain JSON. Raises KeyError for an unknown action or a
    sentence whose fields are not given.
    """
    values = _masked(data or {})
    _SENTENCES[action].format(**values)
    head = _locked_head(kind, str(subject))
    event = Event(
        id=new_id(),
        kind=kind,
        subject=str(subject),
        sequence=head.count + 1,
        action=action,
        at=timezone.now(),
        actor=actor.id,
        actor_name=actor.name,
        actor_role=actor.role_names,
        address=actor.address,
        subject_name=mask_text(name)[:300],
        data=values,
        previous=head.digest,
    )
    event.digest = digest_of(event)
    event.save(force_insert=True)
    ChainHead.objects.filter(pk=head.pk).update(count=event.sequence, digest=event.digest)
    changes.announce("seal-event", event.id)
    return event


def _locked_head(kind: str, subject: str) -> ChainHead:
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("an event is written inside the transaction of its verb")
    if connection.vendor == "postgresql":
        ChainHead.objects.bulk_create([ChainHead(kind=kind, subject=subject)], ignore_conflicts=True)
        return ChainHead.objects.select_for_update().get(kind=kind, subject=subject)
    # On SQLite whoever writes is alone: nobody else can make the row in between.
    found = ChainHead.objects.filter(kind=kind, subject=subject).first()
    return found or ChainHead.objects.create(kind=kind, subject=subject)


def digest_of(event: Event) -> str:
    """SHA-256 over the canonical JSON of everything an event says and the digest before it."""
    return _digest(
        [
            str(event.id), event.kind, event.subject, event.sequence, event.action, _instant(event.at),
            str(event.actor or ""), event.actor_name, event.actor_role, event.address, event.subject_name,
            event.data, event.previous,
        ]
    )  # fmt: skip


def access(
    *,
    actor: Actor,
    action: str,
    record: Record | None = None,
    purpose: str = "",
    data: Mapping[str, object] | None = None,
) -> Access:
    """Append one reading. Locks nothing."""
    values = _masked(data or {})
    ACCESSES[action].format(**values)
    row = Access(
        id=new_id(),
        at=timezone.now(),
        action=action,
        actor=actor.id,
        actor_name=actor.name,
        address=actor.address,
        record=record.pk if record else None,
        record_name=f"{record.reference_code} {record.title}"[:300] if record else "",
        purpose=mask_text(purpose)[:200],
        data=values,
    )
    row.digest = digest_of_access(row)
    with transaction.atomic():
        row.save(force_insert=True)
        changes.announce("seal-access", row.id)
    return row


def digest_of_access(row: Access) -> str:
    return _digest(
        [
            str(row.id), _instant(row.at), row.action, str(row.actor or ""), row.actor_name, row.address,
            str(row.record or ""), row.record_name, row.purpose, row.data,
        ]
    )  # fmt: skip


PERIODS = {"retention", "period", "old_period"}
"""Fields of events that hold a retention period: kept as it is, spoken as 10年."""


def sentence(row: Event | Access) -> str:
    """What happened, in words. A sentence whose fields changed since still says what it can."""
    template = _SENTENCES.get(row.action) or ACCESSES.get(row.action, row.action)
    said = {
        key: periods.spoken(value) if key in PERIODS and isinstance(value, str) else value
        for key, value in row.data.items()
    }
    try:
        return template.format(**said)
    except (KeyError, IndexError):
        return template


def _instant(moment: datetime) -> str:
    return moment.astimezone(timezone.get_default_timezone()).isoformat(timespec="microseconds")


def _digest(parts: list) -> str:
    text = json.dumps(parts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _masked(value):
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, Mapping):
        return {str(key): _masked(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(item) for item in value]
    if isinstance(value, int | float | bool) or value is None:
        return value
    if isinstance(value, UUID):
        return str(value)
    return mask_text(str(value))
