"""receive: bytes first, then the row; the same package twice is one submission.

A package is staged whole and digested on the way, opened once in the fenced child to learn its name, and only then
gets a row. What cannot be read as a package, or whose name is taken by other content, is refused and kept as
evidence. A kill before the row leaves a blob without a row: `sweep` removes it after a day; the sender, who got no
answer, sends again.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from django.core.files.storage import storages
from django.db import IntegrityError, transaction
from django.utils import timezone

from archive import audit, privacy, terms
from archive.identifiers import new_id
from archive.inspection import examine as inspection
from archive.inspection.codes import identity_numbers
from archive.inspection.fence import Fence
from archive.models import Fonds, Record
from archive.permissions import Actor, require
from ingest import claims, staging, states
from ingest.models import Submission


@dataclass(frozen=True)
class Received:
    """`duplicate`: the submission is the first one; nothing was changed."""

    submission: Submission
    duplicate: bool = False
    unpacked: dict | None = None
    """What the fence said of the package, and then lies in its work folder; for whoever goes on at once."""


def receive_path(path: Path, *, actor: Actor, fence: Fence, **details: Any) -> Received:
    """A zip file or bag folder on this machine. Details as for `_receive`."""
    submission_id = new_id()
    return _receive(
        submission_id, staging.stage_path(submission_id, path), path.name, actor=actor, fence=fence, **details
    )


def receive_stream(stream: BinaryIO, name: str, *, actor: Actor, fence: Fence, **details: Any) -> Received:
    """A zip as it comes in over a connection."""
    submission_id = new_id()
    blob = staging.stage_stream(submission_id, stream)
    return _receive(submission_id, blob, name, actor=actor, fence=fence, **details)


def _receive(
    submission_id: UUID,
    blob: staging.Blob,
    name: str,
    *,
    actor: Actor,
    fence: Fence,
    channel: str,
    default_fonds: str = "",
    batch_no: str = "",
    claim: bool = True,
) -> Received:
    """`claim` False leaves the submission to the worker; else the caller goes on with it at once."""
    require(actor, "submission.hand_in")
    facts = unpack(submission_id, blob.name, fence)
    declared = facts.get("submission") if isinstance(facts.get("submission"), dict) else {}
    source, business_no, revision = name_of(declared)
    fonds_code = text_of(declared.get("fonds"), 12) or default_fonds
    new = Submission(
        id=submission_id,
        channel=channel,
        arrived_as=privacy.mask_text(_storable(name))[:300],
        received_at=timezone.now(),
        received_by_id=actor.id,
        blob=blob.name,
        blob_bytes=blob.bytes,
        blob_sha256=blob.sha256,
        blob_sm3=blob.sm3,
        batch_no=batch_no[:80],
        source=source,
        item=privacy.mask_text(text_of(declared.get("item"), 60)),
        business_no=business_no,
        revision=revision,
        content_digest=content_digest(declared, facts, blob.sha256) if facts.get("readable") else "",
        default_fonds=default_fonds,
        fonds=Fonds.objects.filter(code=fonds_code).first(),
        department_name=privacy.mask_text(text_of(declared.get("department"), 80)),
        security=terms.SECURITY_CODES.get(text_of(declared.get("security"), 10), terms.DEFAULT_SECURITY),
        claimed_by=claims.me() if claim else "",
        claimed_until=timezone.now() + claims.LEASE if claim else None,
    )
    try:
        if not facts.get("readable"):
            reason = facts.get("refusal") or facts.get("crashed") or "不是可读的信息包"
            return _refused(new, f"拒收：{reason}。原包已留存备查，请重新打包后再交。", actor=actor)
        if new.fonds and not actor.system and fonds_code not in actor.fonds("submission.hand_in"):
            return _refused(
                new,
                f"拒收：信息包要交入全宗 {fonds_code}，而您没有向这个全宗移交的授权。原包已留存备查；"
                "请核对包内的全宗号，确需移交的请联系安全保密员授权。",
                actor=actor,
            )
        received = _named(new, actor=actor)
    except BaseException:
        staging.drop_work_folder(submission_id)
        raise
    if received.duplicate:
        return received
    if not claim:
        staging.drop_work_folder(submission_id)  # the worker, perhaps on another machine, unpacks its own
        return received
    return replace(received, unpacked=facts)


def _named(new: Submission, *, actor: Actor) -> Received:
    """Give the package its row under its name, or say what already has that name."""
    for _ in range(3):  # another process may take the same name between looking and writing
        try:
            with transaction.atomic():
                return _place(new, actor=actor)
        except IntegrityError:
            continue
    raise RuntimeError("the name of a submission kept being taken")


def _place(new: Submission, *, actor: Actor) -> Received:
    if not new.business_no:
        first = (
            Submission.objects.filter(content_digest=new.content_digest, business_no="")
            .exclude(state="refused")
            .order_by("id")
            .first()
        )
        return _duplicate(new, first) if first else _row(new, actor=actor)
    named = Submission.objects.filter(source=new.source, business_no=new.business_no).exclude(state="refused")
    same_case = list(named.select_for_update().order_by("revision"))
    taken = next((other for other in same_case if other.revision == new.revision), None)
    if taken:
        if taken.content_digest == new.content_digest:
            return _duplicate(new, taken)
        return _refused(
            new,
            f"拒收：{new.source}/{new.business_no} 修订 {new.revision} 已经收过，内容不同。"
            "原包已留存备查；内容确有更正时请以更高的修订号（revision）重新移交。",
            actor=actor,
        )
    filed = Record.objects.filter(
        source=new.source, business_no=new.business_no, business_revision=new.revision
    ).first()
    if filed is not None:  # it came back from the stores, its submission did not
        if (filed.state, filed.content_digest) != ("archived", new.content_digest):
            return _refused(
                new,
                f"拒收：{new.source}/{new.business_no} 修订 {new.revision} 早已归档（移交登记没有从存储恢复），"
                "而内容不同，或那一件已不在管。原包已留存备查；内容确有更正时请以更高的修订号（revision）重新移交。",
                actor=actor,
            )
        new.record_uuid = filed.pk  # filed again, it is that record as it stands
    if named.count() > named.visible_to(actor).count():
        return _refused(
            new,
            f"拒收：{new.source}/{new.business_no} 是别的部门移交的，不在您的范围内，不能由您提交更正。"
            "原包已留存备查；请由原移交部门重新移交，或请档案员办理。",
            actor=actor,
        )
    higher = next((other for other in same_case if other.revision > new.revision), None)
    if higher:
        return _refused(
            new,
            f"拒收：{new.source}/{new.business_no} 已收到更高的修订 {higher.revision}，"
            f"不再受理修订 {new.revision}。原包已留存备查。",
            actor=actor,
        )
    received = _row(new, actor=actor)
    for other in same_case:
        if "superseded" in states.SUBMISSION_MOVES[other.state]:
            other.state, other.superseded_by = "superseded", received.submission
            other.claimed_by, other.claimed_until = "", None
            other.save(update_fields=["state", "superseded_by", "claimed_by", "claimed_until"])
            audit.record(
                actor=actor,
                action="submission.superseded",
                kind="submission",
                subject=other.pk,
                name=str(other),
                data={"revision": new.revision},
            )
    return received


def _row(new: Submission, *, actor: Actor) -> Received:
    new.save(force_insert=True)
    audit.record(
        actor=actor,
        action="submission.received",
        kind="submission",
        subject=new.pk,
        name=str(new),
        data={"channel": new.get_channel_display(), "bytes": new.blob_bytes, "sha256": new.blob_sha256},
    )
    return Received(new)


def _duplicate(new: Submission, first: Submission) -> Received:
    """The same again: nothing is kept of it, the first one answers."""
    transaction.on_commit(lambda: (staging.drop(new.blob), staging.drop_work_folder(new.pk)))
    return Received(first, duplicate=True)


def _refused(new: Submission, reason: str, *, actor: Actor) -> Received:
    with transaction.atomic():
        first = Submission.objects.filter(blob_sha256=new.blob_sha256, state="refused").order_by("id").first()
        if first and first.reason == reason[:300]:
            return _duplicate(new, first)
        new.state, new.reason = "refused", reason[:300]
        new.claimed_by, new.claimed_until = "", None
        new.examined_at = new.received_at
        new.save(force_insert=True)
        audit.record(
            actor=actor,
            action="submission.refused",
            kind="submission",
            subject=new.pk,
            name=str(new) if new.business_no else new.arrived_as,
            data={"reason": reason[:300], "sha256": new.blob_sha256},
        )
    staging.drop_work_folder(new.pk)
    return Received(new)


def unpack(submission_id: UUID, blob: str, fence: Fence) -> dict:
    """Unpack the staged blob into the fresh work folder, in the fenced child. Facts of `probes.unpacking.unpack`."""
    folder = staging.fresh_work_folder(submission_id)
    with staging.local_copy(submission_id, blob) as path:
        return inspection.unpack(path, fence, folder)


def _storable(name: str) -> str:
    """A file name of whatever bytes, as a database can hold it."""
    return name.encode("utf-8", "replace").decode().replace("\0", "")


def text_of(value: object, limit: int) -> str:
    """A declared value as a row may hold it: a string, cut; anything else is ""."""
    return value.strip()[:limit] if isinstance(value, str) and "\0" not in value else ""


def name_of(declared: dict) -> tuple[str, str, int]:
    """(source, business_no, revision) as declared, or ("", "", 1) where they cannot name a submission: such a
    package is examined and returned."""
    source, business_no = text_of(declared.get("source"), 31), text_of(declared.get("business_no"), 121)
    revision = declared.get("revision", 1)
    legal = isinstance(revision, int) and not isinstance(revision, bool) and 1 <= revision <= 1_000_000
    if not source or not business_no or len(source) > 30 or len(business_no) > 120 or not legal:
        return "", "", 1
    if privacy.mask_text(source) != source or identity_numbers(business_no):
        return "", "", 1  # what names a package stands in lists and events: no personal number may
    return source, business_no, revision


def content_digest(declared: dict, facts: dict, blob_sha256: str) -> str:
    """What makes two packages the same: submission.json less system.exported_at, and the payload's digests. A
    package without a declaration that can be read counts by its bytes: two of them may be damaged in two ways."""
    unread = {} if declared else {"unread": blob_sha256}
    compared = declared | unread
    if isinstance(compared.get("system"), dict):
        compared["system"] = {k: v for k, v in compared["system"].items() if k != "exported_at"}
    payload = sorted((path, measured["sha256"]) for path, measured in facts["files"].items())
    text = json.dumps([compared, payload], ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def sweep(*, older_than: timedelta = timedelta(days=1), say: Callable[[str], None] = lambda _: None) -> int:
    """Remove staged blobs that no row speaks of, and work folders that nobody works in: what a kill left, and the
    sender, who got no answer, has sent again. Returns how many went."""
    storage, removed = storages["staging"], 0
    limit = timezone.now() - older_than
    try:
        _, names = storage.listdir("submissions")
    except FileNotFoundError:
        names = []
    for name in names:
        full = f"submissions/{name}"
        if storage.get_modified_time(full) < limit and not Submission.objects.filter(blob=full).exists():
            storage.delete(full)
            removed += 1
            say(full)
    busy = Submission.objects.filter(claimed_until__gt=timezone.now())
    for folder in staging.work_folders(older_than=limit.timestamp()):
        if not busy.filter(pk=folder.stem).exists():
            staging.forget(folder)
            removed += 1
            say(folder.name)
    return removed
