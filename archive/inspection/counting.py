"""Numbers and numbering of a package: cases announced and received, running numbers, the 档号 to be, strays. Pure."""

import re
from collections.abc import Iterator

from archive import terms

from .base import Check, Finding, Package, check
from .files import declared_files
from .integrity import case_of

ASK = "请由来源系统核对后重新提交。"
OWN_TAGS = re.compile(
    r"(?:.*/)?(?:bagit\.txt|bag-info\.txt|(?:tag)?manifest-[a-z0-9]+\.txt|submission\.json(?:\.p7s|\.tsr)?|METS\.xml)"
    r"|(?:metadata|representations|documentation|schemas)/.*"
)
"""What belongs beside the payload: RFC 8493, the submission format, the folders of E-ARK."""
RUNNING = ("序号", "编号", "顺序号")
SCOPE = re.compile(r"[0-9A-Za-z]{1,12}-(?P<parts>[A-Z]{2}(?:·[0-9A-Z]+)+)")
LONGEST_CODE = 80


@check("GD-1-7", "authenticity", "档号规范性", needs="package")
def reference_code(check: Check, package: Package) -> Iterator[Finding]:
    """The 档号 that filing will draw (`facts["code_scope"]`, all but its number): the parts DA/T 13 asks for, each with
    a known code, the year being that of 办结. Where the case cannot be filed yet there is none."""
    scope = package.facts.get("code_scope")
    if scope is None:
        yield check.finding("not-run", "档号在归档时编定，目前还不能归档，未作检测。", rule="DA/T 13-2022")
        return
    found = SCOPE.fullmatch(scope)
    parts = found["parts"].split("·") if found else []
    year = str(case_of(package).handled_on.year)
    known = {*terms.STAGE_CODES.values(), *terms.INSURANCE_CODES.values()}
    good = (
        len(parts) >= 3
        and parts[-2] == year
        and parts[-1] in terms.RETENTION_CODES.values()
        and all(part in known for part in parts[1:-2])
        and len(scope) + 10 <= LONGEST_CODE
    )
    if not good:
        message = f"将要编的档号“{scope}-…”不合规则（全宗号-门类·[险种·]环节·年度·期限-件号）。请核对全宗号和业务环节。"
        yield check.finding("failed", message, value=scope[:80], rule="DA/T 13-2022")


@check("GD-2-1", "integrity", "总件数相符性", needs="bag")
def cases(check: Check, package: Package) -> Iterator[Finding]:
    """One package is one 件. A batch announces how many (`facts["batch"]` = {"name", "declared", "received"}), a bag its
    place among them (Bag-Count)."""
    batch = package.facts.get("batch")
    if batch and batch["declared"] is not None and batch["declared"] != batch["received"]:
        message = f"批次“{batch['name']}”申报 {batch['declared']} 件，实收 {batch['received']} 件。请补齐或更正批次清单。"
        yield check.finding("warning", message, value=str(batch["received"]), rule="申报件数与实收件数相符")
    for label, value in package.bag.get("info", ()):
        if label.lower() != "bag-count":
            continue
        found = re.fullmatch(r"(\d+) of (\d+|\?)", value.strip())
        if not found or (found[2] != "?" and int(found[1]) > int(found[2])):
            message = "bag-info.txt：Bag-Count 应写为“第几包 of 共几包”，现在不合格式。"
            yield check.finding("warning", message, file="bag-info.txt", value=value[:40], rule="RFC 8493")


@check("GD-2-6", "integrity", "连续性元数据项", needs="package")
def running_numbers(check: Check, package: Package) -> Iterator[Finding]:
    """A column of running numbers in the lines of a form goes up by one, without a gap or a repetition."""
    lines = case_of(package).lines
    for label in RUNNING:
        numbers = [str(line.get(label, "")).strip() for line in lines if label in line]
        if len(numbers) < 2 or not all(number.isdecimal() for number in numbers):
            continue
        values = [int(number) for number in numbers]
        for before, after in zip(values, values[1:], strict=False):
            if after == before + 1:
                continue
            word = "重复" if after == before else "不连续"
            message = f"明细的“{label}”{word}：{before} 之后是 {after}。请核对是否缺行后重新提交。"
            yield check.finding(
                "warning", message, field=f"lines.{label}", value=str(after), rule="DA/T 22 连续编号"
            )
            break


@check("GD-2-10", "integrity", "信息包元数据完整性", needs="submission")
def package_metadata(check: Check, package: Package) -> Iterator[Finding]:
    """Every file of the declaration is described: where it lies and how it is proven (size and a digest)."""
    for entry in declared_files(package.submission):
        missing = [key for key in ("bytes", "sha256") if entry.get(key) in (None, "")]
        if missing:
            message = f"{entry['path']}：移交说明没有写这个文件的 {'、'.join(missing)}，已按实测值归档。请在下次移交时补上。"
            yield check.finding("warning", message, file=entry["path"], rule="归档信息包格式")


@check("GD-3-2", "usability", "目标数据库元数据可访问性", needs="bag")
def catalogue(check: Check, package: Package) -> Iterator[Finding]:
    """The catalogue that shall take the record answers (`facts["catalogue"]`: its name, or the fault)."""
    state = package.facts.get("catalogue")
    if state is None:
        yield check.finding("not-run", "只作检测，不入库，没有目标数据库，未作检测。", rule=check.name)
    elif fault := state.get("fault"):
        yield check.finding("failed", f"目录数据库不能读写：{fault}。请联系系统管理员。", rule=check.name)


@check("GD-4-3", "safety", "载体中多余文件", severity="warning", needs="submission")
def strays(check: Check, package: Package) -> Iterator[Finding]:
    """Nothing lies in the package or on its carrier that belongs to neither payload nor format."""
    extra = [name for name in package.bag.get("tags", {}) if not OWN_TAGS.fullmatch(name)]
    extra += list(package.facts.get("strays", ()))
    if extra:
        names = "、".join(extra[:5]) + (f"等 {len(extra)} 个" if len(extra) > 5 else "")
        message = f"包内或载体上有不属于归档信息包的文件：{names[:200]}。它们不归档，请核对是不是漏报的材料。"
        yield check.finding("warning", message, value=names[:200], rule="载体中只有归档信息包")
