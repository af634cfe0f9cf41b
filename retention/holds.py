"""暂缓销毁: whatever must not be destroyed, until a person says that it may. A hold always wins while bytes are there.

Contract:
- a hold and a destruction lock the record row first; whoever comes second sees what the first did. A record whose
  destruction has begun is too late, and is named;
- the hold's own row is committed first, its records follow in small transactions (`settle`), so that SQLite is never
  held for long. What a kill leaves over, the worker takes up;
- by person or unit it stands over records filed later, too: `covering` finds them by their parties, before any
  `Block` row has reached them;
- the stores' legal hold follows from the outbox (`follow`): it reads how things stand, never a message's content.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from archive import audit, changes, manifests, numbering, privacy, stores
from archive.errors import NotAllowed, NotFound, StorageFailed, WrongInput, WrongState
from archive.locks import alone
from archive.models import Block, Copy, Fonds, Record, RecordParty, User
from archive.permissions import Actor
from retention import permissions
from retention.models import Hold

CHUNK = 50
"""Records in one transaction: each costs an event, and a write may hold SQLite for 100 ms at most."""
MOST = 1000
"""Records named in one hold: its event names them all, so that a catalogue rebuilt from the ledger holds them too."""
TOPIC = "holds"
"""Announced with a record's id when it is held or released: the stores follow."""
REGISTERS = "register-holds"
"""The same, for the registers that list it."""


@dataclass(frozen=True)
class Settled:
    """`too_late`: records whose destruction had begun before the hold reached them."""

    hold: Hold
    held: int
    too_late: tuple[Record, ...]


def place(
    fonds: Fonds,
    kind: str,
    *,
    reason: str,
    authority: str,
    actor: Actor,
    records: Iterable[UUID] = (),
    party_key: str = "",
    about: str = "",
) -> Settled:
    """Hold `records` (kinds record and search) or everything of the person or unit `party_key`, filed or to come.

    At any time, also after an approval. Raises WrongInput for what is not said, NotFound when one of the records
    lies outside where the actor may do that.
    """
    permissions.require(actor, "hold.place", fonds)
    reason, authority = reason.strip(), authority.strip()
    wanted = list(dict.fromkeys(records))
    _complete(kind, reason, authority, wanted, party_key)
    if kind in ("record", "search"):
        _readable(fonds, wanted, actor)
        about = about.strip() or f"{len(wanted)} 件"
    elif not about.strip():
        about = _named(kind, party_key)
    now = timezone.now()
    year = timezone.localdate(now).year
    with transaction.atomic():
        hold = Hold.objects.create(
            fonds=fonds,
            number=numbering.draw(f"hold:{fonds.code}:{year}"),
            year=year,
            kind=kind,
            about=privacy.mask_text(about)[:300],
            party_key=party_key,
            reason=privacy.mask_text(reason)[:300],
            authority=privacy.mask_text(authority)[:200],
            placed_at=now,
            placed_by_id=actor.id,
            placed_by_name=actor.name,
            wanted=[str(pk) for pk in wanted],
        )
        data = {
            "kind": Hold.KINDS[kind],
            "about": hold.about,
            "reason": hold.reason,
            "authority": hold.authority,
            "fonds": fonds.code,
            "year": year,
            "number": hold.number,
            "party_key": party_key,
        }
        data["records"] = hold.wanted
        _say(hold, "hold.placed", actor, data)
    return settle(hold, actor=actor)


def _complete(kind: str, reason: str, authority: str, wanted: Sequence[UUID], party_key: str) -> None:
    if kind not in Hold.KINDS:
        raise WrongInput(field="方式", reason=f"应为{'、'.join(Hold.KINDS.values())}之一。")
    if not reason:
        raise WrongInput(field="理由", reason="请写明为什么暂缓销毁。")
    if not authority:
        raise WrongInput(field="依据", reason="请写明依据或要求单位，例如法院协助调查函的文号。")
    if kind in ("record", "search") and not wanted:
        raise WrongInput(field="档案", reason="没有选择档案。")
    if len(wanted) > MOST:
        raise WrongInput(field="档案", reason=f"一项暂缓最多 {MOST} 件，请分批，或按当事人暂缓。")
    if kind in ("person", "unit") and not party_key:
        raise WrongInput(field="当事人", reason="没有指明个人或单位。")


def _readable(fonds: Fonds, wanted: Sequence[UUID], actor: Actor) -> None:
    rows = Record.objects.visible_to(actor.scope("hold.place")).filter(fonds=fonds)
    for start in range(0, len(wanted), 500):
        part = wanted[start : start + 500]
        if rows.filter(pk__in=part).count() != len(part):
            raise NotFound(what="所选档案中的某一件")


def _named(kind: str, party_key: str) -> str:
    party = RecordParty.objects.filter(kind=kind, party_key=party_key).order_by("-id").first()
    if party is None:
        return "尚无档案的当事人"
    return f"{party.name}（{party.id_shown or party.uscc or '未登记号码'}）"


def settle(hold: Hold, *, actor: Actor) -> Settled:
    """Bring the records of a hold to what it says now: blocked while it stands, released when it has ended."""
    held = 0
    late: list[UUID] = []
    hold.refresh_from_db()
    work = _block if hold.ended_at is None else _release
    ids = _lacking(hold) if hold.ended_at is None else _blocked(hold)
    for start in range(0, len(ids), CHUNK):
        done, refused = work(hold, ids[start : start + CHUNK], actor)
        held += done
        late += refused
    with transaction.atomic():
        locked = Hold.objects.select_for_update(of=("self",)).get(pk=hold.pk)
        # Ended while we were blocking: whoever ended it settles it.
        if (locked.ended_at is None) == (work is _block):
            locked.settled_at = timezone.now()
            news = [pk for pk in map(str, late) if pk not in set(locked.too_late)]
            locked.too_late = [*locked.too_late, *news]
            locked.save(update_fields=["settled_at", "too_late"])
            if work is _block and (held or news):
                _say(locked, "hold.settled", actor, {"held": held, "late": len(late), "too_late": news})
    return Settled(locked, held, tuple(Record.objects.filter(pk__in=late).order_by("reference_code")))


def _wanted(hold: Hold) -> list[UUID]:
    if hold.party_key:
        parties = RecordParty.objects.filter(
            kind=hold.kind, party_key=hold.party_key, record__fonds=hold.fonds_id
        )
        return sorted(set(parties.values_list("record_id", flat=True)))
    return sorted(UUID(pk) for pk in hold.wanted)


def _blocked(hold: Hold) -> list[UUID]:
    rows = Block.objects.filter(kind="hold", reference=hold.pk, lifted_at=None)
    return sorted(rows.values_list("record_id", flat=True))


def _lacking(hold: Hold) -> list[UUID]:
    done = {*_blocked(hold), *map(UUID, hold.too_late)}
    return [pk for pk in _wanted(hold) if pk not in done]


@transaction.atomic
def _block(hold: Hold, ids: Sequence[UUID], actor: Actor) -> tuple[int, list[UUID]]:
    """Lock the records in the order of their ids, as a destruction does, and block those that are still there."""
    records = list(
        Record.objects.select_for_update(of=("self",)).filter(pk__in=ids).order_by("pk").defer("description")
    )
    # An end that came first is seen here; one that comes later waits for us, and then releases these too.
    if Hold.objects.select_for_update(of=("self",)).get(pk=hold.pk).ended_at is not None:
        return 0, []
    late = [record.pk for record in records if record.state in ("disposing", "destroyed")]
    there = set(
        Block.objects.filter(kind="hold", reference=hold.pk, lifted_at=None, record__in=ids).values_list(
            "record_id", flat=True
        )
    )
    new = [record for record in records if record.pk not in there and record.pk not in late]
    now = timezone.now()
    Block.objects.bulk_create(
        Block(
            record=record,
            kind="hold",
            reference=hold.pk,
            reason=f"{hold}，{hold.reason}"[:300],
            placed_at=now,
        )
        for record in new
    )
    _tell(new, "record.held", {"hold": str(hold), "reason": hold.reason}, actor)
    return len(new), late


@transaction.atomic
def _release(hold: Hold, ids: Sequence[UUID], actor: Actor) -> tuple[int, list[UUID]]:
    records = list(
        Record.objects.select_for_update(of=("self",)).filter(pk__in=ids).order_by("pk").defer("description")
    )
    Block.objects.filter(kind="hold", reference=hold.pk, lifted_at=None, record__in=ids).update(
        lifted_at=timezone.now()
    )
    _tell(records, "record.released", {"hold": str(hold), "reason": hold.end_reason}, actor)
    return len(records), []


def _tell(records: Sequence[Record], action: str, data: dict, actor: Actor) -> None:
    for record in records:
        audit.record(
            actor=actor,
            action=action,
            kind="record",
            subject=record.pk,
            name=record.reference_code,
            data=data,
        )
    ids = [record.pk for record in records]
    changes.announce(TOPIC, *ids)
    changes.announce(REGISTERS, *ids)
    changes.announce("search", *ids)
    changes.announce(manifests.TOPIC, *ids)


def _say(hold: Hold, action: str, actor: Actor, data: dict) -> None:
    audit.record(actor=actor, action=action, kind="hold", subject=hold.pk, name=str(hold), data=data)


def end(hold: Hold, reason: str, *, actor: Actor) -> Hold:
    """解除: by a person only, with a reason. Raises NotAllowed for the system, WrongState when it has ended."""
    permissions.require(actor, "hold.end", hold.fonds)
    if actor.id is None or not User.objects.filter(pk=actor.id, is_system=False).exists():
        raise NotAllowed(reason="暂缓销毁只能由人解除，系统不能代办。")
    if not (reason := reason.strip()):
        raise WrongInput(field="理由", reason="请写明为什么解除，例如案件审结的文号。")
    with transaction.atomic():
        locked = Hold.objects.select_for_update(of=("self",)).get(pk=hold.pk)
        if locked.ended_at is not None:
            raise WrongState(what=str(hold), state="已解除", verb="再解除")
        locked.ended_at, locked.ended_by_id = timezone.now(), actor.id
        locked.end_reason, locked.settled_at = privacy.mask_text(reason)[:300], None
        locked.save(update_fields=["ended_at", "ended_by", "end_reason", "settled_at"])
        _say(locked, "hold.ended", actor, {"reason": locked.end_reason})
    return settle(locked, actor=actor).hold


def standing(record_ids: Sequence[UUID]) -> dict[UUID, list[Hold]]:
    """Person and unit holds that stand over these records by their parties, with a `Block` row or not yet."""
    found: dict[UUID, list[Hold]] = defaultdict(list)
    parties = RecordParty.objects.filter(record_id__in=record_ids)
    rows = parties.values_list("record_id", "record__fonds_id", "kind", "party_key").distinct()
    by_party: dict[tuple, list[UUID]] = defaultdict(list)
    for record_id, *party in rows:
        by_party[tuple(party)].append(record_id)
    keys = {key for _, _, key in by_party}
    for hold in Hold.objects.filter(ended_at__isnull=True, party_key__in=keys).exclude(party_key=""):
        for record_id in by_party.get((hold.fonds_id, hold.kind, hold.party_key), ()):
            found[record_id].append(hold)
    return found


def covering_all(record_ids: Sequence[UUID]) -> dict[UUID, list[str]]:
    """What keeps each of these records from being destroyed, in words: open blocks, and standing holds that no
    block row says yet. Nothing for a record that is free. A few hundred ids at a time."""
    found: dict[UUID, list[str]] = defaultdict(list)
    said: set[tuple[UUID, UUID]] = set()
    for block in Block.objects.filter(record_id__in=record_ids, lifted_at=None).order_by("placed_at"):
        found[block.record_id].append(f"{block.get_kind_display()}：{block.reason}")
        said.add((block.record_id, block.reference))
    for record_id, holds in standing(record_ids).items():
        found[record_id] += [
            f"{Block.KINDS['hold']}：{hold}，{hold.reason}"
            for hold in holds
            if (record_id, hold.pk) not in said
        ]
    return {record_id: words for record_id, words in found.items() if words}


def covering(record: Record) -> list[str]:
    """What keeps this record from being destroyed, in words; empty = nothing. Asked under the record's lock by
    whoever begins a destruction."""
    return covering_all([record.pk]).get(record.pk, [])


# --- what follows by itself ---------------------------------------------------------------------------------------


def follow(record_ids: Sequence[UUID]) -> None:
    """Set or lift the stores' legal hold on every stored copy of these records, as they stand now.

    Raises StorageFailed after having tried them all.
    """
    fault: StorageFailed | None = None
    for record_id in record_ids:
        on = Block.objects.filter(record_id=record_id, kind="hold", lifted_at=None).exists()
        copies = Copy.objects.filter(object__record_id=record_id, written_at__isnull=False)
        for copy in copies.exclude(state="removed"):
            try:
                _set(copy) if on else _lift(copy)
            except StorageFailed as error:
                fault = error
    if fault:
        raise fault


LOST = ("missing", "changed")
"""What a store has lost, or cannot read, can neither be held nor freed: fixity tells of it, and `spread` comes again."""


def _set(copy: Copy) -> None:
    if not copy.legal_hold and copy.version and copy.fault != "missing":
        held = _ask(copy, copy.version, True)
        Copy.objects.filter(pk=copy.pk, version=copy.version).update(legal_hold=held)


def _lift(copy: Copy) -> None:
    """From every version under its key: one in quarantine is held too, and an answer may have been lost, so the row is
    not asked. It is written first, so that it never says "held" of what may be free already; but of one that is lost
    just now it goes on saying so, until it was found again and freed."""
    Copy.objects.filter(pk=copy.pk).exclude(fault="missing").update(legal_hold=False)
    for one in stores.get(copy.store).versions(copy.key):
        if not one.marker:
            _ask(copy, one.version, False)


def _ask(copy: Copy, version: str, on: bool) -> bool:
    store = stores.get(copy.store)
    try:
        return store.set_legal_hold(copy.key, version, on).legal_hold
    except StorageFailed as error:
        if error.kind not in LOST:
            raise
        return False


def drain() -> int:
    """Follow up on waiting messages once. Returns how many were done. One process at a time: two could set and
    lift in the wrong order."""
    with alone(TOPIC) as ours:
        return changes.follow(TOPIC, follow) if ours else 0


def resume(*, actor: Actor) -> int:
    """Settle what a kill has left half settled. Returns how many holds."""
    before = timezone.now() - timedelta(
        minutes=1
    )  # younger ones are being settled by whoever placed or ended them
    left = Hold.objects.filter(settled_at__isnull=True, placed_at__lt=before)
    unsettled = list(left.exclude(ended_at__gte=before).order_by("placed_at")[:20])
    for hold in unsettled:
        settle(hold, actor=actor)
    return len(unsettled)


def spread(*, actor: Actor) -> int:
    """Block what was filed since under a standing person or unit hold, and announce copies whose legal hold is not what
    it should be. A daily job; until it runs `covering` protects them. Returns how many records were newly blocked."""
    count = 0
    for hold in Hold.objects.filter(ended_at__isnull=True).exclude(party_key="").order_by("placed_at"):
        if _lacking(hold):
            count += settle(hold, actor=actor).held
    held = Block.objects.filter(kind="hold", lifted_at=None).values("record")
    bare = Copy.objects.filter(state="stored", legal_hold=False, object__record__in=held)
    there = Copy.objects.filter(state__in=["stored", "damaged"]).exclude(fault="missing")
    forgotten = there.filter(legal_hold=True).exclude(object__record__in=held)
    for wrong in (bare, forgotten):
        changes.announce(TOPIC, *set(wrong.values_list("object__record_id", flat=True)))
    return count
