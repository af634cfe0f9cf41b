"""Requester, approver, executor and the two supervisors of a register are kept apart.

`keep_apart` compares them as humans (`persons.same_person`), in words. The database compares the rows themselves by
constraint, whoever writes; `kept_apart` turns its refusal into the same kind of sentence.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import IntegrityError

from archive.errors import NotAllowed
from retention import persons
from retention.models import Person, Register

NAMES = {
    "requested_by": "编制人",
    "approved_by": "批准人",
    "executed_by": "执行人",
    "supervisor_one": "监销人",
    "supervisor_two": "另一监销人",
}
NOT_ALSO = {
    "approved_by": ("requested_by", "executed_by", "supervisor_one", "supervisor_two"),
    "executed_by": ("approved_by", "supervisor_one", "supervisor_two"),
    "supervisor_one": ("approved_by", "executed_by", "supervisor_two"),
    "supervisor_two": ("approved_by", "executed_by", "supervisor_one"),
}
CONSTRAINTS = {
    "approver_is_not_the_requester": "批准人不能是编制清册的人",
    "approver_is_not_the_executor": "批准人和执行人不能是同一人",
    "two_supervisors_are_two_persons": "两名监销人不能是同一人",
    "supervisor_one_is_not_approved_by": "监销人不能是批准人",
    "supervisor_two_is_not_approved_by": "监销人不能是批准人",
    "supervisor_one_is_not_executed_by": "监销人不能是执行人",
    "supervisor_two_is_not_executed_by": "监销人不能是执行人",
    "supervision_once_a_person": "同一人对一版清册只能监销一次",
}


def keep_apart(register: Register, part: str, person: Person) -> None:
    """Raises NotAllowed when `person` may not take this part (a field of Register), because of another he has."""
    for other in NOT_ALSO[part]:
        holder = getattr(register, other)
        if holder is not None and persons.same_person(holder, person):
            raise NotAllowed(
                reason=f"{NAMES[part]}不能同时是{NAMES[other]}（{holder}）。"
                + ("" if holder.pk == person.pk else persons.SETTLE.format(person=person.name) + "。")
            )


@contextmanager
def kept_apart() -> Iterator[None]:
    """Around the transaction that writes a person into a register."""
    try:
        yield
    except IntegrityError as fault:
        for name, sentence in CONSTRAINTS.items():
            if name in str(fault):
                raise NotAllowed(reason=f"{sentence}。请由另一人办理。") from fault
        raise
