"""What one may do with holds, appraisals and registers, and how the ledger says it. `config.assembly` puts both tables
together. `require` asks for things that belong to a fonds and to no single record.
"""

from django.db.models import QuerySet

from archive import permissions
from archive.errors import NotAllowed
from archive.models import Fonds
from archive.permissions import Actor, action
from retention.models import Person

TABLE = {
    "appraisal.close": action("作出鉴定结论", "manager"),
    "appraisal.open": action("开展鉴定", "archivist", "manager"),
    "appraisal.read": action("查看鉴定", "archivist", "manager", "appraiser", "approver", "supervisor", "inspector", "auditor"),
    "due.read": action("查看到期档案", "archivist", "manager", "appraiser", "inspector"),
    "group.make": action("成立鉴定小组", "manager"),
    "hold.end": action("解除暂缓销毁", "manager"),
    "hold.place": action("暂缓销毁", "archivist", "manager"),
    "hold.read": action("查看暂缓销毁", "archivist", "manager", "appraiser", "approver", "supervisor", "inspector", "auditor"),
    "opinion.enter": action("录入纸质鉴定意见", "archivist", "manager"),
    "opinion.give": action("发表鉴定意见", "appraiser", "archivist", "manager"),
    "person.identify": action("登记签署人证件号码", "secadmin"),
    "register.approve": action("批准销毁", "approver"),
    "register.execute": action("执行销毁", "archivist", "manager"),
    "register.file": action("登记备案", "archivist", "manager"),
    "register.make": action("编制销毁清册", "archivist", "manager"),
    "register.read": action("查看销毁清册", "archivist", "manager", "appraiser", "approver", "supervisor", "inspector", "auditor"),
    "register.supervise": action("监销", "supervisor"),
    "signature.confirm": action("核对纸质签署", "archivist", "manager"),
    "signature.enter": action("录入纸质签署", "archivist", "manager"),
}  # fmt: skip

SENTENCES = {
    "appraisal.cancelled": "撤销鉴定：{reason}",
    "appraisal.closed": "作出鉴定结论：同意销毁 {destroy} 件，延长保管期限 {extend} 件",
    "appraisal.opened": "开展鉴定：{count} 件，交{group}",
    "group.dissolved": "解散鉴定小组",
    "group.made": "成立鉴定小组 {name}（{decree_no}），成员{members}",
    "hold.ended": "解除暂缓销毁：{reason}",
    "hold.placed": "暂缓销毁（{kind}：{about}）：{reason}。依据{authority}",
    "hold.settled": "暂缓销毁已落到 {held} 件，{late} 件已开始销毁",
    "opinion.given": "{person}对 {count} 件发表鉴定意见：{result}",
    "person.identified": "登记签署人 {person} 的证件号码",
    "record.held": "暂缓销毁：{hold}，{reason}",
    "record.released": "不再暂缓销毁：{hold}，{reason}",
    "record.destroyed": "已销毁（{register}，备案号 {filing_no}）：{approver}批准，{supervisors}监销，清除 {versions} 个存储版本并证明不存在",
    "record.disposal_begun": "开始销毁（{register}，备案号 {filing_no}）：{approver}批准，{executor}执行，{supervisors}监销",
    "register.approved": "批准销毁：第 {edition} 版 {count} 件",
    "register.approved_in_part": "部分批准销毁：第 {edition} 版中 {count} 件，抽出 {left} 件",
    "register.executed": "销毁执行完毕：已销毁 {destroyed} 件，抽出续存 {kept} 件",
    "register.filed": "第 {edition} 版向{filed_with}备案，备案号 {filing_no}，{filed_on}",
    "register.frozen": "定稿第 {edition} 版：{count} 件，摘要 {digest}",
    "register.made": "编制销毁清册：{count} 件",
    "register.refused": "不批准销毁：{why}",
    "register.resumed": "继续执行销毁",
    "register.rows_kept": "执行中抽出续存 {count} 件",
    "register.rows_left": "抽出 {count} 件，{made}：{why}",
    "register.started": "开始执行销毁：{manner}，{place}",
    "register.stopped": "暂停执行销毁",
    "register.supervised": "{person}监销核对第 {edition} 版 {compared} 件，全部相符",
    "register.withdrawn": "撤销销毁清册：{why}",
    "signature.confirmed": "核对纸质签署：{person}，{meaning}",
    "signature.entered": "录入纸质签署：{person}，{meaning}",
    "signature.given": "签署：{person}，{meaning}",
    "signature.withdrawn": "{verb}录入的纸质签署：{person}，{meaning}。{reason}",
}


def require(actor: Actor, code: str, fonds: Fonds) -> None:
    """Raises NotAllowed when this actor may not do that in this fonds."""
    permissions.require(actor, code)
    if not actor.system and fonds.code not in actor.fonds(code):
        name = permissions.actions()[code].name
        raise NotAllowed(reason=f"您“{name}”的授权不包括全宗 {fonds.code}。请联系安全保密员授权。")


def require_signer(person: Person, code: str, fonds: Fonds) -> None:
    """Raises NotAllowed when this person, whose account has not got the role for it, may not sign that, on paper no
    more than on the screen. Of whoever has no account nobody knows better than the sheet."""
    if person.user_id and not may(Actor.of(person.user), code, fonds):
        name = permissions.actions()[code].name
        raise NotAllowed(
            reason=f"{person.name}在全宗 {fonds.code} 没有“{name}”的授权，签署不作数。请核对签署人，或请安全保密员授权。"
        )


def within(rows: QuerySet, actor: Actor, code: str, path: str = "fonds__code") -> QuerySet:
    """Those of the rows that lie in a fonds where this actor may do that. A role over the whole site reaches all."""
    allowed = permissions.actions()[code].roles
    if actor.system or any(role in allowed and grant is None for role, grant in actor.grants):
        return rows
    return rows.filter(**{f"{path}__in": actor.fonds(code)})


def may(actor: Actor, code: str, fonds: Fonds) -> bool:
    """Whether `require` would let him; for buttons."""
    return actor.system or fonds.code in actor.fonds(code)
