"""The people of the demonstration: who signs in as what. Invented, like everything here.

`Staff.grants`: (role, fonds code or None for the whole site, department names or None for all of them).
"""

from dataclasses import dataclass

PASSWORD = "demo-archive-2026"
"""For the demonstration only: `demo` refuses to run in production."""


@dataclass(frozen=True)
class Staff:
    username: str
    name: str
    grants: tuple[tuple[str, str | None, tuple[str, ...] | None], ...]
    does: str


STAFF = (
    Staff("dangan", "陈档", (("archivist", "D019", None), ("archivist", "L010", None), ("archivist", "G003", None)), "档案员：三个全宗的日常工作"),
    Staff("fuze", "罗负责", (("manager", "D019", None), ("manager", "L010", None), ("manager", "G003", None)), "档案负责人：判定和确认保管期限"),
    Staff("jianzhi", "苏兼职", (("window", "D019", ("松山湖分局",)),), "兼职档案员：只管松山湖分局"),
    Staff("jingban", "何经办", (("clerk", "D019", ("参保登记科", "松山湖分局")),), "经办人员：在柜台查档"),
    Staff("daiyu", "方待遇", (("clerk", "D019", ("待遇科",)),), "经办人员：本部门还没有档案，列表是空的"),
    Staff("fuzhuren", "任副主任", (("appraiser", "L010", None),), "鉴定小组成员（经办机构负责人），意见已发表"),
    Staff("yewu", "白业务", (("appraiser", "L010", None),), "鉴定小组成员（业务人员）：有一批等她发表意见"),
    Staff("zhuren", "郝主任", (("approver", "L010", None), ("approver", "D019", None)), "主要负责人：批准销毁"),
    Staff("jianyi", "纪监销", (("supervisor", "L010", None), ("supervisor", "D019", None)), "监销人之一"),
    Staff("jianer", "柯监销", (("supervisor", "L010", None), ("supervisor", "D019", None)), "监销人之二"),
    Staff("jiancha", "严检查", (("inspector", "D019", None),), "检查人员：只读"),
    Staff("xitong", "许系统", (("sysadmin", None, None),), "系统管理员"),
    Staff("anquan", "安保密", (("secadmin", None, None),), "安全保密员：人员与授权"),
    Staff("shenji", "沈审计", (("auditor", None, None),), "安全审计员：审计记录"),
)  # fmt: skip

FONDS_OF_DECISIONS = "L010"
"""Where the demonstration appraises and destroys: its oldest records are past their period."""
GROUP = {"fuzhuren": "leader", "yewu": "business", "dangan": "archivist"}
"""Members of its appraisal group with an account → the kind they stand for."""
AUTHORITY = ("黄人社", "大连市人力资源和社会保障局", "基金监督处副处长")
"""The member of the 人社 department signs on paper."""
