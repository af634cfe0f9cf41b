"""Prepare a package or a plain file for the checks, and run them: the engine of `examine` and of `ingest`.

`prepare` opens everything in the fence and answers with a `Package`; `examine` runs the checks on it and says
accept, flag or reject. Nothing is stored and no exception leaks for bad input.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

from . import base, checks
from .base import MeasuredFile, Package
from .clamd import Clamd
from .fence import Fence
from .probes.report import signature
from .verapdf import CONFIRMED, VeraPdf

BESIDE = {"verify_detached": "submission.json.p7s", "verify_stamp": "submission.json.tsr"}
"""What may lie in a bag beside the declaration, and the function of the child that verifies it."""

MOST_INNER, MOST_DEEP = 200, 3
"""Files inside a file that are opened, and how deep."""

MOST_CRASHED = 5
"""Files of one package that a parser may break on or take too long for; then it has failed, and the rest is not tried."""
ENOUGH = 0.15
"""Of the time of one file: with less left, nothing inside it is opened any more."""

VERAPDF_BATCH = 16
"""Paths that are open at the same time while the validator is asked about all of them."""

SECONDS_PER_BYTE = 1 / (20 * 1024 * 1024)
"""What unpacking and digesting may take besides the fence's own limit."""


def prepare(
    path: Path | str,
    fence: Fence,
    workdir: Path | str,
    *,
    clamd: Clamd | None = None,
    today: date | None = None,
    facts: dict[str, Any] | None = None,
    limits: dict[str, int] | None = None,
    unpacked: dict[str, Any] | None = None,
) -> Package:
    """The package at `path` (zip or folder), unpacked below `workdir`, every payload file measured and probed.

    Always a Package with a root. When it is no readable package, `bag["readable"]` is False and
    `bag["refusal"]` says why; the check GD-1-13 then fails. `submission` is None when there is none, or when it
    cannot be read (`bag["submission_fault"]`; GD-3-1 fails). The caller fills in `pack` and `item`, removes
    `workdir` when the checks have run, and may override the unpacking limits of `probes/unpacking.py`.
    `unpacked`: what `unpack` answered just now for the same `workdir`, so that it need not be done twice.
    """
    path, workdir = Path(path), Path(workdir)
    bag = dict(unpacked) if unpacked is not None else unpack(path, fence, workdir, limits=limits)
    if "crashed" in bag:
        bag = {"readable": False, "refusal": f"解包没有完成（{bag['crashed']}）"}
    package = Package(
        root=Path(bag.get("root") or workdir),
        submission=bag.pop("submission", None),
        bag=bag,
        today=today,
        facts=_facts(facts, clamd),
    )
    crashed = 0
    for number, (name, measured) in enumerate(sorted(bag.pop("files", {}).items())):
        inside = workdir / f"inside-{number}"
        probe = {"faults": [{"kind": "not-tried", "detail": ""}]} if crashed >= MOST_CRASHED else None
        file = _probe(fence, package, package.root / name, name, measured, inside, probe)
        crashed += any("crashed" in one for one in (file.probe, *(inner["probe"] for inner in file.inner)))
        package.files[name] = file
    bag["signed"] = dict(_beside_declaration(fence, package))
    return package


def _beside_declaration(fence: Fence, package: Package) -> Iterator[tuple[str, list[dict]]]:
    """The signature and the time stamp over submission.json, where the bag has them."""
    for function, name in BESIDE.items():
        if name not in package.bag.get("tags", {}):
            continue
        content, value = package.root / "submission.json", package.root / name
        answer = fence.call(
            function, content=str(content), value=str(value), trusted=package.facts.get("trusted")
        )
        crashed = {"integrity": "unknown", "why": answer.get("crashed", "")}
        yield name, answer.get("signed") or [signature(form="签名", where="") | crashed]


def unpack(
    path: Path, fence: Fence, workdir: Path, *, limits: dict[str, int] | None = None
) -> dict[str, Any]:
    """The facts of `probes.unpacking.unpack` for the package at `path`, its files written below `workdir`; or
    `{"crashed": …}`."""
    destination, seconds = _folder(workdir, "bag"), _time(fence, path)
    return fence.call(
        "unpack", source=str(path), destination=str(destination), limits=limits, seconds=seconds
    )


def prepare_file(
    path: Path | str,
    fence: Fence,
    workdir: Path | str,
    *,
    clamd: Clamd | None = None,
    facts: dict | None = None,
) -> Package:
    """A plain file as a Package without root, under its own name."""
    path = Path(path)
    package = Package(root=None, submission=None, facts=_facts(facts, clamd))
    measured = fence.call("measure", path=str(path), seconds=_time(fence, path))
    package.files[path.name] = _probe(fence, package, path, path.name, measured, Path(workdir) / "inside")
    return package


def examine(path: Path | str, fence: Fence, **options: Any) -> dict[str, Any]:
    """`examine_all` for one path."""
    return next(examine_all([path], fence, **options))


def examine_all(
    paths: Iterable[Path | str],
    fence: Fence,
    *,
    clamd: Clamd | None = None,
    verapdf: VeraPdf | None = None,
    today: date | None = None,
    load: Callable[[Package], list[base.Finding]] | None = None,
    stage: str = "归档",
    all_findings: bool = False,
    facts: dict[str, Any] | None = None,
) -> Iterator[dict[str, Any]]:
    """`{"path", "verdict", "pdfa", "puid", "findings"}` of each package or plain file, in order; nothing is kept.

    `facts["trusted"]`: the roots for signatures, Base64 of DER; `facts["revocations"]`: see `archive.trust`. `load` may
    fill in `pack` and `item` of a package and
    answers with what it found. With `verapdf` the files of several paths are asked about at once. `findings` leaves
    out what passed, unless `all_findings`.
    """
    for batch in batched(paths, VERAPDF_BATCH if verapdf else 1):
        with tempfile.TemporaryDirectory(prefix="examine-") as folder:
            opened = [
                _opened(Path(path).absolute(), fence, _folder(Path(folder), str(n)), clamd, today, facts)
                for n, path in enumerate(batch)
            ]
            if verapdf:
                _validate([package for package in opened if package is not None], verapdf)
            for path, package in zip(batch, opened, strict=True):
                yield _answer(Path(path), package, load, stage, all_findings)


def _opened(
    path: Path, fence: Fence, workdir: Path, clamd: Clamd | None, today: date | None, facts: dict | None
) -> Package | None:
    if not os.path.isfile(path) and not os.path.isdir(path):
        return None
    if fence.call("looks_like_bag", path=str(path)).get("bag", False):
        return prepare(path, fence, workdir, clamd=clamd, today=today, facts=facts)
    return prepare_file(path, fence, workdir, clamd=clamd, facts=facts)


def _validate(packages: list[Package], verapdf: VeraPdf) -> None:
    claims = [
        (package, path, str(file.location))
        for package in packages
        for path, file in package.files.items()
        if file.probe.get("pdfa") and file.location is not None
    ]
    outcomes = verapdf.validate(location for *_, location in claims)
    for package, path, location in claims:
        package.facts.setdefault("pdfa", {})[path] = outcomes[str(Path(location).absolute())]


def _answer(path: Path, package: Package | None, load, stage: str, all_findings: bool) -> dict[str, Any]:
    if package is None:
        findings = [_unreadable(f"{path.name}：没有这个文件或文件夹，或没有读取权限")]
    else:
        found = load(package) if load is not None and package.submission is not None else []
        findings = [*(found or ()), *checks.run(package, stage=stage)]
    file = next(iter(package.files.values()), None) if package and package.root is None else None
    outcome = (package.facts.get("pdfa") or {}).get(file.path) if file else None
    return {
        "path": str(path),
        "verdict": verdict(findings),
        "pdfa": outcome.flavour if outcome and outcome.state == CONFIRMED else None,
        "puid": file.puid if file else None,
        "findings": [f.as_dict() for f in findings if all_findings or f.verdict != "passed"],
    }


def verdict(findings: list[base.Finding]) -> str:
    """reject = anything failed; flag = a warning, or a person is needed; not-run does not count."""
    verdicts = {finding.verdict for finding in findings}
    if "failed" in verdicts:
        return "reject"
    return "flag" if verdicts & {"warning", "manual"} else "accept"


def batched(items: Iterable, size: int) -> Iterator[list]:
    """Lists of at most `size`, in order."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def _probe(
    fence: Fence,
    package: Package,
    path: Path,
    name: str,
    measured: dict,
    inside: Path,
    probe: dict | None = None,
) -> MeasuredFile:
    """One file opened, and what lies inside it (attachments, members of a zip), each by itself, all in the time of one;
    `inside` is where the child may write them. `probe`: instead of opening it."""
    trusted = package.facts.get("trusted")
    until = time.monotonic() + fence.limits.seconds
    probe = probe or fence.call("probe", path=str(path), name=name, extract_to=str(inside), trusted=trusted)
    file = MeasuredFile(
        path=name,
        bytes=measured.get("bytes", 0),
        sha256=measured.get("sha256", ""),
        sm3=measured.get("sm3", ""),
        puid=probe.get("puid"),
        format=probe.get("format"),
        mime=probe.get("mime"),
        pages=probe.get("pages"),
        text=probe.pop("text", ""),
        cells=probe.pop("cells", []),
        probe=probe,
        location=path,
    )
    pending = [(found, name, 1) for found in probe.get("attachments", ())]
    while pending and len(file.inner) < MOST_INNER:
        found, outer, depth = pending.pop(0)
        label = found["name"] if outer == name else f"{outer} › {found['name']}"
        inner = {"name": label[-200:], "path": found["path"], "probe": {}}
        file.inner.append(inner)
        if found["path"] is None:
            continue
        left = until - time.monotonic()
        if left < ENOUGH * fence.limits.seconds:
            file.probe.setdefault("faults", []).append({"kind": "too-deep", "detail": "时间用尽"})
            pending = []
            break
        if depth > MOST_DEEP:
            inner["probe"] = {"faults": [{"kind": "nested-too-deep", "detail": f"超过 {MOST_DEEP} 层"}]}
            continue
        deeper = f"{found['path']}-inside"
        answer = fence.call(
            "probe", seconds=left, path=found["path"], name=found["name"], extract_to=deeper, trusted=trusted
        )
        answer.pop("text", None)
        answer.pop("cells", None)
        inner["probe"] = answer
        pending += [(one, label, depth + 1) for one in answer.get("attachments", ())]
    if pending:  # many files in one box are many; boxes in boxes without end are meant to be
        kind = "nested-too-deep" if pending[0][2] > 1 else "too-deep"
        file.probe.setdefault("faults", []).append({"kind": kind, "detail": f"超过 {MOST_INNER} 个"})
    return file


def _facts(facts: dict | None, clamd: Clamd | None) -> dict:
    return {**(facts or {}), "scanner": clamd}


def _folder(workdir: Path, name: str) -> Path:
    folder = workdir / name
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _time(fence: Fence, path: Path) -> float:
    try:
        size = (
            path.stat().st_size
            if path.is_file()
            else sum(f.stat().st_size for f in path.rglob("*") if f.is_file())
        )
    except OSError:
        size = 0
    return fence.limits.seconds + size * SECONDS_PER_BYTE


def _unreadable(reason: str) -> base.Finding:
    entry = checks.CHECKS["GD-3-4"]
    return entry.finding("failed", f"{reason}。请检查路径后重试。", rule=entry.name)
