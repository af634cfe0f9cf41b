"""decide and file: what follows from an examination. Six steps, each its own transaction, each resumable:

1. `decide` writes the findings and moves the submission to returned, waiting or accepted;
2. what only a person can settle is settled by him (ingest/settling.py);
3. `file` makes the record in one transaction with the submission's own move to filed;
4. `keep` writes the bytes (archive.keeping) and
5. moves the submission to archived and empties the staging area, only when nothing is left to write;
6. a kill between any two is taken up by the worker from the state that was committed.
"""

import hashlib
import io
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from archive import audit, holdings, keeping, privacy, records, stores, terms
from archive.errors import StorageFailed
from archive.identifiers import new_id
from archive.inspection import Finding
from archive.inspection.fence import Fence
from archive.models import DigitalObject
from archive.permissions import Actor
from archive.records import NewObject, NewParty, NewRecord
from ingest import outdated, receiving, recognition, staging
from ingest.examination import ENGINE, Examined, report_of
from ingest.models import FindingRow, Submission
from ingest.moves import locked, move, refuse

MOST_ALIKE = {True: 500, False: 20}
"""Rows of one kind that are listed: failed ones, and others. A folder of ten thousand undeclared files is one fact."""


def decide(submission_id, examined: Examined, *, actor: Actor) -> Submission:
    """Write what was found and move the submission. Examining again replaces the rows; old reports stay."""
    case = examined.case
    before = Submission.objects.get(pk=submission_id)
    number = before.examinations + 1
    # The report lies on the disk before a row speaks of it, and no transaction waits for the disk.
    report = staging.save_report(submission_id, number, report_of(before, examined))
    with transaction.atomic():
        submission = locked(submission_id)
        if submission.state not in ("received", "returned", "waiting"):
            return submission
        if submission.state != "received":
            move(submission, "received")
        move(submission, examined.verdict)
        submission.examinations = number
        submission.report = report
        submission.examined_at = timezone.now()
        submission.pack_version = examined.pack_version
        submission.rules = outdated.rules_of(submission.source)
        submission.fonds = examined.fonds or submission.fonds
        if case is not None:
            submission.title = privacy.mask_text(case.title)[:300]
            submission.department_name = privacy.mask_text(case.department)[:80]
            submission.security = terms.SECURITY_CODES.get(case.security or "", terms.DEFAULT_SECURITY)
            submission.handled_on = case.handled_on
        failed = [row for row in examined.findings if row.verdict == "failed"]
        reason = failed[0].message if failed else "；".join(examined.reasons)
        if len(failed) > 1:
            reason = f"{reason}（共 {len(failed)} 处不通过）"
        submission.reason = privacy.mask_text(reason)[:300]
        if examined.verdict != "accepted":
            submission.claimed_by, submission.claimed_until = "", None
        submission.save()
        FindingRow.objects.filter(submission=submission).delete()
        FindingRow.objects.bulk_create(
            FindingRow(
                submission=submission,
                position=position,
                check_id=row.check,
                property=row.property,
                verdict=row.verdict,
                file=privacy.mask_text(row.file or "")[:400],
                field=privacy.mask_text(row.field or "")[:120],
                value=privacy.mask_text(row.value or "")[:300],
                rule=row.rule[:300],
                message=privacy.mask_text(row.message),
                pages=list(row.pages),
            )
            for position, row in enumerate(_listed(examined.findings))
        )
        audit.record(
            actor=actor,
            action=f"submission.{examined.verdict}",
            kind="submission",
            subject=submission.pk,
            name=str(submission),
            data={
                "reason": submission.reason,
                "report_number": number,
                "rules": f"检测引擎 {ENGINE}，配置包 {examined.pack_version or '无'}",
            },
        )
    if examined.verdict != "accepted":
        staging.drop_work_folder(submission.pk)
    return submission


def _listed(findings) -> list[Finding]:
    """What becomes rows: all that did not pass, but of one kind only so many. The report keeps every one."""
    rows, count = [], Counter()
    for row in findings:
        if row.verdict == "passed":
            continue
        kind = row.check, row.verdict, row.rule
        count[kind] += 1
        if count[kind] <= MOST_ALIKE[row.verdict == "failed"]:
            rows.append(row)
    for (check, verdict, rule), number in count.items():
        more = number - MOST_ALIKE[verdict == "failed"]
        if more > 0:
            alike = next(row for row in rows if (row.check, row.verdict, row.rule) == (check, verdict, rule))
            message = f"另有 {more} 处同类问题没有逐条列出，全部载于检测报告。"
            rows.append(replace(alike, file=None, field=None, value=None, message=message))
    return rows


def reconsider(submission_id, examined: Examined, *, actor: Actor) -> Submission:
    """An accepted submission that a kill kept from being filed, and that is not acceptable any more."""
    with transaction.atomic():
        submission = locked(submission_id)
        if submission.state == "accepted":
            move(submission, "received")
            submission.save(update_fields=["state"])
    return decide(submission_id, examined, actor=actor)


def file(submission_id, examined: Examined, *, actor: Actor) -> Submission:
    """Make the record. The reference code is drawn inside, last; nothing here touches files or the network."""
    case, package, fonds = examined.case, examined.package, examined.fonds
    report = Submission.objects.values_list("report", flat=True).get(pk=submission_id)
    with staging.open_blob(report) as stream:
        report_bytes = stream.read()
    objects = _objects(examined, report_bytes)
    department = holdings.department(fonds, privacy.mask_text(case.department), actor=actor)
    with transaction.atomic():
        submission = locked(submission_id)
        if submission.state in ("filed", "archived"):
            return submission
        if submission.state != "accepted":
            refuse(submission, "归档")
        earlier = (
            Submission.objects.filter(source=submission.source, business_no=submission.business_no)
            .filter(state__in=["filed", "archived"], revision__lt=submission.revision)
            .exists()
        )
        relates = [
            (row["business_no"].strip(), row["relation"]) for row in package.submission.get("relates") or ()
        ]
        if earlier and not any(number == submission.business_no for number, _ in relates):
            relates.append((submission.business_no, "更正"))
        insurance = terms.INSURANCE_CODES[case.insurance]
        new = NewRecord(
            id=submission.record_uuid,
            fonds=fonds,
            title=case.title,
            formed_on=case.handled_on,
            retention=examined.retention,
            retention_key=examined.period.key,
            provisional=examined.period.provisional,
            source=submission.source,
            item=submission.item,
            item_title=case.item.title,
            business_no=submission.business_no,
            business_revision=submission.revision,
            category="ZY" if case.stage else "RS",
            stage=terms.STAGE_CODES.get(case.stage, ""),
            insurance=insurance,
            insurances=tuple(terms.INSURANCE_CODES[name] for name in case.insurances),
            department=department,
            security=terms.SECURITY_CODES.get(case.security or "", terms.DEFAULT_SECURITY),
            responsible=case.responsible,
            document_no=case.document_no,
            handed_in_by=submission.received_by_id,
            package_sha256=submission.blob_sha256,
            content_digest=submission.content_digest,
            description={
                "fields": dict(case.fields),
                "lines": [dict(line) for line in case.lines],
                "process": package.submission.get("process") or [],
                "system": package.submission.get("system") or {},
            },
            personal=frozenset(case.personal_fields),
            relates=tuple(relates),
            objects=objects,
            parties=_parties(case),
        )
        record = records.create(new, actor=actor, store_names=stores.names_for(new.fonds))
        move(submission, "filed")
        submission.record = record
        submission.reason = ""
        if _is_sampled(submission):
            submission.sampled_on = timezone.localdate()
        submission.save()
    return submission


def _is_sampled(submission: Submission) -> bool:
    """The daily sample: by a digest of the id, so nobody can choose what is looked at."""
    draw = int(hashlib.sha256(submission.pk.bytes).hexdigest()[:8], 16) % 100
    return draw < settings.SAMPLE_PERCENT


def _objects(examined: Examined, report: bytes) -> tuple[NewObject, ...]:
    package, objects, seen = examined.package, [], set()
    for material in examined.case.materials:
        for declared in material.files:
            path = declared["path"]
            if path in seen or path not in package.files:
                continue
            seen.add(path)
            objects.append(
                _original(
                    package.files[path],
                    material=material.name,
                    material_code=material.code,
                    is_original=declared.get("original", True) is not False,
                    is_sealed=bool(declared.get("sealed")),
                    is_signed=bool(declared.get("signed")),
                    copies=declared.get("copies") or 1,
                )
            )
    objects += [_original(item) for path, item in sorted(package.files.items()) if path not in seen]
    for name in ("submission.json", "submission.json.p7s", "submission.json.tsr"):
        tag = package.bag["tags"].get(name)
        if tag:
            objects.append(
                _beside("submission", name, tag, "application/json" if name.endswith("n") else "", True)
            )
    measured = {
        "bytes": len(report),
        "sha256": hashlib.sha256(report).hexdigest(),
        "sm3": hashlib.new("sm3", report).hexdigest(),
    }
    objects.append(_beside("report", "examination-report.json.gz", measured, "application/gzip", False))
    return tuple(objects)


def _original(measured, **declared) -> NewObject:
    return NewObject(
        id=new_id(),
        role="original",
        path=measured.path,
        bytes=measured.bytes,
        sha256=measured.sha256,
        sm3=measured.sm3,
        mime=measured.mime or "",
        puid=measured.puid or "",
        format=measured.format or "",
        pages=measured.pages,
        text=measured.text,
        recognise=recognition.wanted(measured.mime or "", measured.pages, measured.text),
        pdfa=(measured.probe.get("pdfa") or "").lower(),
        **declared,
    )


def _beside(role: str, path: str, measured: dict, mime: str, encrypted: bool) -> NewObject:
    return NewObject(
        id=new_id(),
        role=role,
        path=path,
        bytes=measured["bytes"],
        sha256=measured["sha256"],
        sm3=measured["sm3"],
        mime=mime,
        is_original=role == "submission",
        encrypted=encrypted,
    )


def _parties(case) -> tuple[NewParty, ...]:
    """The unit, the persons, and whoever the lines of a form name; each once."""
    parties: dict[tuple, NewParty] = {}
    if case.unit is not None and case.unit.name:
        parties["unit", case.unit.name] = NewParty(
            kind="unit", name=case.unit.name, uscc=case.unit.uscc, own_no=case.unit.unit_no
        )
    for person in case.persons:
        parties["person", person.name, person.id_no] = NewParty(
            kind="person",
            name=person.name,
            id_type=person.id_type,
            id_no=person.id_no,
            own_no=person.personal_no,
        )
    name, number = (case.item.with_role(role, line=True) for role in ("name", "idno"))
    if name is not None:
        for line in case.lines[:5000]:
            who = str(line.get(name.label) or "").strip()
            no = privacy.normal_number(str(line.get(number.label) or "")) if number else ""
            if who:
                parties.setdefault(("person", who, no), NewParty(kind="person", name=who, id_no=no))
    return tuple(parties.values())


def keep(submission_id, fence: Fence, *, actor: Actor) -> Submission:
    """Write the bytes of a filed submission; when nothing is left, it is archived and the staging area emptied."""
    submission = Submission.objects.select_related("record").get(pk=submission_id)
    if submission.state != "filed":
        return submission
    source = _Staged(submission, fence)
    if not keeping.keep(submission.record_id, source.open, actor=actor):
        Submission.objects.filter(pk=submission.pk, state="filed").update(
            claimed_by="", claimed_until=timezone.now() + timedelta(seconds=15), attempts=0
        )
        return submission
    # Every copy is proven: what was staged is needed no more. It goes before the row says so: a kill in between
    # leaves a filed submission, whose next turn finds nothing to write and comes here again.
    staging.drop(submission.blob)
    staging.drop_work_folder(submission.pk)
    with transaction.atomic():
        submission = locked(submission_id)
        if submission.state != "filed":
            return submission
        move(submission, "archived")
        submission.blob, submission.claimed_by, submission.claimed_until = "", "", None
        submission.save(update_fields=["state", "blob", "claimed_by", "claimed_until"])
    return submission


class _Staged:
    """The staged bytes of a submission's objects, from the work folder; unpacked again when that is gone."""

    def __init__(self, submission: Submission, fence: Fence) -> None:
        self.submission, self.fence, self.root = submission, fence, None

    def open(self, item: DigitalObject) -> BinaryIO:
        if item.role == "report":
            with staging.open_blob(self.submission.report) as stream:
                return io.BytesIO(stream.read())
        path = privacy.decrypt(item.sealed_path) if item.sealed_path else item.path
        try:
            return (self._root() / path).open("rb")
        except OSError:
            raise StorageFailed(
                store="暂存", kind="missing", reason=f"暂存的“{item.path}”不见了，请管理员检查暂存目录。"
            ) from None

    def _root(self) -> Path:
        """The bag in the work folder: at its top, or in the one folder the package holds."""
        if self.root is None:
            folder = staging.work_folder(self.submission.pk) / "bag"
            found = [*folder.glob("submission.json"), *folder.glob("*/submission.json")]
            if found:
                self.root = found[0].parent
            else:
                facts = receiving.unpack(self.submission.pk, self.submission.blob, self.fence)
                if not facts.get("readable"):
                    raise StorageFailed(store="暂存", kind="missing", reason="暂存的信息包不能再次打开。")
                self.root = Path(facts["root"])
        return self.root
