"""Scans and pages: fine enough, none blank, none twice. Hints for a person: a back side is blank by right. Pure."""

from collections.abc import Iterator

from .base import Check, Finding, Package, check, pages_in_words

LEAST_DPI = 200
"""DA/T 31-2017: scans of paper at 200 dpi or finer."""


@check("X-RESOLUTION", "usability", "扫描分辨率", severity="warning", needs="submission")
def resolution(check: Check, package: Package) -> Iterator[Finding]:
    for path, sheets in _sheets(package):
        if not (coarsest := sheets.get("coarsest")) or coarsest[1] >= LEAST_DPI:
            continue
        page, dpi = coarsest
        message = f"{path}：第 {page} 页的分辨率约 {dpi} dpi，低于 {LEAST_DPI} dpi。请核对能否看清，必要时重新扫描。"
        yield check.finding("warning", message, file=path, value=str(dpi), rule="DA/T 31-2017", pages=(page,))


@check("X-BLANK", "integrity", "空白页", severity="warning", needs="submission")
def blank(check: Check, package: Package) -> Iterator[Finding]:
    for path, sheets in _sheets(package):
        if pages := sheets.get("blank"):
            message = f"{path}：{pages_in_words(pages)}是空白的。请核对是不是漏扫或多余的页。"
            yield check.finding("warning", message, file=path, rule="没有空白页", pages=tuple(pages))


@check("X-TWICE", "integrity", "重复页", severity="warning", needs="submission")
def twice(check: Check, package: Package) -> Iterator[Finding]:
    for path, sheets in _sheets(package):
        if pairs := sheets.get("twice"):
            first, second = pairs[0]
            more = f"等 {len(pairs)} 处" if len(pairs) > 1 else ""
            message = (
                f"{path}：第 {second} 页与第 {first} 页完全相同{more}。请核对是不是重复扫描、缺了另一页。"
            )
            yield check.finding(
                "warning", message, file=path, value=f"{first}={second}", rule="没有重复页",
                pages=tuple(dict.fromkeys(page for pair in pairs for page in reversed(pair))),
            )  # fmt: skip


def _sheets(package: Package) -> Iterator[tuple[str, dict]]:
    for path, file in package.files.items():
        yield path, (file.probe.get("details") or {}).get("sheets") or {}
