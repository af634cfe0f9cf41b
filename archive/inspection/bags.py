"""Checks on the package itself, a bag (RFC 8493) or METS as E-ARK has it, on what `probes/unpacking.py`, `bag.py` and
`mets.py` reported of it."""

from collections.abc import Iterator
from dataclasses import dataclass

from .base import Check, Finding, Package, check
from .faults import shown

REPACK = "请由来源系统重新打包后提交。"
VERSIONS = ("0.97", "1.0")
MOST_ROWS = 50
"""Findings of one kind that are listed; the rest is counted."""


@dataclass(frozen=True)
class Problem:
    """`verdict` for any bag; `in_package`, where it is sterner, for one with a submission.json."""

    verdict: str
    sentence: str
    in_package: str | None = None


TAG_FILES = {
    "no-bagit-txt": Problem("failed", "缺少 bagit.txt，不是规范的 BagIt 包"),
    "bad-bagit-txt": Problem("failed", "内容不是规范的两行声明"),
    "bom": Problem("failed", "以字节顺序标记（BOM）开头，规范不允许"),
    "bag-version": Problem("failed", "声明的 BagIt 版本不存在"),
    "tag-file-encoding": Problem("failed", "文字与声明的编码不符，或编码不受支持"),
    "tag-file-large": Problem("failed", "说明文件过大"),
    "bad-bag-info": Problem("warning", "有不合“名称: 值”格式的行"),
    "bad-manifest-line": Problem("failed", "清单中有不合格式的行"),
    "unknown-manifest": Problem("warning", "摘要算法不受支持，此清单未作核对"),
    "no-manifest": Problem("failed", "没有可核对的内容清单"),
    "line-twice": Problem("warning", "在清单中重复出现，摘要相同"),
    "line-contradicts": Problem("failed", "在清单中重复出现而摘要不同"),
    "line-outside": Problem("failed", "清单所列路径在内容目录之外"),
    "line-windows-path": Problem(
        "warning", "清单所列是 Windows 路径，不在包内，未予理会", in_package="failed"
    ),
    "missing-tag": Problem("failed", "说明文件已列入清单而包内没有"),
    "mets-unreadable": Problem("failed", "不是可读的 METS 文件"),
    "mets-doctype": Problem("failed", "带有 DOCTYPE 声明，可能引入外部内容，未予读取"),
    "mets-no-place": Problem("failed", "METS.xml 中有文件没有写明位置"),
    "mets-no-digest": Problem("failed", "METS.xml 没有写明这个文件的 SHA-256 摘要"),
    "mets-uncovered": Problem("failed", "METS.xml 没有列入 submission.json，其内容无从证明未改动"),
}
STRUCTURE = {
    "name-backslash": Problem("failed", "文件名中有反斜杠"),
    "name-absolute": Problem("failed", "文件名是绝对路径或带盘符"),
    "name-traversal": Problem("failed", "文件名用“..”指向包外"),
    "name-empty-part": Problem("failed", "路径中有空的一级或“.”"),
    "name-control": Problem("failed", "文件名中有控制字符或不能识别的字符"),
    "name-device": Problem("failed", "文件名是 Windows 的设备名"),
    "name-trailing": Problem("failed", "文件名以句点或空格结尾"),
    "name-deep": Problem("failed", "路径过深或过长"),
    "name-long": Problem("failed", "文件名过长"),
    "name-collision": Problem("failed", "与另一文件只有大小写或字形组合之差，在别处展开会互相覆盖"),
    "duplicate-entry": Problem("failed", "同一路径出现两次"),
    "symlink": Problem("failed", "是符号链接，未予读取"),
    "special-file": Problem("failed", "不是普通文件，未予读取"),
    "encrypted-entry": Problem("failed", "已加密，未能读取"),
    "unknown-compression": Problem("failed", "采用了不支持的压缩算法，未能读取"),
    "damaged-entry": Problem("failed", "数据损坏，未能读取"),
    "several-bags": Problem("failed", "一个压缩包内有几个 BagIt 包，一次只能提交一个"),
    "outside-bag": Problem("failed", "在 BagIt 包的文件夹之外"),
    "before-zip": Problem("warning", "开头有不属于压缩包的字节，可能夹带别的文件，未予理会"),
    "junk": Problem("warning", "是系统自动生成的文件，未予理会"),
    "mets-representations": Problem("failed", "包内有几种表现形式，一次只能提交一种"),
    "mets-data": Problem("failed", "METS 包的内容应放在 representations 之下，包的最上层不应有 data"),
    "mets-declarations": Problem("failed", "移交说明在包内有几份，不知以哪一份为准"),
    "fetch": Problem("failed", "要求从包外取文件；归档信息包须自带全部内容"),
}
BYTES = {
    "oxum-bytes": Problem("failed", "Payload-Oxum 申报的字节数与实际不符"),
    "mets-size": Problem("failed", "METS.xml 写明的字节数与实际不符"),
    "bad-oxum": Problem("warning", "Payload-Oxum 不合“字节数.文件数”格式"),
}
COUNT = {
    "missing": Problem("failed", "已列入清单而包内没有"),
    "extra": Problem("failed", "在包内而没有列入任何清单"),
    "not-in-every": Problem("failed", "没有列入每一份清单"),
    "not-in-every-old": Problem("warning", "没有列入每一份清单"),
    "oxum-files": Problem("failed", "Payload-Oxum 申报的文件数与实际不符"),
}
DIGESTS = {"digest": Problem("failed", "实测摘要与清单不符，内容已改变")}


def problems(check: Check, package: Package, table: dict[str, Problem]) -> Iterator[Finding]:
    """One finding per problem of the table's kinds, the first `MOST_ROWS` of each kind."""
    listed: dict[str, int] = {}
    rule = "E-ARK CSIP" if package.bag.get("kind") == "mets" else "RFC 8493"
    for found in package.bag.get("problems", ()):
        meaning = table.get(found["kind"])
        if meaning is None:
            continue
        listed[found["kind"]] = listed.get(found["kind"], 0) + 1
        if listed[found["kind"]] > MOST_ROWS:
            continue
        sterner = package.submission is not None and meaning.in_package
        yield check.finding(
            sterner or meaning.verdict,
            f"{found['path'][:200]}：{meaning.sentence}。{REPACK}",
            file=found["path"][:200],
            value=shown(found["detail"]),
            rule=rule,
        )
    for kind, count in listed.items():
        if count > MOST_ROWS:
            yield check.finding(
                table[kind].verdict, f"同类问题（{table[kind].sentence}）共 {count} 处。{REPACK}"
            )


@check("GD-1-12", "authenticity", "说明文件和目录文件规范性", needs="bag")
def tag_files(check: Check, package: Package) -> Iterator[Finding]:
    """bagit.txt, bag-info.txt and the manifests; for a submission package also what its format demands."""
    yield from problems(check, package, TAG_FILES)
    bag = package.bag
    if package.submission is None or not bag.get("readable") or bag.get("kind") == "mets":
        return  # METS.xml is demanded by what is read from it (probes/mets.py)
    for label, value in bag["info"]:
        declared = str(package.submission.get("business_no") or "").strip()
        if label.lower() == "external-identifier" and value and value != declared:
            yield check.finding(
                "warning",
                "bag-info.txt：External-Identifier 与业务编号（business_no）不同，以业务编号为准，请核对。",
                file="bag-info.txt",
                field="External-Identifier",
                value=shown(value),
                rule="归档信息包格式",
            )
    if "sha256" not in bag["manifests"]:
        yield _demand(check, "manifest-sha256.txt", "归档信息包必须有 SHA-256 的内容清单")
    if "sha256" not in bag["tagmanifests"]:
        yield _demand(check, "tagmanifest-sha256.txt", "归档信息包必须有 SHA-256 的说明文件清单")
    elif "submission.json" not in bag["covered"]:
        yield _demand(
            check, "tagmanifest-sha256.txt", "说明文件清单没有列入 submission.json，其内容无从证明未改动"
        )
    if bag["version"] and bag["version"] not in VERSIONS:
        yield _demand(check, "bagit.txt", f"BagIt 版本应为 {'、'.join(VERSIONS)}，现为 {bag['version']}")
    if bag["version"] and bag["encoding"] not in ("utf-8", "utf8"):
        yield _demand(check, "bagit.txt", f"说明文件的编码应为 UTF-8，现为 {bag['encoding']}")


def _demand(check: Check, file: str, sentence: str) -> Finding:
    return check.finding("failed", f"{file}：{sentence}。{REPACK}", file=file, rule="归档信息包格式")


@check("GD-1-13", "authenticity", "信息包目录结构规范性", needs="bag")
def structure(check: Check, package: Package) -> Iterator[Finding]:
    """Names that lead astray, links, entries that could not be read; or a package that is none at all."""
    if not package.bag.get("readable"):
        reason = package.bag.get("refusal") or package.bag.get("crashed") or "原因不明"
        yield check.finding("failed", f"不是可读的信息包：{reason}。{REPACK}", rule=check.name)
    yield from problems(check, package, STRUCTURE)


@check("GD-1-14", "authenticity", "信息包一致性", needs="bag")
def package_digest(check: Check, package: Package) -> Iterator[Finding]:
    """The package as examined is the package as received: `facts["received"]` = {"sha256"[, "sm3"]}."""
    received, measured = package.facts.get("received"), package.bag.get("package")
    if not received or not measured:
        yield check.finding("not-run", "没有接收时的摘要可供比对，未作检测。", rule=check.name)
        return
    for algorithm in ("sha256", "sm3"):
        if algorithm in received and received[algorithm] != measured[algorithm]:
            yield check.finding(
                "failed",
                f"信息包的 {algorithm} 摘要与接收时不同，暂存的文件已改变。请联系系统管理员检查存储后重新提交。",
                value=measured[algorithm],
                rule=check.name,
            )


@check("GD-2-2", "integrity", "总字节数相符性", needs="bag")
def total_bytes(check: Check, package: Package) -> Iterator[Finding]:
    yield from problems(check, package, BYTES)


@check("GD-2-11", "integrity", "信息包内容数据完整性", needs="bag")
def number_of_files(check: Check, package: Package) -> Iterator[Finding]:
    """Every file listed, every listed file there, and as many as declared."""
    yield from problems(check, package, COUNT)


@check("GD-3-1", "usability", "信息包中元数据可读性", needs="bag")
def metadata_readable(check: Check, package: Package) -> Iterator[Finding]:
    if fault := package.bag.get("submission_fault"):
        yield check.finding(
            "failed",
            f"submission.json 不能读取：{fault}。{REPACK}",
            file="submission.json",
            rule="归档信息包格式",
        )
