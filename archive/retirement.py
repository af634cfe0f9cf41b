"""存储退役: a store that is gone for good, and what becomes of the copies that lay in it.

Contract:
- One person asks: what became of the medium, on which day, and which paper proves it. Another one confirms. Until then
  nothing changes, and it may be withdrawn. Once confirmed it stays, and the name is never used again.
- It never takes the last good copy. A confirmation is refused while the store is the only one, while a fonds has chosen
  it, and while a file held has no good copy (`stored`) in another store that is in use, answers, and is not asked for
  too, unless two persons wrote down its loss (`restoration`). This is proven inside the transaction that confirms, while
  nobody can write a copy.
- From the confirmation on `stores.configured` knows the store no more: it is not written, read, checked, renewed, probed
  or owed anything, even where the configuration still names it. Nothing is removed from it.
- Its copies become `removed`, with the reason on each, in bounded batches (`settle`); a killed one goes on.
- What a destruction says of such a copy is `went_with`: it went with its store. That is no proof of absence by listing.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from archive import audit, changes, evidence, permissions, privacy, restoration, seals, standing, stores
from archive.errors import ArchiveError, NotAllowed, NotFound, StorageFailed, WrongInput, WrongState
from archive.models import Copy, DigitalObject, EvidenceLock, Fonds, StoreRetirement
from archive.permissions import Actor

TOPIC = "retirement"
"""Announced with the id of a confirmed retirement whose copies are to be settled."""
BATCH = 500
LOOKED_AT = 10_000
"""So many files without another good copy are counted; more are "at least"."""
SHOWN = 20
WENT = "随"
"""Begins the fault of a copy that went with its store."""
WAYS = "请等副本写好，或先恢复受损的副本；确实找不回来的，由两人登记灭失。"


class StillNeeded(ArchiveError):
    code, status = "store-still-needed", 409
    sentence = "存储“{store}”还不能退役：{reason}"


@dataclass
class Needed:
    """Files held whose only hope lies in the store: how many, and of how many records of which fonds (`more`: at least).
    `first`: some of them; `silent`: stores that count for nothing because they do not answer, or hold nothing."""

    files: int = 0
    records: dict[str, set[UUID]] = field(default_factory=lambda: defaultdict(set))
    more: bool = False
    first: list[DigitalObject] = field(default_factory=list)
    silent: Collection[str] = ()

    def __str__(self) -> str:
        each = "、".join(f"{code} 全宗 {len(ids)} 件档案" for code, ids in sorted(self.records.items()))
        words = f"{'至少 ' if self.more else ''}{self.files} 个文件（{each}）在别的存储里没有完好的副本"
        return words + (
            f"（{'、'.join(sorted(self.silent))} 现在读不到，或里面是空的，不算）" if self.silent else ""
        )


def current(store: str) -> StoreRetirement | None:
    """What was asked for or confirmed of this store."""
    return StoreRetirement.objects.filter(store=store, withdrawn_at=None).first()


def silent(store: str) -> set[str]:
    """Other stores in use that do not answer, or are said to hold records and are as empty as a disk that is not mounted.
    Asks them all."""
    others = {*stores.configured()} - {store}
    found = {*standing.unanswering(others)}
    holding = [name for name in others - found if Copy.objects.filter(store=name, state="stored").exists()]
    for name in holding:
        try:
            standing.require_inhabited([name])
        except StorageFailed:
            found.add(name)
    return found


def _others(store: str, silent: Collection[str]) -> set[str]:
    """Stores whose copies count: one of which somebody says that it is gone too does not."""
    leaving = StoreRetirement.objects.filter(withdrawn_at=None).values_list("store", flat=True)
    return {*stores.configured()} - {store, *leaving, *silent}


def needed(store: str, silent: Collection[str]) -> Needed:
    """What still needs this store. Walks its copies: seconds for a million."""
    found = Needed(silent=silent)
    good = Copy.objects.filter(object=OuterRef("object"), state="stored", store__in=_others(store, silent))
    rows = Copy.objects.filter(~Exists(good), store=store, object__record__state="archived")
    rows = rows.exclude(state="removed").order_by("pk").select_related("object__record__fonds")
    for part in seals.batches((copy.object for copy in rows.iterator(BATCH)), BATCH):
        losses = restoration.losses({item.record_id for item in part})
        for item in part:
            if (loss := losses.get(str(item.pk))) and loss.confirmed:
                continue
            if found.files == LOOKED_AT:
                found.more = True
                return found
            found.files += 1
            found.records[item.record.fonds.code].add(item.record_id)
            if len(found.first) < SHOWN:
                found.first.append(item)
    return found


def obstacle(store: str) -> str:
    """Why this store cannot be retired, beside its copies; "" = nothing."""
    if not [name for name in stores.configured() if name != store]:
        return "它是唯一在用的存储。请先加上另一个，等副本都写好。"
    if codes := [fonds.code for fonds in Fonds.objects.order_by("code") if store in fonds.store_names]:
        return f"全宗 {'、'.join(codes)} 还选定着它。请先在“全宗的存储”里移出它。"
    return ""


def only_here(store: str, silent: Collection[str]) -> list[str]:
    """Seals and papers of the fonds file that no other store in use is known to have."""
    return evidence.only_in(store, _others(store, silent))


# --- two persons --------------------------------------------------------------------------------------------------


@transaction.atomic
def ask(store: str, *, reason: str, medium: str, gone_on: date, paper: str, actor: Actor) -> StoreRetirement:
    """申请. Raises NotAllowed, NotFound for a name that is neither configured nor holds copies, WrongInput, WrongState
    when it was asked or confirmed already."""
    _require(actor, "retirement.ask")
    reason, paper = _said("理由", reason, 300), _said("凭据", paper, 120)
    if medium not in StoreRetirement.MEDIA:
        raise WrongInput(field="介质", reason="请选择介质的去向。")
    if gone_on > timezone.localdate():
        raise WrongInput(field="介质处理日期", reason="不能晚于今天：介质处理完了再申请。")
    if open_ := current(store):
        raise WrongState(what=f"存储“{store}”", state=state_of(open_), verb="再次申请退役")
    if store not in stores.opened() and not Copy.objects.filter(store=store).exists():
        raise NotFound(what=f"存储“{store}”")
    row = StoreRetirement.objects.create(
        store=store, reason=reason, medium=medium, gone_on=gone_on, paper=paper, asked_at=timezone.now(),
        asked_by_id=actor.id, asked_by_name=actor.name,
    )  # fmt: skip
    data = {"reason": reason, "medium": row.get_medium_display(), "gone_on": gone_on, "paper": paper}
    _say(row, "store.retirement_asked", actor, **data)
    return row


@transaction.atomic
def withdraw(row_id: UUID, *, reason: str, actor: Actor) -> StoreRetirement:
    """撤回, by either side, until it is confirmed."""
    row = _locked(row_id, actor, "retirement.withdraw", "撤回")
    reason = _said("理由", reason, 300)
    row.withdrawn_at, row.withdrawn_by_name = timezone.now(), actor.name
    row.save(update_fields=["withdrawn_at", "withdrawn_by_name"])
    _say(row, "store.retirement_withdrawn", actor, reason=reason)
    return row


def confirm(row_id: UUID, *, understood: bool, actor: Actor) -> StoreRetirement:
    """确认, by another person than who asked. Raises StillNeeded; then nothing is changed.

    On SQLite nobody else writes while it looks through the copies of the store, on PostgreSQL nobody writes a copy.
    """
    _require(actor, "retirement.confirm")
    row = StoreRetirement.objects.filter(pk=row_id).first()
    unheard = silent(row.store) if row else ()  # before anybody has to wait
    lost = only_here(row.store, unheard) if row else []
    with transaction.atomic():
        row = _locked(row_id, actor, "retirement.confirm", "确认")
        if actor.id == row.asked_by_id:
            raise NotAllowed(reason="申请人不能自己确认，请由另一位档案负责人或主要负责人确认。")
        if not understood:
            raise WrongInput(field="确认", reason="请先勾选“我明白”：确认之后不能退回。")
        _nobody_writes_copies()
        if why := obstacle(row.store):
            raise StillNeeded(store=row.store, reason=why)
        if (still := needed(row.store, unheard)).files:
            raise StillNeeded(store=row.store, reason=f"还有{still}。{WAYS}")
        if lost and row.medium != "lost":
            why = f"还有 {len(lost)} 份系统文件（如{lost[0]}）只知道在这里。请先用 manage.py repair --files 存入别的存储。"
            raise StillNeeded(store=row.store, reason=why)
        place = stores.opened()[row.store].config.place if row.store in stores.opened() else ""
        row.confirmed_at, row.confirmed_by_id, row.place = timezone.now(), actor.id, place
        row.confirmed_by_name = actor.name
        row.save(update_fields=["confirmed_at", "confirmed_by", "confirmed_by_name", "place"])
        data = {"asked_by": row.asked_by_name, "words": row.words, "files_lost": len(lost)}
        _say(row, "store.retired", actor, **data)
        changes.announce(TOPIC, row.pk)
    return row


def _nobody_writes_copies() -> None:
    """Until this transaction ends: what is damaged, quarantined, destroyed or chosen meanwhile comes before the proof, or
    after the store is gone. The rows of the fonds first: whoever chooses a store holds one of them."""
    list(Fonds.objects.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f'LOCK TABLE "{Copy._meta.db_table}" IN SHARE ROW EXCLUSIVE MODE')


def state_of(row: StoreRetirement) -> str:
    if row.withdrawn_at:
        return "已撤回"
    return "已退役" if row.confirmed_at else "已申请退役，待确认"


def _require(actor: Actor, action: str) -> None:
    permissions.require(actor, action)
    if actor.id is None:
        raise NotAllowed(reason="存储退役要由人申请、由人确认，系统自己不能做。")


def _locked(row_id: UUID, actor: Actor, action: str, verb: str) -> StoreRetirement:
    _require(actor, action)
    row = StoreRetirement.objects.select_for_update().filter(pk=row_id).first()
    if row is None:
        raise NotFound(what="这项存储退役")
    if row.withdrawn_at or row.confirmed_at:
        raise WrongState(what=f"存储“{row.store}”的退役申请", state=state_of(row), verb=verb)
    return row


def _said(field_: str, text: str, most: int) -> str:
    if not text.strip():
        raise WrongInput(field=field_, reason="请写明。")
    return privacy.mask_text(text.strip())[:most]


def _say(row: StoreRetirement, action: str, actor: Actor, **data: object) -> None:
    data = {"store": row.store} | {key: str(value) for key, value in data.items()}
    audit.record(actor=actor, action=action, kind="site", subject="stores", name=row.store, data=data)


# --- what becomes of the copies -----------------------------------------------------------------------------------


def settle() -> int:
    """One bounded step for each retirement that was announced; how many copies."""
    return changes.in_steps(TOPIC, _step)


def follow(ids: Sequence[UUID]) -> None:
    changes.to_the_end(ids, _step)


def announce() -> None:
    """A daily job: what was being filed while the confirmation came may owe the store a copy ever since, and a rebuilt
    catalogue may be older than the retirement."""
    left = Copy.objects.filter(store=OuterRef("store")).exclude(state="removed")
    late = StoreRetirement.objects.filter(Q(settled_at=None) | Exists(left), confirmed_at__isnull=False)
    with transaction.atomic():
        changes.announce(TOPIC, *late.values_list("pk", flat=True))


def _step(row_id: UUID) -> tuple[int, bool]:
    """(copies settled now, whether none is left). Where it has come to stands in the cache: losing that costs a look."""
    row = StoreRetirement.objects.filter(pk=row_id, confirmed_at__isnull=False).first()
    if row is None:
        return 0, True
    place = f"retirement:{row.pk}"
    after = cache.get(place)
    rows = Copy.objects.filter(store=row.store).exclude(state="removed").order_by("pk")
    found = list((rows.filter(pk__gt=after) if after else rows).values_list("pk", flat=True)[:BATCH])
    if found:
        with transaction.atomic():
            held = Copy.objects.filter(pk__in=found)
            bad = set(held.filter(state="damaged").values_list("object__record_id", flat=True))
            held.exclude(state="removed").update(
                state="removed",
                fault=f"{WENT}{row.words}"[:300],
                legal_hold=False,
                renew_on=None,
                try_after=None,
            )
            changes.announce("search", *bad)
        cache.set(place, found[-1], 3600)
        return len(found), False
    if after:  # once more from the beginning: what came meanwhile lies behind us
        cache.delete(place)
        return 0, False
    EvidenceLock.objects.filter(store=row.store).exclude(renew_on=None).update(renew_on=None)
    StoreRetirement.objects.filter(pk=row.pk, settled_at=None).update(settled_at=timezone.now())
    return 0, True


def went_with(record_ids: Sequence[UUID]) -> Mapping[UUID, list[dict[str, str]]]:
    """Of records that had a copy in a retired store, or may have had one: which store, and what became of its medium."""
    gone = {row.store: row for row in StoreRetirement.objects.filter(confirmed_at__isnull=False)}
    had = Copy.objects.filter(object__record__in=record_ids, store__in=gone)
    had = had.exclude(version="", attempts=0, written_at=None).order_by("store")
    found: dict[UUID, list[dict[str, str]]] = defaultdict(list)
    for record, store in had.values_list("object__record_id", "store").distinct():
        row = gone[store]
        found[record].append(
            {
                "store": store, "retired_at": row.confirmed_at.isoformat(timespec="seconds"), "medium": row.medium,
                "gone_on": str(row.gone_on), "paper": row.paper, "words": row.words,
            }
        )  # fmt: skip
    return found
