"""Addresses and fields that somebody forged: whatever stands in them, the answer is a page, never a fault."""

import base64
import json
from urllib.parse import quote

import pytest
from django.core import signing

from archive import http, renditions
from archive.models import Access
from search.engine import engine
from tests import filed
from tests.pages import reader, text

pytestmark = pytest.mark.django_db(databases="__all__")
NOBODY = "00000000-0000-7000-8000-000000000000"


def forged(values) -> str:
    """A cursor as cursors looked before they were signed."""
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


CURSORS = [
    forged(["0001-01-01T00:00:00+23:59", NOBODY]),
    forged(["9999-12-31T23:59:59-23:59", NOBODY]),
    forged(["\ud800", NOBODY]),
    forged(["a\0b", NOBODY]),
    forged([1, True, 5, 10**400]),
    forged(["9" * 400]),
    base64.urlsafe_b64encode(b"[" * 2500).decode(),
    signing.dumps(["0001-01-01T00:00:00+23:59", NOBODY], salt="another list"),
    "²",
]


@pytest.fixture
def index():
    engine().ensure()
    engine().clear()


@pytest.mark.parametrize("cursor", CURSORS)
@pytest.mark.parametrize(
    ("role", "url"),
    [
        ("archivist", "/intake/packages/"),
        ("archivist", "/search/"),
        ("auditor", "/audit/events/"),
        ("auditor", "/audit/accesses/"),
        ("auditor", "/audit/seals/"),
        ("secadmin", "/people/"),
    ],
)
def test_a_forged_cursor_opens_the_first_page(index, role, url, cursor):
    filed.a_record()
    client = reader(role)
    for name in ("after", "before"):
        assert client.get(url, {name: cursor, "page": "²"}).status_code == 200


@pytest.mark.parametrize(("role", "url"), [("archivist", "/intake/packages/"), ("auditor", "/audit/events/")])
@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "1899-12-31", "²", "2020-02-30"])
def test_a_day_at_the_end_of_the_calendar_is_left_out(role, url, day):
    assert reader(role).get(url, {"since": day, "until": day}).status_code == 200


@pytest.mark.parametrize("page", ["²", "١", "9" * 300, "-1", "1e3", "\0"])
def test_a_page_number_that_is_none_opens_the_first(page, stores):
    record = filed.a_record(stores)
    item = record.digital_objects.get(role="original")
    url = f"/records/{record.pk}/objects/{item.pk}/?page={quote(page)}"
    assert "第 1 / 1 页" in text(reader("clerk").get(url))


def test_a_page_number_of_three_hundred_digits_is_no_file_name(stores, monkeypatch):
    record = filed.a_record(stores)
    client, item = reader("clerk"), record.digital_objects.get(role="original").pk
    for page in ("0", "9" * 300, str(renditions.MOST_PAGES + 1)):
        for width in (renditions.THUMB, renditions.PAGE):
            assert (
                client.get(f"/records/{record.pk}/objects/{item}/pages/{page}-{width}.jpg").status_code == 404
            )
    assert not Access.objects.exists()


def test_a_question_that_is_too_long_for_an_address_is_cut_and_said_to_be(index):
    client = reader("clerk")
    asked = client.post("/search/", {"q": "长" * 100_000})
    assert asked.status_code == 303 and len(asked["Location"]) < 4000
    assert "只" in text(client.get(asked["Location"]))


def test_a_nul_never_reaches_an_address_or_a_ledger():
    client = reader("clerk")
    assert "%00" not in client.post("/search/", {"q": "张\0三"})["Location"]
    client.post("/search/purpose/", {"purpose": "张三本人\0窗口核实"})
    assert "\0" not in json.dumps(client.session["purpose"])


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ('a"b\\c.pdf', "a_b_c.pdf"),
        ("a\r\nSet-Cookie: x=1\r\n.pdf", "a__Set-Cookie_ x=1__.pdf"),
        ("invoice\u202efdp.exe", "invoice_fdp.exe"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("a\0b\x1b[31m.pdf", "a_b_[31m.pdf"),
        ("\ud800.pdf", "_.pdf"),
        ("...", "file"),
        ("张三的申请.pdf", "张三的申请.pdf"),
    ],
)
def test_a_file_name_breaks_no_header_and_hides_no_ending(name, plain):
    response = http.attachment(iter([b"<script>"]), name, mime="text/html")
    assert http.file_name(name) == plain
    value = response["Content-Disposition"]
    assert value.startswith("attachment; ") and "\r" not in value and "\n" not in value
    assert response["Content-Type"] == "application/octet-stream"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in response["Content-Security-Policy"]


def test_what_is_kept_beside_the_originals_is_no_download(stores):
    """The declaration holds the numbers in clear; an inspector may download, but not reveal."""
    record = filed.a_record(stores)
    for item in record.digital_objects.all():
        answer = reader("inspector").get(f"/records/{record.pk}/objects/{item.pk}/original")
        assert answer.status_code == (200 if item.role == "original" else 404), item.role
    assert record.digital_objects.exclude(role="original").exists()
