"""How every verb of this room begins: the locked row, and the only way from one state to the next."""

from typing import NoReturn

from archive import permissions, privacy
from archive.errors import NotAllowed, NotFound, WrongState
from archive.permissions import Actor
from ingest import states
from ingest.models import Submission


def get_for(actor: Actor, submission_id, action: str = "submission.read") -> Submission:
    """The gate: this submission, for this actor, for this action. Raises NotFound when it does not exist or lies
    outside what he may see (he learns no difference), NotAllowed when he may see it but not do that."""
    rows = Submission.objects.select_related("fonds")
    submission = rows.visible_to(actor).filter(pk=submission_id).first()
    if submission is None:
        raise NotFound(what="这个信息包")
    permissions.require(actor, action)
    if action != "submission.read" and not rows.visible_to(actor, action).filter(pk=submission_id).exists():
        name = permissions.actions()[action].name
        raise NotAllowed(reason=f"这个信息包不在您“{name}”的范围内（全宗、部门或密级）。")
    return submission


def locked(submission_id) -> Submission:
    return Submission.objects.select_for_update().get(pk=submission_id)


def move(submission: Submission, to: str) -> None:
    if not states.may_move(submission.state, to):
        refuse(submission, f"变为“{states.SUBMISSION_STATES[to]}”")
    submission.state = to


def refuse(submission: Submission, verb: str) -> NoReturn:
    what = f"信息包 {privacy.mask_text(str(submission))} "
    raise WrongState(what=what, state=states.SUBMISSION_STATES[submission.state], verb=verb)
