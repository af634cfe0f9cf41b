"""移交信息包: real zips through the browser's door, and everything that is not one."""

import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from archive import determinations, holdings
from archive.inspection.fence import Fence
from archive.permissions import system_actor
from ingest import pipeline
from ingest.models import Submission
from tests import factories, filed
from tests.arrived import a_submission
from tests.pages import reader, text

pytestmark = pytest.mark.django_db(databases="__all__")
URL = "/intake/upload/"


@pytest.fixture
def schedule(actor):
    determinations.load_schedule(actor=actor)
    holdings.make_fonds("D019", "东莞市社会保险基金管理中心", actor=actor)


def zipped(tmp_path, **changes) -> tuple[str, bytes]:
    path = factories.a_bag(tmp_path, factories.a_submission(**changes), zip=True)
    return path.name, path.read_bytes()


def send(client: Client, name: str, content: bytes, **more):
    """As static/js/upload.js sends it."""
    data = {"files": SimpleUploadedFile(name, content, "application/zip"), "fonds": "", **more}
    return client.post(URL, data, headers={"Accept": "application/json"})


@pytest.mark.usefixtures("stores", "schedule")
def test_a_zip_is_received_and_the_worker_takes_it_all_the_way(tmp_path):
    client = reader("window")
    answer = send(client, *zipped(tmp_path)).json()
    assert (answer["state"], answer["tone"]) == ("received", "progress")
    row = Submission.objects.get()
    assert answer["url"] == reverse("ingest:submission", args=[row.pk])
    assert (row.channel, row.received_by_id, row.claimed_by) == ("web", client.user.pk, "")
    part = text(client.get(reverse("ingest:progress"), headers={"HX-Request": "true"}))
    assert "every 2s" in part and "排队中" not in part.partition("<table")[0] and "待检测" in part
    with Fence() as fence:
        pipeline.work(fence, actor=system_actor("测试"))
    row.refresh_from_db()
    assert row.state == "archived", row.reason
    part = text(client.get(reverse("ingest:progress")))
    assert row.record.reference_code in part and reverse("record", args=[row.record_id]) in part


@pytest.mark.usefixtures("schedule")
def test_the_same_zip_again_is_told_as_a_duplicate_and_kept_once(tmp_path):
    client, package = reader("window"), zipped(tmp_path)
    send(client, *package)
    answer = send(client, *package).json()
    assert answer["state"] == "duplicate" and "没有重复收存" in answer["message"]
    assert Submission.objects.count() == 1


@pytest.mark.usefixtures("schedule")
def test_a_duplicate_of_somebody_elses_package_is_told_without_a_way_to_it(tmp_path):
    package = zipped(tmp_path)
    send(reader("archivist"), *package)
    stranger = reader("clerk", departments=[filed.a_department("待遇科").pk])
    assert send(stranger, *package).json()["url"] == ""


@pytest.mark.usefixtures("schedule")
@pytest.mark.parametrize("content", [b"not a zip at all", b"PK\x03\x04 cut off", b"%PDF-1.7\n"])
def test_junk_is_refused_in_words_and_kept_as_evidence(content):
    answer = send(reader("clerk"), "扫描件.zip", content).json()
    assert answer["word"] == "拒收" and "留存备查" in answer["message"]
    row = Submission.objects.get()
    assert row.state == "refused" and row.blob


def test_an_empty_file_is_refused_and_leaves_nothing():
    response = send(reader("clerk"), "空.zip", b"")
    assert response.status_code == 400 and "0 字节" in response.json()["message"]
    assert not Submission.objects.exists()


def test_no_file_at_all_is_said():
    response = reader("clerk").post(URL, {}, headers={"Accept": "application/json"})
    assert response.status_code == 400 and "没有选择文件" in response.json()["message"]


@pytest.mark.usefixtures("schedule")
def test_what_is_too_large_is_refused_before_its_body_is_read(tmp_path, settings):
    settings.MAX_PACKAGE_BYTES = 1024

    class Untouched(io.BytesIO):
        def read(self, *args):
            raise AssertionError("the body was read")

    client = reader("clerk")
    response = client.generic(
        "POST", URL, b"", "multipart/form-data; boundary=x", CONTENT_LENGTH=str(10 * 1024**2),
        headers={"Accept": "application/json"}, **{"wsgi.input": Untouched()},
    )  # fmt: skip
    assert response.status_code == 400 and "单包上限" in response.json()["message"]
    name, content = zipped(tmp_path)
    response = send(client, name, content)  # within the envelope, beyond the limit of a package
    assert response.status_code == 400 and "单包上限" in response.json()["message"]
    assert not Submission.objects.exists()


@pytest.mark.usefixtures("schedule")
def test_a_package_for_a_fonds_without_a_right_there_is_refused_with_the_reason(tmp_path):
    holdings.make_fonds("L010", "大连", actor=system_actor("测试"))
    answer = send(reader("clerk"), *zipped(tmp_path, fonds="L010")).json()
    assert answer["state"] == "refused" and "没有向这个全宗移交的授权" in answer["message"]


def test_a_fonds_that_is_not_offered_cannot_be_chosen():
    filed.a_fonds("L010")
    response = send(reader("clerk"), "a.zip", b"x", fonds="L010")
    assert response.status_code == 400 and "有权移交的全宗" in response.json()["message"]


@pytest.mark.usefixtures("schedule")
def test_without_scripts_several_files_go_in_one_post_each_with_its_answer(tmp_path):
    name, content = zipped(tmp_path)
    files = [
        SimpleUploadedFile(name, content),
        SimpleUploadedFile("坏.zip", b"x"),
        SimpleUploadedFile("空.zip", b""),
    ]
    html = text(reader("window").post(URL, {"files": files, "fonds": ""}, follow=True))
    assert f"{name}：已接收" in html and "坏.zip：拒收" in html and "空.zip" in html and "0 字节" in html


def test_a_post_without_the_token_is_refused():
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(reader("clerk").user, backend="django.contrib.auth.backends.ModelBackend")
    assert send(strict, "a.zip", b"x").status_code == 403


def test_somebody_who_may_not_hand_in_is_told_so_in_the_scripts_language():
    response = send(reader("inspector"), "a.zip", b"x")
    assert response.status_code == 403 and response.json()["code"] == "not-allowed"


def test_when_nobody_works_the_page_says_so_honestly():
    client = reader("window")
    long_ago = timezone.now() - timezone.timedelta(minutes=2)
    row = a_submission("received", received_by_id=client.user.pk, received_at=long_ago)
    assert "没有工作进程" in text(client.get(URL))
    row.claimed_by, row.claimed_until = "elsewhere/1/1", timezone.now() + timezone.timedelta(minutes=5)
    row.save(update_fields=["claimed_by", "claimed_until"])
    assert "没有工作进程" not in text(client.get(URL))


def test_one_sees_under_the_upload_only_what_one_handed_in_oneself():
    client = reader("archivist")
    theirs = a_submission("received", received_by_id=filed.a_user().pk)
    mine = a_submission("received", received_by_id=client.user.pk)
    html = text(client.get(URL))
    assert mine.business_no in html and theirs.business_no not in html
