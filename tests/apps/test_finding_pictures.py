"""The pages that findings name, as pictures: which, for whom, and never of what is unsafe."""

import hashlib

import pytest
from django.urls import reverse

from archive.models import Access
from ingest import outcomes, pictures, pipeline, reports, settling, staging
from ingest.models import FindingRow
from tests import factories
from tests.handing import WRONG, archivist, at
from tests.pages import text
from tests.pure import test_sheets as sheets

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.usefixtures("stores", "site")]


def a_scan_handed_in(hand_in, **changes):
    """A package whose form is a scan of three pages, the second blank, the third the same as the first; and its path."""
    submission = factories.a_submission(**changes)
    files = (file for material in submission["materials"] for file in material["files"])
    form = next(file for file in files if file["path"].endswith(".pdf"))
    one = sheets.page("wages")
    scan = sheets.scan(one, sheets.page(), one)
    form |= {"pages": 3, "bytes": len(scan), "sha256": hashlib.sha256(scan).hexdigest()}
    return hand_in(files={form["path"]: scan}, materials=submission["materials"], **changes), form["path"]


@pytest.fixture
def scanned(hand_in):
    """A returned one."""
    return a_scan_handed_in(hand_in, **WRONG)


def a_picture(row, check, page, width=144):
    position = row.findings.get(check_id=check).position
    return reverse("ingest:picture", args=[row.pk, position, page, width])


def test_the_page_that_a_finding_names_is_shown_small_and_larger_with_a_reading(scanned):
    row, _ = scanned
    client = archivist()
    html = text(client.get(at("submission", row)))
    assert a_picture(row, "X-BLANK", 2) in html and a_picture(row, "X-TWICE", 3) in html
    assert client.get(a_picture(row, "X-BLANK", 2)).content[:2] == b"\xff\xd8"
    assert not Access.objects.filter(action="page.viewed").exists(), "nothing on a small one can be read"
    large = client.get(a_picture(row, "X-TWICE", 3, 1240))
    assert large.content[:2] == b"\xff\xd8" and large["Cache-Control"] == "private, no-store"
    assert Access.objects.filter(action="page.viewed", data__page=3).count() == 1


def test_only_pages_that_a_finding_names_are_drawn_and_only_for_whoever_examines(scanned):
    row, _ = scanned
    client = archivist()
    assert client.get(a_picture(row, "X-BLANK", 1)).status_code == 404
    assert client.get(a_picture(row, "X-BLANK", 2, 999)).status_code == 404
    assert archivist("clerk").get(a_picture(row, "X-BLANK", 2)).status_code == 403
    assert "finding-pages" not in text(archivist("clerk").get(at("submission", row)))


@pytest.mark.parametrize("file", ["", None])
def test_a_file_that_failed_a_check_of_safety_is_never_drawn(scanned, file):
    row, path = scanned
    FindingRow.objects.create(
        submission=row, position=900, check_id="GD-4-2", property="safety", verdict="failed",
        file=path if file is None else file, message="查出病毒。",
    )  # fmt: skip
    assert archivist().get(a_picture(row, "X-BLANK", 2)).status_code == 404
    assert "finding-pages" not in text(archivist().get(at("submission", row)))


def test_the_pages_of_a_finding_lead_to_the_reader_once_the_package_is_a_record(hand_in):
    row, path = a_scan_handed_in(hand_in)
    assert row.record_id, row.reason
    html = text(archivist().get(reverse("record", args=[row.record_id]) + "?tab=findings"))
    item = row.record.digital_objects.get(path=path)
    assert reverse("reading:page", args=[row.record_id, item.pk, 2, 144]) in html
    assert f"{reverse('reading:read', args=[row.record_id, item.pk])}?page=3" in html


def test_pictures_go_when_the_package_is_examined_again(scanned, fence, actor):
    row, _ = scanned
    archivist().get(a_picture(row, "X-BLANK", 2))
    assert any(staging.pages_folder(row.pk).iterdir())
    settling.examine_again(row.pk, actor=actor)
    pipeline.process(row.pk, fence, actor=actor)
    assert not staging.pages_folder(row.pk).exists()


def test_a_page_that_cannot_be_drawn_says_why_in_its_place(scanned):
    row, path = scanned
    FindingRow.objects.create(
        submission=row, position=901, check_id="GD-3-4", property="usability", verdict="failed", file=path,
        pages=[9], message=f"{path}：有页面打不开（第 9 页）。请由业务系统重新导出后再提交。",
    )  # fmt: skip
    response = archivist().get(a_picture(row, "GD-3-4", 9))
    assert response.status_code == 422 and "只有 3 页" in text(response)


@pytest.mark.parametrize(
    ("pages", "verdict", "expected"),
    [
        ([3], "warning", [3]),
        ([1, 2, 3, 4, 5], "warning", [1, 2, 3, 4]),
        ([3], "passed", []),
        ([0, -1, "2", True, None, 10**300], "failed", []),
    ],
)
def test_of_the_pages_of_a_finding_the_first_are_shown_and_none_that_cannot_be(pages, verdict, expected):
    assert pictures.pages_of({"verdict": verdict, "pages": pages}) == expected


def test_the_pages_of_a_finding_stand_in_row_report_and_outcome_alike(scanned, actor):
    row, path = scanned
    pages = {"X-BLANK": [2], "X-TWICE": [3, 1]}
    told = [*reports.read(row.report, actor)["findings"], *outcomes.outcome(row, "a.zip")["findings"]]
    for check, expected in pages.items():
        assert row.findings.get(check_id=check).pages == expected
        assert [finding["pages"] for finding in told if finding["check"] == check] == [expected] * 2
