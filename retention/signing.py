"""签署: on screen by the person himself, or on paper: entered with its scan by one user, confirmed by another.

A signature covers a digest of what was signed. A paper one counts once it is confirmed; before that it may be withdrawn
for a reason, by whoever entered it or whoever may confirm it, and entered anew. Nothing else about it ever changes
(retention/triggers.py). Each stands in the ledger of its subject.
"""

import hashlib
import json
from datetime import date

from django.db import transaction
from django.utils import timezone

from archive import audit, fonds_file, privacy
from archive.errors import NotAllowed, WrongInput, WrongState
from archive.models import Fonds, User
from archive.permissions import Actor
from retention import permissions, persons
from retention.models import Person, Register, Signature
from retention.states import SIGNATURE_STATES

SCANS = {
    "application/pdf": (b"%PDF-",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/tiff": (b"II*\0", b"MM\0*"),
}
"""What a scan may be, and how such a file begins."""


def digest_of(value) -> str:
    """SHA-256 over canonical JSON of what is signed: UTF-8, keys sorted, no blanks."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


@transaction.atomic
def sign_on_screen(
    person: Person, *, subject: str, meaning: str, digest: str, confirmed: bool, actor: Actor
) -> Signature:
    """The acting person signs. `confirmed`: he has just proven again who he is (the view asks his password).

    Raises NotAllowed for anybody else, and for the system.
    """
    if persons.of(actor).pk != person.pk:
        raise NotAllowed(reason=f"只有{person.name}本人可以在屏幕上签署，别人只能录入其纸质签署。")
    if not confirmed:
        raise NotAllowed(reason="签署前请再次输入密码，确认是本人。")
    now = timezone.now()
    signature = Signature.objects.create(
        person=person,
        manner="screen",
        subject=subject,
        meaning=meaning[:300],
        digest=digest,
        signed_on=timezone.localdate(now),
        entered_at=now,
        entered_by_id=actor.id,
    )
    _say(signature, "signature.given", actor)
    return signature


def enter_paper(
    person: Person,
    *,
    fonds: Fonds,
    subject: str,
    meaning: str,
    digest: str,
    signed_on: date,
    scan: bytes,
    mime: str,
    actor: Actor,
) -> Signature:
    """What this person signed on paper, with the scan of the sheet, which goes into the fonds file.

    Does not count before another user has confirmed it. Call it outside a transaction (the stores are asked).
    """
    permissions.require(actor, "signature.enter", fonds)
    return entered(
        person,
        subject=subject,
        meaning=meaning,
        digest=digest,
        signed_on=signed_on,
        scan=keep_scan(
            fonds,
            person,
            subject=subject,
            meaning=meaning,
            signed_on=signed_on,
            scan=scan,
            mime=mime,
            actor=actor,
        ),
        actor=actor,
    )


def keep_scan(
    fonds: Fonds,
    person: Person,
    *,
    subject: str,
    meaning: str,
    signed_on: date,
    scan: bytes,
    mime: str,
    actor: Actor,
):
    """The scan as a paper of the fonds file. The first half of `enter_paper`, for verbs that write more than a
    signature in the transaction of the second."""
    if signed_on > timezone.localdate():
        raise WrongInput(field="签署日期", reason="不能晚于今天。")
    require_scan(scan, mime, "扫描件", "签署页")
    return fonds_file.keep_paper(
        fonds,
        kind="纸质签署扫描件",
        title=f"{person.name}签署：{meaning}"[:200],
        content=scan,
        mime=mime,
        about=subject,
        actor=actor,
    )


def require_scan(scan: bytes, mime: str, field: str, of: str) -> None:
    """Raises WrongInput for what is no scan, whatever its sender calls it."""
    if not scan.startswith(SCANS.get(mime, ())):
        raise WrongInput(field=field, reason=f"请附上{of}的扫描件，格式为 PDF、JPEG、PNG 或 TIFF。")


@transaction.atomic
def entered(
    person: Person, *, subject: str, meaning: str, digest: str, signed_on: date, scan, actor: Actor
) -> Signature:
    """The second half of `enter_paper`: the row, over a paper of the fonds file."""
    if actor.id is None:
        raise NotAllowed(reason="纸质签署须由一位用户录入，系统不能代办。")
    signature = Signature.objects.create(
        person=person,
        manner="paper",
        subject=subject,
        meaning=meaning[:300],
        digest=digest,
        signed_on=signed_on,
        entered_at=timezone.now(),
        entered_by_id=actor.id,
        scan=scan,
    )
    _say(signature, "signature.entered", actor)
    return signature


@transaction.atomic
def confirm_paper(signature: Signature, *, actor: Actor) -> Signature:
    """A second user has compared what was entered with the scan: from now on the signature counts.

    Raises NotAllowed for the one who entered it, WrongState when it is confirmed or withdrawn already, or was given on
    screen.
    """
    signature = _waiting(signature, "再核对")
    permissions.require(actor, "signature.confirm", signature.scan.fonds)
    confirmer = User.objects.filter(pk=actor.id, is_system=False).first() if actor.id else None
    if confirmer is None:
        raise NotAllowed(reason="纸质签署须由一位用户核对，系统不能代办。")
    if _same_human(confirmer, signature.entered_by):
        raise NotAllowed(reason=f"纸质签署由{signature.entered_by.name}录入，须由另一人对照扫描件核对。")
    signature.confirmed_at = timezone.now()
    signature.confirmed_by = confirmer
    signature.save(update_fields=["confirmed_at", "confirmed_by"])
    _say(signature, "signature.confirmed", actor)
    return signature


@transaction.atomic
def withdraw_paper(signature: Signature, reason: str, *, actor: Actor) -> Signature:
    """What was entered is wrong: it never counts, and may be entered anew. The scan stays in the fonds file.

    For whoever entered it, and for whoever may confirm it; only before the confirmation (else WrongState).
    """
    _free_its_register(signature)
    signature = _waiting(signature, "撤回")
    mine = signature.entered_by_id == actor.id
    permissions.require(actor, "signature.enter" if mine else "signature.confirm", signature.scan.fonds)
    if actor.id is None:
        raise NotAllowed(reason="纸质签署须由一位用户撤回，系统不能代办。")
    if not (reason := privacy.mask_text(reason.strip())[:300]):
        raise WrongInput(field="理由", reason="请写明录入哪里不对。")
    signature.withdrawn_at, signature.withdrawn_by_id = timezone.now(), actor.id
    signature.withdrawn_reason = reason
    signature.save(update_fields=["withdrawn_at", "withdrawn_by", "withdrawn_reason"])
    _say(signature, "signature.withdrawn", actor, verb="撤回" if mine else "退回", reason=reason)
    return signature


def _free_its_register(signature: Signature) -> None:
    """A register that waits for this decision waits no longer. Locked first, as by every verb on a register."""
    held = (
        Register.objects.select_for_update(of=("self",)).filter(pending__signature=str(signature.pk)).first()
    )
    if held is not None:
        held.pending = {}
        held.revision += 1
        held.save(update_fields=["pending", "revision"])


def _waiting(signature: Signature, verb: str) -> Signature:
    """The paper signature under its lock. Raises WrongState unless it waits for its confirmation."""
    signature = (
        Signature.objects.select_for_update(of=("self",))
        .select_related("scan__fonds", "person", "entered_by")
        .get(pk=signature.pk)
    )
    if signature.state != "waiting":
        raise WrongState(
            what=f"{signature.person.name}的签署", state=SIGNATURE_STATES[signature.state], verb=verb
        )
    return signature


def _same_human(one: User, other: User) -> bool:
    return persons.same_person(persons.person_of(one), persons.person_of(other))


def waiting_for(actor: Actor):
    """Paper signatures that this actor may confirm, oldest first."""
    return (
        Signature.objects.filter(
            manner="paper",
            confirmed_at=None,
            withdrawn_at=None,
            scan__fonds__code__in=actor.fonds("signature.confirm"),
        )
        .exclude(entered_by_id=actor.id)
        .select_related("person", "scan", "entered_by")
        .order_by("entered_at")
    )


def _say(signature: Signature, action: str, actor: Actor, **more: str) -> None:
    kind, _, subject = signature.subject.partition(":")
    data = {"person": signature.person.name, "meaning": signature.meaning, "digest": signature.digest} | more
    data["signed_on"] = signature.signed_on.isoformat()
    audit.record(
        actor=actor, action=action, kind=kind, subject=subject, name=signature.person.name, data=data
    )
