"""Tasks that a person started from a page of this room and need not wait for. Each calls one verb; rights are read again
when it runs."""

import json

from archive import audit
from archive.inspection.fence import Fence
from archive.models import User
from archive.permissions import Actor
from ingest import rechecking, settling
from ingest.models import Submission
from ingest.views.forms import Sieve


def examine_outdated(asked: str, user_id: str) -> str:
    """`asked`: the filters and the tab of the list, as JSON."""
    actor, data = Actor.of(User.objects.get(pk=user_id)), json.loads(asked)
    rows = Sieve(data, actor=actor).narrow(Submission.objects.visible_to(actor, "submission.examine"))
    if data.get("tab"):
        rows = rows.filter(state=data["tab"])
    return f"重新排队检测 {settling.examine_outdated(rows, actor=actor)} 个信息包"


def recheck(submission_id: str, user_id: str) -> str:
    actor = Actor.of(User.objects.get(pk=user_id))
    with Fence() as fence:
        return audit.sentence(rechecking.recheck(submission_id, fence, actor=actor))
