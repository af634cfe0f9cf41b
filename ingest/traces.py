"""What the ingest rooms still hold of a filed record: staged blobs, reports, work folders (archive/traces.py)."""

from django.core.files.storage import storages

from archive.models import Record
from ingest import staging
from ingest.models import Submission


class Traces:
    name = "暂存与检测报告"

    @staticmethod
    def remove(record: Record) -> None:
        for submission in Submission.objects.filter(record=record):
            staging.drop(submission.blob)
            for name in _reports(submission):
                staging.drop(name)
            staging.drop_work_folder(submission.pk)

    @staticmethod
    def prove_absent(record: Record) -> list[str]:
        left: list[str] = []
        for submission in Submission.objects.filter(record=record):
            if submission.blob and storages["staging"].exists(submission.blob):
                left.append(submission.blob)
            left += _reports(submission)
            if staging.work_folder(submission.pk).exists() or staging.pages_folder(submission.pk).exists():
                left.append(str(submission.pk))
        return left


def _reports(submission: Submission) -> list[str]:
    folder = f"reports/{submission.pk}"
    try:
        _, names = storages["staging"].listdir(folder)
    except FileNotFoundError:
        return []
    return [f"{folder}/{name}" for name in names]
