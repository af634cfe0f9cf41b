"""Whether what an appraisal decided still stands: a result is good for one way to destruction.

「同意销毁」 is spent, and the record goes back to the due list to be appraised anew, when
- its row left a register that had been frozen: the head took it out or approved nothing (only what he approved may be
  destroyed), or a hold came upon it (what held it has to be weighed);
- it has got another period since: what was weighed was the old one.
It stands when the archivist took the record out of a draft, or withdrew the register before its approval: nobody who
decides has decided otherwise.
"""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from retention.models import AppraisalItem, RegisterRow

_LEFT_A_DRAFT = Q(left_edition=1)
_WITHDRAWN = Q(left_edition=None, register__state="withdrawn")


def standing(items: QuerySet[AppraisalItem]) -> QuerySet[AppraisalItem]:
    """Those of the items that let their record go, and still do."""
    let_go = items.filter(
        open=False, result="destroy", appraisal__state="decided", old_period=F("record__retention")
    )
    return let_go.filter(~Exists(_spending(OuterRef("record"), OuterRef("appraisal__decided_at"))))


def standing_of(ids: Sequence[UUID]) -> dict[UUID, AppraisalItem]:
    """Of these records, each with the item that lets it go."""
    rows = standing(AppraisalItem.objects.filter(record_id__in=ids)).select_related("appraisal")
    return {item.record_id: item for item in rows.order_by("appraisal__decided_at", "id")}


def _spending(record, decided_at) -> QuerySet[RegisterRow]:
    """Rows of later registers that this record has left for good."""
    rows = RegisterRow.objects.filter(record=record, state="kept", register__made_at__gte=decided_at)
    return rows.exclude(_LEFT_A_DRAFT).exclude(_WITHDRAWN)
