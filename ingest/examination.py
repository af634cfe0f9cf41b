"""examine: open the package in the fence, measure it, run every check, and say what follows. Writes no rows.

The answer is one value: all findings (passed ones too), the case read through its item, the period, and the
verdict: `failed` beats `waiting` beats `accepted`. `acceptance` turns it into states.
"""

import os
import threading
import unicodedata
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from archive import determinations, numbering, periods, privacy, profiles, terms, trust
from archive.inspection import Finding, Package, integrity, repair
from archive.inspection import checks as inspection_checks
from archive.inspection.clamd import Clamd
from archive.inspection.codes import identity_numbers
from archive.inspection.examine import VERAPDF_BATCH, batched, prepare
from archive.inspection.examine import examine_all as inspect
from archive.inspection.fence import Fence
from archive.inspection.verapdf import VeraPdf
from archive.models import DigitalObject, Fonds, RecordParty, SourceSystem
from ingest import confirmations, reports, staging
from ingest.models import CONFIRMATION, JUDGEMENT, PERIOD, Submission

ENGINE = "4"
"""Raised when a check's meaning changes, so that reports tell which engine wrote them."""


MOST_DUPLICATES = 100
"""How many earlier pieces are looked at; a blank form may lie here ten thousand times."""


@dataclass(frozen=True, kw_only=True)
class Examined:
    package: Package
    findings: tuple[Finding, ...]
    verdict: str  # returned | waiting | accepted
    reasons: tuple[str, ...] = ()  # why it waits
    case: Any = None  # profiles.Normalised
    fonds: Fonds | None = None
    period: determinations.Period | None = None
    retention: str | None = None

    @property
    def pack_version(self) -> str:
        pack = self.package.pack
        return f"{pack.source}/{pack.version}" if pack else ""


def examine(submission: Submission, fence: Fence, *, unpacked: dict | None = None) -> Examined:
    """Raises StorageFailed when the staged bytes are gone: that is the system's fault, not the package's.

    `unpacked`: what receiving the package has just left in its work folder; else it is unpacked afresh.
    """
    fresh = unpacked is None
    folder = staging.fresh_work_folder(submission.pk) if fresh else staging.work_folder(submission.pk)
    received = {"sha256": submission.blob_sha256, "sm3": submission.blob_sm3}
    with staging.local_copy(submission.pk, submission.blob) as path:
        package = prepare(
            path,
            fence,
            folder,
            clamd=scanner(),
            today=timezone.localdate(),
            facts={"received": received, "trusted": trust.roots(), "revocations": trust.revocations},
            unpacked=unpacked,
        )
    findings = load_profile(package)
    findings += _name(package)
    if package.item is None:
        findings += inspection_checks.run(package)
        return Examined(package=package, findings=masked(findings), verdict="returned")
    case = integrity.case_of(package)
    source = SourceSystem.objects.filter(code=package.item.source).first()
    fonds, missing = _fonds(case, submission, source)
    silent = package.facts.get("silent")
    findings += [row for row in missing if silent is None or not silent(row)]
    package.facts["duplicates"] = _duplicates(case, package, submission)
    item_key = f"item:{package.item.source}/{package.item.code}"
    period = determinations.resolve(package.item.schedule_classes, item_key, case.handled_on)
    retention, said = _retention(period, case)
    findings += said
    package.facts |= _known(submission, case, fonds, retention)
    findings += inspection_checks.run(package)
    return _judged(submission, package, findings, case, fonds, period, retention, source)


def _known(submission: Submission, case: Any, fonds: Fonds | None, retention: str | None) -> dict[str, Any]:
    """What only this installation knows of a package: the 档号 to be, how it came, that there is a catalogue."""
    scope = None
    if fonds is not None and retention is not None:
        scope = numbering.scope_of(
            fonds=fonds.code,
            category="ZY" if case.stage else "RS",
            scheme=fonds.scheme,
            insurance=terms.INSURANCE_CODES[case.insurance],
            stage=terms.STAGE_CODES.get(case.stage, ""),
            year=case.handled_on.year,
            retention=retention,
        )
    cited = confirmations.holding(
        source=case.item.source, batch_no=submission.batch_no, on=timezone.localdate()
    )
    return {"code_scope": scope, "channel": submission.channel, "catalogue": {}, "confirmations": cited}


def masked(findings: list[Finding]) -> tuple[Finding, ...]:
    """File names and sentences may hold numbers too (design §5.2): no report and no row shows one, and none is longer
    than a row can hold."""
    return tuple(
        replace(
            row,
            file=row.file and shown_path(row.file),
            field=row.field and _visible(privacy.mask_text(row.field))[:120],
            value=row.value and _visible(privacy.mask_text(row.value))[:300],
            message=_visible(privacy.mask_text(row.message))[:1000],
        )
        for row in findings
    )


def shown_path(path: str) -> str:
    """A path in a package as findings name it."""
    return _visible(privacy.mask_text(path))[:400]


def _visible(text: str) -> str:
    """Names of files may hold what steers a terminal or turns a line round: it is named instead."""
    if text.isprintable():
        return text
    return "".join(
        f"U+{ord(character):04X}"
        if unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs")
        else character
        for character in text
    )


def scanner() -> Clamd | None:
    return Clamd(settings.CLAMD_URL) if settings.CLAMD_URL else None


def validator() -> VeraPdf | None:
    return VeraPdf(settings.VERAPDF_JAR) if settings.VERAPDF_JAR else None


def load_profile(package: Package) -> list[Finding]:
    """Find the pack and item of a package; what is wrong with the declaration's structure or names."""
    if package.submission is None:
        if (
            package.root is not None
            and package.bag.get("readable")
            and not package.bag.get("submission_fault")
        ):
            message = "信息包里没有 submission.json，不知道是哪一件业务。请按归档信息包格式补上后重新移交。"
            return [
                _finding(
                    "GD-2-10", "integrity", "failed", message, file="submission.json", rule="归档信息包格式"
                )
            ]
        return []
    faults = integrity.structure_findings(package.submission)
    if faults:
        rest = repair.usable(package.submission, faults)
        if rest is None:
            return faults
        package.submission, package.facts["silent"] = rest
    package.pack, package.item, unknown = integrity.lookup(package.submission)
    return [*faults, *unknown]


def _name(package: Package) -> list[Finding]:
    """What names a package stands in lists, events and manifests in clear: no identity number may be part of it."""
    declared = package.submission or {}
    named = [("business_no", declared.get("business_no"))]
    relates = declared.get("relates")
    for number, row in enumerate(relates if isinstance(relates, list) else ()):
        if isinstance(row, dict):
            named.append((f"relates[{number}].business_no", row.get("business_no")))
    rule = "业务编号不含证件号码"
    return [
        _finding(
            "X-name", "integrity", "failed",
            f"“{field}”中含有公民身份号码。业务编号会出现在目录和日志里，请改用不含证件号码的编号后重新移交。",
            file="submission.json", field=field, value=profiles.shown(text), rule=rule,
        )
        for field, text in named
        if isinstance(text, str) and identity_numbers(text)
    ]  # fmt: skip


def _judged(submission, package, findings, case, fonds, period, retention, source) -> Examined:
    reasons: list[str] = []
    failed = any(row.verdict == "failed" for row in findings)
    if not failed:
        if retention is None:
            reasons.append(period.reason)
        confirmed = submission.confirmed_at is not None
        for reason in profiles.waiting_reasons(case):
            findings.append(_finding(JUDGEMENT, "integrity", "manual", reason, rule="须由人判断"))
            if not confirmed:  # a confirmation is the judgement; the finding stays in the report
                reasons.append(reason)
        unscanned = [row for row in findings if row.check == "GD-4-2" and row.verdict == "not-run"]
        if settings.REQUIRE_SCAN and unscanned:
            reason = "病毒扫描没有完成，本单位规定未扫描的不得归档。查杀服务恢复后请重新检测。"
            findings.append(_finding("X-scan", "safety", "manual", reason, rule="本单位规定：须经病毒扫描"))
            reasons.append(reason)
        if source and source.confirm_per_batch and not confirmed:
            reason = "该来源设为逐批确认，等待档案员确认归档。"
            findings.append(
                _finding(CONFIRMATION, "integrity", "manual", reason, rule="来源系统设置：逐批确认")
            )
            reasons.append(reason)
    verdict = "returned" if failed else "waiting" if reasons else "accepted"
    return Examined(
        package=package,
        findings=masked(findings),
        verdict=verdict,
        reasons=tuple(reasons),
        case=case,
        fonds=fonds,
        period=period,
        retention=retention,
    )


def _fonds(
    case: Any, submission: Submission, source: SourceSystem | None
) -> tuple[Fonds | None, list[Finding]]:
    code, rule = (case.fonds or "").strip() or submission.default_fonds, "全宗已设立，来源系统获准交入"
    if not code:
        message = "信息包没有写全宗号（fonds），接收时也没有指定默认全宗。请补上全宗号后重新移交。"
        return None, [_finding("X-fonds", "integrity", "failed", message, field="fonds", rule=rule)]
    shown = profiles.shown(code)
    fonds = Fonds.objects.filter(code=code).first()
    if fonds is None:
        message = f"全宗“{shown}”不存在。请核对全宗号，或请档案负责人先设立全宗。"
        return None, [
            _finding("X-fonds", "integrity", "failed", message, field="fonds", value=shown, rule=rule)
        ]
    if source is not None:
        allowed = set(source.fonds.values_list("pk", flat=True))
        if allowed and fonds.pk not in allowed:
            message = f"来源系统“{source.code}”只获准交入其他全宗，不能交入“{code}”。"
            return fonds, [
                _finding("X-fonds", "integrity", "failed", message, field="fonds", value=code, rule=rule)
            ]
    return fonds, []


def _retention(period: determinations.Period, case: Any) -> tuple[str | None, list[Finding]]:
    """What the business system says is never silently replaced and never shortens (submission format)."""
    if period.retention is None:
        message = f"{period.reason}判定之前，字节已收存并核对，信息包等待。"
        return None, [_finding(PERIOD, "integrity", "manual", message, rule="保管期限待定")]
    if case.retention is None or case.retention == period.retention:
        return period.retention, []
    if periods.shorter(period.retention, case.retention):
        message = f"业务系统写的保管期限{case.retention}长于期限表的{period.retention}，按较长的{case.retention}归档。"
        kept = case.retention
    else:
        message = f"业务系统写的保管期限{case.retention}短于期限表的最低期限{period.retention}，按{period.retention}归档。"
        kept = period.retention
    rule = "业务系统所写的期限不被改短，也不缩短期限表的"
    return kept, [
        _finding(PERIOD, "integrity", "warning", message, field="retention", value=case.retention, rule=rule)
    ]


def _duplicates(case: Any, package: Package, submission: Submission) -> list[dict]:
    """What the archive already holds of the same: files by digest, the same case of the same person. Warnings, one a
    file and one a person however often it lies here."""
    found: dict[tuple[str, str], list[str]] = {}
    digests = {measured.sha256: path for path, measured in package.files.items()}
    rows = DigitalObject.objects.filter(sha256__in=list(digests), role="original").exclude(
        record__source=submission.source, record__business_no=submission.business_no
    )
    for sha256, code in rows.values_list("sha256", "record__reference_code")[:MOST_DUPLICATES]:
        found.setdefault(("digest", digests[sha256]), []).append(code)
    tokens = [privacy.number_token(person.id_no) for person in case.persons if person.id_no]
    if tokens:
        same = (
            RecordParty.objects.filter(
                id_token__in=tokens,
                record__source=case.item.source,
                record__item=case.item.code,
                record__formed_on=case.handled_on,
            )
            .exclude(record__business_no=submission.business_no)
            .values_list("record__reference_code", "id_shown")[:MOST_DUPLICATES]
        )
        for code, shown in same:
            found.setdefault(("person", shown), []).append(code)
    return [
        {"kind": kind, "file" if kind == "digest" else "value": what, "reference_code": _some(codes)}
        for (kind, what), codes in found.items()
    ]


def _some(codes: list[str]) -> str:
    codes = list(dict.fromkeys(codes))
    return "、".join(codes[:3]) + (f" 等 {len(codes)} 件" if len(codes) > 3 else "")


def _finding(check: str, property: str, verdict: str, message: str, **more: Any) -> Finding:
    return Finding(check=check, property=property, verdict=verdict, message=message, **more)


def report_of(submission: Submission, examined: Examined, *, stage: str = reports.STAGE) -> dict:
    """The full report as it lies beside the bytes. Masked: it may be read by whoever may see the submission."""
    findings = [finding.as_dict() for finding in examined.findings]
    return {
        "format": reports.FORMAT,
        "engine": ENGINE,
        "pack": examined.pack_version,
        "examined_at": timezone.localtime().isoformat(timespec="seconds"),
        "stage": stage,
        "submission": {
            "id": str(submission.pk),
            "source": submission.source,
            "item": submission.item,
            "business_no": submission.business_no,
            "revision": submission.revision,
            "package_sha256": submission.blob_sha256,
            "package_sm3": submission.blob_sm3,
            "content_digest": submission.content_digest,
        },
        "verdict": examined.verdict,
        "reasons": list(examined.reasons),
        **reports.tables(findings),
        "findings": findings,
        "files": [
            {
                "path": privacy.mask_text(item.path),
                "bytes": item.bytes,
                "sha256": item.sha256,
                "sm3": item.sm3,
                "puid": item.puid,
                "format": item.format,
                "pages": item.pages,
            }
            for item in examined.package.files.values()
        ],
    }


def judge(
    paths: Iterable[Path], *, all_findings: bool = False, facts: dict[str, Any] | None = None
) -> Iterator[dict[str, Any]]:
    """`manage.py examine`: the same checks on packages or plain files, in order; nothing is stored, no row is read.
    `facts`: whom to trust, as `inspect` takes it. Every core has a fence of its own."""
    options = {
        "clamd": scanner(),
        "verapdf": validator(),
        "today": timezone.localdate(),
        "load": load_profile,
        "all_findings": all_findings,
        "facts": facts,
    }
    cores = len(os.sched_getaffinity(0))
    own = threading.local()
    fences: list[Fence] = []

    def judged(batch: list[Path]) -> list[dict[str, Any]]:
        if not hasattr(own, "fence"):
            own.fence = Fence()
            fences.append(own.fence)
        return list(inspect(batch, own.fence, **options))

    flying: deque[Future] = deque()
    with ThreadPoolExecutor(cores) as pool:
        try:
            for batch in batched(paths, VERAPDF_BATCH if options["verapdf"] else 1):
                flying.append(pool.submit(judged, batch))
                while len(flying) > 2 * cores:
                    yield from flying.popleft().result()
            while flying:
                yield from flying.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
            for fence in fences:
                fence.close()
