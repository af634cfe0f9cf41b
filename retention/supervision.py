"""监销: two persons compare before anything is destroyed. The system compares every row with its record, and names what
differs; only when nothing does may they sign. Both signatures are for the current edition: a new one begins anew.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from archive import stores
from archive.errors import ArchiveError, NotAllowed, StorageFailed
from archive.models import Copy
from archive.permissions import Actor
from retention import disposal, editions, persons, signing
from retention.models import Person, Register, Signature, Supervision
from retention.permissions import require, require_signer
from retention.separation import keep_apart, kept_apart


class Differs(ArchiveError):
    code, status, sentence = "register-differs", 409, "清册与实际有 {count} 处不符，不能签署：{first}。"


@dataclass(frozen=True)
class Comparison:
    """`differences`: (序号, 档号, what differs) of every row that is not as it was frozen."""

    edition: int
    compared: int
    differences: tuple[tuple[int, str, tuple[str, ...]], ...]
    digest: str


def compare(register: Register, *, stored: bool = False) -> Comparison:
    """Every row of the current edition with record, columns and digests; with `stored` also with what the stores say
    they hold (slow: a question a copy)."""
    edition = register.editions.get(number=register.edition)
    differences = [(0, "", (fault,)) for fault in editions.faults(register)]
    compared = 0
    rows = editions.rows_of(register, register.edition).filter(state="listed")
    for row, found in editions.compare(register, rows):
        compared += 1
        if found:
            differences.append((row.position, row.record.reference_code, tuple(found)))
    if stored:
        differences += _stored(register)
    said = {
        "register": str(register.pk),
        "edition": edition.number,
        "digest": edition.digest,
        "compared": compared,
        "differences": differences,
    }
    return Comparison(edition.number, compared, tuple(differences), signing.digest_of(said))


def _stored(register: Register) -> list[tuple[int, str, tuple[str, ...]]]:
    """Copies that their store does not describe as our rows do."""
    copies = Copy.objects.filter(
        object__record__register_rows__register=register,
        object__record__register_rows__state="listed",
        state="stored",
    )
    asked = copies.values_list(
        "object__record__register_rows__position", "object__record__reference_code", "store", "key", "version",
        "stored_sha256", "stored_bytes",
    )  # fmt: skip
    found = []
    with ThreadPoolExecutor(disposal.WORKERS) as pool:
        for position, code, fault in pool.map(_head, asked):
            if fault:
                found.append((position, code, (fault,)))
    return sorted(found)


def _head(copy) -> tuple[int, str, str]:
    position, code, store, key, version, sha256, size = copy
    try:
        opened = stores.opened().get(store)
        held = opened.head(key, version) if opened else None
    except StorageFailed as fault:
        return position, code, str(fault)
    if held is None:
        return position, code, f"存储“{store}”不在当前配置中"
    same = (held.sha256, held.bytes) == (sha256, size)
    return position, code, "" if same else f"存储“{store}”中的副本与登记的摘要或长度不同"


def sign(register_id: UUID, *, confirmed: bool, actor: Actor, seen: int | None = None) -> Register:
    """Compare, and sign on screen as one of the two. `seen`: the edition that he was shown."""
    register = Register.objects.select_related("fonds").get(pk=register_id)
    require(actor, "register.supervise", register.fonds)
    editions.expect(register, "监销核对", "approved", seen=seen)
    person = persons.of(actor)
    comparison = _checked(register, person)

    def signed() -> Signature:
        return signing.sign_on_screen(
            person,
            subject=f"register:{register.pk}",
            meaning=_meaning(register),
            digest=comparison.digest,
            confirmed=confirmed,
            actor=actor,
        )

    return _write(register, person, comparison, signed, actor)


def enter_on_paper(
    register_id: UUID, person: Person, *, signed_on: date, scan: bytes, mime: str, actor: Actor
) -> Signature:
    """A supervisor's signed sheet. He counts as having signed once another user has confirmed it."""
    register = Register.objects.select_related("fonds").get(pk=register_id)
    comparison = _checked(register, person)
    return signing.enter_paper(
        person,
        fonds=register.fonds,
        subject=f"register:{register.pk}",
        meaning=_meaning(register),
        digest=comparison.digest,
        signed_on=signed_on,
        scan=scan,
        mime=mime,
        actor=actor,
    )


def confirm_on_paper(register_id: UUID, signature: Signature, *, actor: Actor) -> Register:
    """Confirm it against the scan; the system compares again, and the sheet must be of the same edition."""
    register = Register.objects.select_related("fonds").get(pk=register_id)
    comparison = _checked(register, signature.person)
    if (signature.subject, signature.digest) != (f"register:{register.pk}", comparison.digest):
        raise NotAllowed(reason="这份签署不是对清册现在这一版的，请按新版重新监销核对。")
    return _write(
        register,
        signature.person,
        comparison,
        lambda: signing.confirm_paper(signature, actor=actor),
        actor,
    )


def _meaning(register: Register) -> str:
    return f"监销核对{register}第 {register.edition} 版"


def _checked(register: Register, person: Person) -> Comparison:
    editions.expect(register, "监销核对", "approved")
    if register.supervisor_one_id == person.pk or register.supervisor_two_id == person.pk:
        raise NotAllowed(reason="您已签署这一版，另一名监销人须是另一人。")
    require_signer(person, "register.supervise", register.fonds)
    keep_apart(register, _slot(register), person)
    rows = editions.rows_of(register, register.edition).filter(state="listed")
    if not settings.SUPERVISORS_MAY_APPRAISE:
        appraisers = Person.objects.filter(
            member__opinions__on__item__record__in=rows.order_by().values("record")
        ).distinct()
        if any(persons.same_person(one, person) for one in appraisers):
            raise NotAllowed(
                reason=f"{person.name}对清册中的档案发表过鉴定意见，按本单位规定不能监销。请换一人。"
            )
    if own := persons.own_files(person, list(rows.values_list("record_id", flat=True))):
        raise NotAllowed(reason=f"{next(iter(own.values()))}（{len(own)} 件）。请换一人监销。")
    comparison = compare(register)
    if comparison.differences:
        first = "；".join(
            f"{f'第 {position} 号 {code} ' if code else ''}{'、'.join(found)}"
            for position, code, found in comparison.differences[:3]
        )
        raise Differs(
            count=len(comparison.differences),
            first=first,
            differences=[[position, code, list(found)] for position, code, found in comparison.differences],
        )
    return comparison


def _slot(register: Register) -> str:
    return "supervisor_two" if register.supervisor_one_id else "supervisor_one"


def _write(register: Register, person: Person, comparison: Comparison, signed, actor: Actor) -> Register:
    with kept_apart(), transaction.atomic():
        held = editions.locked(register, "监销核对")
        Supervision.objects.create(
            register=held,
            edition=held.edition,
            person=person,
            compared_at=timezone.now(),
            compared=comparison.compared,
            digest=comparison.digest,
            signature=signed(),
        )
        setattr(held, _slot(held), person)
        said = {"person": person.name, "edition": held.edition, "compared": comparison.compared}
        editions.say(held, "register.supervised", actor, **said)
        if held.supervisor_two_id:
            editions.move(held, "supervised")
        else:
            editions.save(held)
    return held
