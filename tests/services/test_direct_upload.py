"""Direct upload against a real S3 server: presigned parts, a lost connection, bytes that are not as they were sent."""

import hashlib
import os
import urllib.error
import urllib.request
import zipfile
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.urls import reverse

from archive.storage import landing as parts
from archive.storage.s3_client import make_client
from ingest.models import Submission
from ingest.transports import direct
from tests import filed
from tests.journeys.conftest import Packages
from tests.pages import reader, text

pytestmark = [pytest.mark.services, pytest.mark.django_db(databases="__all__")]
PART = 5 * 1024 * 1024
"""The least that a server takes as a part; the product sends larger ones."""


@pytest.fixture
def landing(radosgw, stores, monkeypatch):
    """A bucket without versions and locks, named by the settings; parts as small as the server takes."""
    config = replace(radosgw, bucket=f"landing-{os.urandom(6).hex()}")
    make_client(config).create_bucket(Bucket=config.bucket)
    for name in ("bucket", "endpoint_url", "access_key_id", "secret_access_key"):
        monkeypatch.setenv(f"ARCHIVE_DIRECT_S3_{name.upper()}", getattr(config, name))
    monkeypatch.setattr(parts, "PART_BYTES", PART)
    direct.forget()
    filed.a_fonds("D019")
    yield direct.landing()
    direct.forget()


@pytest.fixture
def package(tmp_path):
    """A good package of three parts: its scan has 11 MB that no compression makes smaller."""
    path = Packages(tmp_path / "packages").bag(zip=True)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"{archive.namelist()[0].partition('/')[0]}/data/large.bin", os.urandom(11_000_000))
    return path.read_bytes()


class Browser:
    """What static/js/direct.js does, with a client of Django for our pages and plain HTTP for the bucket."""

    def __init__(self, client, content: bytes) -> None:
        self.client, self.content, self.ticket = client, content, ""
        self.parts = [content[at : at + PART] for at in range(0, len(content), PART)]

    def ask(self, step: str, **fields):
        address = reverse(f"ingest:direct_{step}")
        return self.client.post(address, fields, headers={"accept": "application/json"})

    def begin(self, **changed):
        answer = self.ask("begin", **({"name": "大包.zip", "size": len(self.content)} | changed))
        self.ticket = answer.json().get("ticket", "")
        return answer

    def missing(self) -> dict[int, str]:
        said = self.ask("parts", ticket=self.ticket).json()
        return {int(number): address for number, address in said["addresses"].items()}

    def send(self, number: int, address: str, content: bytes | None = None) -> int:
        body = self.parts[number - 1] if content is None else content
        try:
            request = urllib.request.Request(address, data=body, method="PUT", headers={"Content-Type": ""})
            with urllib.request.urlopen(request) as answer:
                return answer.status
        except urllib.error.HTTPError as refused:
            return refused.code
        except urllib.error.URLError:
            return 0  # hung up on in the middle

    def send_missing(self) -> None:
        for number, address in self.missing().items():
            assert self.send(number, address) == 200

    def finish(self):
        digests = " ".join(hashlib.sha256(part).hexdigest() for part in self.parts)
        return self.ask("finish", ticket=self.ticket, digests=digests)


@pytest.fixture
def browser(landing, package):
    return Browser(reader("archivist"), package)


def left(landing) -> int:
    objects = landing.client.list_objects_v2(Bucket=landing.bucket).get("KeyCount", 0)
    return objects + len(landing.client.list_multipart_uploads(Bucket=landing.bucket).get("Uploads", []))


def test_a_package_laid_down_in_parts_is_received_whole_and_nothing_stays_behind(browser, landing, package):
    assert browser.begin().json()["parts"] == 3
    browser.send_missing()
    said = browser.finish().json()
    assert said["word"] == "已接收", said
    row = Submission.objects.get()
    assert (row.blob_sha256, row.blob_bytes) == (hashlib.sha256(package).hexdigest(), len(package))
    assert (row.channel, row.arrived_as, row.state) == ("web", "大包.zip", "received")
    assert left(landing) == 0


def test_after_a_lost_connection_only_the_missing_parts_are_asked_for(browser, landing):
    browser.begin()
    addresses = browser.missing()
    assert browser.send(2, addresses[2]) == 200
    assert sorted(browser.missing()) == [1, 3]
    early = browser.finish()
    assert early.status_code == 400 and "到了 1 块" in early.json()["message"]
    assert not Submission.objects.exists()
    browser.send_missing()
    assert browser.finish().json()["word"] == "已接收"


def test_what_is_not_as_the_browser_sent_it_is_refused_and_nothing_is_left(browser, landing):
    browser.begin()
    for number, address in browser.missing().items():
        altered = bytes(len(browser.parts[number - 1])) if number == 2 else None
        assert browser.send(number, address, altered) == 200
    answer = browser.finish()
    assert answer.status_code == 400 and "第 2 块与浏览器发出的不同" in answer.json()["message"]
    assert not Submission.objects.exists() and left(landing) == 0
    assert browser.finish().status_code == 404


def test_finish_may_be_asked_again_after_a_break(browser, landing):
    browser.begin()
    browser.send_missing()
    ticket = direct.read(browser.ticket, actor=_actor(browser))
    landing.complete(ticket.upload, landing.arrived(ticket.upload))  # then the answer was lost
    assert browser.finish().json()["word"] == "已接收"
    assert browser.finish().status_code == 404 and Submission.objects.count() == 1


def _actor(browser):
    from archive.permissions import Actor

    return Actor.of(browser.client.user)


def test_an_address_is_good_for_its_part_alone(browser, landing):
    browser.begin()
    address = browser.missing()[1]
    assert browser.send(1, address, b"too short") in (0, 400, 403)
    assert browser.send(1, address.replace("partNumber=1", "partNumber=2")) in (0, 403)
    place = urlsplit(address)
    assert browser.send(1, f"{place.scheme}://{place.netloc}{place.path}x?{place.query}") in (0, 403)
    assert sorted(browser.missing()) == [1, 2, 3], "nothing of this has arrived"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(address)  # to read is not what it was signed for
    assert refused.value.code == 403
    assert "X-Amz-Expires=900" in address and landing.bucket in place.path


def test_a_ticket_is_its_owners_alone(browser, landing, package):
    browser.begin()
    thief = Browser(reader("archivist"), package)
    for ticket in (browser.ticket, browser.ticket[:-1] + "x", "", "nonsense"):
        thief.ticket = ticket
        assert thief.ask("parts", ticket=ticket).status_code == 404
        assert thief.finish().status_code == 404
        assert thief.ask("stop", ticket=ticket).status_code == 404
    assert browser.missing()


def test_what_would_be_refused_anyway_is_refused_before_a_byte(browser, landing, settings):
    settings.MAX_PACKAGE_BYTES = 10_000_000
    assert "超过单包上限" in browser.begin().json()["message"]
    assert "空的" in browser.begin(size=0).json()["message"]
    assert browser.begin(size="1e9").status_code == 400
    assert left(landing) == 0


def test_stopped_and_forgotten_uploads_are_taken_away(browser, landing):
    browser.begin()
    browser.send_missing()
    assert left(landing) == 1
    browser.ask("stop", ticket=browser.ticket)
    assert left(landing) == 0
    over = browser.ask("parts", ticket=browser.ticket)  # 503 would be asked again for ever
    assert over.status_code == 404 and "已经收过、停止或过期" in over.json()["message"]
    browser.begin()
    assert direct.sweep() == 0, "younger than a day"
    assert landing.sweep(older_than=timedelta(0)) == 1 and left(landing) == 0


def test_only_the_upload_page_may_speak_to_the_bucket(browser, landing):
    page = browser.client.get(reverse("ingest:upload"))
    assert f"connect-src 'self' {landing.origin};" in page["Content-Security-Policy"]
    assert "data-direct-from" in text(page)
    assert landing.origin not in browser.client.get(reverse("home"))["Content-Security-Policy"]


def test_a_landing_place_that_fails_is_named_and_may_be_asked_again(browser, landing, monkeypatch):
    from tests.services.faulty_proxy import FaultyProxy

    browser.begin()
    browser.send_missing()
    with FaultyProxy(os.environ["ARCHIVE_DIRECT_S3_ENDPOINT_URL"]) as proxy:
        with monkeypatch.context() as changed:
            changed.setenv("ARCHIVE_DIRECT_S3_ENDPOINT_URL", proxy.url)
            direct.forget()
            for fault in ("cut", "error-500", "page"):
                with proxy.fault(fault, methods={"GET"}):
                    answer = browser.finish()
                assert answer.status_code == 503, (fault, answer.content)
                assert "请" in answer.json()["message"] and not Submission.objects.exists()
    direct.forget()
    assert browser.finish().json()["word"] == "已接收"
