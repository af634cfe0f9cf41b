"""What the pages of this package offer to the menu. Pure: the pages themselves may need all of `assembly`."""

PLACES: list[tuple[str, str, str, str]] = [
    ("档案", "导出", "exports:list", "record.export"),
    ("保管", "保管期限", "periods:list", "determination.read"),
    ("保管", "固化核验", "system:fixity", "fixity.read"),
    ("保管", "副本", "copies:damaged", "fixity.read"),
    ("保管", "锁定方式", "locks:list", "lock_mode.read"),
    ("保管", "加密存放", "encryption:list", "encryption.read"),
    ("管理", "全宗的存储", "copies:fonds_list", "fonds.stores"),
    ("管理", "系统状态", "system:state", "system.read"),
    ("管理", "存储", "system:storage", "system.read"),
]
"""(group, label, name of the address, action that opens it)"""
