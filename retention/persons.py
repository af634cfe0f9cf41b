"""签署人: a human who decides or signs, with an account or without. Persons are compared as persons, not as accounts.

Where the archive cannot tell two apart it takes them for one: a person without an account bears only a name, so
whoever bears the same name may be he. The 安全保密员 settles it by registering the identity number (`identify`).
"""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from archive import audit, permissions, privacy
from archive.errors import NotAllowed, WrongInput
from archive.models import RecordParty, User
from archive.permissions import Actor
from retention.models import Person

SETTLE = "如系同名，请安全保密员登记{person}的证件号码后再试"


def person_of(user: User) -> Person:
    """The person of an account, made at his first act."""
    values = {"name": user.name}
    return Person.objects.select_related("user").get_or_create(user=user, defaults=values)[0]


def of(actor: Actor) -> Person:
    """The person who acts. Raises NotAllowed for the system: a machine decides nothing."""
    user = User.objects.filter(pk=actor.id, is_system=False).first() if actor.id else None
    if user is None:
        raise NotAllowed(reason="这一步须由本人以自己的账户办理，系统不能代办。")
    return person_of(user)


def outsider(name: str, organisation: str, duty: str = "") -> Person:
    """A person without an account (人社 member, head), by name and organisation."""
    name, organisation, duty = name.strip(), organisation.strip(), duty.strip()
    if not name or not organisation:
        raise WrongInput(field="签署人", reason="没有账户的签署人须写明姓名和单位。")
    if len(name) > 60 or len(organisation) > 120 or len(duty) > 60:
        raise WrongInput(field="签署人", reason="姓名、职务最多 60 个字，单位最多 120 个字。")
    return Person.objects.get_or_create(
        name=name, organisation=organisation, user=None, defaults={"duty": duty}
    )[0]


def same_person(one: Person, other: Person) -> bool:
    """Are they one human, as far as the archive can tell?"""
    if one.pk == other.pk:
        return True
    tokens = _token(one), _token(other)
    if all(tokens):
        return tokens[0] == tokens[1]
    if one.user_id and other.user_id:
        return False
    return privacy.normal_name(one.name) == privacy.normal_name(other.name)


def _token(person: Person) -> str:
    return person.id_token or (person.user.id_token if person.user_id else "")


def own_files(person: Person, records: Sequence[UUID]) -> dict[UUID, str]:
    """Those of the records that are about this person, and the sentence that says why he may not decide on them: nobody
    decides on a file about himself (design §5.3)."""
    token = _token(person)
    found: dict[UUID, str] = {}
    for start in range(0, len(records), 500):
        parties = RecordParty.objects.filter(record_id__in=records[start : start + 500], kind="person")
        if token:
            mine = parties.filter(id_token=token)
            sentence = f"当事人就是{person.name}本人，须回避"
        else:
            mine = parties.filter(name_key=privacy.normal_name(person.name)[:200])
            sentence = f"当事人与{person.name}同名，须回避；{SETTLE.format(person=person.name)}"
        found |= dict.fromkeys(mine.values_list("record_id", flat=True), sentence)
    return found


@transaction.atomic
def identify(person: Person, number: str, *, actor: Actor) -> Person:
    """Register the identity number of a person, as a keyed hash only. Raises WrongInput for one that is none."""
    permissions.require(actor, "person.identify")
    number = privacy.normal_number(number)
    if not 6 <= len(number) <= 30:
        raise WrongInput(field="证件号码", reason="请填写完整的证件号码。")
    person = Person.objects.select_for_update(of=("self",)).get(pk=person.pk)
    person.id_token = privacy.number_token(number)
    person.save(update_fields=["id_token"])
    audit.record(
        actor=actor, action="person.identified", kind="site", subject="persons", name=person.name,
        data={"person": person.name},
    )  # fmt: skip
    return person
