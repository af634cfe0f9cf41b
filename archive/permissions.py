"""Who may do what, and the reason when not.

A role is a row of a table; an assignment gives a user a role over a part of a fonds. `Actor` is the acting person
(or the system) as every verb receives it. `check` answers yes, or no with the sentence to show.
Each app has its own table of actions; `config` assembles them (`assemble`), and a test keeps them whole.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from archive.errors import NotAllowed
from archive.models import Assignment, Record, User
from archive.scopes import EVERYTHING, Grant, Scope

ROLES = {
    "archivist": "档案员",
    "window": "兼职档案员",
    "manager": "档案负责人",
    "clerk": "经办人员",
    "appraiser": "鉴定小组成员",
    "approver": "主要负责人",
    "supervisor": "监销人",
    "inspector": "检查人员",
    "sysadmin": "系统管理员",
    "secadmin": "安全保密员",
    "auditor": "安全审计员",
}


@dataclass(frozen=True)
class Action:
    """A thing one may do: its Chinese name and the roles that may."""

    name: str
    roles: frozenset[str]


def action(name: str, *roles: str) -> Action:
    return Action(name, frozenset(roles))


TABLE: dict[str, Action] = {
    "record.read": action("查看档案", "archivist", "window", "manager", "clerk", "appraiser", "approver", "supervisor", "inspector"),
    "record.download": action("下载原件", "archivist", "manager", "inspector"),
    "record.export": action("导出档案", "archivist", "manager"),
    "record.reveal": action("显示证件号码", "archivist", "window", "manager", "clerk"),
    "record.correct": action("更正著录", "archivist", "manager"),
    "determination.read": action("查看保管期限", "archivist", "manager", "appraiser", "approver", "inspector", "auditor"),
    "determination.set": action("判定保管期限", "archivist", "manager"),
    "determination.confirm": action("确认保管期限", "manager"),
    "fixity.read": action("查看固化核验", "archivist", "manager", "sysadmin", "inspector", "auditor"),
    "fixity.run": action("执行固化核验", "archivist", "manager", "sysadmin"),
    "lock_mode.read": action("查看锁定方式", "manager", "approver", "sysadmin", "inspector", "auditor"),
    "lock_mode.change": action("改变锁定方式", "manager", "approver"),
    "copy.restore": action("恢复受损副本", "archivist"),
    "copy.lost": action("登记灭失", "archivist", "manager"),
    # A store is asked away by who keeps the machines; that copies went with it, those say who answer for the archive.
    "retirement.read": action("查看存储退役", "sysadmin", "secadmin", "auditor", "manager", "approver"),
    "retirement.ask": action("申请存储退役", "sysadmin"),
    "retirement.confirm": action("确认存储退役", "manager", "approver"),
    "retirement.withdraw": action("撤回存储退役", "sysadmin", "manager", "approver"),
    "fonds.stores": action("选定全宗的存储", "sysadmin"),
    "audit.read": action("查看审计记录", "auditor", "inspector"),
    "catalogue.snapshot": action("存下目录快照", "sysadmin"),
    "catalogue.rebuild": action("从存储重建目录", "sysadmin"),
    "audit.seal": action("封存审计记录", "auditor"),
    "paper.read": action("查看全宗卷", "archivist", "manager", "appraiser", "approver", "supervisor", "inspector", "auditor"),
    "people.read": action("查看人员与授权", "secadmin", "auditor"),
    "people.manage": action("管理人员与授权", "secadmin"),
    "trust.read": action("查看受信任的根证书", "secadmin", "auditor", "sysadmin", "manager", "archivist", "inspector"),
    "trust.manage": action("管理受信任的根证书", "secadmin"),
    "encryption.read": action("查看加密存放", "manager", "sysadmin", "secadmin", "auditor"),
    "encryption.set": action("决定加密存放", "secadmin"),
    "system.read": action("查看系统状态", "sysadmin", "secadmin", "auditor"),
}  # fmt: skip
_ACTIONS: dict[str, Action] = dict(TABLE)


def assemble(*tables: Mapping[str, Action]) -> None:
    """Add the tables of other apps. The same action twice is a mistake."""
    for table in tables:
        for code, entry in table.items():
            if _ACTIONS.setdefault(code, entry) != entry:
                raise ValueError(f"action {code} stands in two tables")


def actions() -> Mapping[str, Action]:
    return _ACTIONS


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who acts. `roles` are those valid today; `grants` pairs each role with its part of a fonds (None = site)."""

    id: UUID | None
    name: str
    roles: frozenset[str] = frozenset()
    grants: tuple[tuple[str, Grant | None], ...] = field(default=())
    address: str = ""
    system: bool = False

    @classmethod
    def of(cls, user: User, *, address: str = "", on: date | None = None) -> "Actor":
        """The actor of a signed-in user: one query for the assignments."""
        from django.utils import timezone

        today = on or timezone.localdate()
        grants: list[tuple[str, Grant | None]] = []
        rows = Assignment.objects.filter(user=user).select_related("fonds") if user.is_active else ()
        for row in rows:
            if (row.valid_from and row.valid_from > today) or (row.valid_until and row.valid_until < today):
                continue
            grants.append((row.role, _grant(row)))
        return cls(
            id=user.pk,
            name=user.name,
            roles=frozenset(role for role, _ in grants),
            grants=tuple(grants),
            address=address,
        )

    @property
    def role_names(self) -> str:
        return "、".join(name for code, name in ROLES.items() if code in self.roles)

    def may(self, code: str) -> bool:
        return self.system or not self.roles.isdisjoint(_ACTIONS[code].roles)

    def scope(self, code: str) -> Scope:
        """Where this actor may do that: the union of the grants whose role allows it, and his own hand-ins
        where he may read at all."""
        if self.system:
            return EVERYTHING
        allowed = _ACTIONS[code].roles
        grants = tuple(grant for role, grant in self.grants if role in allowed and grant is not None)
        own = self.id if code == "record.read" and self.may(code) else None
        return Scope(grants=grants, own=own)

    def reaches(self, code: str, fonds: str) -> bool:
        """Whether he may do that with things of this fonds; a role over the whole site reaches all."""
        allowed = _ACTIONS[code].roles
        return self.system or any(
            role in allowed and (grant is None or grant.fonds == fonds) for role, grant in self.grants
        )

    def fonds(self, code: str) -> frozenset[str]:
        """The fonds codes in which this actor may do that; for things that belong to a fonds but to no record."""
        allowed = _ACTIONS[code].roles
        return frozenset(grant.fonds for role, grant in self.grants if role in allowed and grant is not None)


def _grant(row: Assignment) -> Grant | None:
    if row.fonds is None:
        return None

    def some(values: Iterable | None):
        return None if values is None else frozenset(values)

    return Grant(
        fonds=row.fonds.code,
        departments=some(row.departments),
        categories=some(row.categories),
        stages=some(row.stages),
        insurances=some(row.insurances),
        security=row.security,
    )


def system_actor(name: str = "系统") -> Actor:
    """The system itself: commands and scheduled jobs. Sees everything; never appears in a page's scope."""
    return Actor(id=None, name=name, system=True)


@dataclass(frozen=True)
class Answer:
    allowed: bool
    reason: str = ""

    def __bool__(self) -> bool:
        return self.allowed


YES = Answer(True)


def check(actor: Actor, code: str, record: Record | None = None) -> Answer:
    """May he? With a record (its fonds selected along): also inside his scope?"""
    entry = _ACTIONS[code]
    if actor.system:
        return YES
    if not actor.may(code):
        names = "、".join(name for role, name in ROLES.items() if role in entry.roles)
        return Answer(
            False,
            f"“{entry.name}”需要{names}角色，您（{actor.role_names or '无角色'}）没有。请联系安全保密员授权。",
        )
    if record is not None and not actor.scope(code).admits(record.facts):
        return Answer(False, f"这件档案不在您“{entry.name}”的范围内（全宗、部门、环节、险种或密级）。")
    return YES


def require(actor: Actor, code: str, record: Record | None = None) -> None:
    """Raises NotAllowed with the reason of `check`."""
    answer = check(actor, code, record)
    if not answer:
        raise NotAllowed(reason=answer.reason)
