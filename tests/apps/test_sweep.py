"""What a kill left in the staging area: swept after a day, never while somebody still needs it."""

import os
import time
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.utils import timezone

from archive.identifiers import new_id
from ingest import receiving, staging
from ingest.models import Submission

pytestmark = pytest.mark.django_db
DAYS = 24 * 3600


def a_blob(age_days: float) -> str:
    storage = storages["staging"]
    name = storage.save(f"submissions/{new_id()}.zip", ContentFile(b"x"))
    _aged(storage.path(name), age_days)
    return name


def a_work_folder(age_days: float, id=None):
    folder = staging.fresh_work_folder(id or new_id())
    (folder / "form.pdf").write_bytes(b"personal")
    _aged(folder, age_days)
    return folder


def _aged(path, days: float) -> None:
    moment = time.time() - days * DAYS
    os.utime(path, (moment, moment))


def a_submission(blob: str = "", **changed) -> Submission:
    values = {
        "channel": "cli",
        "arrived_as": "x",
        "received_at": timezone.now(),
        "blob": blob,
        "blob_bytes": 1,
    }
    return Submission.objects.create(**(values | changed))


def test_a_blob_that_no_row_speaks_of_goes_after_a_day():
    orphan, fresh, named = a_blob(2), a_blob(0.5), a_blob(30)
    a_submission(named)
    assert receiving.sweep() == 1
    storage = storages["staging"]
    assert [storage.exists(name) for name in (orphan, fresh, named)] == [False, True, True]


def test_a_work_folder_goes_after_a_day_unless_somebody_works_in_it():
    left, fresh = a_work_folder(2), a_work_folder(0.5)
    busy = a_submission(state="received", claimed_by="x", claimed_until=timezone.now() + timedelta(minutes=5))
    idle = a_submission(state="received")
    working, forgotten = a_work_folder(2, busy.pk), a_work_folder(2, idle.pk)
    receiving.sweep()
    assert [folder.exists() for folder in (left, fresh, working, forgotten)] == [False, True, True, False]


def test_what_is_not_named_by_a_submission_is_nobodys_to_sweep():
    other = staging.work_folder("something-else")
    other.mkdir(parents=True, exist_ok=True)
    _aged(other, 9)
    receiving.sweep()
    assert other.exists()
