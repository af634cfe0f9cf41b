"""Tasks that a person started from a page and need not wait for. Each carries ids only and calls one verb."""

from archive import fixity, records, restoration
from archive.errors import NotFound
from archive.models import Copy, Event, Fonds, User
from archive.packages import orders
from archive.permissions import Actor


def check_fixity(limit: str, user_id: str) -> str:
    """In the name of whoever asked: his rights are read again when it runs."""
    return _swept(Actor.of(User.objects.get(pk=user_id)), limit=int(limit))


def _swept(actor: Actor, **extent) -> str:
    try:
        swept = fixity.sweep(actor=actor, **extent)
    except fixity.Busy as fault:
        return str(fault)
    return f"核验 {swept.checked} 个副本，受损 {swept.damaged} 个"


def check_record(record_id: str, user_id: str) -> str:
    actor = Actor.of(User.objects.get(pk=user_id))
    return _swept(actor, record=records.get_for(actor, record_id, "fixity.run"))


def check_fonds(fonds_id: str, user_id: str) -> str:
    return _swept(Actor.of(User.objects.get(pk=user_id)), fonds=Fonds.objects.get(pk=fonds_id))


def restore_store(event_id: str, user_id: str) -> str:
    """The order stands in the ledger; what is not damaged any more was done by an earlier try."""
    ordered = Event.objects.get(pk=event_id, action="store.restore_ordered").data
    copies = Copy.objects.filter(store=ordered["store"], state="damaged")
    actor = Actor.of(User.objects.get(pk=user_id))
    return str(restoration.restore_all(copies, actor=actor, reason=ordered["reason"]))


def make_export(order_id: str) -> str:
    """Rights are read again; a refusal stands on the order, where its owner looks."""
    try:
        made = orders.work(order_id)
    except NotFound:
        return "导出已被清除"
    return f"导出 {len(made.records)} 件：{made.state}{made.reason and f'，{made.reason}'}"
