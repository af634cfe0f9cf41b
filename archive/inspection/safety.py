"""安全性: does what was handed in carry anything that acts, hides, reaches outside or infects?"""

from collections.abc import Iterator

from .base import Check, Finding, MeasuredFile, Package, check
from .clamd import Clamd, NotScanned
from .faults import Meaning, judge, shown

STATIC = "请导出为不含动态内容的文件。"
WITHOUT = "请去掉后重新提交。"

ACTIVE = {
    "javascript": Meaning("warning", "含有 JavaScript 脚本", STATIC),
    "launch": Meaning("warning", "含有启动其他程序或文件的动作", STATIC),
    "form-action": Meaning("warning", "含有向外提交或导入数据的动作", STATIC),
    "media": Meaning("warning", "含有音视频、三维等动态内容", STATIC),
    "xfa": Meaning("warning", "含有 XFA 动态表单，显示的内容可能变化", STATIC),
    "script": Meaning("warning", "网页中含有脚本或嵌入对象", STATIC),
    "macro": Meaning("warning", "含有宏", "请另存为不含宏的文件。"),
    "formula": Meaning("warning", "含有会启动程序或取外部数据的公式或域", "请另存为只含数值的文件。"),
    "embedded-jump": Meaning("warning", "含有打开内嵌文件的动作", STATIC),
}

OUTSIDE = {
    "link": Meaning("warning", "含有指向网络地址的链接，其内容不在归档范围内", "请确认材料不依赖该链接。"),
    "external-file": Meaning("warning", "引用了文件之外的另一个文件", "请把被引用的文件一并提交。"),
    "external-stream": Meaning("warning", "有内容数据存放在文件之外", "请导出为自包含的文件。"),
    "entities": Meaning("failed", "XML 中定义了实体，展开后可以无限大或引入外部内容", WITHOUT),
    "doctype": Meaning(
        "failed", "内部的 XML 含有 DOCTYPE 声明，可借以引入外部内容", "请由业务系统重新导出。"
    ),
    "name-unsafe": Meaning("failed", "内部路径指向文件之外", "请由业务系统重新导出。"),
}

INSIDE = {
    "attachment": Meaning("warning", "内嵌有附件，附件没有作为材料申报", "请把附件作为材料单独提交。"),
    "embedded-object": Meaning("warning", "内嵌有其他文档对象", "请把内嵌的文档作为材料单独提交。"),
    "trailing": Meaning("warning", "结尾之后还有多余的字节", "请重新导出或重新扫描。"),
}

BOMBS = {
    "zip-bomb": Meaning("failed", "展开后的大小或条目数超过上限，疑为压缩炸弹", WITHOUT),
    "image-bomb": Meaning("failed", "图像的像素数超过上限，疑为压缩炸弹", "请降低分辨率后再提交。"),
    "nested-too-deep": Meaning("failed", "层层嵌套过深或过多，疑为嵌套炸弹", "请展开后逐个提交。"),
    "high-compression": Meaning("warning", "有异常高的压缩比", WITHOUT),
}


@check("GD-4-2", "safety", "病毒感染", needs="file")
def no_virus(check: Check, package: Package) -> Iterator[Finding]:
    """Each file, and each attachment that the child took out of a PDF or OFD: clamd does not look into those.

    `package.facts["scanner"]` is a `Clamd` or absent. What could not be scanned is not-run, never clean.
    """
    scanner: Clamd | None = package.facts.get("scanner")
    if scanner is None:
        yield check.finding("not-run", "没有配置病毒查杀服务，未作病毒检测。", rule=check.name)
        return
    for file in package.files.values():
        for what, path in _scanned(file):
            if path is None:
                yield check.finding(
                    "not-run", f"{what}：不能取出，未作病毒检测。", file=file.path, rule=check.name
                )
                continue
            try:
                virus = scanner.scan(path)
            except NotScanned as fault:
                yield check.finding(
                    "not-run", f"{what}：未能作病毒检测（{fault}）。", file=file.path, rule=check.name
                )
                continue
            if virus:
                yield check.finding(
                    "failed",
                    f"{what}：查出病毒“{virus}”。请在来源处清除后重新提交。",
                    file=file.path,
                    value=virus,
                    rule=check.name,
                )


def _scanned(file: MeasuredFile) -> Iterator[tuple[str, str | None]]:
    yield file.path, file.location and str(file.location)
    for inner in file.inner:
        yield f"{file.path} 内的“{shown(inner['name'])}”", inner["path"]


@check("X-ACTIVE", "safety", "动态内容", severity="warning", needs="file")
def nothing_acts(check: Check, package: Package) -> Iterator[Finding]:
    yield from judge(check, package, ACTIVE)


@check("X-OUTSIDE", "safety", "外部引用", severity="warning", needs="file")
def nothing_outside(check: Check, package: Package) -> Iterator[Finding]:
    yield from judge(check, package, OUTSIDE)


@check("X-INSIDE", "safety", "夹带内容", severity="warning", needs="file")
def nothing_hidden(check: Check, package: Package) -> Iterator[Finding]:
    """Files inside the file. What PDF/A-3 or PDF 2.0 relates to the document (/AFRelationship) is content."""
    yield from judge(check, package, INSIDE)


@check("X-BOMB", "safety", "压缩炸弹", needs="file")
def no_bomb(check: Check, package: Package) -> Iterator[Finding]:
    yield from judge(check, package, BOMBS)
