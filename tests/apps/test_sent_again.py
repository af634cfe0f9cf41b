"""A package that is sent again after its record came back from the stores and its submission did not."""

import pytest
from django.db import connection, transaction

from archive import triggers
from archive.models import Record
from config.assembly import TRIGGER_RULES
from ingest.models import FindingRow, Submission

pytestmark = [
    pytest.mark.django_db(transaction=True, databases="__all__"),
    pytest.mark.usefixtures("site", "stores"),
]


def lose(submission):
    """As a rebuild without snapshots leaves it."""
    triggers.uninstall(connection, TRIGGER_RULES)
    with transaction.atomic():
        FindingRow.objects.filter(submission=submission)._raw_delete("default")
        Submission.objects.filter(pk=submission.pk)._raw_delete("default")
    triggers.install(connection, TRIGGER_RULES)


def test_the_same_package_is_linked_to_the_record_that_is_there(hand_in):
    first = hand_in()
    assert first.state == "archived"
    lose(first)
    again = hand_in()
    assert (again.state, again.record_id) == ("archived", first.record_id) and again.pk != first.pk
    assert Record.objects.count() == 1


def test_other_content_under_its_name_is_refused_with_what_to_do(hand_in):
    first = hand_in()
    lose(first)
    again = hand_in(title="另一个题名")
    assert again.state == "refused" and "更高的修订号" in again.reason
    assert hand_in(title="另一个题名", revision=2).state == "archived"
