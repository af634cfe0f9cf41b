"""Every item of DA/T 70-2018, archiving stage (GD), and how this house answers it: one row each, none left out. Pure.

The text of the standard was not to be had: numbers and names are those on which several products agree (grade A), or
which one of them shows (B); U stands for a number whose name nobody shows, and it is shown as 名称未核. The same items
serve at 移交与接收 and 长期保存, where the registry of checks (`base.CHECKS`) says which of them run.
"""

from dataclasses import dataclass

AUTOMATIC, MANUAL, NOT_APPLICABLE = "自动", "人工", "不适用"
UNNAMED = "名称未核"


@dataclass(frozen=True)
class Item:
    """`answer` says who answers; `why` the reason of what is not automatic."""

    number: str  # "1-1", as the standard counts
    name: str
    grade: str  # A, B, U
    answer: str = AUTOMATIC
    why: str = ""

    @property
    def check(self) -> str:
        return f"GD-{self.number}"

    @property
    def property(self) -> str:
        return ("authenticity", "integrity", "usability", "safety")[int(self.number[0]) - 1]


def _unnamed(number: str) -> Item:
    return Item(
        number, UNNAMED, "U", NOT_APPLICABLE, "来源只推知有此编号，没有名称和内容，核到标准原文后再定。"
    )


BY_A_PERSON = "软件看不到，须由人核查后记入系统；有效期内的信息包引用这份确认。"

ITEMS = (
    Item("1-1", "固化信息有效性", "A"),
    Item("1-2", "元数据项数据长度", "A"),
    Item("1-3", "元数据项数据类型、格式", "A"),
    Item("1-4", "设定值域的符合度", "A"),
    Item("1-5", "数据值合理性", "A"),
    Item("1-6", "包含特殊字符", "A"),
    Item("1-7", "档号规范性", "A"),
    Item("1-8", "数据重复性", "A"),
    _unnamed("1-9"),
    Item("1-10", "内容数据电子属性一致性", "A"),
    Item("1-11", "元数据关联内容数据", "A"),
    Item("1-12", "说明文件和目录文件规范性", "B"),
    Item("1-13", "信息包目录结构规范性", "A"),
    Item("1-14", "信息包一致性", "A"),
    Item("2-1", "总件数相符性", "A"),
    Item("2-2", "总字节数相符性", "A"),
    Item("2-3", "元数据项完整性", "A"),
    Item("2-4", "元数据必填著录项目", "A"),
    Item("2-5", "过程信息完整性", "A"),
    Item("2-6", "连续性元数据项", "A"),
    Item("2-7", "内容数据完整性", "A"),
    _unnamed("2-8"),
    Item("2-9", "归档范围", "B"),
    Item("2-10", "信息包元数据完整性", "A"),
    Item("2-11", "信息包内容数据完整性", "A"),
    Item("3-1", "信息包中元数据可读性", "A"),
    Item("3-2", "目标数据库元数据可访问性", "A"),
    Item("3-3", "内容数据格式", "A"),
    Item("3-4", "内容数据可读性", "B"),
    Item("3-5", "软硬件环境合规性", "U", MANUAL, f"项名见于来源，编号推定。{BY_A_PERSON}"),
    _unnamed("3-6"),
    _unnamed("3-7"),
    Item("3-8", "信息包中内容数据格式合规性", "A"),
    Item("4-1", "系统环境是否安装杀毒软件", "A", MANUAL, BY_A_PERSON),
    Item("4-2", "病毒感染", "A"),
    Item("4-3", "载体中多余文件", "A"),
    Item("4-4", "载体读取速度", "B", MANUAL, BY_A_PERSON),
    Item("4-5", "载体外观", "B", MANUAL, BY_A_PERSON),
    Item("4-6", "光盘合格性", "B", MANUAL, BY_A_PERSON),
    Item("4-7", "操作过程安全性", "A", MANUAL, BY_A_PERSON),
)
CARRIER = ("GD-4-4", "GD-4-5", "GD-4-6")
"""Asked of a disc or drive only: what comes over the network has none."""
