"""可用性: can what was handed in be opened, now and later? Judged on what the fenced child measured."""

from collections.abc import Iterator

from . import verapdf
from .base import Check, Finding, Package, check
from .faults import Meaning, judge, opened

EXPORT_AGAIN = "请由业务系统重新导出后再提交。"
LOOK = "请打开核对内容是否完整，必要时重新导出。"

READING = {
    "empty": Meaning("failed", "文件是空的（0 字节）", EXPORT_AGAIN),
    "unreadable": Meaning("failed", "文件打不开，内容已损坏或不完整", EXPORT_AGAIN),
    "page-unreadable": Meaning("failed", "有页面打不开", EXPORT_AGAIN),
    "page-missing": Meaning("failed", "目录中列出的页面不在文件里", EXPORT_AGAIN),
    "part-missing": Meaning("failed", "缺少文件自身所必需的部分", EXPORT_AGAIN),
    "no-pages": Meaning("failed", "文件没有任何页面", EXPORT_AGAIN),
    "pages-in-a-ring": Meaning("failed", "页的目录首尾相连，没有尽头", EXPORT_AGAIN),
    "bad-xml": Meaning("failed", "内部的 XML 不合语法", EXPORT_AGAIN),
    "huge-xml": Meaning("failed", "内部的 XML 过大，没有读取", "请由业务系统重新导出，或拆分后再提交。"),
    "entry-twice": Meaning("failed", "内部有同名的两个部分，不同软件会读出不同内容", EXPORT_AGAIN),
    "unsupported": Meaning("warning", "格式合法而少见，检测程序不能打开，未核实内容是否完整", LOOK),
    "too-large-to-open": Meaning("failed", "打开文件所需内存超过上限", "请降低分辨率或拆分后再提交。"),
    "too-many-pages": Meaning("failed", "页数超过上限", "请拆分后再提交。"),
    "not-tried": Meaning("not-run", "包内已有几份文件没有解析完，这一份没有打开"),
    "pictures-left": Meaning("not-run", "图像太多，没有全部解码，未核实其余的是否完整"),
    "too-many-objects": Meaning("warning", "内部对象过多，没有全部检查", LOOK),
    "damaged": Meaning("warning", "文件结构有损坏，阅读软件自行修补后才能打开", LOOK),
    "stream-damaged": Meaning("warning", "有内容数据不能解码", LOOK),
    "header": Meaning("warning", "文件不是以 PDF 标识开头", LOOK),
    "no-end-mark": Meaning("warning", "文件没有结束标识，可能不完整", LOOK),
    "pages-differ": Meaning("warning", "两种阅读软件读出的页数不同", LOOK),
    "page-text": Meaning("warning", "有页面的文字不能读出", LOOK),
    "text-encoding": Meaning("warning", "文字编码不能识别", "请以 UTF-8 编码保存后再提交。"),
    "attachment-missing": Meaning("warning", "所列的附件不在文件里", LOOK),
    "attachment-unreadable": Meaning("warning", "有附件不能读出", LOOK),
    "too-deep": Meaning("warning", "层层内嵌的文件过多，没有全部检测", "请展开后逐个提交。"),
    "stray-entries": Meaning("warning", "文件内夹带大量与文档无关的部分", LOOK),
}

FORMAT = {
    "unknown-format": Meaning("warning", "没有识别出文件格式", "请改用 PDF、OFD 或常见图像格式。"),
    "zip": Meaning("warning", "是压缩包，其中的文件不能单独著录和利用", "请展开后逐个提交。"),
    "archive": Meaning("warning", "是压缩包，其中的文件没有检测", "请展开后逐个提交。"),
}

PROGRAMS = {"program": Meaning("failed", "是可执行程序，不能归档", "请提交业务材料本身。")}

CLOSED = {
    "encrypted-user": Meaning("failed", "文件已加密，没有口令不能打开", "请解除加密后再提交。"),
    "encrypted-owner": Meaning("warning", "文件设有权限口令，限制了打印、复制或转换", "请解除加密后再提交。"),
    "closed-compression": Meaning("failed", "采用了非公开的压缩算法", "请用通用格式重新保存。"),
}

FONTS = {"font-missing": Meaning("warning", "有字体没有嵌入，换一台电脑可能显示不同", "请在导出时嵌入字体。")}

OPEN_FORMATS = (
    "application/pdf", "application/ofd", "image/", "text/", "application/xml", "application/json",
    "application/vnd.oasis.opendocument", "application/vnd.openxmlformats", "application/xhtml",
    "application/rtf", "multipart/related", "audio/", "video/", "message/",
)  # fmt: skip
"""Formats whose description is public (after GB/T 18894 and GB/T 33190)."""


@check("GD-3-3", "usability", "内容数据格式", severity="warning", needs="file")
def formats(check: Check, package: Package) -> Iterator[Finding]:
    """Known by PRONOM (OFD: by our own rule); inside a package also open. A plain file is only identified."""
    yield from judge(check, package, FORMAT, inside=None)
    yield from judge(check, package, PROGRAMS)
    in_package = package.submission is not None
    for path, file in package.files.items():
        if any(fault["kind"] == "only-name-known" for fault in file.probe.get("faults", ())):
            yield check.finding(
                "warning" if in_package else "not-run",
                f"{path}：只有扩展名可以辨认，字节中没有格式标识，未能核实格式。请改用 PDF、OFD 或常见图像格式。",
                file=path,
                rule=check.name,
            )
        elif in_package and file.mime and not file.mime.startswith(OPEN_FORMATS):
            yield check.finding(
                "warning",
                f"{path}：格式“{file.format}”不在开放格式之列，将来可能无法打开。请另存为 PDF 或 OFD。",
                file=path,
                value=file.puid,
                rule="GB/T 18894 归档格式",
            )


@check("GD-3-4", "usability", "内容数据可读性", needs="file")
def opens_fully(check: Check, package: Package) -> Iterator[Finding]:
    """Every page and frame was really decoded. A crash of the child is a finding like any other."""
    yield from judge(check, package, READING, inside="warning")
    for path, file in package.files.items():
        if any(fault["kind"] == "not-opened" for fault in file.probe.get("faults", ())):
            message = f"{path}：格式“{file.format}”只作辨认，不能打开检测，未核实内容是否完整。"
            yield check.finding("not-run", message, file=path, value=file.puid, rule=check.name)
        for label, probe in opened(path, file):
            if not (crashed := probe.get("crashed")):
                continue
            yield check.finding(
                "failed",
                f"{label}：解析没有完成（{crashed}），文件可能是损坏的或有害的。{EXPORT_AGAIN}",
                file=path,
                rule=check.name,
            )


@check("GD-3-8", "usability", "信息包中内容数据格式合规性", needs="file")
def not_closed(check: Check, package: Package) -> Iterator[Finding]:
    """No encryption, no compression that is not public."""
    yield from judge(check, package, CLOSED, inside="warning")


@check("X-FONTS", "usability", "字体嵌入", severity="warning", needs="file")
def fonts_embedded(check: Check, package: Package) -> Iterator[Finding]:
    """The fourteen standard fonts and their twins may stay outside: every reader has them."""
    yield from judge(check, package, FONTS)


@check("X-PDFA", "usability", "PDF/A 符合性", severity="warning", needs="file")
def pdfa_claim(check: Check, package: Package) -> Iterator[Finding]:
    """A claim is no proof: until a validator has spoken (`facts["pdfa"]`: path → verapdf.Outcome) it is not-run."""
    known = package.facts.get("pdfa") or {}
    for path, file in package.files.items():
        if not (claim := file.probe.get("pdfa")):
            continue
        outcome = known.get(path)
        claim = f"PDF/A-{claim.lower()}"
        if outcome is None or outcome.state == verapdf.UNKNOWN:
            why = outcome.why if outcome else "还没有经过验证程序"
            message = f"{path}：文件自称 {claim}，{why}，未作验证。"
            yield check.finding("not-run", message, file=path, value=claim, rule="ISO 19005")
        elif outcome.state == verapdf.REFUTED:
            message = f"{path}：文件自称 {claim}，经 veraPDF 验证{outcome.why}。请重新导出为合格的 PDF/A。"
            yield check.finding("warning", message, file=path, value=claim, rule="ISO 19005")
        else:
            message = f"{path}：经 veraPDF 验证符合 PDF/A-{outcome.flavour}。"
            yield check.finding(
                "passed", message, file=path, value=f"PDF/A-{outcome.flavour}", rule="ISO 19005"
            )
