"""What only a person settles: confirm, examine again, try again, look at the daily sample. Each verb asks for the
right and for the place (fonds, department, security) of the package, and leaves an event."""

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from archive import audit, permissions
from archive.errors import WrongState
from archive.permissions import Actor
from ingest import outdated
from ingest.models import Submission
from ingest.moves import get_for, locked, move, refuse


@transaction.atomic
def confirm(submission_id, *, note: str, actor: Actor) -> Submission:
    """An archivist lets a waiting submission go on: what its source or its pack leaves to a person is hereby said.
    It is examined again; a period that is still unknown keeps it waiting."""
    get_for(actor, submission_id, "submission.confirm")
    submission = locked(submission_id)
    if submission.state != "waiting":
        refuse(submission, "确认归档")
    move(submission, "received")
    submission.confirmed_at, submission.confirmed_by_id = timezone.now(), actor.id
    submission.attempts = 0
    submission.save(update_fields=["state", "attempts", "confirmed_at", "confirmed_by"])
    _say(submission, "submission.confirmed", actor, note=note.strip() or "无备注")
    return submission


@transaction.atomic
def examine_again(submission_id, *, actor: Actor, why: str = "由档案员提出") -> Submission:
    """Put a returned or waiting submission back in line, after a pack, a period or the engine changed."""
    get_for(actor, submission_id, "submission.examine")
    return _back_in_line(submission_id, actor=actor, why=why)


@transaction.atomic
def try_again(submission_id, *, actor: Actor) -> Submission:
    """Take up what the worker gave up after too many attempts. Nothing is lost or skipped: it goes on from the
    state that was committed last."""
    get_for(actor, submission_id, "submission.examine")
    submission = locked(submission_id)
    if not Submission.objects.filter(pk=submission.pk).stuck().exists():
        refuse(submission, "重试：它没有停住")
    submission.attempts, submission.claimed_by, submission.claimed_until = 0, "", None
    submission.save(update_fields=["attempts", "claimed_by", "claimed_until"])
    _say(submission, "submission.retried", actor)
    return submission


def examine_waiting(*, actor: Actor) -> int:
    """After a period was determined: everything that waits for one is judged again, in every fonds, because the
    determination holds in all of them. Returns how many."""
    permissions.require(actor, "submission.examine")
    count = 0
    for pk in list(Submission.objects.awaiting_period().values_list("pk", flat=True)):
        with transaction.atomic():
            if locked(pk).state == "waiting":
                _back_in_line(pk, actor=actor, why="保管期限已判定")
                count += 1
    return count


def examine_outdated(rows: QuerySet, *, actor: Actor) -> int:
    """Of these submissions examine again all that were examined by older rules, where this actor may. Each by itself:
    what a colleague settled meanwhile is passed over. Returns how many."""
    permissions.require(actor, "submission.examine")
    allowed = Submission.objects.visible_to(actor, "submission.examine").values("pk")
    count = 0
    for pk in list(
        outdated.outdated(rows.filter(pk__in=allowed)).order_by("received_at").values_list("pk", flat=True)
    ):
        with transaction.atomic():
            if outdated.is_outdated(locked(pk)):
                _back_in_line(pk, actor=actor, why="检测规则已更新")
                count += 1
    return count


def _back_in_line(submission_id, *, actor: Actor, why: str) -> Submission:
    submission = locked(submission_id)
    if submission.state not in ("returned", "waiting"):
        refuse(submission, "重新检测")
    move(submission, "received")
    submission.attempts = 0
    submission.save(update_fields=["state", "attempts"])
    _say(submission, "submission.again", actor, why=why)
    return submission


@transaction.atomic
def sample_seen(submission_id, *, verdict: str, actor: Actor) -> Submission:
    """An archivist looked at a sampled record and says what he found ("" = in order)."""
    get_for(actor, submission_id, "submission.sample")
    submission = locked(submission_id)
    if submission.sampled_on is None or submission.sample_seen_at is not None:
        raise WrongState(what=f"信息包 {submission}", state="不在待抽查之列", verb="抽查")
    submission.sample_seen_at, submission.sample_verdict = timezone.now(), verdict.strip()[:200]
    submission.save(update_fields=["sample_seen_at", "sample_verdict"])
    _say(submission, "submission.sampled", actor, verdict=verdict.strip() or "无误")
    return submission


def _say(submission: Submission, action: str, actor: Actor, **data: str) -> None:
    audit.record(
        actor=actor, action=action, kind="submission", subject=submission.pk, name=str(submission), data=data
    )
