"""变更消息: the outbox. A verb announces in its own transaction; a consumer follows up and deletes what it read.

If following up fails, the row is still there: that is the retry. A consumer reads the current state of the
subject, never a payload, so a late or doubled message does no harm. A reader that remembered "the largest id seen"
would lose what commits late: rows are deleted by the ids that were read.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from archive.models import Change


def announce(topic: str, *subjects: UUID) -> None:
    """Say that these subjects changed. Inside the verb's transaction."""
    Change.objects.bulk_create(Change(topic=topic, subject=subject) for subject in subjects)


def follow(topic: str, work: Callable[[Sequence[UUID]], None], *, limit: int = 200) -> int:
    """Take up to `limit` messages, let `work` follow up on their subjects, delete exactly what was read.

    Returns how many messages were done. When `work` raises, nothing is deleted: the messages wait a while longer
    each time, and the exception goes on to the caller.
    """
    now = timezone.now()
    with transaction.atomic():
        rows = (
            Change.objects.filter(topic=topic)
            .filter(Q(try_after=None) | Q(try_after__lte=now))
            .order_by("id")
        )
        if connection.vendor == "postgresql":
            rows = rows.select_for_update(skip_locked=True)
        taken = list(rows.values_list("id", "subject")[:limit])
    if not taken:
        return 0
    ids = [row_id for row_id, _ in taken]
    try:
        work(list(dict.fromkeys(subject for _, subject in taken)))
    except BaseException:
        Change.objects.filter(id__in=ids).update(
            attempts=F("attempts") + 1, try_after=now + timedelta(seconds=30)
        )
        raise
    Change.objects.filter(id__in=ids).delete()
    return len(ids)


Step = Callable[[UUID], tuple[int, bool]]
"""One bounded step of what a message asks for: (how much was done, whether nothing is left)."""


def in_steps(topic: str, step: Step) -> int:
    """One step for each message; what is not finished is announced again. How much was done."""
    done = 0

    def work(subjects: Sequence[UUID]) -> None:
        nonlocal done
        for subject in subjects:
            count, finished = step(subject)
            done += count
            if not finished:
                with transaction.atomic():
                    announce(topic, subject)

    follow(topic, work)
    return done


def to_the_end(subjects: Sequence[UUID], step: Step) -> None:
    """All steps of these, for whoever follows up on all messages at once (CHANGE_TOPICS)."""
    for subject in subjects:
        while not step(subject)[1]:
            pass


def waiting(topic: str) -> int:
    return Change.objects.filter(topic=topic).count()


def among(topic: str, subjects: Sequence[UUID]) -> set[UUID]:
    """Those of the subjects of which a message still waits."""
    return set(Change.objects.filter(topic=topic, subject__in=subjects).values_list("subject", flat=True))
