"""Tasks that a person started from a page and need not wait for. Each carries ids only and calls one verb."""

from archive import fixity
from archive.errors import NotFound
from archive.models import User
from archive.packages import orders
from archive.permissions import Actor


def check_fixity(limit: str, user_id: str) -> str:
    """In the name of whoever asked: his rights are read again when it runs."""
    actor = Actor.of(User.objects.get(pk=user_id))
    try:
        swept = fixity.sweep(actor=actor, limit=int(limit))
    except fixity.Busy as fault:
        return str(fault)
    return f"核验 {swept.checked} 个副本，受损 {swept.damaged} 个"


def make_export(order_id: str) -> str:
    """Rights are read again; a refusal stands on the order, where its owner looks."""
    try:
        made = orders.work(order_id)
    except NotFound:
        return "导出已被清除"
    return f"导出 {len(made.records)} 件：{made.state}{made.reason and f'，{made.reason}'}"
