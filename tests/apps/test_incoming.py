"""交接目录: what was put on the server is taken over once, by whoever asked, and nothing in it changes."""

import json

import pytest
from django.conf import settings

from archive import determinations, holdings
from ingest.models import Submission
from ingest.transports import incoming
from tests import factories, filed
from tests.pages import reader, text

pytestmark = pytest.mark.django_db(databases="__all__")
URL = "/intake/handover/"


@pytest.fixture
def folder(actor, tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "ARCHIVE_DATA", tmp_path)
    determinations.load_schedule(actor=actor)
    holdings.make_fonds("D019", "东莞市社会保险基金管理中心", actor=actor)
    folder = tmp_path / "incoming" / "三月-虎门分局"
    folder.mkdir(parents=True)
    factories.some_packages(folder, 3)
    (folder / "batch.json").write_text(json.dumps({"batch_no": "HM-03", "cases": 3}))
    return folder


def listed(folder) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")}


def test_a_folder_is_taken_over_in_the_name_of_whoever_asked(folder, fence):
    before, client = listed(folder), reader("archivist")
    assert "三月-虎门分局" in text(client.get(URL)) and "HM-03" in text(client.get(URL))
    assert "排队接收" in text(client.post(URL, {"folder": folder.name}, follow=True))
    assert incoming.work(fence) == 3
    rows = Submission.objects.all()
    assert {(row.channel, row.received_by_id, row.batch_no, row.claimed_by) for row in rows} == {
        ("folder", client.user.pk, "HM-03", "")
    }
    html = text(client.get(URL))
    assert "收妥 3，重复 0，拒收 0" in html and "再接收一次" in html
    assert listed(folder) == before


def test_a_kill_between_two_slices_costs_nothing(folder, fence):
    reader("archivist").post(URL, {"folder": folder.name})
    assert incoming.work(fence, limit=2) == 2
    assert "正在接收 2/3" in text(reader("archivist").get(URL))
    marker = folder / incoming.ASKED
    before = marker.read_text()
    assert incoming.work(fence, limit=2) == 1
    marker.write_text(before)  # as if it had been killed before it wrote down how far it was
    assert incoming.work(fence, limit=2) == 1
    assert Submission.objects.count() == 3 and incoming.work(fence) == 0


def test_a_request_that_the_system_did_not_write_is_not_obeyed(folder, fence):
    """Whoever may put files there must not be able to hand in under somebody's name."""
    forged = {"actor": str(filed.a_user().pk), "name": "李四", "fonds": "D019"}
    (folder / incoming.ASKED).write_text(json.dumps(forged))
    incoming.work(fence)
    assert not Submission.objects.exists()
    assert "没有接收" in text(reader("archivist").get(URL))


def test_somebody_who_was_deactivated_meanwhile_takes_nothing_over(folder, fence):
    client = reader("archivist")
    client.post(URL, {"folder": folder.name})
    client.user.is_active = False
    client.user.save()
    incoming.work(fence)
    assert not Submission.objects.exists()


@pytest.mark.parametrize("name", ["..", "../keys", "nowhere", "", ".hidden", "a/b"])
def test_only_a_folder_of_the_incoming_place_can_be_named(folder, name):
    (folder.parent / ".hidden").mkdir()
    (folder.parent.parent / "keys").mkdir()
    assert reader("archivist").post(URL, {"folder": name}).status_code == 404


def test_a_link_out_of_the_place_is_not_followed(folder, tmp_path):
    (folder.parent / "link").symlink_to(tmp_path)
    assert "link" not in [row.name for row in incoming.listing()]
    assert reader("archivist").post(URL, {"folder": "link"}).status_code == 404


def test_an_empty_folder_is_said_to_be_empty(folder):
    (folder.parent / "空").mkdir()
    response = reader("archivist").post(URL, {"folder": "空"})
    assert response.status_code == 400 and "没有信息包" in text(response)


def test_rubbish_among_the_packages_stops_no_other(folder, fence):
    (folder / "坏.zip").write_bytes(b"x")
    (folder / incoming.DONE).write_text("[broken")
    reader("manager").post(URL, {"folder": folder.name})
    assert incoming.work(fence) == 4
    states = sorted(Submission.objects.values_list("state", flat=True))
    assert states == ["received", "received", "received", "refused"]


def test_without_an_incoming_place_the_page_tells_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "ARCHIVE_DATA", tmp_path)
    assert "交接目录是空的" in text(reader("archivist").get(URL))
