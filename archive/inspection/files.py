"""Declared against measured: what `submission.json` says of each file, and what its bytes say.

Nothing declared is trusted and nothing here raises for a declaration of the wrong shape: what is not a text,
a number or a list where one belongs is passed over here and named by the checks on `submission.json` itself.
"""

from collections.abc import Iterator
from typing import Any

from . import signatures
from .bags import DIGESTS, problems
from .base import Check, Finding, Package, check
from .faults import Meaning, judge

EXPORT_AGAIN = "请由业务系统核对后重新提交。"

NAMES = {
    "wrong-name": Meaning("failed", "扩展名与实际格式不符", "请用正确的扩展名重新提交。"),
    "other-suffix": Meaning("warning", "扩展名与实际的图像格式不符", "请用正确的扩展名重新提交。"),
}


def declared_files(submission: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    """The file entries of all materials that have a path, in their order, whatever else is wrong with them."""
    materials = submission.get("materials") if isinstance(submission, dict) else None
    for material in materials if isinstance(materials, list) else ():
        files = material.get("files") if isinstance(material, dict) else None
        for entry in files if isinstance(files, list) else ():
            if isinstance(entry, dict) and isinstance(entry.get("path"), str):
                yield entry


@check("GD-1-1", "authenticity", "固化信息有效性", needs="file")
def fixed_information(check: Check, package: Package) -> Iterator[Finding]:
    """Digests of manifests and of the declaration; signatures, seals and time stamps in the files and beside them."""
    yield from problems(check, package, DIGESTS)
    yield from signatures.judged(check, package)
    for entry in declared_files(package.submission):
        measured = package.files.get(entry["path"])
        for algorithm in ("sha256", "sm3"):
            declared = entry.get(algorithm)
            if measured is None or not isinstance(declared, str) or not declared.strip():
                continue
            if declared.strip().lower() != getattr(measured, algorithm):
                yield check.finding(
                    "failed",
                    f"{entry['path']}：申报的 {algorithm} 摘要与实测不符，文件在申报之后改变过。{EXPORT_AGAIN}",
                    file=entry["path"],
                    field=algorithm,
                    value=declared[:64],
                    rule=check.name,
                )
    if not package.bag and not signatures.signed(package):
        yield check.finding("not-run", "单个文件没有申报的摘要可供核对。", rule=check.name)


@check("GD-1-10", "authenticity", "内容数据电子属性一致性", needs="file")
def attributes(check: Check, package: Package) -> Iterator[Finding]:
    """Size and type: as declared, and the extension as the bytes are."""
    yield from judge(check, package, NAMES, inside=None)
    for entry in declared_files(package.submission):
        measured, declared = package.files.get(entry["path"]), entry.get("bytes")
        if measured is not None and _is_number(declared) and declared != measured.bytes:
            yield check.finding(
                "failed",
                f"{entry['path']}：申报 {declared} 字节，实测 {measured.bytes} 字节。{EXPORT_AGAIN}",
                file=entry["path"],
                field="bytes",
                value=str(declared),
                rule=check.name,
            )


@check("GD-1-11", "authenticity", "元数据关联内容数据", needs="submission")
def linked(check: Check, package: Package) -> Iterator[Finding]:
    """Every declared path is there, once; what is there undeclared is kept and noted."""
    declared: set[str] = set()
    for entry in declared_files(package.submission):
        path = entry["path"]
        if path in declared:
            yield check.finding(
                "warning",
                f"{path}：同一文件申报了两次。请核对材料清单。",
                file=path,
                field="path",
                rule=check.name,
            )
        elif path not in package.files:
            yield check.finding(
                "failed",
                f"{path}：已申报而包内没有这个文件。请补齐文件或改正路径后重新提交。",
                file=path,
                field="path",
                rule=check.name,
            )
        declared.add(path)
    for path in package.files:
        if path not in declared:
            yield check.finding(
                "warning",
                f"{path}：在包内而没有申报为材料，予以保留。请核对材料清单。",
                file=path,
                rule=check.name,
            )


@check("X-PAGES", "integrity", "页数相符性", needs="submission")
def pages(check: Check, package: Package) -> Iterator[Finding]:
    """Pages as declared, counted from the bytes. A format without fixed pages is not-run."""
    for entry in declared_files(package.submission):
        measured, declared = package.files.get(entry["path"]), entry.get("pages")
        if measured is None or not _is_number(declared):
            continue
        if measured.pages is None:
            yield check.finding(
                "not-run",
                f"{entry['path']}：申报 {declared} 页，此格式的页数不能从文件量出，未作检测。",
                file=entry["path"],
                field="pages",
                value=str(declared),
                rule=check.name,
            )
        elif declared != measured.pages:
            yield check.finding(
                "failed",
                f"{entry['path']}：申报 {declared} 页，实测 {measured.pages} 页。请核对是否缺页后重新提交。",
                file=entry["path"],
                field="pages",
                value=str(declared),
                rule=check.name,
            )


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
