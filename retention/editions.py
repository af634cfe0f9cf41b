"""A register as its rows and editions stand: what an edition holds, its digest, the comparison with the records, and
the lock under which a verb changes it.

An edition is the rows that have not left by its number; what it digests never changes, so the digest can be made
again at any time. Many rows are read before the register is locked; that nothing has changed since is seen by its
revision.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

from django.db.models import Q, QuerySet
from django.utils import timezone

from archive import audit
from archive.errors import ArchiveError, WrongState
from archive.permissions import Actor
from archive.states import may_move
from retention import listing, signing, states
from retention.models import Edition, Register, RegisterRow


def rows_of(register: Register, edition: int) -> QuerySet[RegisterRow]:
    """The rows of an edition in their order. A row kept during the execution left no edition."""
    here = Q(left_edition=None) | Q(left_edition__gt=edition)
    return RegisterRow.objects.filter(here, register=register).order_by("position")


def digest_of(register: Register, edition: int, *, without: Iterable[int] = ()) -> tuple[str, int]:
    """SHA-256 over canonical JSON of an edition, and how many rows it has. Reads only what never changes."""
    gone = set(without)
    rows = rows_of(register, edition).values_list("pk", "record_id", "columns", "objects_digest")
    listed = [
        [str(record), columns, digest] for pk, record, columns, digest in rows.iterator() if pk not in gone
    ]
    head = {
        "format": "archive-register/1",
        "register": str(register.pk),
        "fonds": register.fonds.code,
        "year": register.year,
        "number": register.number,
        "title": register.title,
        "edition": edition,
    }
    return signing.digest_of({**head, "rows": listed}), len(listed)


def faults(register: Register) -> list[str]:
    """Whether the register is still what was frozen and printed: what is not, in words."""
    found = []
    for edition in register.editions.order_by("number"):
        if (edition.digest, edition.count) != digest_of(register, edition.number):
            found.append(f"第 {edition.number} 版与定稿时的摘要不符")
    return found


def require_intact(register: Register) -> None:
    """Raises Tampered unless the register is what was frozen: no row more, none less, none other."""
    if found := faults(register):
        raise Tampered(what=str(register), found="、".join(found))


def compare(register: Register, rows: QuerySet[RegisterRow]) -> Iterator[tuple[RegisterRow, list[str]]]:
    """Each row with what differs between it and its record today, in words."""
    made_on = timezone.localdate(register.made_at)
    today = timezone.localdate()
    rows = rows.select_related("record").defer("record__description")
    for chunk in _chunks(rows.iterator(chunk_size=listing.CHUNK)):
        facts = listing.facts_of([row.record for row in chunk], kept_until=made_on, today=today)
        for row in chunk:
            yield row, differences(row, facts[row.record_id])


def _chunks(rows: Iterator[RegisterRow]) -> Iterator[list[RegisterRow]]:
    while chunk := list(islice(rows, listing.CHUNK)):
        yield chunk


def differences(row: RegisterRow, facts: listing.Facts) -> list[str]:
    """Where a record is no longer what its row says."""
    now = {"序号": row.position, **facts.columns}
    found = [
        f"{name}：清册为“{row.columns.get(name, '')}”，现为“{now.get(name, '')}”"
        for name in listing.COLUMNS
        if row.columns.get(name) != now.get(name)
    ]
    if row.objects_digest != facts.objects_digest:
        found.append("电子文件与列册时不同")
    return [*found, *facts.obstacles]


def issue(register: Register, number: int, digest: str, count: int, reason: str = "") -> Edition:
    """The row of a new edition of a locked register; the caller moves and saves the register."""
    register.edition = number
    return Edition.objects.create(
        register=register,
        number=number,
        frozen_at=timezone.now(),
        reason=reason[:300],
        count=count,
        digest=digest,
    )


# --- what the verbs share ------------------------------------------------------------------------------------------


class Changed(ArchiveError):
    code, status, sentence = "changed", 409, "{what}刚被别人改动，不能{verb}。请刷新后再试。"


class Tampered(ArchiveError):
    code, status, sentence = "tampered", 409, "{what}{found}，不再销毁任何一件。请对照全宗卷中的清册查明。"


def locked(register: Register, verb: str) -> Register:
    """The register under its lock. Raises Changed when it is not what the caller has read."""
    held = Register.objects.select_for_update(of=("self",)).select_related("fonds").get(pk=register.pk)
    if held.revision != register.revision:
        raise Changed(what=str(register), verb=verb)
    return held


def move(register: Register, to: str) -> None:
    """The only writer of a register's state; saves the whole locked row."""
    if not may_move(states.REGISTER_MOVES, register.state, to) and register.state != to:
        raise WrongState(
            what=str(register),
            state=states.REGISTER_STATES[register.state],
            verb=f"变为“{states.REGISTER_STATES[to]}”",
        )
    register.state = to
    save(register)


def save(register: Register) -> None:
    """Save a locked register, so that whoever read it before sees that it has changed."""
    register.revision += 1
    register.save()


def expect(register: Register, verb: str, *wanted: str, seen: int | None = None) -> None:
    """Raises WrongState, or Changed when there is a newer edition than the one that the person has `seen`."""
    if seen not in (None, register.edition):
        raise Changed(what=str(register), verb=verb)
    if register.state not in wanted:
        raise WrongState(what=str(register), state=states.REGISTER_STATES[register.state], verb=verb)


def say(register: Register, action: str, actor: Actor, **data: object) -> None:
    audit.record(
        actor=actor, action=action, kind="register", subject=register.pk,
        name=f"{register} {register.title}", data=data,
    )  # fmt: skip


def end(register: Register, state: str, reason: str, action: str, actor: Actor) -> Register:
    """Close a locked register without execution: every row is kept."""
    live = RegisterRow.objects.filter(register=register, state__in=["listed", "locked"])
    live.update(state="kept", left_reason=f"{states.REGISTER_STATES[state]}：{reason}"[:300])
    register.end_reason = reason[:300]
    move(register, state)
    say(register, action, actor, why=reason)
    return register
