"""Backup and restore: database, keys and settings in one file; never the bytes of objects, which the stores keep.

| question | file |
|---|---|
| how is it encrypted? | envelope.py |
| what stands in it? | parcel.py, surroundings.py |
| how does the database get in and out? | database.py |
| making one, and clearing away old ones | taking.py |
| putting one back, so that a kill does no harm | restoring.py, moving.py |
| what the stores know and the backup does not | reconciling.py |

Commands: `manage.py backup`, `manage.py restore`. Job: `backup`. What a site does: docs/operations.md.
"""

SENTENCES: dict[str, str] = {
    "backup.taken": "备份 {file}：{bytes} 字节，sha256 {sha256}，保存到 {expires_on}",
    "backup.removed": "到期清除备份 {file}",
    "backup.gone": "登记备份 {file} 已销毁",
    "backup.restored": "从 {taken_at} 的备份恢复，内有档案 {records} 件",
    "record.absent": "恢复备份之后，各存储里都没有它的电子文件（{copies} 个副本）：可能在备份之后已经销毁",
    "record.destroyed_again": "恢复备份之后再次销毁：留证目录 {paper} 载明它在备份之后已经销毁",
    "record.stub_again": "各存储里都没有它的电子文件，证件号码和密文已再次清除；依据留证目录 {paper}",
    "seal.adopted": "恢复备份之后，补登记封存 {first} 到 {last} 号，其中 {missing} 条不在备份里",
}
"""What the ledger says (archive/audit.py)."""
