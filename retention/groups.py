"""鉴定小组: named by decree, with members of all four kinds (Order 3, 2009, article 11). A group never changes: another
composition is another decree, hence another group.
"""

from collections.abc import Sequence
from datetime import date

from django.db import transaction
from django.utils import timezone

from archive import audit
from archive.errors import WrongInput, WrongState
from archive.models import Fonds
from archive.permissions import Actor
from retention import permissions, persons, rules
from retention.models import Group, Member, Person
from retention.states import MEMBER_KINDS


@transaction.atomic
def make_group(
    fonds: Fonds,
    name: str,
    *,
    decree_no: str,
    decreed_on: date,
    members: Sequence[tuple[Person, str]],
    actor: Actor,
) -> Group:
    """A group of these (person, kind). Raises WrongInput when a kind is missing, or one human stands in it twice."""
    permissions.require(actor, "group.make", fonds)
    name, decree_no = name.strip(), decree_no.strip()
    if not name or not decree_no:
        raise WrongInput(field="鉴定小组", reason="请写明名称和成立文号。")
    if decreed_on > timezone.localdate():
        raise WrongInput(field="成立日期", reason="不能晚于今天。")
    if unknown := [kind for _, kind in members if kind not in MEMBER_KINDS]:
        raise WrongInput(field="成员", reason=f"“{unknown[0]}”应为{'、'.join(MEMBER_KINDS.values())}之一。")
    if missing := rules.missing_kinds(kind for _, kind in members):
        raise WrongInput(
            field="成员", reason=f"鉴定小组须由四方组成，还缺{'、'.join(missing)}（人社部令第3号第十一条）。"
        )
    people = [person for person, _ in members]
    for position, person in enumerate(people):
        if any(persons.same_person(person, other) for other in people[:position]):
            raise WrongInput(field="成员", reason=f"{person.name}在小组里出现了两次，一人只能代表一方。")
    group = Group.objects.create(
        fonds=fonds, name=name[:120], decree_no=decree_no[:120], decreed_on=decreed_on
    )
    Member.objects.bulk_create(Member(group=group, person=person, kind=kind) for person, kind in members)
    data = {"name": group.name, "decree_no": group.decree_no, "decreed_on": decreed_on.isoformat()}
    data["members"] = "、".join(f"{person.name}（{MEMBER_KINDS[kind]}）" for person, kind in members)
    audit.record(actor=actor, action="group.made", kind="group", subject=group.pk, name=group.name, data=data)
    return group


@transaction.atomic
def dissolve(group: Group, *, actor: Actor) -> Group:
    """No new appraisal with this group. Raises WrongState while one is open."""
    permissions.require(actor, "group.make", group.fonds)
    group = Group.objects.select_for_update(of=("self",)).select_related("fonds").get(pk=group.pk)
    if group.appraisal_set.filter(state="open").exists():
        raise WrongState(what=f"“{group.name}”", state="还有未作结论的鉴定", verb="解散")
    if group.dissolved_on is None:
        group.dissolved_on = timezone.localdate()
        group.save(update_fields=["dissolved_on"])
        audit.record(actor=actor, action="group.dissolved", kind="group", subject=group.pk, name=group.name)
    return group
