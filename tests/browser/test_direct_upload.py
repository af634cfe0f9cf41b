"""A large package from a real Chromium straight into the landing bucket of a real S3 server, over a line that breaks."""

import hashlib
import os
import zipfile
from dataclasses import replace

import pytest
from django.urls import reverse
from selenium.webdriver.common.by import By

from archive.storage import landing as parts
from archive.storage.s3_client import make_client
from ingest.models import Submission
from ingest.transports import direct
from tests import filed
from tests.journeys.conftest import Packages
from tests.look.camera import OFFICE, Camera, find_browser, until
from tests.pages import reader
from tests.services.conftest import radosgw  # noqa: F401  (a fixture)
from tests.services.faulty_proxy import FaultyProxy

pytestmark = [
    pytest.mark.browser,
    pytest.mark.services,
    pytest.mark.django_db(transaction=True, databases="__all__"),
    pytest.mark.skipif(find_browser() is None, reason="Chromium and its driver are not installed"),
]
PART = 5 * 1024 * 1024


@pytest.fixture
def line(radosgw, stores, monkeypatch, live_server):  # noqa: F811
    """The proxy through which the browser reaches the bucket; our own server reaches it directly."""
    config = replace(radosgw, bucket=f"landing-{os.urandom(6).hex()}")
    client = make_client(config)
    client.create_bucket(Bucket=config.bucket)
    rule = {"AllowedOrigins": [live_server.url], "AllowedMethods": ["PUT"], "AllowedHeaders": ["*"]}
    client.put_bucket_cors(Bucket=config.bucket, CORSConfiguration={"CORSRules": [rule]})
    for name in ("bucket", "endpoint_url", "access_key_id", "secret_access_key"):
        monkeypatch.setenv(f"ARCHIVE_DIRECT_S3_{name.upper()}", getattr(config, name))
    monkeypatch.setattr(parts, "PART_BYTES", PART)
    monkeypatch.setattr(direct, "FROM_BYTES", PART)
    with FaultyProxy(radosgw.endpoint_url) as proxy:
        monkeypatch.setenv("ARCHIVE_DIRECT_PUBLIC_URL", proxy.url)
        direct.forget()
        yield proxy
    direct.forget()


@pytest.fixture
def page(live_server, line):
    """The upload page in a browser, signed in."""
    filed.a_fonds("D019")
    client = reader("archivist")
    with Camera(OFFICE) as camera:
        camera.open(live_server.url + "/sign-in/")
        camera.driver.add_cookie({"name": "sessionid", "value": client.cookies["sessionid"].value})
        camera.complaints.clear()
        camera.open(live_server.url + reverse("ingest:upload"))
        yield camera


@pytest.fixture
def package(tmp_path):
    path = Packages(tmp_path / "packages").bag(zip=True)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"{archive.namelist()[0].partition('/')[0]}/data/large.bin", os.urandom(22_000_000))
    return path


def says(camera, words: str) -> None:
    def found(driver) -> bool:
        return words in driver.find_element(By.CSS_SELECTOR, "[data-upload-list]").text

    until(camera.driver, found, f"“{words}” never came")


def choose(camera, path) -> None:
    camera.driver.find_element(By.ID, "upload-files").send_keys(str(path))


def test_a_large_package_goes_past_the_web_server_and_arrives_whole(page, line, package):
    choose(page, package)
    says(page, "已接收")
    assert page.complaints == []
    row = Submission.objects.get()
    assert row.blob_sha256 == hashlib.sha256(package.read_bytes()).hexdigest()
    sent = [path for method, path in line.requests if method == "PUT"]
    assert len(sent) == 5 and all("partNumber" in path for path in sent)


def test_a_line_that_breaks_is_gone_on_with_and_no_part_that_arrived_is_sent_twice(page, line, package):
    with line.fault("cut-sending", methods={"PUT"}, after=2):
        choose(page, package)
        says(page, "接着传")
    says(page, "已接收")
    assert Submission.objects.get().blob_sha256 == hashlib.sha256(package.read_bytes()).hexdigest()


def test_it_can_be_paused_and_gone_on_with_and_stopped(page, line, package):
    with line.fault("hang", methods={"PUT"}):  # what is paused and stopped is surely under way
        choose(page, package)
        press(page, "暂停")
        says(page, "已暂停")
        press(page, "继续")
    says(page, "已接收")
    with line.fault("hang", methods={"PUT"}):
        choose(page, package)
        press(page, "停止")
        says(page, "已停止")
    assert Submission.objects.count() == 1


def press(camera, label: str) -> None:
    def pressed(driver) -> bool:
        found = driver.find_elements(By.XPATH, f"//button[normalize-space()='{label}']")
        if found:
            found[-1].click()
        return bool(found)

    until(camera.driver, pressed, label)
