"""人员与授权: who may sign in, and which role each holds over which part of which fonds. Verbs of the 安全保密员.

Nobody changes his own rights; nobody is two of the three separated administrators (a database constraint says so
too); a role over the whole site belongs to the administrators alone, every other one to a fonds. Assignments are
rows; the events tell who gave and took which, for ever.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.contrib.auth import password_validation
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from archive import audit, permissions, terms
from archive.errors import NotAllowed, NotFound, WrongInput, WrongState
from archive.models import Assignment, Department, Fonds, User
from archive.models.people import ADMINISTRATORS
from archive.permissions import ROLES, Actor

LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Of initial passwords: nothing that is read wrongly from paper."""


@dataclass(frozen=True, kw_only=True)
class Extent:
    """Where a role holds. None = all of that kind. `fonds` is None for the administrators only."""

    fonds: Fonds | None = None
    departments: tuple[int, ...] | None = None
    stages: tuple[str, ...] | None = None
    insurances: tuple[str, ...] | None = None
    security: int = terms.DEFAULT_SECURITY
    valid_from: date | None = None
    valid_until: date | None = None


@transaction.atomic
def make_user(username: str, name: str, *, actor: Actor, password: str = "") -> tuple[User, str]:
    """A new person who may sign in and do nothing yet: (user, his initial password). The password is told once,
    by whoever made him; it is kept as a hash. Raises WrongInput."""
    permissions.require(actor, "people.manage")
    username, name = username.strip(), name.strip()
    try:
        UnicodeUsernameValidator()(username)
    except ValidationError:
        username = ""
    if not 2 <= len(username) <= 40:
        raise WrongInput(field="用户名", reason="应为 2 至 40 个字母、数字或 @ . + - _，不含空格。")
    if not 1 <= len(name) <= 60:
        raise WrongInput(field="姓名", reason="不能为空，最多 60 个字。")
    if User.objects.filter(username__iexact=username).exists():
        raise WrongInput(field="用户名", reason=f"“{username}”已经有人使用。")
    user = User(username=username, name=name)
    password = _checked(password, user) if password else initial_password()
    user.set_password(password)
    user.save(force_insert=True)
    _say(user, "user.made", actor, username=username, name=name)
    return user, password


def initial_password() -> str:
    """Four groups of four, about 78 bits."""
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(4))


def _checked(password: str, user: User) -> str:
    try:
        password_validation.validate_password(password, user)
    except ValidationError as fault:
        raise WrongInput(field="密码", reason="".join(fault.messages)) from None
    return password


@transaction.atomic
def set_password(user_id, *, actor: Actor) -> str:
    """A new initial password for somebody who lost his. Told once. His open sessions end."""
    user = _other(user_id, actor)
    password = initial_password()
    user.set_password(password)
    user.save(update_fields=["password"])
    _say(user, "user.password_set", actor)
    return password


@transaction.atomic
def deactivate(user_id, *, reason: str, actor: Actor) -> User:
    """He cannot sign in any more, and open sessions end; his name stays wherever he did something."""
    user = _other(user_id, actor)
    if not user.is_active:
        raise WrongState(what=user.name, state="已停用", verb="再停用")
    if not reason.strip():
        raise WrongInput(field="原因", reason="请写明停用的原因，例如调离、退休。")
    user.is_active = False
    user.save(update_fields=["is_active"])
    _say(user, "user.deactivated", actor, reason=reason.strip()[:300])
    return user


@transaction.atomic
def activate(user_id, *, actor: Actor) -> User:
    """He may sign in again, with the roles that he still holds."""
    user = _other(user_id, actor)
    if user.is_active:
        raise WrongState(what=user.name, state="在用", verb="恢复")
    user.is_active = True
    user.save(update_fields=["is_active"])
    _say(user, "user.activated", actor)
    return user


@transaction.atomic
def assign(user_id, role: str, extent: Extent, *, actor: Actor) -> Assignment:
    """Give a role over an extent. Raises WrongInput with what does not fit, NotAllowed for one's own rights."""
    user = _other(user_id, actor)
    _fitting(role, extent)
    if role in ADMINISTRATORS:
        held = Assignment.objects.filter(user=user, role__in=ADMINISTRATORS).first()
        if held is not None:
            raise WrongInput(
                field="角色",
                reason=f"{user.name}已是{ROLES[held.role]}。系统管理员、安全保密员、安全审计员必须由不同的人担任，"
                "一个人只能是其中之一。",
            )
    row = Assignment(
        user=user, role=role, fonds=extent.fonds, departments=_listed(extent.departments), stages=_listed(extent.stages),
        insurances=_listed(extent.insurances), security=extent.security, valid_from=extent.valid_from,
        valid_until=extent.valid_until,
    )  # fmt: skip
    same = {field: getattr(row, field) for field in SAME}
    if any({field: getattr(other, field) for field in SAME} == same for other in user.assignments.all()):
        raise WrongInput(field="授权", reason=f"{user.name}已有完全相同的授权。")
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:  # another 安全保密员 was faster
        raise WrongInput(field="角色", reason="三员不能由同一人担任，一个人只能是其中之一。") from None
    _say(user, "user.assigned", actor, role=ROLES[role], extent=in_words(row))
    return row


SAME = ("role", "fonds_id", "departments", "stages", "insurances", "security", "valid_from", "valid_until")


def _listed(values: Sequence | None) -> list | None:
    return None if values is None else sorted(values)


def _fitting(role: str, extent: Extent) -> None:
    if role not in ROLES:
        raise WrongInput(field="角色", reason=f"没有“{role}”这个角色。")
    if role in ADMINISTRATORS and extent.fonds is not None:
        raise WrongInput(field="全宗", reason=f"{ROLES[role]}管全系统，不属于某个全宗，请不要选择全宗。")
    if role not in ADMINISTRATORS and extent.fonds is None:
        raise WrongInput(field="全宗", reason=f"{ROLES[role]}必须属于一个全宗；管几个全宗的，分别授权。")
    if extent.departments is not None:
        known = Department.objects.filter(fonds=extent.fonds, pk__in=extent.departments).count()
        if known != len(set(extent.departments)):
            raise WrongInput(field="部门", reason="选中的部门有的不属于这个全宗。")
    for values, table, word in (
        (extent.stages, terms.STAGES, "环节"),
        (extent.insurances, terms.INSURANCES, "险种"),
    ):
        if values is not None and not set(values) <= set(table):
            raise WrongInput(field=word, reason="有不认识的代码，请刷新页面再选。")
    if extent.security not in terms.SECURITY_LEVELS:
        raise WrongInput(field="密级上限", reason="请在列表里选择。")
    if extent.valid_from and extent.valid_until and extent.valid_until < extent.valid_from:
        raise WrongInput(field="有效期", reason="止期早于起期。")


@transaction.atomic
def unassign(assignment_id, *, actor: Actor) -> User:
    """Take a role back; at once, because every request reads the assignments anew."""
    row = Assignment.objects.select_related("user", "fonds").filter(pk=assignment_id).first()
    if row is None:
        raise NotFound(what="这项授权（可能刚刚已被收回）")
    user = _other(row.user_id, actor)
    role, extent = ROLES.get(row.role, row.role), in_words(row)
    row.delete()
    _say(user, "user.unassigned", actor, role=role, extent=extent)
    return user


def in_words(row: Assignment, departments: dict[int, str] | None = None) -> str:
    """The extent of an assignment in one line: 「D019，参保登记科、待遇科，密级至内部，至2027-12-31」."""
    parts = [row.fonds.code if row.fonds else "全系统"]
    if row.departments is not None:
        if departments is None:
            departments = dict(Department.objects.filter(pk__in=row.departments).values_list("pk", "name"))
        parts.append("、".join(departments.get(pk, str(pk)) for pk in row.departments) or "没有部门")
    if row.stages is not None:
        parts.append("、".join(terms.STAGES.get(code, code) for code in row.stages))
    if row.insurances is not None:
        parts.append("、".join(terms.INSURANCES.get(code, code) for code in row.insurances))
    if row.fonds is not None:
        parts.append(f"密级至{terms.SECURITY_LEVELS.get(row.security, row.security)}")
    if row.valid_from:
        parts.append(f"自{row.valid_from}")
    if row.valid_until:
        parts.append(f"至{row.valid_until}")
    return "，".join(parts)


def someone_keeps_order(on: date) -> bool:
    """Is there a 安全保密员 who can sign in on that day?"""
    rows = Assignment.objects.filter(role="secadmin", user__is_active=True)
    return any(
        (row.valid_from is None or row.valid_from <= on)
        and (row.valid_until is None or row.valid_until >= on)
        for row in rows
    )


def _other(user_id, actor: Actor) -> User:
    """The locked row of another person. Raises NotAllowed for oneself: rights are given by somebody else."""
    permissions.require(actor, "people.manage")
    user = User.objects.select_for_update().filter(pk=user_id, is_system=False).first()
    if user is None:
        raise NotFound(what="这个用户")
    if user.pk == actor.id:
        raise NotAllowed(
            reason="不能更改自己的账户和授权，请由另一位安全保密员办理；自己的密码在右上角“修改密码”。"
        )
    return user


def _say(user: User, action: str, actor: Actor, **data: str) -> None:
    audit.record(
        actor=actor,
        action=action,
        kind="user",
        subject=user.pk,
        name=f"{user.name}（{user.username}）",
        data=data,
    )
