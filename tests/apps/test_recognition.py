"""文字识别 after filing: words of scans become findable, contradictions become a person's work, kills cost a page."""

import io
import json
import time
from dataclasses import replace

import pytest
from django.utils import timezone
from PIL import Image, ImageDraw

from archive import keeping, records
from archive.inspection import ocr
from archive.inspection.fence import Fence
from archive.models import Copy, DigitalObject, Event, ObjectText, Recognition
from archive.permissions import system_actor
from ingest import recognition
from ingest.models import FindingRow, Submission
from tests import filed

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not ocr.installed(), reason="the extra [ocr] is not installed"),
]
ACTOR = system_actor("测试")


def scan(*pages):
    frames = []
    for words in pages:
        image = Image.new("RGB", (900, 260), "white")
        ImageDraw.Draw(image).text((30, 90), words, fill="black", font_size=64)
        frames.append(image)
    buffer = io.BytesIO()
    frames[0].save(buffer, "TIFF", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def filed_scan(stores, *pages):
    record = filed.a_record(stores, contents=(scan(*pages),))
    item = DigitalObject.objects.get(record=record, role="original")
    return Recognition.objects.create(object=item, kind="image", pages=len(pages))


def test_words_of_every_page_become_text_of_the_index_and_numbers_become_tokens(stores):
    row = filed_scan(stores, "PENSION 2019", "440106199003071231")
    assert recognition.work(actor=ACTOR, seconds=3600) == {"done": 1, "failed": 0, "pages": 2}
    row.refresh_from_db()
    text = ObjectText.objects.get(object=row.object)
    assert "PENSION" in text.text and "440106199003071231" not in text.text and text.tokens.startswith("n")
    assert (row.state, row.pages_done, row.texts) == ("done", 2, []) and row.score > 0.8
    assert Event.objects.filter(action="text.recognised").count() == 1


def turn(seconds=3600.0):
    return recognition._Turn(ACTOR, time.monotonic() + seconds)


@pytest.fixture(scope="module")
def reading():
    with Fence(ocr.LIMITS, functions="archive.inspection.ocr") as fence:
        yield fence


def test_between_pages_the_words_lie_encrypted_and_a_killed_worker_goes_on(stores, reading, monkeypatch):
    row = filed_scan(stores, "FIRST", "440106199003071231")
    killed = turn()
    kept = recognition._kept

    def dies(row):
        kept(row)
        raise KeyboardInterrupt

    monkeypatch.setattr(recognition, "_kept", dies)
    with pytest.raises(KeyboardInterrupt):
        killed.read(killed.take(), reading)
    monkeypatch.undo()
    row.refresh_from_db()
    assert (row.pages_done, row.texts[0][0][:4]) == (1, "enc:")
    told = recognition.work(actor=ACTOR, seconds=3600)
    assert told == {"done": 1, "failed": 0, "pages": 1}, "the page that was done is not done again"


def test_out_of_time_is_no_failure(stores, reading):
    row = filed_scan(stores, "FIRST")
    late = turn(0)
    late.read(late.take(), reading)
    row.refresh_from_db()
    assert (row.state, row.attempts, row.pages_done) == ("waiting", 0, 0)


def test_a_store_that_cannot_be_read_costs_no_attempt_and_ends_the_turn(stores, reading):
    row = filed_scan(stores, "FIRST")
    Copy.objects.update(state="failed")
    told = recognition.work(actor=ACTOR, seconds=3600)
    row.refresh_from_db()
    assert told == {"done": 0, "failed": 0, "pages": 0} and (row.state, row.attempts) == ("waiting", 0)


def test_two_workers_never_have_the_same_file(stores):
    filed_scan(stores, "FIRST")
    one = turn()
    assert one.take() is not None and one.take() is None


def test_what_is_being_destroyed_gets_no_word_more(stores, reading):
    row = filed_scan(stores, "FIRST")
    one = turn()
    taken = one.take()
    records.move(row.object.record_id, "disposing", actor=ACTOR, action="record.kept", data={"stores": ""})
    one.read(taken, reading)
    row.refresh_from_db()
    assert (row.texts, row.pages_done) == ([], 0) and not ObjectText.objects.exists()


def test_a_file_that_kills_the_reader_is_given_up_after_three_times(stores):
    record = filed.a_record(stores, contents=(b"no picture at all",))
    item = DigitalObject.objects.get(record=record, role="original")
    row = Recognition.objects.create(object=item, kind="image", pages=1)
    told = recognition.work(actor=ACTOR, seconds=3600)
    row.refresh_from_db()
    assert told["failed"] == 1 and (row.state, row.attempts) == ("failed", recognition.MOST_ATTEMPTS)
    assert not ObjectText.objects.filter(object=item).exists()


def test_switched_off_it_waits(stores, settings):
    settings.OCR = False
    row = filed_scan(stores, "FIRST")
    assert recognition.work(actor=ACTOR, seconds=3600) == {}
    row.refresh_from_db()
    assert row.state == "waiting" and recognition.progress() == {"files": 1, "pages": 1}


@pytest.mark.parametrize(
    ("mime", "pages", "text", "kind"),
    [
        ("image/jpeg", 1, "", "image"),
        ("application/pdf", 3, " \n", "pdf"),
        ("application/pdf", 3, "words", ""),
        ("application/pdf", None, "", ""),
        ("application/pdf", 10_000, "", ""),
        ("text/plain", 1, "", ""),
    ],
)
def test_only_pictures_without_words_are_read(mime, pages, text, kind):
    assert recognition.wanted(mime, pages, text) == kind


def test_what_the_reader_reads_otherwise_than_declared_is_a_finding_for_a_person(stores):
    declared = json.dumps({"persons": [{"name": "张三", "id_no": "440106199003071231"}]}).encode()
    original = filed.an_object(b"scan", "data/0.jpg")
    beside = filed.an_object(declared, "submission.json")
    beside = replace(beside, role="submission", encrypted=True)
    new = filed.a_new_record(objects=(original, beside))
    record = records.create(new, actor=ACTOR, store_names=list(stores))
    by_id = {original.id: b"scan", beside.id: declared}
    assert keeping.keep(record.id, lambda item: io.BytesIO(by_id[item.id]), actor=ACTOR)
    submission = Submission.objects.create(
        channel="cli", arrived_as="a.zip", received_at=timezone.now(), blob="", blob_bytes=1, record=record
    )
    item = DigitalObject.objects.get(pk=original.id)
    assert recognition._contradictions(record, item, "参保人姓名 张三\n身份证号码 440106199003071231") == []
    recognition._contradictions(record, item, "姓名 李四\n身份证号码 440106199003071231")
    row = FindingRow.objects.get(submission=submission)
    assert (
        (row.check_id, row.verdict) == ("X-TEXT", "manual") and "李*" in row.message and "误" in row.message
    )
