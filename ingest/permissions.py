"""What one may do with submissions, and how the ledger says it. `config.assembly` puts both tables together."""

from archive.permissions import action

TABLE = {
    "submission.hand_in": action("移交信息包", "archivist", "window", "manager", "clerk"),
    "submission.take_over": action("接收交接目录", "archivist", "manager"),
    "submission.read": action("查看移交与检测", "archivist", "window", "manager", "clerk", "inspector"),
    "submission.examine": action("重新检测", "archivist", "manager"),
    "submission.confirm": action("确认归档", "archivist", "manager"),
    "submission.sample": action("抽查归档件", "archivist", "manager"),
    "confirmation.read": action(
        "查看人工确认", "archivist", "manager", "sysadmin", "secadmin", "inspector", "auditor"
    ),
    "confirmation.give": action("登记人工确认", "archivist", "manager"),
}

SENTENCES = {
    "submission.received": "接收信息包（{channel}，{bytes} 字节）",
    "submission.refused": "{reason}",
    "submission.superseded": "被修订 {revision} 取代",
    "submission.examined": "检测：{verdict}",
    "submission.returned": "退回：{reason}",
    "submission.waiting": "待处理：{reason}",
    "submission.accepted": "检测通过，可以归档",
    "submission.again": "重新检测：{why}",
    "submission.retried": "停住之后重试",
    "submission.confirmed": "确认归档：{note}",
    "submission.sampled": "抽查：{verdict}",
    "record.rechecked": "长期保存环节的四性检测（第 {number} 次）：{verdict}",
    "record.recheck_failed": "长期保存环节的四性检测没有完成：{reason}",
    "confirmation.given": "人工确认 {check}：{verdict}，范围 {extent}，有效至 {until}：{statement}",
    "confirmation.withdrawn": "撤回人工确认 {check}（{extent}）：{reason}",
}
